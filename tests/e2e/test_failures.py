"""Tasks that fail in every way a process can: what the run says, what it keeps, and that nothing else suffers."""

from __future__ import annotations

import time

import pytest

from metaflow import Flow

from .conftest import Project
from .test_language import last_run

ONE_BAD = """
import glob, os, signal, subprocess, sys, time

class F(FlowSpec):
    @step
    def start(self):
        self.items = [0, 1, 2]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        if self.input == 1:
            while len(glob.glob(".metaflow/mf-store/runs/F/*/work/*.manifest")) < 2:
                time.sleep(0.01)  # let the others finish first
            {bad}
        self.done = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("raise ValueError('broken value')", "ValueError: broken value"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Task failed with a segmentation fault."),
        ("os._exit(7)", "exited with code 7 before the step was finished"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "memory ran out"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "killed by SIGTERM"),
        ("sys.exit(3)", "sys.exit(3)"),
        ("self.bad = (i for i in [])", "self.bad"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_failing_task_is_named_and_explained_and_others_are_untouched(project: Project, bad: str, said: str) -> None:
    outcome = project.run(ONE_BAD.format(bad=bad), code=1)
    assert said in outcome.stdout, outcome
    assert "Workflow failed" in outcome.stdout or "Task failed" in outcome.stdout
    tail = outcome.stderr.rstrip().splitlines()[-2:]
    assert tail[0].strip() == "Step failure:"
    run = last_run(project)
    assert not run.successful and not run.finished
    by_index = {task.index: task for task in run["work"]}
    assert f"Step work (task-id {by_index[1].id}) failed" in tail[1]
    assert [by_index[i].data.done for i in (0, 2)] == [0, 2]
    assert not by_index[1].finished and not by_index[1].successful
    assert not by_index[0].exception


def test_a_failed_attempt_keeps_its_artifacts_and_exception(project: Project) -> None:
    project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.before = 1
                self.ratio = 1 / 0
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
        code=1,
    )
    task = last_run(project)["start"].task
    assert task.data.before == 1
    assert task.exception.type == "builtins.ZeroDivisionError"
    assert "self.ratio = 1 / 0" in str(task.exception)


def test_the_traceback_starts_in_the_users_code(project: Project) -> None:
    outcome = project.run(ONE_BAD.format(bad="raise ValueError('broken value')"), code=1)
    lines = [line.split(") ", 1)[-1] if "(pid" in line else line for line in outcome.stdout.splitlines()]
    text = "\n".join(lines)
    assert "<flow F step work[1] (input: 1)> failed:" in text
    assert "flow.py" in text and "metaflow/runtime" not in text


RETRIES = """
from metaflow import retry, catch, timeout, environment
import os, signal, subprocess, time

class F(FlowSpec):
    {decorators}
    @step
    def start(self):
        self.attempt = current.retry_count
        {body}
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_retry_runs_again_until_it_works(project: Project) -> None:
    outcome = project.run(RETRIES.format(decorators="@retry(times=3)", body="assert self.attempt == 2, 'not yet'"))
    assert outcome.stdout.count("Task is starting (retry).") == 2
    task = last_run(project)["start"].task
    assert task.data.attempt == 2 and task.current_attempt == 2 and task.id == "1"
    assert [Flow("F").latest_run["start"].task.pathspec] == [task.pathspec]


def test_retry_gives_up_after_the_last_attempt(project: Project) -> None:
    outcome = project.run(RETRIES.format(decorators="@retry(times=1)", body="raise OSError('gone')"), code=1)
    assert outcome.stdout.count("OSError: gone") == 2
    assert outcome.stdout.count("Task failed.") == 2


def test_retry_waits_when_a_wait_is_written(project: Project) -> None:
    started = time.monotonic()
    outcome = project.run(
        RETRIES.format(
            decorators="@retry(times=1, minutes_between_retries=0.02)",
            body="assert self.attempt == 1, 'not yet'",
        )
    )
    assert time.monotonic() - started > 1.2
    assert "Task will be tried again in 1.2 seconds." in outcome.stdout


def test_catch_goes_on_and_keeps_the_exception(project: Project) -> None:
    outcome = project.run(RETRIES.format(decorators="@catch(var='problem')", body="raise OSError('gone')"))
    assert "@catch caught an exception from <flow F step start>" in outcome.stdout
    assert ">  " in outcome.stdout
    run = last_run(project)
    assert run.successful
    task = run["start"].task
    assert task.finished and not task.successful and task.exception is None
    assert task.data.problem.type == "builtins.OSError"
    assert run.data.problem.exception == "gone"


def test_catch_leaves_none_when_nothing_happens(project: Project) -> None:
    project.run(RETRIES.format(decorators="@catch(var='problem')", body="pass"))
    assert last_run(project).data.problem is None


def test_retry_then_catch(project: Project) -> None:
    outcome = project.run(
        RETRIES.format(decorators="@catch(var='problem')\n    @retry(times=2)", body="raise OSError(self.attempt)")
    )
    assert outcome.stdout.count("Task is starting (retry).") == 2
    assert "fallback" not in outcome.stdout
    assert last_run(project).data.problem.exception == "2"


def test_catch_takes_over_when_the_process_dies(project: Project) -> None:
    outcome = project.run(
        RETRIES.format(
            decorators="@catch(var='problem')\n    @retry(times=1)",
            body="os.kill(os.getpid(), signal.SIGKILL)",
        )
    )
    assert outcome.stdout.count("Task fallback is starting to handle the failure.") == 1
    assert last_run(project).data.problem.type == "metaflow.exception.FailureHandledByCatch"


def test_timeout_raises_in_the_step_and_kills_what_it_started(project: Project) -> None:
    outcome = project.run(
        RETRIES.format(
            decorators="@timeout(seconds=3)",
            body="open('pid', 'w').write(str(subprocess.Popen(['sleep', '300']).pid)); time.sleep(300)",
        ),
        code=1,
    )
    assert "Step start timed out after 0 hours, 0 minutes, 3 seconds" in outcome.stdout
    wait_until_gone(int((project.path / "pid").read_text()))


def test_timeout_kills_code_that_does_not_react(project: Project) -> None:
    outcome = project.run(
        RETRIES.format(
            decorators="@timeout(seconds=1)",
            body="signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); time.sleep(300)",
        ),
        code=1,
    )
    assert "timed out" in outcome.stdout and "had to be killed" in outcome.stdout


def test_timeout_and_catch(project: Project) -> None:
    project.run(RETRIES.format(decorators="@catch(var='problem')\n    @timeout(seconds=1)", body="time.sleep(300)"))
    assert last_run(project).data.problem.type == "metaflow.exception.TimeoutException"


def test_environment_is_set_in_the_task_only(project: Project) -> None:
    project.run(
        RETRIES.format(
            decorators="@environment(vars={'COLOUR': 'red', 'N': 5})",
            body="self.seen = os.environ['COLOUR'] + os.environ['N']",
        ).replace("pass", "self.after = os.environ.get('COLOUR')")
    )
    data = last_run(project).data
    assert (data.seen, data.after) == ("red5", None)


def test_no_retry_after_exit_code_202(project: Project) -> None:
    outcome = project.run(RETRIES.format(decorators="@retry(times=3)", body="os._exit(202)"), code=1)
    assert "This failed task will not be retried." in outcome.stdout
    assert "(retry)" not in outcome.stdout


OUTPUT = """
import os, subprocess, sys

class F(FlowSpec):
    @step
    def start(self):
        {body}
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_a_hundred_thousand_lines_arrive_complete_and_in_order(project: Project) -> None:
    project.run(OUTPUT.format(body="[print('line', i) for i in range(100_000)]"))
    assert last_run(project)["start"].task.stdout == "".join(f"line {i}\n" for i in range(100_000))


def test_a_line_of_ten_megabytes(project: Project) -> None:
    project.run(OUTPUT.format(body="print('x' * 10_000_000); print('after')"), "--max-log-size", "20")
    assert last_run(project)["start"].task.stdout == "x" * 10_000_000 + "\nafter\n"


def test_a_log_that_is_too_large_is_cut_and_says_so(project: Project) -> None:
    project.run(OUTPUT.format(body="[print('y' * 1000) for _ in range(2000)]"), "--max-log-size", "1")
    stdout = last_run(project)["start"].task.stdout
    assert "TRUNCATED - MAXIMUM LOG FILE SIZE REACHED" in stdout
    assert len(stdout) < 1_200_000


def test_bytes_that_are_no_utf8(project: Project) -> None:
    outcome = project.run(OUTPUT.format(body=r"os.write(1, b'caf\xe9\n'); os.write(2, b'\xff\xfe\n')"))
    assert "caf\ufffd" in outcome.stdout
    task = last_run(project)["start"].task
    assert task.stdout == "caf\ufffd\n" and task.stderr == "\ufffd\ufffd\n"


def test_a_step_may_close_its_output(project: Project) -> None:
    project.run(OUTPUT.format(body="print('before'); sys.stdout.close(); os.close(2)"))
    assert last_run(project)["start"].task.stdout == "before\n"


def test_children_of_a_step_do_not_hold_up_the_run_and_die_with_it(project: Project) -> None:
    project.run(
        OUTPUT.format(
            body="p = subprocess.Popen(['sh', '-c', 'echo child; echo $$ > pid; sleep 300'])\n"
            "        while not os.path.exists('pid') or not os.path.getsize('pid'): pass"
        )
    )
    assert "child" in last_run(project)["start"].task.stdout
    wait_until_gone(int((project.path / "pid").read_text()))


def test_a_step_may_fork(project: Project) -> None:
    project.run(
        OUTPUT.format(body="pid = os.fork() or (print('in child', flush=True), os._exit(0)); os.waitpid(pid, 0)")
    )
    assert last_run(project)["start"].task.stdout == "in child\n"


def test_output_without_a_final_newline_and_exit_functions(project: Project) -> None:
    project.run(
        OUTPUT.format(
            body="import atexit, threading, time; printed = threading.Event(); "
            "atexit.register(lambda: print('at exit')); "
            "threading.Thread(target=lambda: (printed.wait(), time.sleep(0.2), print('thread'))).start(); "
            "print('no newline', end=''); printed.set()"
        )
    )
    assert last_run(project)["start"].task.stdout == "no newlinethread\nat exit\n"


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):  # the latter if it went between opening and reading
        return False


def wait_until_gone(pid: int) -> None:
    """Wait for the end of a process that was killed, which the kernel brings about a moment after the signal."""
    deadline = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} goes on"
        time.sleep(0.01)
