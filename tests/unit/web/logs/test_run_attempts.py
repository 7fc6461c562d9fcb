"""The attempts of a run whose logs are looked at."""

from __future__ import annotations

from metaflow.metadata_store.events import RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.web.attempts.kept_tables import KeptTables
from metaflow.web.logs.foreach_labels import add_labels
from metaflow.web.logs.run_attempts import RunAttempts, Wanted, as_record

RUN = RunRecord("F", "1", "ann", 0.0)
ENDED = {"status": "done", "success": True, "finished_at": 9.0}
TASKS = [
    TaskRecord("F", "1", "_parameters", "0", 0, 0.0, **ENDED),
    TaskRecord("F", "1", "a", "1", 0, 1.0, **ENDED, origin="F/0/a/1"),
    TaskRecord("F", "1", "z", "2", 0, 2.0, foreach_stack=(("x", "<b>", 0, 2), ("y", "2", 1, 2))),
    TaskRecord("F", "1", "b", "3", 0, 3.0, status="failed", finished_at=3.5),
    TaskRecord("F", "1", "b", "3", 1, 4.0, **(ENDED | {"success": None})),
]


def test_they_are_listed_in_all_orders():
    store = SqliteMetadata(keep_log=True)
    store.apply([RunStarted(RUN), *((TaskEnded if task.finished_at else TaskStarted)(task) for task in TASKS)])
    attempts = RunAttempts(KeptTables(store, store))
    listed = attempts.of(RUN)
    assert attempts.of(RUN) is listed  # as long as nothing has changed

    def keys(found):
        return [each.key for each in found]

    assert keys(listed.newest_first) == ["b/3/1", "b/3/0", "z/2/0", "a/1/0"]
    assert keys(listed.by_end)[0] == "z/2/0" and keys(listed.by_end)[-1] == "b/3/0"
    assert keys(listed.by_start) == ["a/1/0", "z/2/0", "b/3/0", "b/3/1"]
    assert keys(listed.in_search_order) == ["b/3/0", "b/3/1", "z/2/0", "a/1/0"]
    assert keys(filter(Wanted(latest=True).among(listed), listed.newest_first)) == ["b/3/1", "z/2/0", "a/1/0"]
    # A failure that was caught is done, as its record says.
    assert keys(filter(Wanted(statuses=["done"]).among(listed), listed.newest_first)) == ["b/3/1", "a/1/0"]
    assert as_record("F", "1", listed.newest_first[3]).origin == "F/0/a/1"

    named = [{"step": "z", "task_id": "2"}, {"step": "b", "task_id": "3"}]
    add_labels(store, "F", "1", named)
    assert [each["foreach"] for each in named] == ["x=<b>, y=2", ""]
    store.apply([TaskEnded(TASKS[2]._replace(status="done", finished_at=11.0))])
    assert keys(attempts.of(RUN).by_end)[0] == "z/2/0" and attempts.of(RUN).by_end[0].finished_at == 11.0
