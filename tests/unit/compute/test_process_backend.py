"""The engine for tests: jobs outlive who submitted them, and faults can be made."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaflow.compute.backend import EngineUnavailable, Job, JobQuery, JobRefused, SubmittedJob, TaskState
from metaflow.testing.process_backend import ProcessBackend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[ProcessBackend]:
    backend = ProcessBackend(str(tmp_path / "engine"))
    yield backend
    backend.clear()


def make_job(code: str, tasks: int = 1, name: str = "mf-1", **facts: str) -> Job:
    return Job(
        name,
        "work",
        tuple(f"work/{number}/0" for number in range(tasks)),
        False,
        (sys.executable, "-c", code),
        {"GREETING": "hello"},
        {},
        None,
        {"flow": "F", "run_id": "1", "step": "work", "user": "ada", **facts},
    )


def until(backend: ProcessBackend, job: SubmittedJob, wanted: Callable[[TaskState], bool]) -> dict[str, TaskState]:
    """Poll until all tasks were told to be as wanted."""
    seen: dict[str, TaskState] = {}
    deadline = time.monotonic() + 90
    while len(seen) < len(job.tasks):
        assert time.monotonic() < deadline, seen
        seen.update((state.task, state) for state in backend.poll([job], 0.1) if wanted(state))
    return seen


def ended(state: TaskState) -> bool:
    return state.phase == "ended"


def running(state: TaskState) -> bool:
    return state.phase == "running"


def test_tasks_of_a_job_know_which_one_they_are_and_how_they_ended_is_told(backend: ProcessBackend) -> None:
    code = (
        "import os; i = int(os.environ[os.environ['METAFLOW_JOB_INDEX_VARIABLE']]); "
        "print(os.environ['GREETING'], i); exit(i)"
    )
    job = backend.submit(make_job(code, 3))

    states = until(backend, job, ended)

    assert [states[task].status for task in job.tasks] == [0, 1, 2]
    assert [backend.output(job, task) for task in job.tasks] == [b"hello 0\n", b"hello 1\n", b"hello 2\n"]
    assert not backend.find(JobQuery("F"))
    assert not backend.poll([job], 0), "what has ended was told already"


def test_the_environment_is_that_of_another_machine(
    backend: ProcessBackend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_LOCAL", "/here")
    monkeypatch.setenv("PYTHONPATH", "/here")
    job = backend.submit(
        make_job("import os; print(sorted(k for k in os.environ if k[:4] in ('META', 'PYTH')), os.listdir())")
    )

    until(backend, job, ended)

    assert backend.output(job, "work/0/0") == b"[] []\n"


def test_a_job_outlives_the_process_that_submitted_it(backend: ProcessBackend, tmp_path: Path) -> None:
    submitter = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_process_backend import *
backend = ProcessBackend({str(backend.directory)!r})
backend.submit(make_job("import time; time.sleep(300)", 2))
os.kill(os.getpid(), 9)
"""
    assert (
        subprocess.run(
            [sys.executable, "-c", submitter], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        ).returncode
        == -9
    )
    (found,) = backend.find(JobQuery("F", "1", "ada"))
    job = SubmittedJob(found.engine_id, found.engine_id, ("work/0/0", "work/1/0"))
    until(backend, job, running)

    backend.cancel(job, ["work/1/0"])

    (state,) = [state for state in backend.poll([job], 0) if ended(state)]
    assert state.task == "work/1/0"
    assert state.reason == "it was cancelled"
    assert [s.phase for s in backend.poll([job], 0)] == ["running"], "the other one goes on"
    assert not backend.find(JobQuery("F", user="grace"))
    assert not backend.find(JobQuery("F", run_id="2"))
    assert not backend.find(JobQuery("G"))


def test_cancelling_ends_what_the_task_started_and_does_not_hear(backend: ProcessBackend, tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)"
    code = (
        "import subprocess, sys; "
        f"c = subprocess.Popen([sys.executable, '-c', {deaf!r}], start_new_session=True); "
        "print(c.pid, flush=True); c.wait()"
    )
    job = backend.submit(make_job(code))
    deadline = time.monotonic() + 90
    while not backend.output(job, "work/0/0"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(backend.output(job, "work/0/0"))

    backend.evict("work/0/0")

    (state,) = until(backend, job, ended).values()
    assert state.reason == "it was evicted: the node was low on memory"
    deadline = time.monotonic() + 90
    while subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True).stdout.strip()[
        :1
    ] not in ("", "Z"):
        assert time.monotonic() < deadline, "the task's child lives on"
        time.sleep(0.05)


def test_jobs_are_held_back_and_then_started(backend: ProcessBackend) -> None:
    backend.check()
    (backend.directory / "hold").write_text("no node has 1000 GB of memory")
    job = backend.submit(make_job("print('ran')", 2))
    (first, second) = backend.poll([job], 0)
    assert (first.phase, first.text) == ("pending", "no node has 1000 GB of memory")
    assert backend.find(JobQuery("F"))[0].phase == "pending"
    backend.cancel(job, [second.task])
    (backend.directory / "hold").unlink()

    states = until(backend, job, ended)

    assert (states[first.task].status, states[second.task].status) == (0, None)
    assert states[second.task].reason == "it was cancelled"


def test_faults_of_an_engine(backend: ProcessBackend) -> None:
    backend.check()
    (backend.directory / "refuse").write_text("no such queue")
    with pytest.raises(JobRefused, match="no such queue"):
        backend.submit(make_job("pass"))
    (backend.directory / "refuse").unlink()
    (backend.directory / "lose").touch()
    with pytest.raises(EngineUnavailable):
        backend.submit(make_job("print('once')"))
    job = backend.submit(make_job("print('once')"))
    (backend.directory / "unavailable").write_text("out for lunch")
    with pytest.raises(EngineUnavailable, match="out for lunch"):
        backend.poll([job], 0)
    (backend.directory / "unavailable").unlink()

    until(backend, job, ended)

    assert backend.output(job, "work/0/0") == b"once\n", "a job whose submission was not confirmed ran once"
    assert [line.split()[0] for line in (backend.directory / "requests").read_text().splitlines()][:4] == [
        "check",
        "submit",
        "submit",
        "submit",
    ]
    assert (
        until(backend, SubmittedJob("mf-9", "mf-9", ("a/1/0",)), ended)["a/1/0"].reason
        == "the engine does not know it any more"
    )
