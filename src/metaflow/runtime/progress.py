"""The progress line: how far the steps are whose tasks are many."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .console import Console
    from .loop import EventLoop
    from .plan import StepCounts

#: A step with fewer tasks than this tells its story by itself.
_WIDE = 20
#: Interval, in seconds, at which the progress line on a terminal is drawn anew.
_REFRESH_SECONDS = 0.1
#: Interval, in seconds, of the progress line in a log, where nothing can be redrawn.
_REPORT_SECONDS = 300.0


class Progress:
    """Describes where a run stands.

    Parameters
    ----------
    counts : mapping of str to StepCounts
        The plan's counters, which change as the run goes on.
    """

    def __init__(self, counts: Mapping[str, StepCounts]) -> None:
        self._counts = counts
        self._started = time.monotonic()

    def keep_shown(self, loop: EventLoop, console: Console) -> None:
        """Show it as long as the loop runs: all the time on a terminal, and now and then as a line of the log."""

        def refresh() -> None:
            console.status(self.line())
            loop.call_later(_REFRESH_SECONDS, refresh)

        def report() -> None:
            console.say(self.report())
            loop.call_later(_REPORT_SECONDS, report)

        if console.is_terminal:
            refresh()
        loop.call_later(_REPORT_SECONDS, report)

    def line(self) -> str:
        """One line for a terminal; empty while no step has many tasks under way."""
        return "  ".join(
            _describe(step, counts)
            for step, counts in self._counts.items()
            if counts.total >= _WIDE and counts.waiting + counts.running
        )

    def report(self) -> str:
        """One line for a log: tasks that run, wait and are done in all."""
        running = sum(counts.running for counts in self._counts.values())
        waiting = sum(counts.waiting for counts in self._counts.values())
        done = sum(counts.done + counts.cloned for counts in self._counts.values())
        steps = ", ".join(f"*{step}*" for step, counts in self._counts.items() if counts.running)
        minutes = (time.monotonic() - self._started) / 60
        return (
            f"After {minutes:.0f} minutes: {running} tasks are running ({steps}), {waiting} tasks are waiting, "
            f"{done} tasks are done."
        )


def _describe(step: str, counts: StepCounts) -> str:
    done = counts.done + counts.cloned
    width = 20
    filled = width * done // counts.total
    bar = "█" * filled + "░" * (width - filled)
    failed = f", {counts.failed} failed" if counts.failed else ""
    return f"{step} {bar} {done}/{counts.total} ({counts.running} running{failed})"
