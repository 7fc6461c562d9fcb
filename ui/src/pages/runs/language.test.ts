import { describe, expect, it, test } from "vitest";
import { NO_FILTERS, filtersOf, searchOf, momentOf, endOf, chipsOf, timeText, hasFilters } from "./filters";
import { plainText, quoted, read, wordAt, wordsOf } from "./language";

const KNOWN = { parameters: ["lr", "epochs"], artifacts: ["lr", "accuracy"] };

describe("what is typed", () => {
  it("becomes filters, and the rest stays", () => {
    const { filters, rest, problem } = read(
      'status:failed,running flow:Train user:ana tag:prod -tag:"left out" lr>0.01 accuracy<=0.9 started:7d hello "two words"',
      NO_FILTERS,
      KNOWN,
    );
    expect(problem).toBeNull();
    expect(rest).toBe('hello "two words"');
    expect(filters).toEqual({
      ...NO_FILTERS,
      status: ["failed", "running"],
      flow: ["Train"],
      user: ["ana"],
      tag: ["prod"],
      withoutTag: ["left out"],
      since: "7d",
      where: [
        { kind: "parameter", name: "lr", operator: ">", operand: 0.01 },
        { kind: "artifact", name: "accuracy", operator: "<=", operand: 0.9 },
      ],
    });
  });

  test.each([
    ["artifact.lr=1", "artifact", 1],
    ["param.lr!=true", "parameter", true],
    ['lr="0.1"', "parameter", "0.1"],
    ["model=linear", "parameter", "linear"],
    ["x=None", "parameter", null],
    ["name=x", "parameter", "x"],
    ["learning-rate=2", "parameter", 2],
    ["größe>1", "parameter", 1],
    ["parameter.user=ana", "parameter", "ana"],
  ])("%s is about the %s", (text, kind, operand) => {
    expect(read(text, NO_FILTERS, KNOWN).filters.where).toMatchObject([{ kind, operand }]);
  });

  test.each([
    ["status:none", "no status none"],
    ["-started:7d", "-status:, -flow:"],
    ["started:soon", "2026-03-07"],
    ["lr>", "lacks"],
    ["flow:", "lacks"],
  ])("%s is told to be wrong, and stays", (text, part) => {
    const { filters, rest, problem } = read(text, NO_FILTERS, KNOWN);
    expect(problem).toContain(part);
    expect([rest, hasFilters(filters)]).toEqual([text, false]);
  });

  it("leaves out users, projects and branches by the tags that the system gave", () => {
    const { filters } = read('-user:bot,ci -project:p -branch:"x y" -tag:t', NO_FILTERS, KNOWN);
    expect(filters.withoutTag).toEqual(["user:bot", "user:ci", "project:p", "project_branch:x y", "t"]);
  });

  it("leaves out flows", () => {
    const { filters } = read('-flow:A,"B C" flow!=D', NO_FILTERS, KNOWN);
    expect(filters).toMatchObject({ flow: [], withoutFlow: ["A", "B C", "D"] });
    expect(chipsOf(filters).map((chip) => `${chip.label} ${chip.value}`)).toContain("without flow B C");
  });

  it("keeps whole numbers of up to 64 bits exact, and says of others that they are not", () => {
    const { filters } = read("seed=9007199254740993 lr=-12345678901234567890 x=1.5", NO_FILTERS, KNOWN);
    expect(filters.where.map((each) => each.operand)).toEqual([9007199254740993n, -1.2345678901234567e19, 1.5]);
    expect(searchOf(filters).where).toContain("parameter:seed:=:9007199254740993");
    expect(searchOf(filters).where).toContain("parameter:lr:=:-1.2345678901234567e+19");
    expect(filtersOf(searchOf(filters))).toEqual(filters);
    expect(chipsOf(filters).map((chip) => chip.value)).toContain("seed = 9007199254740993");
  });

  it("takes what can be asked for by its name with = too, unless a value is called so", () => {
    const filters = (text: string, known = KNOWN) => read(text, NO_FILTERS, known).filters;
    expect(filters("user=ana status=done")).toMatchObject({ user: ["ana"], status: ["done"], where: [] });
    expect(filters("status!=done tag!=x")).toMatchObject({
      status: ["running", "failed", "stopped"],
      withoutTag: ["x"],
    });
    expect(filters("user=ana", { parameters: ["user"], artifacts: [] })).toMatchObject({
      user: [],
      where: [{ kind: "parameter", name: "user", operand: "ana" }],
    });
    expect(filters("user>1").where).toHaveLength(1);
  });

  it("leaves out statuses by naming the others", () => {
    expect(read("-status:done", NO_FILTERS, KNOWN).filters.status).toEqual(["running", "failed", "stopped"]);
  });

  test.each([
    ["2026-03-01..2026-03-07", "2026-03-01", "2026-03-07"],
    ["2026-03-01..today", "2026-03-01", ""],
    ["2026-03-07", "2026-03-07", "2026-03-07"],
    ["2026-03-07T10:00", "2026-03-07T10:00", ""],
    [">=2026-03-07", "2026-03-07", ""],
    [">2026-02-28", "2026-03-01", ""],
    ["<=2026-03-01", "", "2026-03-01"],
    ["<2026-03-01", "", "2026-03-01T00:00"],
    ["<7d", "", "7d"],
  ])("takes started:%s for the time from %j to %j", (text, since, until) => {
    expect(read(`started:${text}`, NO_FILTERS, KNOWN).filters).toMatchObject({ since, until });
  });

  it("is looked for as it stands where it is no filter", () => {
    expect(plainText('Train status:fa lr> "a b" http://x.y/?a=b', KNOWN)).toBe("Train a b http://x.y/?a=b");
  });
});

describe("words", () => {
  it("are found by where the caret is", () => {
    const text = 'flow:"a b" user:x ';
    expect(wordsOf(text).map((word) => word.text)).toEqual(['flow:"a b"', "user:x"]);
    expect([wordAt(text, 10).text, wordAt(text, 11).text, wordAt(text, 18).text]).toEqual(['flow:"a b"', "user:x", ""]);
    expect([quoted("plain"), quoted("a b"), quoted('a"b c')]).toEqual(["plain", '"a b"', '"ab c"']);
  });
});

describe("an address", () => {
  it("holds all filters and gives them back", () => {
    const { filters } = read(
      'status:done flow:A,B user:u project:p branch:"x y" tag:t -tag:n -flow:C lr>=1e-3 m="a:b" started:today',
      { ...NO_FILTERS, text: "some words" },
      KNOWN,
    );
    const search = searchOf(filters);
    expect(filtersOf(search)).toEqual(filters);
    expect(search.flow).toEqual(["A", "B"]);
  });

  it("may hold nonsense, which is left out", () => {
    const search = { status: ["done", "gone"], where: ["parameter:lr:~:1", "x", "artifact:a:=:{}", "artifact:a:=:1"] };
    expect(filtersOf(search)).toEqual({
      ...NO_FILTERS,
      status: ["done"],
      where: [{ kind: "artifact", name: "a", operator: "=", operand: 1 }],
    });
  });
});

describe("chips", () => {
  it("name each filter, and each takes itself away", () => {
    const { filters } = read("status:done flow:A,B lr>1 started:1d", NO_FILTERS, KNOWN);
    const chips = chipsOf(filters);
    expect(chips.map((chip) => `${chip.label} ${chip.value}`)).toEqual([
      "status done",
      "flow A",
      "flow B",
      "parameter lr > 1",
      "started last day",
    ]);
    for (const chip of chips) expect(chipsOf(chip.without).map((each) => each.key)).not.toContain(chip.key);
    expect(
      chipsOf(
        chips.reduce((left, chip) => chipsOf(left).find((each) => each.key === chip.key)?.without ?? left, filters),
      ),
    ).toEqual([]);
  });
});

describe("times", () => {
  const now = new Date("2026-03-07T15:30:00").getTime() / 1000;
  test.each([
    ["90m", now - 5400],
    ["2w", now - 14 * 86_400],
    ["today", new Date("2026-03-07T00:00:00").getTime() / 1000],
    ["2026-03-01", new Date("2026-03-01T00:00:00").getTime() / 1000],
    ["2026-03-01T10:00", new Date("2026-03-01T10:00:00").getTime() / 1000],
    ["2026-13-41", undefined],
    ["7", undefined],
    ["", undefined],
  ])("%s", (text, moment) => {
    expect(momentOf(text, now)).toBe(moment);
  });

  it("end with a day's end, so that a range of days has its last day", () => {
    expect(endOf("2026-02-28", now)).toBe(momentOf("2026-03-01", now));
    expect(endOf("2026-03-01T10:00", now)).toBe(momentOf("2026-03-01T10:00", now));
    expect([endOf("2026-13-41", now), endOf("", now)]).toEqual([undefined, undefined]);
  });

  test.each([
    ["1h", "", "last hour"],
    ["7d", "", "last 7 days"],
    ["today", "", "today"],
    ["2026-03-01", "", "since 2026-03-01"],
    ["2026-03-01", "2026-03-01", "2026-03-01"],
    ["2026-03-01", "2026-03-07", "2026-03-01 to 2026-03-07"],
    ["", "2026-03-01", "until 2026-03-01"],
    ["", "2026-03-01T10:00", "before 2026-03-01T10:00"],
  ])("from %j to %j are said in words", (since, until, words) => {
    expect(timeText({ since, until })).toBe(words);
  });
});
