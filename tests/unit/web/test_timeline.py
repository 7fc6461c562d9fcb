"""What the timeline works out, apart from HTTP and databases."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from metaflow.metadata_store.attempt_rows import AttemptRow
from metaflow.metadata_store.task_listing import quantile
from metaflow.web.timeline.critical_path import critical_path
from metaflow.web.timeline.table import STATES, read_table, steps_in_order


def row(step="work", task_id="1", attempt=0, started=0.0, finished=1.0, **fields) -> AttemptRow:
    values = {
        "index_path": "",
        "foreach_value": None,
        "status": "done",
        "success": True,
        "is_clone": False,
        "ready_at": None,
        "code_started_at": None,
        "code_ended_at": None,
        "num_splits": None,
        **fields,
    }
    return AttemptRow(step, task_id, attempt, started, finished, **values)


def key(each) -> str:
    return f"{each.step}/{each.task_id}/{each.attempt}"


def reading(*keys: str) -> str:
    return json.dumps(keys)


def graph(**targets: list[str]) -> dict:
    return {"start_step": "start", "steps": {name: {"next": following} for name, following in targets.items()}}


@pytest.mark.parametrize(
    ("steps", "order"),
    [
        (graph(end=[], start=["a"], a=["end"]), "start a end"),
        (graph(start=["b", "a"], a=["join"], b=["c"], c=["join"], join=["end"], end=[]), "start b c a join end"),
        (graph(start=["loop"], loop=["loop", "end"], end=[]), "start loop end"),
        (graph(start=["end"], end=[], lost=["end"]), "start end lost"),
        (graph(start=["gone", "end"], end=[]), "start end"),
        ({}, ""),
        ({"steps": {"x": {}}}, "x"),
    ],
)
def test_steps_come_behind_those_that_lead_to_them(steps, order):
    assert steps_in_order(steps) == order.split()


def test_a_graph_of_many_steps_in_a_row_is_put_in_order():
    names = [f"s{number}" for number in range(5000)]
    steps = {name: {"next": [following]} for name, following in zip(names, [*names[1:], "end"], strict=True)}
    assert steps_in_order({"start_step": "s0", "steps": {**steps, "end": {"next": []}}}) == [*names, "end"]


@given(st.lists(st.integers(0, 1000), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_quantile_is_the_smallest_value_that_enough_others_do_not_exceed(values, share):
    found = quantile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6
    assert sum(value < found for value in values) < share * len(values)


def test_nothing_has_no_quantile():
    assert quantile([], 0.5) is None


def test_how_many_tasks_there_will_be_is_known_from_those_that_are_there():
    nested = [
        row("work", str(number), index_path=f"start:{outer},mid:0,", num_splits=splits)
        for number, (outer, splits) in enumerate([(0, 4), (0, 4), (1, 6)])
    ]
    table = read_table(iter([row("start"), *nested]), ["start", "work", "end"], 0.0)
    assert dict(zip(table.steps, table.expected, strict=True)) == {"start": 1, "work": 10, "end": 0}
    assert table.columns.indexes == ["", "0.0", "0.0", "1.0"]


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "done"),
        ({"success": False}, "caught"),
        ({"success": None}, "caught"),
        ({"status": "failed"}, "failed"),
        ({"status": "killed"}, "killed"),
        ({"status": "running", "finished": 0.0}, "running"),
        ({"is_clone": True}, "cloned"),
        ({"status": "failed", "is_clone": True}, "failed"),
    ],
)
def test_states(fields, state):
    columns = read_table(iter([row(**fields)]), [], 0.0).columns
    assert STATES[columns.state[0]] == state
    assert (columns.finished[0] is None) == (state == "running")


def test_the_path_of_nothing_is_empty():
    assert critical_path([], 0.0, 5.0) == []


def test_what_runs_has_ended_so_far_now():
    rows = [row("start", finished=2.0), row("work", "2", started=3.0, finished=0.0, inputs=reading("start/1/0"))]
    path = critical_path(rows, 0.0, 10.0)
    assert [(key(each), each.waiting, each.code) for each in path] == [("start/1/0", 0, 2), ("work/2/0", 1, 7)]


def test_a_path_ends_also_if_records_name_each_other():
    rows = [row("a", inputs=reading("b/1/0")), row("b", finished=2.0, inputs=reading("a/1/0", "b/1/0"))]
    assert [key(each) for each in critical_path(rows, 0.0, 3.0)] == ["a/1/0", "b/1/0"]


@pytest.mark.parametrize("inputs", [None, "[]", "null", '{"a": 1}', "[1, null]", '["nowhere/1/0"]'])
def test_inputs_that_lead_nowhere_end_the_path(inputs):
    assert len(critical_path([row(inputs=inputs)], 0.0, 3.0)) == 1


@st.composite
def runs(draw):
    """Attempts of a run in which each reads from earlier ones and starts when these have ended."""
    rows: list[AttemptRow] = []
    for number in range(draw(st.integers(1, 12))):
        read = draw(st.lists(st.sampled_from(rows), unique_by=key, max_size=3)) if rows else []
        ready = max((each.finished_at for each in read), default=0.0)
        started = ready + draw(st.integers(0, 5))
        code = started + draw(st.integers(0, 5))
        saving = code + draw(st.integers(0, 5))
        finished = saving + draw(st.integers(1, 5))
        rows.append(
            row(
                *("step", str(number), 0, started, finished),
                code_started_at=code,
                code_ended_at=saving,
                inputs=reading(*map(key, read)),
            )
        )
    return rows


@given(runs(), st.randoms())
def test_the_parts_of_the_path_are_the_whole_time_until_the_last_end(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    path = critical_path(shuffled, 0.0, 1e9)
    end = max(each.finished_at for each in rows)
    assert path[-1].finished_at == end
    assert sum(each.waiting + each.startup + each.code + each.saving for each in path) == pytest.approx(end)
    for before, after in zip(path, path[1:], strict=False):
        assert before.finished_at <= after.started_at
    assert path == critical_path(rows, 0.0, 1e9)


def test_a_join_of_very_many_is_followed():
    count = 100_000
    rows = [row("work", str(number), finished=1 + number % 977) for number in range(count)]
    rows.append(row("join", "j", started=2000, finished=2001, inputs=reading(*map(key, rows))))
    path = critical_path(rows, 0.0, 3000.0)
    assert [each.step for each in path] == ["work", "join"]
    assert path[0].finished_at == 977
