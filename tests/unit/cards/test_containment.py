"""Code of cards may do anything; the task must not notice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from metaflow.cards.exception import CardException, UnrenderableCardException
from metaflow.cards.running.containment import Contained


def why(code: Callable[[], object], seconds: float = 30, owns_process: bool = False) -> str:
    with pytest.raises(CardException) as caught, Contained(seconds, owns_process):
        code()
    return caught.value.message


def recurse() -> None:
    recurse()


def raise_(error: BaseException) -> Callable[[], None]:
    def code() -> None:
        raise error

    return code


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (raise_(ValueError("too few rows")), "ValueError: too few rows"),
        (raise_(KeyError()), "KeyError"),
        (raise_(Unspeakable()), "its text could not be made"),
        (raise_(SystemExit(3)), "asked the process to exit (sys.exit(3))"),
        (raise_(MemoryError()), "not enough memory"),
        (recurse, "calls itself without end"),
    ],
)
def test_what_the_code_raises_becomes_one_kind_of_error(code: Callable[[], object], expected: str) -> None:
    assert expected in why(code)


def test_an_interruption_belongs_to_the_process_unless_that_is_the_tasks_own() -> None:
    with pytest.raises(KeyboardInterrupt), Contained(30, owns_process=False):
        raise KeyboardInterrupt


def test_an_error_about_the_card_is_passed_on() -> None:
    with pytest.raises(UnrenderableCardException, match="no page"), Contained(30, False):
        raise UnrenderableCardException("no page")


def test_code_that_takes_too_long_is_interrupted_again_and_again() -> None:
    handled = []

    def stubborn() -> None:
        while True:
            try:
                time.sleep(60)
            except Exception as error:
                handled.append(error)
            except BaseException:
                if len(handled) < 1:
                    handled.append("first")
                    continue
                raise

    assert "within 0.3 seconds" in why(stubborn, 0.3)
    assert handled == ["first"]


def test_one_second_is_a_second() -> None:
    assert "within 1 second." in why(lambda: signal.raise_signal(signal.SIGALRM), 1)


def test_everything_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    streams = sys.stdout, sys.stderr
    handler = signal.getsignal(signal.SIGALRM)
    before = signal.setitimer(signal.ITIMER_REAL, 1000)
    try:
        with Contained(30, False):
            os.chdir("/")
            sys.stdout = sys.stderr = None  # type: ignore[assignment]
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        assert os.getcwd() == str(tmp_path)
        assert (sys.stdout, sys.stderr) == streams
        assert signal.getsignal(signal.SIGALRM) is handler
        assert 900 < left <= 1000
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_a_directory_that_is_gone_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with Contained(30, False):
        os.chdir("/")


def test_in_another_thread_there_is_no_alarm_and_no_error() -> None:
    from threading import Thread

    messages: list[str] = []
    thread = Thread(target=lambda: messages.append(why(raise_(ValueError("here too")))))
    thread.start()
    thread.join()
    assert messages == ["ValueError: here too"]


def process(code: str) -> subprocess.CompletedProcess[str]:
    """A process of a task: what is done at its very end must be seen from outside."""
    header = (
        "import collections, itertools, os, threading, time\nfrom metaflow.cards.running import containment\n"
        "from metaflow.cards.running.containment import Contained\ncontainment._GRACE_SECONDS = 0.2\n"
    )
    return subprocess.run(
        [sys.executable, "-c", header + textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )


def test_code_that_cannot_be_interrupted_ends_the_process_and_what_it_printed_stays() -> None:
    ended = process(
        """
        print("printed before", end="")
        with Contained(0.1, owns_process=True):
            collections.deque(itertools.repeat(1), maxlen=0)  # in C, without end, and without looking at signals
        print("never reached")
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "printed before", "")


@pytest.mark.parametrize("kind", ["threading.Thread", "multiprocessing.get_context('fork').Process"])
def test_what_the_code_leaves_holds_the_process_up_for_a_while_only(kind: str) -> None:
    ended = process(
        f"""
        import multiprocessing
        with Contained(1, owns_process=True):
            {kind}(target=time.sleep, args=(10,)).start()
        with Contained(1, owns_process=True):
            pass  # another card, which leaves nothing
        print("reached", flush=True)
        """
    )
    assert (ended.returncode, ended.stdout) == (1, "reached\n")


def test_a_process_that_the_code_forks_does_not_go_on_as_the_task() -> None:
    ended = process(
        """
        with Contained(10, owns_process=True):
            child = os.fork()
            if child:
                os.waitpid(child, 0)
        print("once", flush=True)
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "once\n")


def test_the_watchdog_is_called_off_in_time() -> None:
    ended = process(
        """
        with Contained(0.7, owns_process=True):
            pass
        time.sleep(1.2)
        print("alive")
        """
    )
    assert (ended.returncode, ended.stdout) == (0, "alive\n")
