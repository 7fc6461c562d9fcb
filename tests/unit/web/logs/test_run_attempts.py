"""The attempts of a run whose logs are looked at."""

from __future__ import annotations

from metaflow.metadata_store.events import RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.web.logs import run_attempts
from metaflow.web.logs.run_attempts import Attempt, RunAttempts


def test_they_are_the_newest_of_all_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(run_attempts, "_PAGE", 2)
    store = SqliteMetadata(tmp_path / "index.sqlite")
    ended = {"status": "done", "finished_at": 9.0}
    tasks = [
        TaskRecord("F", "1", "_parameters", "0", 0, 0.0, **ended),
        TaskRecord("F", "1", "a", "1", 0, 1.0, **ended, origin="F/0/a/1"),
        TaskRecord("F", "1", "z", "2", 0, 2.0, foreach_stack=(("x", "<b>", 0, 2), ("y", "2", 1, 2))),
        TaskRecord("F", "1", "b", "3", 0, 3.0, **ended),
        TaskRecord("F", "1", "b", "3", 1, 4.0, **ended),
    ]
    events = [(TaskEnded if task.finished_at else TaskStarted)(task) for task in tasks]
    store.apply([RunStarted(RunRecord("F", "1", "ann", 0.0)), *events])

    found = RunAttempts(store).of("F", "1")
    assert [each.key for each in found.attempts] == ["b/3/1", "b/3/0", "z/2/0", "a/1/0"]
    assert found.attempts[2] == Attempt("z", "2", 0, "running", 2.0, None, "x=<b>, y=2", None)
    assert (found.attempts[3].origin, found.is_cut) == ("F/0/a/1", False)

    monkeypatch.setattr(run_attempts, "MOST_ATTEMPTS", 3)
    found = RunAttempts(store).of("F", "1")
    assert ([each.key for each in found.attempts], found.is_cut) == (["b/3/1", "b/3/0", "z/2/0"], True)
    store.close()
