"""What a task changes in its process: seen while it runs in the process of a test, and put back afterwards."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from ..client.provider_choice import choose_provider
from ..exception import MetaflowUnknownUser
from ..flow.current import current
from ..identity import get_username

if TYPE_CHECKING:
    from ..client.provider import Provider


class Tee(io.TextIOBase):
    """A text stream that passes everything on and keeps a copy.

    Parameters
    ----------
    shown : text file
        Where it goes on to, so that a debugger's prompt is seen when it comes.
    """

    def __init__(self, shown: TextIO) -> None:
        self._shown = shown
        self._copy = io.StringIO()

    @property
    def text(self) -> str:
        """All that was written."""
        return self._copy.getvalue()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream behind."""
        return self._shown.encoding

    @property
    def buffer(self) -> Any:
        """That of the stream behind; what is written there is not copied."""
        return self._shown.buffer

    def write(self, text: str) -> int:
        """Write `text`."""
        self._copy.write(text)
        return self._shown.write(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._shown.flush()

    def fileno(self) -> int:
        """Descriptor of the stream behind."""
        return self._shown.fileno()

    def isatty(self) -> bool:
        """Whether the stream behind is a terminal."""
        return self._shown.isatty()

    def writable(self) -> bool:
        """Whether it can be written to: yes."""
        return True


@contextmanager
def copied_output() -> Iterator[tuple[Tee, Tee]]:
    """Keep a copy of what is printed to ``sys.stdout`` and ``sys.stderr``."""
    before = sys.stdout, sys.stderr
    tees = Tee(before[0]), Tee(before[1])
    sys.stdout, sys.stderr = tees
    try:
        yield tees
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def as_a_task(provider: Provider) -> Iterator[None]:
    """Be the process of a task, and then the same as before.

    Put back are: environment variables, working directory, ``current``, the datastore that the client reads from, and
    the alarm of the process.
    """
    environment = dict(os.environ)
    directory = os.getcwd()
    facts = current._facts
    chosen = choose_provider(provider)
    alarm = _Alarm()
    name_somebody()
    try:
        yield
    finally:
        alarm.restore()
        choose_provider(chosen)
        current._set(facts)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        os.chdir(directory)


def name_somebody() -> None:
    """Give the user a name where there is none, as in most containers: tests should not depend on it."""
    try:
        get_username()
    except MetaflowUnknownUser:
        os.environ["METAFLOW_USER"] = "test"


class _Alarm:
    """The process's alarm clock, which ``@timeout`` uses, and perhaps the test runner too."""

    def __init__(self) -> None:
        self._usable = threading.current_thread() is threading.main_thread()
        if self._usable:
            self._handler = signal.getsignal(signal.SIGALRM)
            self._left, self._interval = signal.getitimer(signal.ITIMER_REAL)
            self._began = time.monotonic()

    def restore(self) -> None:
        """Set it as it was, less the time that has gone by."""
        if not self._usable or signal.getsignal(signal.SIGALRM) is self._handler:
            return
        signal.signal(signal.SIGALRM, self._handler)
        if self._left:
            left = max(self._left - (time.monotonic() - self._began), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left, self._interval)
