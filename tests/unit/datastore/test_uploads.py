from __future__ import annotations

import threading

import pytest

from metaflow.datastore.uploads import Uploads


def test_all_is_done_and_no_thread_is_left():
    before = threading.active_count()
    done: list[int] = []
    uploads = Uploads(4, 100)
    for number in range(50):
        uploads.submit("x", 10, lambda number=number: done.append(number))
    assert uploads.finish() == {}
    assert sorted(done) == list(range(50)) and threading.active_count() == before
    uploads.submit("x", 10, lambda: done.append(50))
    assert uploads.finish() == {} and 50 in done, "it can go on after that"


@pytest.mark.parametrize("size", [30, 1000])
def test_no_more_bytes_are_under_way_than_allowed(size):
    lock = threading.Lock()
    under_way, most, count = 0, 0, 0

    def work() -> None:
        nonlocal under_way, most, count
        with lock:
            under_way += size
            most = max(most, under_way)
        threading.Event().wait(0.002)
        with lock:
            under_way -= size
            count += 1

    uploads = Uploads(16, 100)
    for _ in range(30):
        uploads.submit("x", size, work)
    uploads.finish()
    assert most <= max(100, size) and count == 30


def test_the_first_failure_of_each_name_is_told_and_ends_its_work():
    def fail(text: str) -> None:
        raise RuntimeError(text)

    done: list[str] = []
    uploads = Uploads(1)
    for name in ("a", "b", "a", "c"):
        work = (lambda name=name: fail(name)) if name != "c" else (lambda: done.append("c"))
        uploads.submit(name, 1, work)
    failures = uploads.finish()
    assert {name: str(error) for name, error in failures.items()} == {"a": "a", "b": "b"}
    assert done == ["c"] and uploads.finish() == {}


def test_what_was_uploaded_is_not_kept_in_memory():
    import gc
    import weakref

    class Data:
        def write(self) -> None:
            pass

    data = Data()
    watch = weakref.ref(data)
    uploads = Uploads(1)
    uploads.submit("x", 1, data.write)
    uploads.submit("x", 1, threading.Event().set)
    uploads.finish()
    del data
    gc.collect()
    assert watch() is None


def test_an_interrupted_wait_leaves_nothing_undone(monkeypatch):
    """As when a step's time is up while its artifacts are on their way, and others are saved instead."""
    uploads = Uploads(1, 100)
    may_go_on = threading.Event()
    done: list[int] = []
    uploads.submit("x", 10, lambda: may_go_on.wait(60) and done.append(1) or None)
    (worker,) = uploads._threads

    def interrupt(self, timeout=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "join", interrupt)
        with pytest.raises(KeyboardInterrupt):
            uploads.finish()
    may_go_on.set()
    worker.join(60)
    uploads.submit("x", 10, lambda: done.append(2))
    assert uploads.finish() == {} and done == [1, 2]
