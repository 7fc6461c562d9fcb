from __future__ import annotations

import json
import re

import pytest
from client.stored_flow import GRAPH, StoredRun, foreach_run

from metaflow import Task
from metaflow.cards import BlankCard, DefaultCard
from metaflow.cards.report import log as log_module
from metaflow.cards.report.artifacts import Options, artifact_sections, line_of, short_type
from metaflow.cards.report.facts import facts_node
from metaflow.cards.report.resources import asked_for, resources_node
from metaflow.cards.report.subject import Subject
from metaflow.cards.templates.data import DefaultJsonCard
from metaflow.client.run_values import value_of
from metaflow.datastore.task_writer import TaskWriter
from metaflow.exception import MetaflowException, MetaflowExceptionWrapper, SkippedArtifactException

PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)


@pytest.fixture
def run(root):
    return StoredRun(root, run_id="1")


def sections(card, task):
    """Sections by title; other nodes under their type."""
    return {node.get("title") or node["type"]: node for node in card.report(task)}


def told(node):
    return {row["label"]: row["value"] for row in node["data"]}


def rows(node):
    """Rows of the lists of artifacts in a section."""
    found = {}
    for each in node["contents"]:
        lists = [each] if each["type"] == "artifactList" else each.get("contents", [])
        found |= {row["name"]: row for one in lists for row in one.get("data", [])}
    return found


def finished(run, artifacts=None, step="work", **fields):
    return Task(run.finished(step, 1, artifacts=artifacts, **fields).pathspec, _namespace_check=False)


def test_a_task_in_a_foreach_says_where_it_stands(root):
    foreach_run(root, width=40, tags=("v2", "tuned"))
    facts = told(facts_node(Subject(Task("F/1/work/3"))))
    assert facts["Foreach xs"] == "value 1 (2 of 40)" and facts["Reads from"] == "start/1"
    assert facts["User"] == "ann" and facts["Tags"] == "tuned, v2" and facts["Duration"] == "1.0 s"
    assert re.fullmatch(r"19(70-01-01|69-12-31) \d\d:\d\d:\d\d \S+", facts["Started"])
    assert not {"Attempt", "Host", "Repetition", "Copied from", "Code"} & set(facts), "what is not known is not told"
    joined = told(facts_node(Subject(Task("F/1/join/42"))))
    assert joined["Reads from"] == "work/2, work/3, work/4, work/5, work/6 and 35 more"


def test_attempts_are_counted_from_one(root):
    retry = [{"name": "retry", "attributes": {"times": "3"}}]
    graph = {"steps": {**GRAPH["steps"], "work": {"next": ["join"], "decorators": retry}}}
    run = StoredRun(root, run_id="1", graph=graph)
    run.finished("work", 1, attempt=0, status="failed")
    facts = told(facts_node(Subject(finished(run, attempt=1))))
    assert facts["Attempt"] == "2 of 4" and "First attempt started" in facts


def test_artifacts_are_those_of_the_step_parameters_and_what_was_passed_on(root):
    graph = {**GRAPH, "parameters": [{"name": "alpha"}, None], "constants": [{"name": "seed"}, {"name": "gone"}]}
    run = StoredRun(root, run_id="1", graph=graph)
    flow_wide = {"alpha": 0.5, "seed": 7, "name": "F"}
    run.finished("_parameters", 0, artifacts=flow_wide)
    run.finished("start", 1, artifacts={**flow_wide, "xs": [1, 2, 3], "old": 1}, inputs=("_parameters/0/0",))
    task = finished(run, {**flow_wide, "xs": [1, 2, 3], "old": 2, "new": "text", "_hidden": 1}, inputs=("start/1/0",))
    found = sections(DefaultCard(), task)
    assert list(rows(found["Parameters"])) == ["alpha", "seed"]
    own, passed_on = found["Artifacts"]["contents"]
    assert [row["name"] for row in own["data"]] == ["old", "new"]
    assert passed_on["title"] == "Passed on" and [row["name"] for row in passed_on["contents"][0]["data"]] == ["xs"]
    assert found["Artifacts"]["subtitle"].startswith("2 of this step, ")
    assert rows(found["Artifacts"])["new"]["text"] == "'text'" and rows(found["Parameters"])["alpha"]["kind"] == "float"


def test_what_is_noted_is_enough_for_frames_and_arrays(run, monkeypatch):
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    frame = pandas.DataFrame({"a": range(9), "b": "x"})
    task = finished(run, {"frame": frame, "array": numpy.arange(10_000.0), "count": 3, "name_": "x"})
    from metaflow.datastore.tasks import TaskReader

    loaded = []
    load = TaskReader.load
    monkeypatch.setattr(TaskReader, "load", lambda self, name: loaded.append(name) or load(self, name))
    found = rows(sections(DefaultCard(), task)["Artifacts"])
    assert "frame" not in loaded and "count" not in loaded
    assert found["frame"]["text"] == "9 rows \u00d7 2 columns" and found["frame"]["kind"] == "DataFrame"
    facts, table, columns = found["frame"]["contents"]
    assert table["data"][0] == ["0", "x"] and table["left_out"] == 4 and columns["title"] == "Columns and their types"
    assert found["array"]["text"] == "float64 10,000, 0 to 9999"
    assert "histogram" in [node["type"] for node in found["array"]["contents"]]
    loaded.clear()
    small = rows(sections(DefaultCard({"max_artifact_size": 1000}), task)["Artifacts"])
    assert "array" not in loaded and [node["type"] for node in small["array"]["contents"]] == ["facts"]


def test_values_that_cannot_be_loaded_are_shown_as_they_were_noted(run):
    task = finished(run, {"xs": list(range(2000)), "png": PNG, "d": {"a": 1}})
    for blob in (run.root / "mf-store/blobs").rglob("*"):
        if blob.is_file():
            blob.chmod(0o644)
            blob.write_bytes(b"damaged")
    found = rows(sections(DefaultCard(), task)["Artifacts"])
    assert "contents" not in found["xs"] and found["xs"]["text"].startswith("[0, 1, 2,")
    assert found["d"]["contents"][0]["data"] == {"a": 1} and found["png"]["contents"][0]["type"] == "image"


def test_what_could_not_be_stored_says_so(run):
    names = ("F", "1", "work", "1", 0)
    writer = TaskWriter(run.store, *names)
    writer.skip("generator", (each for each in ()), "A generator cannot be pickled.")
    record = run.running("work", 1)
    writer.commit({"task": record._replace(status="done", ok=True, finished_at=record.started_at).to_dict()})
    found = rows(sections(DefaultCard(), Task("F/1/work/1"))["Artifacts"])
    assert found["generator"]["text"] == "not stored: A generator cannot be pickled."
    with pytest.raises(SkippedArtifactException):
        Task("F/1/work/1")._reader().load("generator")


def test_of_many_artifacts_images_and_frames_are_open(run):
    pandas = pytest.importorskip("pandas")
    artifacts = {f"d{index}": {"a": index} for index in range(300)}
    artifacts |= {"frame": pandas.DataFrame({"a": [1]}), "png": PNG}
    artifacts = {"png": PNG, "frame": artifacts["frame"], **artifacts}
    found = rows(sections(DefaultCard(), finished(run, artifacts))["Artifacts"])
    assert len(found) == 302
    assert [name for name, row in found.items() if row.get("open")] == ["png", "frame"]
    few = rows(sections(DefaultCard(), finished(run, {"d": {"a": 1}, "n": 1}, step="end"))["Artifacts"])
    assert [name for name, row in few.items() if row.get("open")] == ["d"]


def test_a_task_without_artifacts_of_its_own_says_so(run):
    run.finished("start", 1, artifacts={"xs": [1]})
    found = sections(DefaultCard(), finished(run, {"xs": [1]}, inputs=("start/1/0",)))
    assert found["Artifacts"]["subtitle"] == "This step made none of its own."
    assert "Artifacts" not in sections(DefaultCard(), finished(run, {}, step="end"))


def test_a_failed_task_says_why(run):
    try:
        raise KeyError("gone <b>")
    except KeyError as error:
        wrapped = MetaflowExceptionWrapper(error)
    task = finished(run, {"_exception": wrapped}, status="failed", error=("builtins.KeyError", "'gone <b>'"))
    (node,) = [node for node in DefaultCard().report(task) if node["type"] == "error"]
    assert node["headline"] == "KeyError" and "raise KeyError" in node["trace"]
    html = DefaultCard().render(task)
    assert "gone &lt;b&gt;" in html and "gone <b>" not in html and ">Failed<" in html
    killed = run.running("join", 5)
    assert "<main" in DefaultCard().render(Task(killed.pathspec))


def test_while_it_runs_a_task_has_no_artifacts(run):
    task = Task(run.running("work", 1).pathspec)
    card = DefaultCard(components=[{"type": "text", "text": "so far"}])
    html = card.render_runtime(task, {})
    assert "so far" in html and "Running for" in html and "data-live" in html and "mf-dag" in html
    assert set(sections(card, task)) == {"Task", "Flow"}


def test_the_end_of_the_log_is_shown(run):
    task = run.finished("work", 1)
    run.printed(task, "stdout", *[f"line {index}".encode() for index in range(60)])
    run.printed(task, "stderr", b"\xff odd", b"long " * 2000)
    section = sections(DefaultCard(), Task(task.pathspec))["Log"]
    lines = section["contents"][0]["data"].splitlines()
    assert section["subtitle"] == "The last 50 lines, both streams" and len(lines) == 50
    assert lines[0] == "line 12" and lines[-2] == "\ufffd odd" and lines[-1].endswith("...")


def test_of_a_large_log_only_the_end_is_read(run, monkeypatch):
    monkeypatch.setattr(log_module, "_BYTES", 1000)
    task = run.finished("work", 1)
    run.printed(task, "stdout", *[b"x" * 90] * 1000, b"the end")
    lines = sections(DefaultCard(), Task(task.pathspec))["Log"]["contents"][0]["data"].splitlines()
    assert lines[-1] == "the end" and 5 < len(lines) < 12 and set(lines[:-1]) == {"x" * 90}


def test_a_part_that_fails_leaves_the_others(run, monkeypatch):
    from metaflow.cards.report import subject

    task = finished(run, {"x": 1})

    def broken(self):
        raise OSError("<i>disk</i>")

    monkeypatch.setattr(subject.Subject, "code", property(broken))
    found = sections(DefaultCard(), task)
    assert found["Code"]["contents"][0]["headline"] == "The code cannot be shown"
    assert found["Facts"]["contents"][0]["message"] == "OSError: <i>disk</i>"
    assert "x" in rows(found["Artifacts"])

    def late(self):
        raise MetaflowException("the time is over")

    monkeypatch.setattr(subject.Subject, "code", property(late))
    with pytest.raises(MetaflowException, match="the time is over"):
        DefaultCard().render(task)


@pytest.mark.parametrize("graph", [None, {}, {"steps": None}, {"steps": {"work": None}, "parameters": 3}])
def test_records_of_older_versions_are_shown_as_far_as_they_go(root, graph):
    run = StoredRun(root, run_id="1", graph=graph, system_tags=())
    html = DefaultCard().render(finished(run, {"x": 1}))
    assert "cannot be shown" not in html and ">x</span>" in html


@pytest.mark.parametrize(
    "options",
    [{"only_repr": "yes"}, {"max_artifact_size": "1 GB"}, {"max_artifact_size": -1}, {"max_artifact_size": True}],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(MetaflowException, match="The option "):
        DefaultCard(options)
    with pytest.raises(MetaflowException, match="dictionary"):
        DefaultCard("only_repr")


def test_all_of_a_value_is_shown_if_asked_for(run):
    task = finished(run, {"text": "x" * 30_000, "items": {str(index): index for index in range(3000)}})
    short, whole = DefaultCard().render(task), DefaultCard({"only_repr": False}).render(task)
    assert "20,000 more characters" in short and "more characters" not in whole
    assert "2999" not in short and "2999" in whole


def test_lines_are_made_of_what_is_known():
    def entry(type="<class 'x'>", preview="p", **facts):
        from metaflow.datastore.manifest import ArtifactEntry

        return ArtifactEntry(1, type, "pickle", "", preview, b"", (), facts)

    assert line_of("x", entry(shape=[3, 2], dtype="int8", min=1, max=2000)) == "int8 3 \u00d7 2, 1 to 2,000"
    assert line_of("x", entry(parameters=12345)) == "12,345 parameters"
    assert line_of("x", entry("<class 'm.Net'>", "<m.Net>")) == "" and line_of("x", entry(shape="odd")) == "p"
    assert line_of("x", entry(shape=[], item="5")) == "p" and short_type("<class 'a.b.C'>") == "C" == short_type("C")


def test_resources_are_compared_with_what_was_asked_for(run):
    graph = {"steps": {"work": {"decorators": [
        {"name": "resources", "attributes": {"cpu": "2", "memory": 1, "gpu": None}},
        {"name": "kubernetes", "attributes": {"cpu": 4, "memory": "lots"}},
    ]}}}  # fmt: skip
    task = finished(run)
    assert asked_for(graph, "work") == {"cpu": 4.0, "memory": 1.0}
    assert resources_node(Subject(task, graph)) is None, "only the task's own process knows"
    amounts = {each["label"]: each for each in resources_node(Subject(task, graph, flow=object()))["data"]}
    assert " of 4 cores" in amounts["CPU time"]["text"]
    assert amounts["Peak memory"]["share"] > 1 and amounts["Peak memory"]["text"].endswith("of 1.0 MB")


def test_own_values_are_taken_from_memory(run, monkeypatch):
    task = finished(run, {"a": list(range(20)), "b": {"x": 1}})
    flow = type("Flow", (), {})()
    flow.__dict__.update({"a": [5, 4, 3, 2, 1], "b": object()})
    subject = Subject(task, GRAPH, flow)
    found = rows(artifact_sections(subject, Options())[0])
    assert found["a"]["contents"][0]["values"] == [5, 4, 3, 2, 1] and "contents" not in found["b"]


def test_a_card_is_small(run):
    task = finished(run, {f"a{index}": {"value": index, "text": "x" * 100} for index in range(10)})
    assert len(DefaultCard().render(task).encode()) < 150_000


@pytest.mark.parametrize(
    "artifacts",
    [
        {f"tree{index}": {str(key): list(range(key)) for key in range(40)} for index in range(10)},
        {f"text{index}": "line\n" * 10_000 for index in range(10)},
    ],
)
def test_a_card_stays_small_with_large_values(run, artifacts):
    run.finished("start", 1, artifacts=artifacts)
    made = DefaultCard().render(finished(run, artifacts))
    assert len(made) < 165_000 and "only a line, so that this page stays small" in made
    passed_on = DefaultCard().render(finished(run, artifacts, step="end", inputs=("start/1/0",)))
    assert len(passed_on) < 165_000
    (section,) = artifact_sections(Subject(finished(run, {**artifacts, "b": 1, "a": {"x": 1}}, step="join")), Options())
    assert "contents" in rows(section)["a"], "what is small has room"


def test_images_are_shown_where_they_were_made(run):
    run.finished("start", 1, artifacts={"png": PNG})
    quoted = {"png": PNG, "quoted": PNG + b"'", "bmp": b"BM" + bytes(90), "text": b"BM'", "cut": b"\\x8" + PNG}
    quoted |= {f"cut{length}": PNG[:8] + b"a" * length + bytes(300) for length in range(8)}
    made = rows(sections(DefaultCard(), finished(run, quoted))["Artifacts"])
    assert made["quoted"]["text"] == "PNG image" and made["bmp"]["text"] == "BMP image"
    assert all(made[f"cut{length}"]["text"] == "PNG image" for length in range(8)), "wherever what is noted is cut"
    assert made["text"]["text"] == 'b"BM\'"' and made["cut"]["text"].startswith("b'\\\\x8")
    assert made["png"]["text"] == "PNG image" and made["png"]["contents"][0]["type"] == "image"
    task = finished(run, {"png": PNG, "other": bytearray(PNG)}, step="end", inputs=("start/1/0",))
    found = rows(sections(DefaultCard(), task)["Artifacts"])
    assert found["png"]["text"] == found["other"]["text"] == "PNG image" and "contents" not in found["png"]


def test_blank_shows_what_is_put_on_it(run):
    from metaflow.cards import Markdown

    class Mine(BlankCard):
        type = "mine"

        def contents(self, task):
            return ["first", Markdown("*second*"), *self.components, None, 5, {"type": "text", "text": "last"}]

    html = Mine({"title": "My <title>"}, components=[{"type": "heading", "title": "given"}]).render(finished(run))
    assert "My &lt;title&gt;" in html and "<em>second</em>" in html
    order = [html.index(word) for word in (">first<", "<em>second", ">given<", ">5<", ">last<")]
    assert order == sorted(order)
    assert BlankCard().refresh(None, {"components": {"a": {}}, "user": 1}) == {"components": {"a": {}}, "user": 1}


def test_json_for_programs(run):
    from metaflow.cards.templates.data import DefaultJsonCard, TaskspecCard

    task = finished(run, {"x": {"loss": float("nan")}})
    text = DefaultJsonCard(components=[{"type": "text", "text": "t"}]).render(task)
    document = json.loads(text, parse_constant=pytest.fail)
    assert document["metadata"]["pathspec"] == "F/1/work/1" and document["metadata"]["version"] == 1
    assert document["components"][0] == {"type": "text", "text": "t"}
    assert [node["title"] for node in document["components"][1:3]] == ["Task", "Artifacts"]
    assert TaskspecCard().render(task) == "F/1/work/1"


def test_error_cards_say_what_is_wrong(run):
    from metaflow.cards import ErrorCard

    html = ErrorCard.for_error("The card failed", "<b>why</b>", "line 1\nline 2").render(finished(run))
    assert "&lt;b&gt;why&lt;/b&gt;" in html and "line 2" in html and "does not fail its task" in html
    assert "The card failed" in ErrorCard().render(finished(run, step="end"))


def test_html_of_the_step_is_taken_as_it_is(run):
    from metaflow.cards.templates.html import HtmlCard

    assert HtmlCard().render(finished(run, {"html": "<b>mine</b>"})) == "<b>mine</b>"
    assert HtmlCard().render(finished(run, {"html": b"<b>\xff</b>"}, step="start")) == "<b>\ufffd</b>"
    for step, artifacts, message in (("join", {}, "assigned nothing"), ("end", {"html": 5}, "of the type int")):
        with pytest.raises(MetaflowException, match=message):
            HtmlCard().render(finished(run, artifacts, step=step))


def test_what_looks_secret_by_its_name_is_masked(run):
    secret = "hunter2-" * 20
    left = {"api_token": secret, "credentials": {"user": secret}, "max_token": 512, "note": "open"}
    task = finished(run, left)
    for options in (None, {"only_repr": False}):
        page = DefaultCard(options).render(task)
        assert "hunter2" not in page and "********" in page and "512" in page and "open" in page
    manifest = Subject(task).reader.manifest
    assert manifest.artifacts["api_token"].preview == "********" and manifest.artifacts["credentials"].facts == {}
    assert "hunter2" not in json.dumps(manifest.record)
    shown = value_of(Subject(task).reader, "api_token", loads=True)
    assert (shown.text, shown.type, shown.is_scalar) == ("********", "str", False), "in lists and comparisons"
    assert task["api_token"].data == secret, "the value itself is stored as ever"


def test_a_secret_that_an_older_version_has_noted_is_masked_too():
    from metaflow.datastore.manifest import ArtifactEntry

    entry = ArtifactEntry(1, "<class 'str'>", "pickle", "", "'hunter2'", b"", (), {})
    assert line_of("password", entry) == "********" and line_of("note", entry) == "'hunter2'"


def test_a_card_that_is_made_later_shows_what_the_task_has_noted(run):
    task = finished(run, {"x": 1})
    subject = Subject(task)
    assert resources_node(subject) is None, "nothing was noted"
    subject.reader.manifest.record["used"] = {"cpu_seconds": 2.5, "peak_memory": 300 * 2**20, "read_bytes": 2**20}
    told = {each["label"]: each["text"] for each in resources_node(subject)["data"]}
    assert told["CPU time"].startswith("2.5 s") and told["Peak memory"] == "300 MB" and "Read from disk" in told
    assert "Written to disk" not in told


def test_as_json_it_has_what_was_printed(run):
    record = run.finished("work", 1)
    run.printed(record, "stdout", b"hello")
    run.printed(record, "stderr", b"oh <no>")
    document = json.loads(DefaultJsonCard().render(Task(record.pathspec)))
    assert document["metadata"]["stdout"] == "hello\n" and document["metadata"]["stderr"] == "oh <no>\n"
