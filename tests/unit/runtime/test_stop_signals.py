"""Signals that ask a run to stop when no event loop hears them."""

from __future__ import annotations

import os
import signal

import pytest

from metaflow.runtime.stop_signals import StopSignals
from metaflow.runtime.stopping import RunStopped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_they_stop_the_run_until_its_end_is_recorded(number: int) -> None:
    before = signal.getsignal(number)
    with StopSignals() as signals:
        with pytest.raises(RunStopped):
            os.kill(os.getpid(), number)
        signals.hold()
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_what_was_ignored_goes_on_being_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
