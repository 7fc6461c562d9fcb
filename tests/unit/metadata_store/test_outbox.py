from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.exception import MetadataException, ServiceException, ServiceUnavailable
from metaflow.metadata_store.events import RunEnded
from metaflow.metadata_store.outbox import Delivery, Outbox, deliver_left_behind, retry_refused, waiting_in

URL = "http://service"


def events(count: int, start: int = 0) -> list[RunEnded]:
    return [RunEnded("F", "1", "done", float(number)) for number in range(start, start + count)]


class Service:
    """Takes events, as long as it is told to."""

    def __init__(self) -> None:
        self.taken: list[RunEnded] = []
        self.breaks_after: int | None = None
        self.refuses: set[float] = set()

    def take(self, batch) -> None:
        if self.breaks_after is not None and len(self.taken) + len(batch) > self.breaks_after:
            raise ServiceUnavailable("it is away", 503)
        if any(event.finished_at in self.refuses for event in batch):
            raise ServiceException("that is no event", 422)
        self.taken += batch


def test_what_is_sent_leaves_no_file(tmp_path: Path) -> None:
    outbox, service = Outbox.of_run(str(tmp_path / "outbox"), URL, "F", "1"), Service()
    assert outbox.deliver(service.take) == Delivery() and not os.path.exists(outbox.path)
    outbox.append(events(3))
    assert outbox.waiting == 3 and os.stat(outbox.path).st_mode & 0o077 == 0
    assert outbox.deliver(service.take) == Delivery(3)
    outbox.append(events(2, 3))
    outbox.deliver(service.take)
    outbox.close()
    assert service.taken == events(5) and os.listdir(tmp_path / "outbox") == []


def test_a_service_that_breaks_off_gets_all_in_order(tmp_path: Path) -> None:
    outbox, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    outbox.append(events(1200))
    service.breaks_after = 700
    with pytest.raises(ServiceUnavailable):
        outbox.deliver(service.take)
    assert len(service.taken) == 500 and outbox.waiting == 700
    outbox.append(events(10, 1200))
    service.breaks_after = None
    outbox.deliver(service.take)
    assert service.taken == events(1210) and outbox.waiting == 0


def write_and_die(folder: str) -> None:
    Outbox.of_run(folder, URL, "F", "1").append(events(4))
    os._exit(9)


@pytest.mark.parametrize("torn", [b"", b'{"kind": "run_en', b'{"kind":"run_ended","flow":"F","run_id":"1","sta'])
def test_what_a_dead_process_left_is_sent_by_another(tmp_path: Path, torn: bytes) -> None:
    process = multiprocessing.get_context("fork").Process(target=write_and_die, args=(str(tmp_path),))
    process.start()
    process.join()
    [waiting] = waiting_in(str(tmp_path))
    assert (waiting.service, waiting.flow, waiting.run_id, waiting.events) == (URL, "F", "1", 4)
    with open(waiting.path, "ab") as file:
        file.write(torn)
    service = Service()
    assert deliver_left_behind(str(tmp_path), "http://another", service.take) == Delivery()
    assert deliver_left_behind(str(tmp_path), URL, service.take) == Delivery(4)
    assert service.taken == events(4) and waiting_in(str(tmp_path)) == [] and os.listdir(tmp_path) == []


def test_what_a_living_process_writes_is_left_to_it(tmp_path: Path) -> None:
    outbox, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    outbox.append(events(2))
    assert deliver_left_behind(str(tmp_path), URL, service.take) == Delivery()
    outbox.close()
    assert deliver_left_behind(str(tmp_path), URL, service.take) == Delivery(2)


def test_what_is_refused_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    outbox, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    service.refuses = {3.0, 7.0}
    outbox.append(events(9))
    assert outbox.deliver(service.take) == Delivery(7, 2)
    outbox.close()
    assert service.taken == [event for event in events(9) if event.finished_at not in service.refuses]
    [refused] = waiting_in(str(tmp_path))
    assert refused.events == 2 and refused.refusal == "that is no event"
    assert deliver_left_behind(str(tmp_path), URL, service.take) == Delivery()
    service.refuses = set()
    retry_refused(str(tmp_path))
    assert deliver_left_behind(str(tmp_path), URL, service.take) == Delivery(2)
    assert sorted(event.finished_at for event in service.taken) == list(range(9)) and os.listdir(tmp_path) == []


@pytest.mark.parametrize("code", [None, 401, 403, 404, 429, 500, 503])
def test_refusals_of_the_sender_keep_everything(tmp_path: Path, code: int | None) -> None:
    outbox = Outbox.of_run(str(tmp_path), URL, "F", "1")
    outbox.append(events(2))

    def refuse(batch) -> None:
        raise ServiceException("not you", code)

    with pytest.raises(ServiceException):
        outbox.deliver(refuse)
    assert outbox.waiting == 2 and waiting_in(str(tmp_path))[0].refusal == ""


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("in the way")
    with pytest.raises(MetadataException, match=f"cannot be kept in {tmp_path}/outbox"):
        Outbox.of_run(str(tmp_path / "outbox"), URL, "F", "1").append(events(1))


def test_names_are_no_paths(tmp_path: Path) -> None:
    outbox = Outbox.of_run(str(tmp_path / "outbox"), URL, "../../F", "a/../b" * 100)
    outbox.append(events(1))
    assert os.path.dirname(outbox.path) == str(tmp_path / "outbox") and len(os.listdir(tmp_path / "outbox")) == 1


def test_runs_with_long_names_do_not_share_a_file(tmp_path: Path) -> None:
    service = Service()
    outboxes = [Outbox.of_run(str(tmp_path), URL, "F" * 180, f"a-long-id-of-a-run-{end}") for end in "ab"]
    for number, outbox in enumerate(outboxes):
        outbox.append(events(2, 2 * number))
    assert outboxes[0].path != outboxes[1].path
    outboxes[0].deliver(service.take)
    outboxes[0].close()
    outboxes[1].append(events(1, 4))
    os.close(outboxes[1]._file)  # it dies
    deliver_left_behind(str(tmp_path), URL, service.take)
    assert service.taken == events(5)


def test_a_file_that_another_process_is_about_to_remove_is_not_used(tmp_path: Path) -> None:
    """A run of the same id that died has left a file, or somebody was quick to look into a new one."""
    dead, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    dead.append(events(2))
    os.close(dead._file)
    alive = Outbox.of_run(str(tmp_path), URL, "F", "1")

    def take(batch) -> None:
        service.take(batch)
        if alive.waiting == 0:
            alive.append(events(3, 2))

    assert deliver_left_behind(str(tmp_path), URL, take) == Delivery(2)
    assert [waiting.events for waiting in waiting_in(str(tmp_path))] == [3]
    os.close(alive._file)
    deliver_left_behind(str(tmp_path), URL, service.take)
    assert service.taken == events(5)


def test_what_is_refused_again_takes_no_place_of_what_waits(tmp_path: Path) -> None:
    outbox, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    service.refuses = {0.0, 1.0}
    for number in range(2):
        outbox.append(events(1, number))
        assert outbox.deliver(service.take) == Delivery(0, 1)
        retry_refused(str(tmp_path))  # and the service is away, so that it goes on waiting
    outbox.close()
    service.refuses = set()
    deliver_left_behind(str(tmp_path), URL, service.take)
    assert sorted(service.taken) == events(2) and os.listdir(tmp_path) == []


@pytest.mark.parametrize("line", [b'{"kind":"run_renamed","flow":"F"}', b'{"kind":"run_started","run":[1]}'])
def test_what_a_newer_version_wrote_is_put_aside(tmp_path: Path, line: bytes) -> None:
    outbox, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    outbox.append(events(1))
    with open(outbox.path, "ab") as file:
        file.write(line + b"\n")
    outbox.append(events(1, 1))
    service.breaks_after = 0
    for _ in range(3):  # it is put aside once, however often the rest is tried
        with pytest.raises(ServiceUnavailable):
            outbox.deliver(service.take)
    service.breaks_after = None
    assert outbox.deliver(service.take) == Delivery(2, 1) and service.taken == events(2)
    outbox.close()
    [refused] = waiting_in(str(tmp_path))
    assert refused.events == 1 and "This version of the package cannot read it" in refused.refusal


def test_what_is_put_in_between_two_batches_hides_nothing(tmp_path: Path) -> None:
    outbox, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    outbox.append(events(1200))
    more = [events(100, 1200), events(100, 1300)]

    def take(batch) -> None:
        service.take(batch)
        if more:
            outbox.append(more.pop(0))  # moves the position of the file

    assert outbox.deliver(take) == Delivery(1400)
    assert service.taken == events(1400) and outbox.waiting == 0


def test_what_is_put_in_while_it_is_emptied_is_sent_as_well(tmp_path: Path) -> None:
    outbox, service = Outbox.of_run(str(tmp_path), URL, "F", "1"), Service()
    stop = threading.Event()

    def put() -> None:
        for number in range(300):
            outbox.append(events(1, number))
        stop.set()

    writer = threading.Thread(target=put)
    writer.start()
    while not stop.is_set():
        outbox.deliver(service.take)
    writer.join()
    outbox.deliver(service.take)
    assert service.taken == events(300)


actions = st.lists(st.one_of(st.integers(1, 20), st.just("deliver"), st.just("break"), st.just("die")), max_size=20)


@given(actions)
@settings(max_examples=60, deadline=None)
def test_whatever_happens_every_event_arrives(tmp_path_factory: pytest.TempPathFactory, actions: list) -> None:
    folder = str(tmp_path_factory.mktemp("outbox"))
    service, count = Service(), 0
    outbox = Outbox.of_run(folder, URL, "F", "1")
    for number, action in enumerate(actions):
        if isinstance(action, int):
            outbox.append(events(action, count))
            count += action
        elif action == "die":
            if outbox._file is not None:
                os.close(outbox._file)  # what the system does for a process that is killed
            outbox = Outbox.of_run(folder, URL, "F", f"{number}")
        else:
            service.breaks_after = len(service.taken) if action == "break" else None
            try:
                outbox.deliver(service.take)
            except ServiceUnavailable:
                assert action == "break"
    service.breaks_after = None
    outbox.close()
    deliver_left_behind(folder, URL, service.take)
    assert sorted({event.finished_at for event in service.taken}) == list(range(count))
