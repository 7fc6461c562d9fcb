"""Clean-ups beside runs that are being written, resumed and read, in processes of their own that are killed at will."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.upkeep.clean_up import CleanUp
from metaflow.client.upkeep.retention import Rules
from metaflow.datastore import blobs
from metaflow.datastore.layout import blobs_prefix, deletion_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import list_attempts, open_task
from metaflow.exception import MetaflowException
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord

from .conftest import Project

POOL = 400
FORK = multiprocessing.get_context("fork")


def content(number: int) -> bytes:
    return random.Random(number).randbytes(4500)


def write_run(root: Path, run_id: str, numbers: list[int], per_task: int = 10) -> None:
    """A run as the runtime writes it: its record first, then task by task, then its end."""
    store = LocalStore(root)
    host, pid, process_started = process_identity()
    record = RunRecord("F", run_id, "ann", time.time(), host=host, pid=pid, process_started=process_started)
    assert store.put_new(run_key("F", run_id), [json.dumps(record.to_dict()).encode()])
    for task_id, start in enumerate(range(0, len(numbers), per_task)):
        writer = TaskWriter(store, "F", run_id, "work", str(task_id), 0)
        for number in numbers[start : start + per_task]:
            writer.save(f"a{number}", content(number))
        time.sleep(random.random() / 500)  # what is saved is not committed at once
        now = time.time()
        task = TaskRecord("F", run_id, "work", str(task_id), 0, now, status="done", ok=True, finished_at=now)
        writer.commit({"task": task.to_dict()})
    ended = record._replace(status="done", finished_at=time.time())
    store.put(run_key("F", run_id), [json.dumps(ended.to_dict()).encode()])


def read_run(root: Path, run_id: str) -> int:
    store, count = LocalStore(root), 0
    for step, task_id, attempt in list(list_attempts(store, "F", run_id)):
        reader = open_task(store, "F", run_id, step, task_id, attempt)
        for name in reader:
            assert reader.load(name) == content(int(name[1:])), (run_id, name)
            count += 1
    return count


def age(root: Path) -> None:
    for path in (root / blobs_prefix()).rglob("*"):
        if path.is_file():
            moment = path.stat().st_mtime_ns - 7200 * 10**9
            os.utime(path, ns=(moment, moment))


def slowed(function):
    """The same, now and then later: as if the process were interrupted just before."""

    def call(*arguments, **options):
        if random.random() < 0.2:
            time.sleep(random.random() / 300)
        return function(*arguments, **options)

    return call


def writing(root: Path, run_id: str, seed: int) -> None:
    random.seed(seed)
    blobs.set_seal = slowed(blobs.set_seal)
    LocalStore.put = slowed(LocalStore.put)
    numbers = list(range(POOL))
    random.shuffle(numbers)
    write_run(root, run_id, numbers[: POOL * 3 // 4])


def collecting(root: Path, rules: Rules) -> None:
    random.seed()
    LocalStore.delete = slowed(LocalStore.delete)
    while True:
        provider = Provider(Home(str(root)))
        clean_up = CleanUp(provider, provider.store)
        clean_up.carry_out(clean_up.plan(rules))


def reading(root: Path, run_id: str, stop) -> None:
    while not stop.is_set():
        assert read_run(root, run_id) == POOL // 8


@pytest.mark.parametrize("kills", [0, 6])
def test_nothing_that_a_run_needs_goes_while_it_is_written(tmp_path: Path, kills: int) -> None:
    root = tmp_path / ".metaflow"
    root.mkdir()
    # All that the writers are going to save is there, old, and needed by nobody but a run that is kept.
    write_run(root, "99", list(range(POOL)))
    write_run(root, "100", list(range(POOL // 8)))
    store = LocalStore(root)
    for found in list(store.scan(runs_prefix("F", "99"))):
        store.delete(found.key)
    age(root)
    stop = FORK.Event()
    writers = [FORK.Process(target=writing, args=(root, str(200 + seed), seed)) for seed in range(3)]
    reader = FORK.Process(target=reading, args=(root, "100", stop))
    for process in (reader, *writers):
        process.start()
    collectors = []
    try:
        for _ in range(kills + 1):
            collectors.append(FORK.Process(target=collecting, args=(root, Rules())))
            collectors[-1].start()
            if kills:
                time.sleep(random.random() / 4)
                os.kill(collectors[-1].pid, signal.SIGKILL)
        if kills:
            collectors.append(FORK.Process(target=collecting, args=(root, Rules())))
            collectors[-1].start()
        for process in writers:
            process.join(100)
        assert all(process.exitcode == 0 for process in writers)
    finally:
        stop.set()
        for process in (*collectors, *writers):
            process.kill()
            process.join()
    reader.join(60)
    assert reader.exitcode == 0, "a run that is kept can always be read"
    for run_id in ("200", "201", "202"):
        assert read_run(root, run_id) == POOL * 3 // 4
    # Once everything is old, exactly what runs need is left.
    age(root)
    provider = Provider(Home(str(root)))
    clean_up = CleanUp(provider, store)
    clean_up.carry_out(clean_up.plan(Rules()))
    needed = set()
    for run_id in ("100", "200", "201", "202"):
        for step, task_id, attempt in list_attempts(store, "F", run_id):
            for entry in open_task(store, "F", run_id, step, task_id, attempt).manifest.artifacts.values():
                needed.update(reference for segment in entry.segments for reference in segment.chunks)
    assert {found.key.rpartition("/")[2] for found in store.scan(blobs_prefix())} == needed


def test_clean_ups_that_are_killed_delete_runs_as_a_whole_or_not(tmp_path: Path) -> None:
    root = tmp_path / ".metaflow"
    root.mkdir()
    for number in range(12):
        write_run(root, str(100 + number), list(range(number, number + 20)), per_task=2)
    age(root)
    store = LocalStore(root)
    rules = Rules(older_than=time.time() + 60, keep_latest_successful=False)
    for _ in range(15):
        process = FORK.Process(target=collecting, args=(root, rules))
        process.start()
        time.sleep(random.random() / 12)
        process.kill()
        process.join()
        for run_id in store.list(runs_prefix("F"), folders=True):
            if store.stat(run_key("F", run_id)) is not None:
                assert read_run(root, run_id) == 20
    provider = Provider(Home(str(root)))
    clean_up = CleanUp(provider, store)
    clean_up.carry_out(clean_up.plan(rules))
    assert not list(store.scan("mf-store/runs/")) and not list(store.scan(blobs_prefix()))


FLOW = """
import os

class F(FlowSpec):
    @step
    def start(self):
        self.items = list(range(6))
        self.big = b"the same in every run" * 1000
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.result = bytes([self.input]) * 6000
        self.next(self.join)

    @step
    def join(self, inputs):
        if os.path.exists("broken"):
            raise ValueError("not yet")
        self.results = [each.result for each in inputs]
        self.big = inputs[0].big
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_run_is_resumed_in_full_or_not_at_all_while_its_origin_is_deleted(project: Project) -> None:
    from metaflow import Flow

    (project.path / "broken").touch()
    project.run(FLOW, code=1)
    (project.path / "broken").unlink()
    root = project.client()
    outcomes = set()
    for attempt in range(4):
        origin = next(iter(Flow("F")))
        age(root)
        process = project.start("resume", "--origin-run-id", origin.id)
        deadline = time.monotonic() + (0.05, 0.2, 0.35, 60)[attempt]
        refused = None
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        with contextlib.suppress(MetaflowException):
            refused = origin.delete()
        stdout, stderr = process.communicate(timeout=60)
        provider = Provider(Home(str(root)))
        clean_up = CleanUp(provider, provider.store)
        clean_up.carry_out(clean_up.plan(Rules()))
        if process.returncode == 0:
            resumed = next(iter(Flow("F")))
            assert resumed.data.results == [bytes([i]) * 6000 for i in range(6)], (stdout, refused)
            assert resumed.data.big == b"the same in every run" * 1000
            outcomes.add("resumed")
        else:
            assert "deleted" in stderr or "could not find run id" in stderr, stderr
            assert "Traceback" not in stderr
            outcomes.add("refused")
            (project.path / "broken").touch()
            assert project.call("run").code == 1
            (project.path / "broken").unlink()
    assert "resumed" in outcomes, "the last one is deleted after its end"
    # A run does not take the place of one that is on its way out.
    store = LocalStore(root)
    store.put(deletion_key("F", "mine"), [b"{}"])
    refused = project.call("resume", "--clone-only", "--run-id", "mine")
    assert refused.code == 1 and "There is a run mine of F already" in refused.stderr
    assert [found.key for found in store.scan(runs_prefix("F", "mine"))] == [deletion_key("F", "mine")]
