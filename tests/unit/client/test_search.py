"""Filters, order and limits of runs, across one flow and all; times as people write them; bad input."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta, timezone

import pytest

from metaflow.client import Flow, Metaflow, Run, namespace
from metaflow.client.times import moment
from metaflow.exception import InvalidQueryException

from .stored_flow import StoredRun, dead_process

DAY = 86400.0


def stored(root, number, alpha, accuracy, flow="F", status="done", **fields):
    run = StoredRun(root, flow=flow, run_id=str(number), **fields)
    run.finished("_parameters", 0, artifacts={"alpha": alpha, "name": flow})
    run.finished("start", 1, artifacts={"alpha": alpha, "loss": 1.0})
    if status == "done":
        run.finished("end", 2, artifacts={"alpha": alpha, "accuracy": accuracy, "name": flow})
    run.clock += number  # durations differ
    return run.ended(status)


@pytest.fixture
def runs(root):
    now = time.time()
    stored(root, 1, 0.1, 0.7, started_at=now - 40 * DAY, tags=("old",))
    stored(root, 2, 0.2, 0.95, started_at=now - 3 * DAY)
    stored(root, 3, "auto", None, started_at=now - 2 * DAY, tags=("nightly",))
    stored(root, 4, 0.2, 0.9, started_at=now - DAY, status="failed")
    stored(root, 5, 0.3, 0.91, started_at=now - 3600, user="bob", tags=("nightly",))
    stored(root, 6, 0.2, 0.8, started_at=now - 60, flow="G")
    namespace(None)
    return root


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, "54321"),
        ({"status": "failed"}, "4"),
        ({"user": "ann"}, "4321"),
        ({"since": "7 days"}, "5432"),
        ({"since": "2.5 days ago", "until": "2 hours"}, "43"),
        ({"until": timedelta(days=2, hours=1)}, "21"),
        ({"parameters": {"alpha": 0.2}}, "42"),
        ({"parameters": {"alpha": "auto"}}, "3"),
        ({"parameters": {"alpha": ("in", [0.1, "auto"])}}, "31"),
        ({"parameters": {"alpha": (">", 0)}}, "5421"),
        ({"parameters": {"alpha": ("<", "b")}}, "3"),
        ({"parameters": {"alpha": ("!=", 0.2)}}, "531"),
        ({"artifacts": {"accuracy": (">=", 0.91)}}, "52"),
        ({"artifacts": {"accuracy": [(">", 0.7), ("<", 0.95)]}}, "5"),
        ({"artifacts": {"accuracy": None}}, "3"),
        ({"artifacts": {"accuracy": ("==", 0.7)}, "parameters": {"alpha": 0.1}}, "1"),
        ({"artifacts": {"loss": 1.0}}, ""),  # an artifact of another step than the last
        ({"artifacts": {"accuracy": ("in", [])}}, ""),
        ({"order": "started_at"}, "12345"),
        ({"order": "-artifact:accuracy"}, "25143"),
        ({"order": "artifact:accuracy", "limit": 2}, "15"),
        ({"order": "-parameter:alpha"}, "35421"),
        ({"order": "-duration", "status": "done"}, "5321"),
        ({"order": "user"}, "43215"),
        ({"limit": 2}, "54"),
        ({"limit": 0}, ""),
    ],
)
def test_filters_and_orders(runs, monkeypatch, filters, found):
    from metaflow.client import provider

    assert [run.id for run in Flow("F").runs(**filters)] == list(found)
    monkeypatch.setattr(provider, "_RUNS_PER_PAGE", 2)
    assert [run.id for run in Flow("F").runs(**filters)] == list(found)


def test_tags_and_the_namespace_hold_beside_filters(runs):
    assert [run.id for run in Flow("F").runs("nightly", parameters={"alpha": 0.3})] == ["5"]
    namespace("user:ann")
    assert [run.id for run in Flow("F").runs(order="-artifact:accuracy")] == ["2", "1", "4", "3"]
    assert [run.pathspec for run in Metaflow().runs(since="1 week")] == ["G/6", "F/4", "F/3", "F/2"]


def test_all_flows_are_searched_at_once(runs):
    everything = Metaflow()
    assert [run.pathspec for run in everything.runs(parameters={"alpha": 0.2})] == ["G/6", "F/4", "F/2"]
    assert [run.pathspec for run in everything.runs("nightly")] == ["F/5", "F/3"]
    assert [run.pathspec for run in everything.runs(order="-artifact:accuracy", limit=3)] == ["F/2", "F/5", "G/6"]
    assert next(everything.runs()).parent == Flow("G")
    assert everything.table(status="failed")[0]["flow"] == "F"


def test_a_number_of_numpy_is_a_number(runs):
    numpy = pytest.importorskip("numpy")
    assert [run.id for run in Flow("F").runs(parameters={"alpha": numpy.float64(0.2)})] == ["4", "2"]
    assert [run.id for run in Flow("F").runs(parameters={"alpha": ("<=", numpy.float32(0.15))})] == ["1"]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"status": "finished"}, "'done'"),
        ({"user": 3}, "name"),
        ({"since": "last tuesday"}, "'7 days'"),
        ({"until": 17}, "until=17 is no time"),
        ({"since": "9999999999999 weeks"}, "beyond"),
        ({"since": "nan days"}, "no time"),
        ({"parameters": ["alpha"]}, "dict"),
        ({"parameters": {1: 2}}, "no text"),
        ({"artifacts": {"x": ("~", 2)}}, "operators are '='"),
        ({"artifacts": {"x": ("in", "abc")}}, "list of values"),
        ({"artifacts": {"x": {"a": 1}}}, "cannot be compared with dict"),
        ({"artifacts": {"x": float("nan")}}, "finite"),
        ({"artifacts": {"x": "y" * 201}}, "200"),
        ({"order": "best"}, "'artifact:NAME'"),
        ({"order": "artifact:"}, "'artifact:NAME'"),
        ({"order": None}, "sorted"),
        ({"limit": -1}, "0 or more"),
        ({"limit": True}, "0 or more"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(runs, filters, message):
    for ask in (Flow("F").runs, Flow("F").table, Metaflow().runs):
        with pytest.raises(InvalidQueryException, match=message):
            ask(**filters)


def test_a_tag_must_be_a_text(runs):
    with pytest.raises(InvalidQueryException, match="tag"):
        Flow("F").runs(["nightly"])


def test_a_run_whose_process_died_is_found_as_failed(root):
    dead = StoredRun(root, **dead_process())
    dead.finished("_parameters", 0, artifacts={"alpha": 1})
    dead.finished("end", 1, artifacts={"score": 3}, indexed=False)
    assert [run.id for run in Flow("F").runs(status="running")] == []
    assert [run.id for run in Flow("F").runs(artifacts={"score": 3})] == ["1"]
    assert Flow("F").latest_successful_run.id == "1"


def test_a_run_that_cannot_be_set_right_here_is_still_told_as_it_is(root, monkeypatch):
    from metaflow.exception import MetadataException
    from metaflow.metadata_store.sqlite import SqliteMetadata

    dead = StoredRun(root, **dead_process())
    dead.finished("_parameters", 0, artifacts={"alpha": 1})
    StoredRun(root, run_id="2")
    whole = SqliteMetadata.apply

    def refuse(self, events):
        if self._file.path is not None:
            raise MetadataException("it is read-only")
        whole(self, events)

    monkeypatch.setattr(SqliteMetadata, "apply", refuse)
    assert [run.id for run in Flow("F").runs(status="running")] == ["2"]
    (row,) = [row for row in Flow("F").table() if row["run"] == "1"]
    assert row["status"] == "failed" and row["alpha"] == 1


def test_what_a_run_says_of_its_end_comes_from_its_own_record(root, monkeypatch):
    from metaflow.metadata_store.sqlite import SqliteMetadata

    stored(root, 1, 0.1, 0.7)
    stored(root, 2, 0.1, 0.7, status="failed")
    good, bad = Run("F/1"), Run("F/2")
    monkeypatch.setattr(SqliteMetadata, "tasks", None)
    assert good.successful and good.finished and good.finished_at == datetime.fromtimestamp(1007.0)
    assert not bad.successful and not bad.finished and bad.finished_at is None
    assert (good.duration, bad.duration) == (8.0, 7.0)
    assert good.status == "done"


def test_a_run_that_goes_on_says_what_its_tasks_say(root):
    run = StoredRun(root)
    run.finished("_parameters", 0, artifacts={"alpha": 1, "big": [1]})
    live = Run("F/1")
    assert not live.successful and live.duration is None
    run.finished("end", 1)
    assert live.successful and live.finished
    assert live.parameters == {"alpha": 1}


def test_a_run_removed_while_it_is_iterated_ends_in_a_clear_error(root):
    from metaflow.datastore.layout import run_key
    from metaflow.exception import MetaflowNotFound
    from metaflow.metadata_store.events import RunForgotten

    written = stored(root, 1, 0.1, 0.7)
    run = next(iter(Flow("F")))
    step = run["end"]
    written.index.apply([RunForgotten("F", "1")])
    written.store.delete(run_key("F", "1"))
    assert list(run) == [] and list(step) == [] and run.data is None and run.status == "done"
    with pytest.raises(MetaflowNotFound, match="does not exist"):
        step.parent


def test_times():
    at = datetime(2024, 5, 1, 14, 30)
    assert moment(at, "since") == moment("2024-05-01 14:30", "since") == at.timestamp()
    assert moment(date(2024, 5, 1), "since") == moment("2024-05-01", "since") == datetime(2024, 5, 1).timestamp()
    utc = at.replace(tzinfo=timezone.utc).timestamp()
    assert moment("2024-05-01T14:30:00Z", "since") == moment("2024-05-01T16:30:00+02:00", "since") == utc
    for text, seconds in (("1 minute", 60), ("90 seconds ago", 90), ("2 Weeks", 14 * DAY)):
        assert moment(text, "since") == pytest.approx(time.time() - seconds, abs=5)


@pytest.mark.parametrize("name", ["a\udc80", "\ud800", "nul\0", 'it\'s "100%"', "x;--"])
def test_names_and_texts_of_any_kind_are_searched_and_sorted(root, name):
    """Text that UTF-8 cannot express is a name like any other, and nothing in a name means anything to the index."""
    for number in (1, 2, 3):
        run = StoredRun(root, run_id=str(number))
        run.finished("_parameters", 0, artifacts={name: number})
        run.finished("end", 1, artifacts={name: name})
        run.ended("done")
    flow = Flow("F")
    assert [run.id for run in flow.runs(parameters={name: (">", 1)})] == ["3", "2"]
    assert [run.id for run in flow.runs(order=f"parameter:{name}", limit=2)] == ["1", "2"]
    assert len(list(flow.runs(artifacts={name: name}, order=f"-artifact:{name}"))) == 3
    assert list(flow.runs(name, user=name)) == []
    assert flow.table()[0][name] == 3


def test_pages_of_texts_that_utf8_cannot_express(root, monkeypatch):
    from metaflow.client import provider

    for number in range(1, 6):
        run = StoredRun(root, run_id=str(number), user="\udc80ann")
        run.finished("end", 1, artifacts={"x": "\udc80" * (number % 2 + 1)})
        run.ended("done")
    namespace(None)
    monkeypatch.setattr(provider, "_RUNS_PER_PAGE", 2)
    assert [run.id for run in Flow("F").runs(order="artifact:x")] == ["4", "2", "5", "3", "1"]
    assert [run.id for run in Flow("F").runs(order="-user")] == ["5", "4", "3", "2", "1"]


def test_in_takes_many_values_and_none(runs):
    many = [number / 10 for number in range(9_000)]
    assert [run.id for run in Flow("F").runs(parameters={"alpha": ("in", many)})] == ["5", "4", "2", "1"]
    assert [run.id for run in Flow("F").runs(artifacts={"accuracy": ("in", [None, 0.7, *many[20:]])})] == ["3", "1"]
    assert [run.id for run in Flow("F").runs(artifacts={"accuracy": ("in", [None])})] == ["3"]
    with pytest.raises(InvalidQueryException, match="10,000 values, not by 10,001"):
        Flow("F").runs(parameters={"alpha": ("in", range(10_001))})


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_nothing_is_less_or_greater_than_none(runs, operator):
    with pytest.raises(InvalidQueryException, match="nothing is less or greater than None"):
        Flow("F").runs(artifacts={"accuracy": (operator, None)})


def test_a_parameter_may_be_called_like_what_each_task_has(root):
    """Each task has the flow's name as `name`, which is not searched for, unless a parameter is called so."""
    for number, called in enumerate(["weekly", "daily", "F"]):
        run = StoredRun(root, run_id=str(number + 1))
        run.finished("_parameters", 0, artifacts={"name": called})
        run.finished("end", 1, artifacts={"name": called})
        run.ended()
    assert [run.id for run in Flow("F").runs(parameters={"name": "daily"})] == ["2"]
    assert [row.get("name") for row in Flow("F").table()] == [None, "daily", "weekly"]
    assert Run("F/1").parameters == {"name": "weekly"}
