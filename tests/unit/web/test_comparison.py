"""Runs side by side: what differs, what is the same, and what a flow came to over time."""

from __future__ import annotations

from typing import Any

from hypothesis import given, strategies as st

from metaflow.client.run_values import Value
from metaflow.metadata_store.records import RunOutcome, RunRecord
from metaflow.web.comparison import cells
from metaflow.web.comparison.history import DURATION, history
from metaflow.web.comparison.rows import MOST_ROWS, lay_side_by_side, with_metrics
from metaflow.web.comparison.texts import text_patch
from metaflow.web.run.changed_files import MOST_LINES


def value(scalar: Any, sha: str = "") -> cells.Cell:
    return cells.artifact(Value(repr(scalar), type(scalar).__name__, 8, sha or repr(scalar), True, scalar))


def row_of(section: str, *found: cells.Cell | None) -> dict[str, Any]:
    runs = [{section: {} if cell is None else {"name": cell}} for cell in found]
    (row,) = next(each["rows"] for each in lay_side_by_side(runs) if each["name"] == section)
    return row


def test_each_value_is_given_once() -> None:
    row = row_of("parameters", value(0.1), value(0.2), None, value(0.1))
    assert row["cells"] == [0, 1, None, 0]
    assert [each["number"] for each in row["values"]] == [0.1, 0.2]
    assert row["differs"] and row["is_numeric"]
    assert not row_of("parameters", value("a"), value("a"))["differs"]


def test_values_that_look_alike_may_differ() -> None:
    long = Value("[1, 2, ... 90 items]", "list", 900, "abc")
    row = row_of("artifacts", cells.artifact(long), cells.artifact(long._replace(sha="def")))
    assert row["differs"] and row["cells"] == [0, 1]
    assert row["values"][0]["is_cut"]


def test_a_text_of_several_lines_can_be_looked_at_as_a_whole() -> None:
    assert value("one\ntwo").is_cut
    assert not value("one two").is_cut


def test_durations_differ_only_if_that_is_notable() -> None:
    assert not row_of("durations", cells.quantity(100.0), cells.quantity(103.0))["differs"]
    assert row_of("durations", cells.quantity(100.0), cells.quantity(110.0))["differs"]
    assert row_of("durations", cells.quantity(0.01), None)["differs"]
    assert row_of("durations", cells.quantity(1.0))["unit"] == "seconds"


def test_numbers_that_json_has_not_are_texts_only() -> None:
    for number in (float("nan"), float("inf"), 10**400, -(10**400)):
        (found,) = row_of("metrics", value(number))["values"]
        assert found["number"] is None and found["text"]
    (large,) = row_of("metrics", value(2**60 + 1))["values"]
    assert large["text"] == str(2**60 + 1) and large["number"] == 2**60 + 1


def test_an_artifact_is_a_metric_if_all_runs_have_a_number() -> None:
    runs = [
        {"artifacts": {"loss": value(0.5), "mixed": value(1), "flag": value(True)}},
        {"artifacts": {"mixed": value("one")}},
        {},
    ]
    with_metrics(runs)
    assert [sorted(run["metrics"]) for run in runs] == [["loss"], [], []]
    assert sorted(runs[0]["artifacts"]) == ["flag", "mixed"]


def test_too_many_rows_are_left_out_and_counted() -> None:
    run = {"parameters": {f"p{number}": value(number) for number in range(MOST_ROWS + 7)}}
    section = next(each for each in lay_side_by_side([run]) if each["name"] == "parameters")
    assert (len(section["rows"]), section["left_out"]) == (MOST_ROWS, 7)


def test_configs_are_taken_apart() -> None:
    found = cells.leaves("cfg", {"model": {"kind": "tree", "layers": [1, 2]}, "none": None, "empty": {}})
    assert {path: cell.text for path, cell in found.items()} == {
        "cfg.model.kind": "tree",
        "cfg.model.layers[0]": "1",
        "cfg.model.layers[1]": "2",
        "cfg.none": "null",
        "cfg.empty": "{}",
    }
    assert found["cfg.model.layers[1]"].number == 2
    assert cells.leaves("a", "1")["a"].key != cells.leaves("a", 1)["a"].key


def test_configs_that_hold_themselves_end() -> None:
    circle: dict[str, Any] = {}
    circle["again"] = circle
    wide: list[Any] = [0, 1]
    for _ in range(40):
        wide = [wide, wide]
    for strange in (circle, wide):
        assert len(cells.leaves("cfg", strange)) <= 2000


def test_what_is_too_long_has_no_patch() -> None:
    assert text_patch("line\n" * (MOST_LINES + 1), "") is None


@given(st.text(), st.text())
def test_texts_of_any_characters_can_be_compared(before: str, after: str) -> None:
    patch = text_patch(before, after)
    assert patch is not None and bool(patch) == (before != after)


def finished(run_id: str, parameters: dict[str, Any], artifacts: dict[str, Any]) -> RunRecord:
    outcome = RunOutcome(True, True, 110.0, parameters, {**parameters, **artifacts})
    return RunRecord("F", run_id, "ana", 100.0, status="done", finished_at=110.0 + int(run_id), outcome=outcome)


def test_a_history_begins_with_what_varies() -> None:
    runs = [
        finished("1", {"lr": 0.1, "name": "x"}, {"loss": 0.5, "same": 1, "text": "a"}),
        finished("2", {"lr": 0.2, "name": "y"}, {"loss": 0.4, "same": 1, "text": "b"}),
        RunRecord("F", "3", "ana", 100.0, status="failed", finished_at=101.0),
    ]
    found = history(runs, [])
    assert [(each["kind"], each["name"]) for each in found["series"]] == [("artifact", "loss"), DURATION]
    assert found["series"][0]["values"] == [0.5, 0.4, None]
    assert found["series"][1]["values"] == [11.0, 12.0, 1.0]
    fields = {(each["kind"], each["name"]): (each["runs"], each["varies"]) for each in found["fields"]}
    assert fields == {
        DURATION: (3, True),
        ("artifact", "loss"): (2, True),
        ("artifact", "same"): (2, False),
        ("parameter", "lr"): (2, True),  # once, though the last step has it too
    }
    (chosen,) = history(runs, [("artifact", "text")])["series"]
    assert (chosen["values"], chosen["texts"]) == ([None, None, None], ["a", "b", None])
