from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

import metaflow.metadata_store.service as service_module
from metaflow.client.home import Home
from metaflow.exception import ServiceException, ServiceUnavailable
from metaflow.metadata_store.events import Heartbeat, RunEnded, RunStarted
from metaflow.metadata_store.outbox import waiting_in
from metaflow.metadata_store.records import RunRecord
from metaflow.runtime import recorder as recorder_module, service_recorder
from metaflow.runtime.service_recorder import ServiceRecorder, check_service

URL = "http://127.0.0.1:1"
RUN = RunRecord("F", "1", "ann", 1.0)


class Service:
    """Stands where the HTTP client would; `problem` is what it raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[object] = []
        self.problem: Exception | None = None
        self.hangs: threading.Event | None = None
        self.called = threading.Event()
        monkeypatch.setattr(service_module, "ServiceMetadata", lambda url, **how: self)

    def apply(self, events) -> None:
        self.called.set()
        if self.hangs is not None:
            self.hangs.wait(60)
        if self.problem is not None:
            raise self.problem
        self.events += events

    def check(self) -> None:
        self.apply(())

    def close(self) -> None:
        pass

    @property
    def lasting(self) -> list[object]:
        return [event for event in self.events if not isinstance(event, Heartbeat)]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(service_recorder, "_SECONDS_BETWEEN_TRIES", 0.0)
    return Service(monkeypatch)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(str(tmp_path), "", URL)


def ending(number: float) -> RunEnded:
    return RunEnded("F", "1", "done", number)


def start(home: Home, said: list[str], seconds: float = 60) -> ServiceRecorder:
    return ServiceRecorder(home, RUN, lambda: Heartbeat("F", "1", time.time()), seconds, tell=said.append)


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_recorded_arrives_and_leaves_nothing(service: Service, home: Home) -> None:
    said: list[str] = []
    recorder = start(home, said)
    recorder.record(RunStarted(RUN), ending(1.0))
    recorder.record(ending(2.0))
    assert recorder.close() is None and said == [] and os.listdir(home.outbox) == []
    assert service.lasting == [RunStarted(RUN), ending(1.0), ending(2.0)]


def test_an_outage_is_said_once_and_its_end_as_well(service: Service, home: Home) -> None:
    said: list[str] = []
    service.problem = ServiceUnavailable("nothing listens there")
    recorder = start(home, said, 0.05)
    recorder.record(ending(1.0))
    wait_for(lambda: said)
    recorder.record(ending(2.0))
    time.sleep(0.3)
    [waiting] = waiting_in(home.outbox)
    assert len(said) == 1 and "nothing listens there" in said[0] and waiting.path in said[0]
    service.problem = None
    wait_for(lambda: len(said) == 2)
    assert "is back" in said[1] and recorder.close() is None
    assert service.lasting == [ending(1.0), ending(2.0)] and waiting_in(home.outbox) == []
    # None of the heartbeats of the time without a service was kept.
    assert sum(isinstance(event, Heartbeat) for event in service.events) <= 2


def test_the_end_of_a_run_says_what_waits_and_the_next_run_sends_it(service: Service, home: Home) -> None:
    said: list[str] = []
    service.problem = ServiceUnavailable("it is away")
    recorder = start(home, said)
    recorder.record(ending(1.0))
    text = recorder.close()
    assert text is not None and "1 records of this run wait" in text and "it is away" in text and "outbox send" in text
    recorder._outbox.close()  # as the end of the process does
    service.problem = None
    later = ServiceRecorder(home, RUN._replace(run_id="2"), lambda: None, 60, tell=said.append)
    later.record(ending(3.0))
    assert later.close() is None
    assert service.lasting == [ending(3.0), ending(1.0)] and "1 records of earlier runs" in said[-1]


def test_a_service_that_hangs_does_not_hold_up_the_end(
    service: Service, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_CLOSE_SECONDS", 0.3)
    service.hangs = threading.Event()
    recorder = start(home, [])
    recorder.record(ending(1.0))
    service.called.wait(60)
    recorder.record(ending(2.0))
    text = recorder.close()
    assert text is not None and "2 records of this run wait for the metadata service, which does not answer" in text
    assert waiting_in(home.outbox)[0].events == 2
    service.hangs.set()


def test_a_disk_without_room_costs_nothing_while_the_service_is_there(service: Service, home: Home) -> None:
    Path(home.outbox).parent.mkdir(parents=True)
    Path(home.outbox).write_text("in the way")
    said: list[str] = []
    service.problem = ServiceUnavailable("it is away")
    recorder = start(home, said, 0.05)
    recorder.record(ending(1.0))
    wait_for(lambda: said)
    recorder.record(ending(2.0))
    service.problem = None
    assert recorder.close() is None and service.lasting == [ending(1.0), ending(2.0)]
    service.problem = ServiceUnavailable("it is away")
    recorder = start(home, said)
    recorder.record(ending(3.0))
    text = recorder.close()
    assert text is not None and "1 records of this run could be neither sent" in text and "cannot be kept" in text


def test_what_is_refused_is_told(service: Service, home: Home) -> None:
    service.problem = ServiceException("no such event", 422)
    recorder = start(home, [])
    recorder.record(ending(1.0))
    text = recorder.close()
    assert text is not None and "refused 1 records" in text and waiting_in(home.outbox)[0].refusal == "no such event"


def test_before_a_run(service: Service, home: Home) -> None:
    assert check_service(home) is None
    service.problem = ServiceUnavailable("later")
    assert check_service(home) is service.problem
    service.problem = ServiceException("Set METAFLOW_SERVICE_AUTH_KEY", 401)
    with pytest.raises(ServiceException):
        check_service(home)


def test_how_a_run_begins_is_on_disk_at_once(service: Service, home: Home) -> None:
    """Before the thread that sends has done anything: the process may be killed in this moment."""
    service.hangs = threading.Event()
    recorder = ServiceRecorder(home, RUN, lambda: None, 60, [RunStarted(RUN)], [].append)
    [waiting] = waiting_in(home.outbox)
    assert (waiting.flow, waiting.run_id, waiting.events) == ("F", "1", 1)
    service.hangs.set()
    recorder.close()
    assert service.lasting == [RunStarted(RUN)] and waiting_in(home.outbox) == []
