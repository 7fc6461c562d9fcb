"""Runs that are driven from Python while they go on: their output, their end, and the end of the program."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import textwrap
import threading
import time

import pytest

from metaflow import Run, Runner
from metaflow.exception import MetaflowException

from .conftest import Project
from .test_kill import children_named, wait_until
from .test_runner import ECHO

pytestmark = pytest.mark.usefixtures("environment_of_project")

# Tells, by the files that it makes, how far it is, and waits for one before it goes on.
WAITING = """
import pathlib, time

class Waiting(FlowSpec):
    @step
    def start(self):
        print("one", flush=True)
        pathlib.Path("started").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
        print("two")
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def open_files() -> set[str]:
    """What the descriptors of this process are."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{os.readlink(f'/proc/self/fd/{descriptor}')} {descriptor}")
        except OSError:  # the one with which the directory was read
            continue
    return found


def test_an_asyncio_program_drives_many_runs_at_once(project: Project) -> None:
    project.write(WAITING)
    threads = threading.active_count()

    async def main() -> None:
        async with Runner("flow.py", show_output=False) as runner:
            runs = await asyncio.gather(*(runner.async_run(tags=[str(i)]) for i in range(4)))
            assert {run.status for run in runs} == {"running"}
            assert {run.returncode for run in runs} == {None}
            assert len({run.run.id for run in runs}) == 4
            assert threading.active_count() == threads

            streams = [run.stream_log("stdout") for run in runs]
            seen = []
            for stream in streams:
                async for position, line in stream:
                    if line.endswith(" one"):
                        seen.append(position)
                        break
            assert len(seen) == 4
            assert all(" two" not in run.stdout for run in runs)
            (project.path / "go").touch()
            rests = []
            for run, position in zip(runs, seen, strict=True):
                rests.append([line async for _, line in run.stream_log("stdout", position)])
            for rest in rests:
                assert sum(line.endswith(" two") for line in rest) == 1
                assert not any(line.endswith(" one") for line in rest)
                assert rest[-1].endswith("Done!")
            waited = await asyncio.gather(*(run.wait() for run in runs))
            assert waited == runs
            assert [run.status for run in runs] == ["successful"] * 4
            assert sorted(tag for run in runs for tag in run.run.user_tags) == ["0", "1", "2", "3"]
            with pytest.raises(ValueError, match="stdout and stderr, not 'out'"):
                await anext(runs[0].stream_log("out"))

    before = open_files()
    asyncio.run(main())
    left = [name for name in open_files() - before if not name.startswith("pipe:") and "sqlite" not in name]
    assert not left


def test_output_is_shown_as_it_comes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write(WAITING)

    async def main() -> None:
        run = await Runner("flow.py").async_run()
        shown = ""
        while not shown.count(" one\n"):
            shown += capsys.readouterr().out
            await asyncio.sleep(0.01)
        assert " two" not in shown
        (project.path / "go").touch()
        await run.wait(stream="stderr")
        rest = capsys.readouterr().out
        assert " two\n" in rest
        assert rest.rstrip().endswith("Done!")
        assert (shown + rest).count("The graph looks good!") == 2  # of show_output, and of the stream

    asyncio.run(main())


def test_time_outs_and_kills_leave_nothing_behind(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.write(WAITING)

    async def main() -> None:
        runner = Runner("flow.py", show_output=False)
        started = await runner.async_run()
        with pytest.raises(TypeError, match="'timeout' takes seconds"):
            await started.wait(timeout="soon")
        run = await started.wait(timeout=0.3)
        assert run.status == "timeout"
        assert run.returncode != 0
        assert "The process was killed, because it had not ended after 0.3 seconds." in capsys.readouterr().out
        assert run.run.status in ("stopped", "failed")

        killed = await runner.async_run()
        await killed.kill()
        assert killed.status == "failed"

        async with await runner.async_run() as left:
            assert left.status == "running"
        assert left.status == "failed"

        with await runner.async_run() as left:
            assert left.status == "running"
        assert left.status == "failed"

        starting = asyncio.ensure_future(runner.async_run())
        await asyncio.sleep(0.02)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

        last = await runner.async_run()
        runner.cleanup()
        assert last.status == "failed"

    asyncio.run(main())
    wait_until(lambda: not children_named(project.path))


def test_a_start_that_takes_too_long(project: Project) -> None:
    project.write("import os, time\nfrom metaflow import FlowSpec, Parameter, step\n" + ECHO)
    runner = Runner("flow.py", show_output=False, env={"SLOW": "1"})
    project.write(
        "import os, sys, time\nfrom metaflow import FlowSpec, Parameter, step\n"
        "if 'run' in sys.argv or 'describe' in sys.argv and os.path.exists('slow'): time.sleep(60)\n" + ECHO
    )
    runner._file_read_timeout = 0.5  # which is not enough for what the file is asked first
    with pytest.raises(TimeoutError, match="has started nothing in 0.5 seconds"):
        runner.run()
    (project.path / "slow").touch()
    with pytest.raises(MetaflowException, match="was not loaded in 0.4 seconds"):
        Runner("flow.py", env={"OTHER_KEY": "1", "METAFLOW_X": "1"}, file_read_timeout=0.4)
    wait_until(lambda: not children_named(project.path))


DRIVER = """
import asyncio, sys, threading
from metaflow import Runner

def blocking():
    Runner("flow.py", show_output=False).run()

async def asynchronous():
    run = await Runner("flow.py").async_run()
    await run.wait()

def in_thread():
    # The thread that started it may end; only the process counts.
    started = []
    async def start():
        started.append(await Runner("flow.py", show_output=False).async_run())
    thread = threading.Thread(target=lambda: asyncio.run(start()))
    thread.start()
    thread.join()
    import time
    time.sleep(60)

{how}
"""


def start_driver(project: Project, how: str) -> subprocess.Popen[str]:
    project.write(WAITING)
    driver = project.path / "driver.py"
    driver.write_text(textwrap.dedent(DRIVER).format(how=how))
    elsewhere = project.path / "elsewhere"
    elsewhere.mkdir()
    process = project.start(flow="driver.py")
    wait_until(lambda: (project.path / "started").exists())
    return process


@pytest.mark.parametrize("how", ["blocking()", "asyncio.run(asynchronous())", "in_thread()"])
def test_kill_9_of_the_program_leaves_no_process_behind(project: Project, how: str) -> None:
    process = start_driver(project, how)
    if how == "in_thread()":
        time.sleep(0.1)
    assert len(children_named(project.path)) >= 3  # the driver, the run, the fork server and the task
    process.kill()
    process.communicate()
    wait_until(lambda: not children_named(project.path))
    root = project.client()
    (run_id,) = [path.name for path in (root / "mf-store/runs/Waiting").iterdir()]
    run = Run(f"Waiting/{run_id}")
    assert run.status == "stopped", run._record


@pytest.mark.parametrize("how", ["blocking()", "asyncio.run(asynchronous())"])
def test_ctrl_c_ends_the_run_in_good_order(project: Project, how: str) -> None:
    process = start_driver(project, how)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in stderr
    wait_until(lambda: not children_named(project.path))
    project.client()
    (run_id,) = [path.name for path in (project.path / ".metaflow/mf-store/runs/Waiting").iterdir()]
    assert Run(f"Waiting/{run_id}").status == "stopped"
