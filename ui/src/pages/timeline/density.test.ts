import { describe, expect, it } from "vitest";
import { countsAt, countsIn, densityOf, durationsOf, quantile } from "./density";
import { modelOf, phasesOf } from "./model";
import { answerOf } from "./testAnswers";

let seed = 11;
const random = (below: number) => (seed = (seed * 16807) % 2147483647) % below;

const ATTEMPTS = Array.from({ length: 200 }, (_, place) => {
  const ready = random(500);
  const started = ready + random(100);
  const codeStarted = started + random(20);
  const codeEnded = codeStarted + random(300);
  return {
    task: String(place),
    state: place % 17 === 0 ? ("failed" as const) : ("done" as const),
    ...{ ready, started, codeStarted, codeEnded },
    finished: codeEnded + random(30),
  };
});
const MODEL = modelOf(answerOf(["work"], ATTEMPTS), 0);
const DENSITY = densityOf(MODEL, MODEL.tasks[0] ?? new Int32Array());

describe("a density", () => {
  it("counts as one would by looking at every attempt", () => {
    for (let time = -10; time < 1000; time += 7) {
      const counts = { waiting: 0, startup: 0, code: 0, saving: 0 };
      for (let row = 0; row < ATTEMPTS.length; row++) {
        const phases = phasesOf(MODEL.columns, row, Infinity);
        if (time >= phases.end || time < phases.ready) continue;
        if (time < phases.started) counts.waiting += 1;
        else if (time < phases.code) counts.startup += 1;
        else if (time < phases.saving) counts.code += 1;
        else counts.saving += 1;
      }
      expect(countsAt(DENSITY, time)).toEqual(counts);
    }
  });

  it("knows the peak, the failures, and when most attempts were over", () => {
    let peak = 0;
    for (const { started } of ATTEMPTS) {
      const counts = countsAt(DENSITY, started);
      peak = Math.max(peak, counts.startup + counts.code + counts.saving);
    }
    expect(DENSITY.peak).toBe(peak);
    expect(DENSITY.failed).toHaveLength(12);
    const ends = ATTEMPTS.map(({ finished }) => finished).sort((a, b) => a - b);
    expect(DENSITY.halfEnded).toBe(ends[99]);
    expect(DENSITY.mostEnded).toBe(ends[189]);
  });

  it("shows an attempt that is shorter than a pixel", () => {
    const model = modelOf(answerOf(["work"], [{ started: 500, finished: 501 }]), 0);
    const density = densityOf(model, model.tasks[0] ?? new Int32Array());
    expect(countsIn(density, 400, 700).code).toBe(1);
    expect(countsIn(density, 0, 100).code).toBe(0);
  });

  it("does not count what was taken over", () => {
    const model = modelOf(answerOf(["work"], [{ task: "1", state: "cloned" }, { task: "2" }]), 0);
    expect(densityOf(model, model.tasks[0] ?? new Int32Array()).peak).toBe(1);
  });

  it("has no end of those that run", () => {
    const model = modelOf(answerOf(["work"], [{ finished: null }, { finished: 10 }, { finished: null }]), 0);
    const density = densityOf(model, model.tasks[0] ?? new Int32Array());
    expect(density.halfEnded).toBeNull();
    expect(countsAt(density, 1e12).code).toBe(2);
  });
});

describe("durations", () => {
  it("are those of tasks that ended by themselves", () => {
    const states = ["done", "failed", "caught", "killed", "cloned"] as const;
    const model = modelOf(
      answerOf(
        ["work"],
        states.map((state, place) => ({ task: String(place), state, started: 10, finished: 100 + place })),
      ),
      0,
    );
    expect([...durationsOf(model, model.tasks[0] ?? new Int32Array())]).toEqual([90, 91, 92]);
  });
});

describe("quantile", () => {
  it("is a value that is there", () => {
    expect(quantile(new Float64Array(), 0.5)).toBeNull();
    expect(quantile(Float64Array.of(1, 2, 3, 4), 0.5)).toBe(2);
    expect(quantile(Float64Array.of(1, 2, 3, 4), 0.95)).toBe(4);
  });
});
