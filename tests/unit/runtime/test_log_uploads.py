from __future__ import annotations

import os
import threading
import time

import pytest

from metaflow.client.log_spool import runs_with_spooled_logs, send_spooled, spool_path
from metaflow.datastore.layout import log_key
from metaflow.exception import DataException
from metaflow.runtime import log_uploads
from metaflow.runtime.log_uploads import LogUploads
from remote_double import RemoteDouble, is_down


def key_of(number: int) -> str:
    return log_key("F", "1", "start", str(number), 0)


@pytest.fixture
def remote() -> RemoteDouble:
    return RemoteDouble()


@pytest.fixture
def logs(remote, tmp_path):
    return LogUploads(remote, str(tmp_path), "F", "1")


def add_line(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab") as file:
        file.write(b"o 1 %s\n" % text.encode())


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_a_task_prints_is_sent_while_it_runs_and_when_it_is_over(logs, remote, tmp_path):
    path = logs.add(key_of(1))
    logs.refresh()
    assert remote.methods() == [], "it has printed nothing"
    add_line(path, "one")
    logs.refresh()
    wait_for(lambda: remote.objects.get(key_of(1)) == b"o 1 one\n")
    wait_for(lambda: not logs._busy)
    logs.refresh()
    assert remote.methods() == ["put"], "it has not grown since"
    add_line(path, "two")
    logs.finish(key_of(1))
    assert logs.close() is None
    assert remote.objects[key_of(1)] == b"o 1 one\no 1 two\n" and remote.methods() == ["put"]
    assert not os.path.exists(tmp_path / "mf-store/spool/runs/F/1")


def test_a_long_log_is_sent_again_the_more_rarely_the_longer_it_is(logs, remote, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(log_uploads, "monotonic", lambda: now)
    path = logs.add(key_of(1))
    add_line(path, "x" * 3_000_000)
    logs.refresh()
    wait_for(lambda: key_of(1) in remote.objects and not logs._busy)
    add_line(path, "more")
    now += 29.0
    logs.refresh()
    assert not logs._busy and remote.methods() == ["put"]
    now += 2.0
    logs.refresh()
    wait_for(lambda: remote.objects[key_of(1)].endswith(b"more\n"))
    logs.finish(key_of(1))
    assert logs.close() is None


def test_a_task_that_prints_nothing_costs_nothing(logs, remote):
    for number in range(5):
        logs.add(key_of(number))
        logs.finish(key_of(number))
    logs.add(key_of(9))  # never started
    assert logs.close() is None and remote.methods() == []


def test_the_last_state_wins_however_slow_an_earlier_upload_is(logs, remote):
    path = logs.add(key_of(1))
    may_go_on = threading.Event()
    remote.fault = lambda method, key: None if may_go_on.wait(60) else None
    add_line(path, "one")
    logs.refresh()
    wait_for(lambda: remote.requests)
    add_line(path, "two")
    logs.finish(key_of(1))  # does not wait
    may_go_on.set()
    assert logs.close() is None
    assert remote.objects[key_of(1)] == b"o 1 one\no 1 two\n" and not os.path.exists(path)


def test_a_datastore_that_is_out_of_reach_for_a_while(logs, remote):
    paths = [logs.add(key_of(number)) for number in range(3)]
    remote.fault = is_down
    for number, path in enumerate(paths):
        add_line(path, f"line {number}")
        logs.finish(key_of(number))
    wait_for(lambda: not logs._busy)
    remote.fault = None
    assert logs.close() is None
    assert sorted(remote.objects) == [key_of(number) for number in range(3)]


def test_a_datastore_that_stays_out_of_reach(logs, remote, tmp_path):
    path = logs.add(key_of(1))
    add_line(path, "one")
    remote.fault = is_down
    logs.finish(key_of(1))
    problem = logs.close()
    assert problem is not None and path in problem and "cannot be reached" in problem and "reindex" in problem
    assert path == spool_path(str(tmp_path), key_of(1)) and runs_with_spooled_logs(str(tmp_path)) == [("F", "1")]

    with pytest.raises(DataException):
        send_spooled(str(tmp_path), remote, "F", "1")
    remote.fault = None
    send_spooled(str(tmp_path), remote, "F", "1")
    assert remote.objects == {key_of(1): b"o 1 one\n"} and runs_with_spooled_logs(str(tmp_path)) == []
