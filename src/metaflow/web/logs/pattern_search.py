"""Looks for the regular expressions of people, in a process that is killed if it takes too long."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from metaflow.web.logs.matchers import Match, plain_lines, utf16_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that a pattern may take for one answer, without what reading takes.
MOST_SECONDS = 3.0
# Seconds to wait for others.
_WAIT_SECONDS = 5.0
# So many processes at a time; others wait.
_AT_ONCE = threading.BoundedSemaphore(2)


class PatternError(Exception):
    """The pattern is none."""


class PatternsBusy(Exception):
    """As many patterns are tried as are allowed."""


class PatternTooSlow(Exception):
    """The pattern takes too long."""


class ExpressionMatcher:
    """Looks for a regular expression.

    Parameters
    ----------
    pattern : str
    case : bool
        Whether upper and lower case differ.
    seconds : float, optional
        How long it may take in all.

    Raises
    ------
    PatternError
        It is no regular expression.
    PatternsBusy
        Others are tried.
    PatternTooSlow
        Reading it alone takes too long.
    """

    def __init__(self, pattern: str, case: bool, seconds: float = MOST_SECONDS) -> None:
        self._left = seconds
        if not _AT_ONCE.acquire(timeout=_WAIT_SECONDS):
            raise PatternsBusy
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("pattern_process.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._is_open = True
        try:
            begun = json.loads(self._asked(json.dumps({"pattern": pattern, "case": case}).encode() + b"\n"))
            if "error" in begun:
                raise PatternError(begun["error"])
        except BaseException:
            self.close()
            raise

    def matches(self, content: bytes) -> Iterator[Match]:
        """Give the lines that match of a block.

        Raises
        ------
        PatternTooSlow
            It takes too long.
        """
        lines = plain_lines(content)
        body = "\n".join(lines).encode("utf-8", "replace")
        for index, spans in json.loads(self._asked(b"%d\n" % len(body) + body)):
            yield Match(index, utf16_spans(lines[index], [(begin, end) for begin, end in spans]))

    def close(self) -> None:
        """End the process."""
        if self._is_open:
            self._is_open = False
            self._process.kill()
            self._process.communicate()
            _AT_ONCE.release()

    def _asked(self, question: bytes) -> bytes:
        """What the process answers, if it does so in time."""
        assert self._process.stdin is not None and self._process.stdout is not None
        begun = time.monotonic()
        killer = threading.Timer(max(0.0, self._left), self._process.kill)
        killer.start()
        try:
            self._process.stdin.write(question)
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        finally:
            killer.cancel()
        self._left -= time.monotonic() - begun
        if not answer.endswith(b"\n"):
            raise PatternTooSlow
        return answer
