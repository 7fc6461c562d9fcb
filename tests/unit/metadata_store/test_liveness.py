from __future__ import annotations

import os
import subprocess
import sys

import pytest

from metaflow.metadata_store import liveness
from metaflow.metadata_store.liveness import (
    HEARTBEAT_LIMIT,
    effective_status,
    is_alive,
    is_surely_alive,
    process_identity,
    silent_since,
)
from metaflow.metadata_store.records import RunRecord


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def running(**fields):
    return RunRecord("F", "1", "ann", 1000.0, **fields)


def identified(identity, **fields):
    host, pid, started = identity
    return running(host=host, pid=pid, process_started=started, **fields)


def test_this_process_lives():
    assert is_alive(*process_identity()) is True


def test_a_number_that_no_process_can_have_is_no_living_process():
    assert is_alive(process_identity()[0], 10**30, None) is False


def test_a_killed_process_is_dead_before_and_after_it_is_reaped(sleeper):
    identity = process_identity(sleeper.pid)
    assert is_alive(*identity) is True
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert is_alive(*identity) is False
    sleeper.wait()
    assert is_alive(*identity) is False


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="only Linux tells when a process started")
def test_a_number_given_to_another_process_is_not_the_same_process():
    host, pid, started = process_identity()
    assert is_alive(host, pid, started - 1) is False


def test_only_what_is_surely_the_process_may_be_sent_a_signal(sleeper):
    host, pid, started = process_identity(sleeper.pid)
    assert is_surely_alive(host, pid, started)
    for number in (0, -1, -pid):
        assert is_alive(host, number, None) is False and not is_surely_alive(host, number, None)
    assert not is_surely_alive("elsewhere", pid, started)
    assert not is_surely_alive(host, None, None)
    if started is not None:
        assert not is_surely_alive(host, pid, None), "a number alone may be that of another process"
    sleeper.kill()
    sleeper.wait()
    assert not is_surely_alive(host, pid, started) and not is_surely_alive(host, pid, None)


def test_another_host_cannot_be_told():
    _, pid, started = process_identity()
    assert is_alive("elsewhere", pid, started) is None
    assert is_alive(None, pid, started) is None


def test_a_silent_run_was_last_heard_of_at_its_last_heartbeat_or_at_its_start():
    elsewhere = {"host": "elsewhere", "pid": 1}
    beaten = running(**elsewhere, heartbeat_at=1100.0)
    assert silent_since(beaten, 1100.0 + HEARTBEAT_LIMIT) is None
    assert silent_since(beaten, 1101.0 + HEARTBEAT_LIMIT) == 1100.0
    assert silent_since(running(**elsewhere), 5000.0) == 1000.0
    assert silent_since(identified(process_identity()), 5000.0) is None, "it lives"
    assert silent_since(running(**elsewhere)._replace(status="done"), 5000.0) is None


def test_without_proc_a_signal_asks(monkeypatch, sleeper):
    monkeypatch.setattr(liveness, "_process_state", lambda pid: None)
    identity = process_identity(sleeper.pid)
    assert identity[2] is None
    assert is_alive(*identity) is True
    sleeper.kill()
    sleeper.wait()
    assert is_alive(*identity) is False


def test_an_ended_run_is_what_it_says():
    assert effective_status(running(status="stopped"), 1e9) == "stopped"


def test_a_run_whose_process_died_failed_whatever_its_heartbeat(sleeper):
    identity = process_identity(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert effective_status(identified(identity, heartbeat_at=2000.0), 2000.0) == "failed"


def test_a_run_whose_process_lives_runs_whatever_its_heartbeat():
    assert effective_status(identified(process_identity()), 1e9) == "running"


@pytest.mark.parametrize(("silence", "status"), [(HEARTBEAT_LIMIT, "running"), (HEARTBEAT_LIMIT + 1, "failed")])
def test_elsewhere_the_heartbeat_tells(silence, status):
    assert effective_status(running(host="elsewhere", pid=1, heartbeat_at=2000.0), 2000.0 + silence) == status
    assert effective_status(running(host="elsewhere", pid=1), 1000.0 + silence) == status
