"""What a clean-up removes, and what it leaves: chunks of others, young ones, those of runs that go on."""

from __future__ import annotations

import json
import os
import time

from hypothesis import HealthCheck, given, settings, strategies as st

from client.stored_flow import StoredRun, dead_process
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.inventory import survey
from metaflow.client.upkeep.retention import Rules
from metaflow.datastore.freshness import LOCAL_FRESH_SECONDS, LOCAL_GRACE_SECONDS
from metaflow.datastore.layout import blobs_prefix, deletion_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import list_attempts, open_task
from metaflow.metadata_store.records import RunRecord
from metaflow.testing.memory_provider import MemoryProvider

HOUR = 3600.0
ALL = Rules(older_than=time.time(), keep_latest_successful=False)


def content(number, size=5000):
    return (b"%d " % number * size)[:size]


def age_chunks(root, seconds=2 * HOUR):
    for path in (root / blobs_prefix()).rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime_ns - int(seconds) * 1_000_000_000
            os.utime(path, ns=(moment, moment))


def run_with(root, run_id, numbers, status="done", **fields):
    """A run whose one task has an artifact for each number, equal for equal numbers."""
    run = StoredRun(root, run_id=run_id, **fields)
    run.finished("start", 1, artifacts={f"a{number}": content(number) for number in numbers})
    return run if status == "running" else run.ended(status)


def chunks_of(store):
    return {found.key for found in store.scan(blobs_prefix())}


def readable(store, run_id):
    for step, task_id, attempt in list(list_attempts(store, "F", run_id)):
        reader = open_task(store, "F", run_id, step, task_id, attempt)
        for name in reader:
            assert reader.load(name) == content(int(name[1:]))


def clean_up_at(root, **options):
    provider = Provider(Home(str(root)))
    return CleanUp(provider, provider.store, **options)


def test_chunks_go_with_the_last_run_that_needs_them(root):
    run_with(root, "1", [1, 2])
    run_with(root, "2", [2, 3])
    age_chunks(root)
    store = LocalStore(root)
    clean_up = clean_up_at(root)
    plan = clean_up.plan(Rules(keep_last=1))
    (planned,) = plan.runs
    assert planned.name == ("F", "1") and plan.chunks.chunks == 1
    assert plan.size == planned.size + planned.chunk_size == planned.size + plan.chunks.size
    before = sum(found.size for found in store.scan(""))
    outcome = clean_up.carry_out(plan)
    assert outcome.deleted == (("F", "1"),) and outcome.chunks.chunks == 1 and outcome.size == plan.size
    files = sum(found.size for found in store.scan("") if "index.sqlite" not in found.key)
    assert before - outcome.size >= files
    readable(store, "2")
    assert len(chunks_of(store)) == 2


def test_young_chunks_are_left_and_told_of(root):
    run_with(root, "1", [1])
    clean_up = clean_up_at(root)
    outcome = clean_up.carry_out(clean_up.plan(ALL))
    assert outcome.chunks.chunks == 0 and outcome.chunks.young_chunks == 1 and outcome.chunks.young_size > 0
    age_chunks(root)
    assert clean_up.plan(Rules()).chunks.chunks == 1
    clean_up.carry_out(clean_up.plan(Rules()))
    assert not chunks_of(LocalStore(root))


def test_what_a_run_that_goes_on_may_have_found_is_left(root):
    """It saved something that was there, and has not committed the task yet: only the time of the chunk tells."""
    run_with(root, "1", [1])
    store = LocalStore(root)
    age_chunks(root, 3 * HOUR)
    running = StoredRun(root, run_id="2", started_at=time.time() - 2 * HOUR)
    writer = TaskWriter(store, "F", "2", "start", "1", 0)
    writer.save("a1", content(1))  # which makes it fresh
    age_chunks(root, LOCAL_GRACE_SECONDS + LOCAL_FRESH_SECONDS)
    clean_up = clean_up_at(root)
    outcome = clean_up.carry_out(clean_up.plan(ALL))
    assert outcome.deleted == (("F", "1"),) and outcome.chunks.chunks == 0
    writer.commit({"task": {}})
    running.ended()
    readable(store, "2")


def test_what_a_dead_run_may_have_found_is_not(root):
    run_with(root, "1", [1])
    age_chunks(root, 3 * HOUR)
    StoredRun(root, run_id="2", started_at=time.time() - 4 * HOUR, **dead_process())
    clean_up = clean_up_at(root)
    assert clean_up.carry_out(clean_up.plan(ALL)).chunks.chunks == 1


def test_a_task_that_commits_between_the_look_and_the_removal_keeps_its_chunks(root):
    run_with(root, "1", [1])
    running = StoredRun(root, run_id="2", started_at=1000.0)
    age_chunks(root)
    clean_up = clean_up_at(root, grace=0.0)
    plan = clean_up.plan(Rules())
    store = LocalStore(root)
    late = run_with(root, "3", [5])
    running.finished("start", 1, artifacts={"a4": content(4)})
    running.ended()
    age_chunks(root, HOUR)
    clean_up.carry_out(plan)
    for run_id in ("1", "2", "3"):
        readable(store, run_id)
    assert late.record.status == "done"


def test_a_tag_that_is_given_after_the_plan_was_shown_keeps_the_run(root):
    run_with(root, "1", [1])
    run_with(root, "2", [1])
    clean_up = clean_up_at(root)
    plan = clean_up.plan(ALL._replace(keep_tags=("keep",)))
    assert len(plan.runs) == 2
    provider = Provider(Home(str(root)))
    provider.change_tags(provider.run("F", "1"), ["keep"], [])
    outcome = clean_up.carry_out(plan)
    assert outcome.deleted == (("F", "2"),) and outcome.refused == ((("F", "1"), "it has the tag keep by now"),)
    assert clean_up.plan(ALL._replace(keep_tags=("keep",))).kept == (("F/1", "it has the tag keep"),)
    assert clean_up.plan(ALL).runs[0].run.tags >= {"keep"}


def test_no_chunk_goes_as_long_as_a_manifest_cannot_be_read(root):
    run_with(root, "1", [1])
    run_with(root, "2", [2])
    age_chunks(root)
    path = root / runs_prefix("F", "1") / "start" / "1.0.manifest"
    path.write_bytes(path.read_bytes()[:-10])
    store = LocalStore(root)
    clean_up = clean_up_at(root)
    plan = clean_up.plan(Rules(keep_last=1, statuses=("failed",)))
    assert [key for key, _ in plan.damaged] == [f"{runs_prefix('F', '1')}start/1.0.manifest"] and plan.is_empty
    clean_up.carry_out(plan)
    assert len(chunks_of(store)) == 2
    # Deleting its run is a way out.
    outcome = clean_up.carry_out(clean_up.plan_for([("F", "1")]))
    assert outcome.deleted and clean_up.carry_out(clean_up.plan(Rules())).chunks.chunks == 1
    readable(store, "2")


def test_files_that_are_no_chunks_and_what_writers_left_behind(root):
    run_with(root, "1", [1])
    store = LocalStore(root)
    (folder,) = {path.parent for path in (root / blobs_prefix()).rglob("*") if path.is_file()}
    old, young, foreign = folder / ".tmp-old", folder / ".tmp-young", folder / "README"
    for path in (old, young, foreign):
        path.write_bytes(b"12345")
        os.utime(path, (1000, 1000) if path != young else None)
    clean_up = clean_up_at(root)
    plan = clean_up.plan(Rules())
    assert [found.key for found in plan.temporary] == [str(old.relative_to(root))] and plan.size == 5
    clean_up.carry_out(plan)
    assert not old.exists() and young.exists() and foreign.exists()
    readable(store, "1")


def test_a_folder_in_which_there_is_no_run_goes_when_it_is_old(root):
    store = LocalStore(root)
    store.put(f"{runs_prefix('F', '1')}user-tags/00000000000000000001.json", [b"{}"])
    clean_up = clean_up_at(root)
    assert clean_up.plan(Rules()).is_empty
    os.utime(root / runs_prefix("F", "1") / "user-tags/00000000000000000001.json", (1000, 1000))
    clean_up.carry_out(clean_up.plan(Rules()))
    assert not list(store.scan(runs_prefix("F", "1")))


def test_deleting_one_run_leaves_the_garbage_of_others(root):
    for run_id in ("1", "2", "3"):
        run_with(root, run_id, [0, int(run_id)])
    clean_up = clean_up_at(root)
    clean_up.carry_out(clean_up.plan_for([("F", "1")]))
    age_chunks(root)
    outcome = clean_up.carry_out(clean_up.plan_for([("F", "2")]))
    assert outcome.chunks.chunks == 1
    readable(LocalStore(root), "3")
    assert len(chunks_of(LocalStore(root))) == 3, "two of the last run, and what is left of the first"


def test_a_datastore_without_files():
    provider = MemoryProvider()
    store = provider.store
    for run_id, numbers in (("1", [1, 2]), ("2", [2, 3])):
        record = RunRecord("F", run_id, "ann", 1000.0 + int(run_id), status="done", finished_at=2000.0)
        store.put(run_key("F", run_id), [json.dumps(record.to_dict()).encode()])
        writer = TaskWriter(store, "F", run_id, "start", "1", 0)
        for number in numbers:
            writer.save(f"a{number}", content(number))
        writer.commit({"task": {}})
    store.put(deletion_key("F", "0"), [b"{}"])
    clean_up = CleanUp(provider, store)
    plan = clean_up.plan(Rules(keep_last=1))
    assert plan.chunks.chunks == 0 and plan.chunks.young_chunks == 1 and plan.unfinished == (("F", "0"),)
    for key in chunks_of(store):
        store.times[key] -= 25 * HOUR
    outcome = clean_up.carry_out(clean_up.plan(Rules(keep_last=1)))
    assert set(outcome.deleted) == {("F", "0"), ("F", "1")} and outcome.chunks.chunks == 1
    readable(store, "2")
    assert len(chunks_of(store)) == 2 and not list(store.scan(runs_prefix("F", "1")))


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(
    runs=st.lists(st.lists(st.integers(0, 5), max_size=4, unique=True), min_size=1, max_size=5),
    going=st.sets(st.integers(0, 4)),
)
def test_exactly_what_no_kept_run_needs_goes(tmp_path_factory, runs, going):
    root = tmp_path_factory.mktemp("store")
    for number, contents in enumerate(runs):
        run_with(root, str(number), contents, status="failed" if number in going else "done")
    age_chunks(root)
    store = LocalStore(root)
    clean_up = clean_up_at(root)
    plan = clean_up.plan(Rules(statuses=("failed",)))
    assert {each.run.run_id for each in plan.runs} == {str(n) for n in going if n < len(runs)}
    outcome = clean_up.carry_out(plan)
    assert outcome.chunks == plan.chunks and outcome.size == plan.size
    needed = {number for run, contents in enumerate(runs) if run not in going for number in contents}
    assert len(chunks_of(store)) == len(needed)
    for run in range(len(runs)):
        if run not in going:
            readable(store, str(run))


def test_an_inventory_says_what_is_damaged_and_goes_on(root):
    run_with(root, "1", [1])
    run_with(root, "2", [2])
    (root / run_key("F", "1")).write_bytes(b"[]")
    found = survey(LocalStore(root))
    assert found.runs["F", "1"].record is None and "no record of a run" in found.runs["F", "1"].damaged[0][1]
    assert found.runs["F", "2"].record.status == "done" and len(found.live()) == 2
    assert found.damaged == [], "its manifests can be read"


def test_a_reference_that_is_none_makes_a_manifest_damaged(root):
    run_with(root, "1", [1])
    store = LocalStore(root)
    reader = open_task(store, "F", "1", "start", "1", 0)
    entry = reader.manifest.artifacts["a1"]
    segment = entry.segments[0]._replace(chunks=("../../etc/passwd",))
    bad = reader.manifest._replace(artifacts={"a1": entry._replace(segments=(segment,))})
    store.put(f"{runs_prefix('F', '1')}start/1.0.manifest", [bad.encode()])
    assert "cannot be a chunk" in survey(store).damaged[0][1]
