"""Steps that run elsewhere, on the engine for tests: real processes that know nothing of the run's process."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from faulty_proxy import answering, faulty_proxy
from metaflow import Flow
from metaflow.datastore.layout import live_prefix, log_key
from metaflow.datastore.local import LocalStore
from metaflow.testing.process_backend import DIRECTORY_VARIABLE, ProcessBackend

from .conftest import Outcome, Project
from .test_failures import is_alive
from .test_kill import interrupted_until_it_leaves, wait_until

ALL_KINDS = """
import os, sys, time
from metaflow import FlowSpec, catch, current, parallel, retry, step, timeout

class AllKindsFlow(FlowSpec):
    @step
    def start(self):
        print("with an umlaut: \\u00fc, and no line feed", end="")
        self.numbers = list(range(12))
        self.next(self.square, foreach="numbers")

    @retry(times=1, minutes_between_retries=0)
    @step
    def square(self):
        print("attempt", current.retry_count, "of", self.input)
        if self.input == 3 and current.retry_count == 0:
            os._exit(7)
        self.value = self.input ** 2
        self.next(self.sum)

    @step
    def sum(self, inputs):
        self.total = sum(each.value for each in inputs)
        self.next(self.spread)

    @step
    def spread(self):
        self.next(self.node, num_parallel=3)

    @parallel
    @step
    def node(self):
        self.place = (current.parallel.node_index, current.parallel.num_nodes, bool(current.parallel.main_ip))
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.places = [each.place for each in inputs]
        self.merge_artifacts(inputs, include=["total"])
        self.next(self.caught)

    @catch(var="problem")
    @step
    def caught(self):
        os.kill(os.getpid(), 9)
        self.next(self.late)

    @catch(var="too_late")
    @timeout(seconds=1)
    @step
    def late(self):
        time.sleep(60)
        self.next(self.end)

    @step
    def end(self):
        print("the total is", self.total)
"""

ONE_STEP = """
import os, sys, time
from metaflow import FlowSpec, current, step
from metaflow.testing.elsewhere import elsewhere

class OneStepFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.away)

    @elsewhere
    @step
    def away(self):
        BODY
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.fixture
def engine(project: Project) -> ProcessBackend:
    """The engine, which has to be rid of everything in the end."""
    folder = project.path / "engine"
    project.env[DIRECTORY_VARIABLE] = str(folder)
    backend = ProcessBackend(str(folder))
    yield backend
    backend.clear()


def one_step(project: Project, body: str, *arguments: str, code: int = 0, **env: str) -> Outcome:
    return project.run(ONE_STEP.replace("BODY", body), *arguments, code=code, env=env)


def requests(engine: ProcessBackend) -> list[str]:
    return (engine.directory / "requests").read_text().split("\n")[:-1]


def said(engine: ProcessBackend, name: str, text: str) -> Path:
    engine.directory.mkdir(parents=True, exist_ok=True)
    path = engine.directory / name
    path.write_text(text)
    return path


def test_every_kind_of_step_elsewhere(project: Project, engine: ProcessBackend) -> None:
    outcome = project.run(ALL_KINDS, "--with", "elsewhere:largest_job=5")
    project.client()
    run = Flow("AllKindsFlow").latest_run
    assert run is not None and run.successful
    assert run.data.total == sum(number**2 for number in range(12))
    assert run.data.places == [(0, 3, True), (1, 3, True), (2, 3, True)]
    assert "SIGKILL" in str(run.data.problem.exception)
    assert "timed out" in str(run.data.too_late.exception)

    retried = next(task for task in run["square"] if task.data.value == 9)
    assert retried.current_attempt == 1
    assert retried.stdout == "attempt 1 of 3\n"
    assert run["start"].task.stdout == "with an umlaut: ü, and no line feed\n"
    assert "the total is 506" in outcome.stdout
    assert "its process exited with code 7" in outcome.stdout
    assert "12 tasks" not in outcome.stdout and "5 tasks of step square are submitted to Elsewhere" in outcome.stdout

    # Nothing is left that only matters while tasks run, and the number of requests is that of jobs, not of tasks.
    store = LocalStore(str(project.path / ".metaflow"))
    assert list(store.list(live_prefix("AllKindsFlow", run.id))) == []
    assert sum(request.startswith("submit") for request in requests(engine)) == 12


def test_an_engine_that_is_away_is_waited_for(project: Project, engine: ProcessBackend) -> None:
    project.write(ONE_STEP.replace("BODY", "time.sleep(2); print('done it')"))
    process = project.start("run")
    wait_until(lambda: engine.directory.exists() and any(r.startswith("submit") for r in requests(engine)))
    said(engine, "unavailable", "The engine is being restarted.")
    stdout, stderr = process.communicate(timeout=60)
    # The result came home through the datastore, although the engine never answered again.
    assert process.returncode == 0, stdout + stderr
    assert "done it" in stdout


def test_an_object_store_that_is_away_is_waited_for_by_tasks_and_run(
    project: Project, engine: ProcessBackend, s3_bucket
) -> None:
    with faulty_proxy(s3_bucket.server.url) as proxy:
        # Without further tries of single requests, every second of this outage is longer than they would take.
        project.env |= s3_bucket.environment
        project.env |= {"METAFLOW_S3_ENDPOINT_URL": proxy.url, "METAFLOW_S3_RETRY_COUNT": "0"}
        project.env["METAFLOW_CLIENT_CACHE_PATH"] = str(project.path / "cache")
        begun = project.path / "begun"
        body = f"self.data = os.urandom(100_000); open({str(begun)!r}, 'w').close(); time.sleep(1)"
        project.write(ONE_STEP.replace("BODY", body))
        process = project.start("--datastore", "s3", "run", "--with", "elsewhere")
        wait_until(lambda: begun.exists() or process.poll() is not None)
        proxy.always(answering(503))
        time.sleep(5)
        proxy.forget()
        stdout, stderr = process.communicate(timeout=90)
    assert process.returncode == 0, stdout + stderr
    assert "Done!" in stdout and "Task failed" not in stdout


def test_a_submission_that_was_not_confirmed_runs_once(project: Project, engine: ProcessBackend) -> None:
    said(engine, "lose", "")
    outcome = one_step(project, "open(os.environ['HOME'] + '/ran', 'a').write('x')", HOME=str(project.path))
    assert "Done!" in outcome.stdout
    assert (project.path / "ran").read_text() == "x"


def test_what_the_engine_refuses_is_not_tried_again(project: Project, engine: ProcessBackend) -> None:
    said(engine, "refuse", "There is no queue of that name.")
    outcome = project.run(ONE_STEP.replace("BODY", "pass"), "--with", "retry", code=1)
    assert "Task failed: There is no queue of that name." in outcome.stdout
    assert "will not be retried" in outcome.stdout
    assert sum(request.startswith("submit") for request in requests(engine)) == 1


def test_why_a_task_waits_is_told(project: Project, engine: ProcessBackend) -> None:
    hold = said(engine, "hold", "no node has 12 GB of memory free")
    project.write(ONE_STEP.replace("BODY", "pass"))
    process = project.start("run")
    seen = ""
    assert process.stdout is not None
    for line in process.stdout:
        seen += line
        if "Task is waiting: no node has 12 GB of memory free" in line:
            hold.unlink()
    assert process.wait(60) == 0, seen
    assert seen.count("Task is waiting") == 1


def test_what_the_engine_does_to_a_task_is_told_and_tried_again(project: Project, engine: ProcessBackend) -> None:
    project.write(ONE_STEP.replace("BODY", "print('begun', flush=True); time.sleep(0 if current.retry_count else 60)"))
    process = project.start("run", "--with", "retry:times=1,minutes_between_retries=0")
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if "begun" in line and "evicted" not in seen:
            engine.evict("away/2/0")
    assert process.wait(60) == 0, seen
    assert "Task failed: it was evicted: the node was low on memory" in seen
    project.client()
    task = Flow("OneStepFlow").latest_run["away"].task
    assert task.current_attempt == 1
    # What it had printed is kept, although it could not send its log.
    store = LocalStore(str(project.path / ".metaflow"))
    assert b"begun" in store.get(log_key("OneStepFlow", task.path_components[1], "away", "2", 0))


def test_a_flood_of_output_is_cut_and_harms_nothing(project: Project, engine: ProcessBackend) -> None:
    body = "[sys.stdout.write('x' * 1023 + '\\n') for _ in range(40_000)]; sys.stderr.write('and this')"
    outcome = one_step(project, body, "--max-log-size", "1")
    assert outcome.stdout.count("x" * 1023) < 1100
    assert "TRUNCATED" in outcome.stdout and "and this" in outcome.stdout


def test_an_interrupted_run_ends_its_tasks(project: Project, engine: ProcessBackend) -> None:
    body = "open('pid', 'w').write(str(os.getpid())); print('begun', flush=True); time.sleep(600)"
    project.write(ONE_STEP.replace("BODY", body.replace("'pid'", repr(str(project.path / "pid")))))
    process = project.start("run")
    wait_until(lambda: (project.path / "pid").exists() and (project.path / "pid").read_text() != "")
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Terminating 1 active tasks" in stdout and "Task was stopped." in stdout
    pid = int((project.path / "pid").read_text())
    wait_until(lambda: not is_alive(pid))
    project.client()
    assert not Flow("OneStepFlow").latest_run.successful


def test_tasks_of_a_lost_run_end_themselves(project: Project, engine: ProcessBackend) -> None:
    pid_file = project.path / "pid"
    project.write(ONE_STEP.replace("BODY", f"open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"))
    process = project.start("run", env={"METAFLOW_REMOTE_SILENCE_LIMIT": "5"})
    wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_until(lambda: not is_alive(int(pid_file.read_text())))


def test_an_engine_that_cannot_be_used_is_told_before_the_run(project: Project, engine: ProcessBackend) -> None:
    said(engine, "unavailable", "Connection refused by cluster.example.")
    outcome = one_step(project, "pass", code=1)
    assert "Connection refused by cluster.example." in outcome.stdout + outcome.stderr
    assert "run-id" not in outcome.stdout
    assert "Traceback" not in outcome.stdout + outcome.stderr


def test_the_third_interrupt_leaves_an_engine_that_does_not_answer(project: Project, engine: ProcessBackend) -> None:
    project.write(ONE_STEP.replace("BODY", "print('begun', flush=True); time.sleep(600)"))
    process = project.start("run")
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if line.rstrip().endswith("begun"):
            said(engine, "unavailable", "No route to host.")
            break
    seen += interrupted_until_it_leaves(process)[0]
    assert process.returncode == 1, seen
    assert "Nothing confirms that the task has ended" in seen
