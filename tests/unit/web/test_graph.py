"""The graph of a run: as it was recorded, laid out, and with the ways that its tasks took."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.metadata_store.events import RunStarted, TaskEnded
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.web.graph.drawing import BOX_HEIGHT, BOX_WIDTH, draw
from metaflow.web.graph.recorded import RecordedGraph, Step, read_graph
from metaflow.web.graph.states import graph_state
from metaflow.web.graph.ways import MOST_ASKED, graph_of_tasks, ways_taken

RUN = RunRecord("F", "1", "ana", 100.0)


def described(kind: str, *targets: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "next": list(targets), **more}


FLOW = {
    "start_step": "start",
    "end_step": "end",
    "doc": "What it is for.",
    "steps": {
        "start": described(
            "split-switch", "big", "small", condition="kind", switch_cases={1: "big", 2: "small", 3: "big"}
        ),
        "big": described("linear", "each", line=7, source_file="/home/ana/flow.py", doc="Large."),
        "small": described("linear", "each"),
        "each": described("split-foreach", "fit", foreach_artifact="parts", matching_join="join"),
        "fit": described(
            "split-parallel", "node", num_parallel=3, matching_join="gather",
            decorators=[{"name": "resources", "attributes": {"cpu": 2, "gpu": None}}],
        ),
        "node": described("linear", "gather"),
        "gather": described("join", "join"),
        "join": described("join", "again"),
        "again": described(
            "split-switch", "again", "end", condition="more", switch_cases={"yes": "again", "no": "end"}
        ),
        "end": described("end"),
    },
}  # fmt: skip


def test_steps_are_shown_as_what_they_are() -> None:
    graph = read_graph(FLOW)
    assert {name: step.kind for name, step in graph.steps.items()} == {
        "start": "switch",
        "big": "linear",
        "small": "linear",
        "each": "foreach",
        "fit": "parallel",
        "node": "linear",
        "gather": "join",
        "join": "join",
        "again": "switch",
        "end": "linear",
    }
    assert graph.steps["start"].labels == {"big": "1, 3", "small": "2"}
    assert graph.steps["each"].labels == {"fit": "each of parts"}
    assert graph.steps["fit"].labels == {"node": "3 nodes"}
    assert graph.steps["fit"].decorators == (("resources", "cpu=2"),)
    assert (graph.steps["big"].file, graph.steps["big"].line, graph.steps["big"].doc) == ("flow.py", 7, "Large.")
    assert graph.repeated == {"fit": "each", "node": "fit", "gather": "each"}
    assert (graph.start, graph.end, graph.doc) == ("start", "end", "What it is for.")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
_STRANGE = st.dictionaries(
    st.sampled_from("abcd"),
    _JSON
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["split-switch", "split-foreach", "split-parallel", "join"]) | _JSON,
            "next": st.lists(st.sampled_from("abcde")) | _JSON,
            "switch_cases": st.dictionaries(st.text(max_size=3), st.sampled_from("abcde")) | _JSON,
            "matching_join": st.sampled_from("abcd") | _JSON,
            "decorators": _JSON | st.lists(st.fixed_dictionaries({"name": _JSON, "attributes": _JSON}), max_size=2),
            "line": _JSON,
            "doc": _JSON,
        },
    ),
)


@settings(max_examples=200)
@given(_STRANGE | _JSON, st.booleans())
def test_a_record_of_any_version_can_be_drawn(steps: Any, across: bool) -> None:
    drawn = draw(read_graph({"steps": steps}), across)
    boxes = {step["name"]: step for step in drawn["steps"]}
    for edge in drawn["edges"]:
        assert {edge["source"], edge["target"]} <= set(boxes)
        assert all(0 <= point["x"] <= drawn["width"] and 0 <= point["y"] <= drawn["height"] for point in edge["points"])
    for name, box in boxes.items():
        assert box["x"] + BOX_WIDTH <= drawn["width"] and box["y"] + BOX_HEIGHT <= drawn["height"]
        for other in boxes.values():
            apart = abs(box["x"] - other["x"]) >= BOX_WIDTH or abs(box["y"] - other["y"]) >= BOX_HEIGHT
            assert apart or other["name"] == name


def test_a_large_graph_is_laid_out() -> None:
    names = [f"s{number}" for number in range(500)]
    steps = {name: Step(name, "linear", tuple(names[i + 1 : i + 4]), {}) for i, name in enumerate(names)}
    drawn = draw(RecordedGraph(steps), across=False)
    assert len(drawn["steps"]) == 500
    assert [step["name"] for step in drawn["steps"][:2]] == ["s0", "s1"]  # in the order in which they run


@pytest.fixture
def metadata() -> SqliteMetadata:
    store = SqliteMetadata()
    store.apply([RunStarted(RUN)])
    return store


def add(metadata: SqliteMetadata, step: str, task_id: int, *inputs: str, **more: Any) -> None:
    record = {"started_at": 100.0 + task_id, "finished_at": 101.0 + task_id, "status": "done", "ok": True}
    task = TaskRecord("F", "1", step, str(task_id), 0, **{**record, "success": True, "inputs": inputs, **more})
    metadata.apply([TaskEnded(task)])


def test_the_way_that_was_taken_is_told_from_what_tasks_read(metadata: SqliteMetadata) -> None:
    add(metadata, "start", 1, "_parameters/0/0")
    add(metadata, "small", 2, "start/1/0")
    add(metadata, "each", 3, "small/2/0")
    for number in range(4, 7):
        add(metadata, "fit", number, "each/3/0", foreach_stack=(("parts", str(number), number - 4, 5),))
    add(metadata, "join", 7, "gather/1/0")
    add(metadata, "again", 8, "join/7/0", iteration=0)
    add(metadata, "again", 9, "again/8/0", iteration=1)
    add(metadata, "again", 10, "again/9/0", iteration=2)
    state = graph_state(metadata, RUN, read_graph(FLOW), metadata.step_counts("F", "1"))
    taken = {(edge["source"], edge["target"]): edge["tasks"] for edge in state["edges"]}
    assert (taken["start", "big"], taken["start", "small"]) == (0, 1)
    assert (taken["big", "each"], taken["small", "each"]) == (0, 1)
    assert (taken["join", "again"], taken["again", "again"], taken["again", "end"]) == (1, 2, 0)
    steps = {step["step"]: step for step in state["steps"]}
    assert (steps["fit"]["tasks"], steps["fit"]["expected"], steps["fit"]["done"]) == (3, 5, 3)
    assert steps["again"]["expected"] is None
    assert (steps["fit"]["started_at"], steps["fit"]["finished_at"]) == (104.0, 107.0)


def test_of_very_many_tasks_only_some_are_asked(metadata: SqliteMetadata) -> None:
    for number in range(MOST_ASKED + 5):
        add(metadata, "meet", number, "left/1/0" if number < 3 else "right/1/0")
    targets = {"left": ["meet"], "right": ["meet"], "other": ["meet"]}
    taken = ways_taken(metadata, "F", "1", targets, {"meet": MOST_ASKED + 5, "left": 1, "right": 1})
    assert taken == {("left", "meet"): None, ("right", "meet"): None, ("other", "meet"): 0}


def test_without_a_record_the_graph_is_what_tasks_have_read(metadata: SqliteMetadata) -> None:
    add(metadata, "start", 1, "_parameters/0/0")
    add(metadata, "a", 2, "start/1/0")
    add(metadata, "b", 3, "start/1/0")
    add(metadata, "end", 4, "a/2/0", "b/3/0")
    assert graph_of_tasks(metadata, "F", "1") == {"start": ("a", "b"), "a": ("end",), "b": ("end",), "end": ()}
