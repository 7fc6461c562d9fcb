"""Command lines of programs, and that they end with what started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from metaflow.distributed.programs import arguments, end, find_program, run, start, temporary_folder, words_of_status
from metaflow.exception import GangException

WORDS = st.text("abc-=_ /", min_size=1)


def test_arguments_of_every_kind():
    given_as_dict = {"lr": 0.1, "fast": True, "slow": False, "none": None, "layers": [8, 4], "-n": 2, "--x-y": "z"}
    assert arguments(given_as_dict) == ["--lr", "0.1", "--fast", "--layers", "8", "4", "-n", "2", "--x-y", "z"]
    assert arguments(["-n", 2, Path("a")]) == ["-n", "2", "a"]
    assert arguments(None) == arguments({}) == arguments([]) == []
    assert arguments({"n": 2}, "-") == ["-n", "2"]


@given(st.lists(WORDS))
def test_a_list_is_taken_as_it_is(words: list[str]):
    assert arguments(words) == words


@given(st.dictionaries(WORDS.filter(lambda word: not word.startswith("-")), st.integers() | WORDS))
def test_every_value_follows_its_name(values: dict[str, int | str]):
    written = arguments(values)
    assert dict(zip(written[::2], written[1::2], strict=True)) == {f"--{k}": str(v) for k, v in values.items()}


@pytest.mark.parametrize("wrong", ["--lr 0.1", 3, object()])
def test_anything_else_is_refused(wrong: object):
    with pytest.raises(GangException, match="as a dict or as a list"):
        arguments(wrong)


def test_programs_are_found_beside_the_interpreter_first(tmp_path: Path, monkeypatch):
    for folder in ("environment", "path"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text("#!/bin/sh\n")
        (tmp_path / folder / "tool").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "environment" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert find_program("tool", "") == str(tmp_path / "environment" / "tool")
    (tmp_path / "environment" / "tool").unlink()
    assert find_program("tool", "") == str(tmp_path / "path" / "tool")
    (tmp_path / "path" / "tool").unlink()
    with pytest.raises(GangException, match="There is no program 'tool' on this node: install it"):
        find_program("tool", "install it")


def test_a_program_prints_after_what_was_printed_before(capfd):
    sys.stdout.write("before ")
    assert run([sys.executable, "-c", "import os; print(os.environ['X'])"], {"X": "after"}) == 0
    assert capfd.readouterr().out.endswith("after\n")


def test_how_programs_end_in_words():
    assert run([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert run([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]) == -signal.SIGSEGV
    assert words_of_status(3) == "ended with exit code 3"
    assert words_of_status(-11) == "was killed by SIGSEGV"
    assert words_of_status(-99) == "was killed by signal 99"


def test_a_program_that_cannot_be_started(tmp_path: Path):
    with pytest.raises(GangException, match="cannot be started: No such file"):
        run([str(tmp_path / "missing")])


class TooLate(Exception):
    pass


def test_a_program_ends_when_this_process_is_interrupted(tmp_path: Path):
    pid_file = tmp_path / "pid"

    def ring(signum: int, frame: object) -> None:
        raise TooLate

    def ring_when_it_runs() -> None:
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, ring)
    threading.Thread(target=ring_when_it_runs).start()
    try:
        text = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(300)"
        with pytest.raises(TooLate):
            run([sys.executable, "-c", text])
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_a_program_that_does_not_want_to_end_is_killed(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("metaflow.distributed.programs._END_SECONDS", 0.2)
    ready = tmp_path / "ready"
    stubborn = f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(ready)!r}, 'w'); time.sleep(300)"
    process = start([sys.executable, "-c", stubborn])
    while not ready.exists():
        time.sleep(0.01)
    end([process])
    assert process.returncode == -signal.SIGKILL


PROGRAM = """
import time
from metaflow.distributed.programs import temporary_folder
with temporary_folder("test") as folder:
    print(folder, flush=True)
    open(folder + "/file", "w").close()
    time.sleep(60)
"""


def test_a_temporary_folder_does_not_outlive_a_process_that_is_asked_to_end():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        folder = process.stdout.readline().strip()
        assert os.path.isdir(folder)
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM
    assert not os.path.exists(folder)


def test_a_temporary_folder_leaves_signals_as_they_were():
    with temporary_folder("test") as folder:
        assert os.path.isdir(folder)
    assert not os.path.exists(folder) and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    def own(*arguments: object) -> None: ...

    signal.signal(signal.SIGTERM, own)
    try:
        with temporary_folder("test"):
            assert signal.getsignal(signal.SIGTERM) is own
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


LAUNCHER = """
import os, signal, sys, time
def end(*arguments):
    time.sleep(0.5)  # as long as it takes to end the processes that it has started elsewhere
    open(sys.argv[1], "w").close()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(60)
"""

WAITING = """
import sys
from metaflow.distributed.programs import run, temporary_folder
with temporary_folder("test"):
    run([sys.executable, "-c", *sys.argv[1:]])
"""


def test_a_launcher_has_time_to_end_what_it_started(tmp_path: Path):
    """What stops a task signals its process group, and kills what is left of it when the task itself is gone."""
    marker = tmp_path / "ended"
    command = [sys.executable, "-c", WAITING, LAUNCHER, str(marker)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM
    assert marker.exists()
