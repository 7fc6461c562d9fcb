"""Work in threads, and what is tried again."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from metaflow.datatools.batch import in_parallel
from metaflow.datatools.bucket import TryAgain
from metaflow.datatools.patience import Patience
from metaflow.datatools.scratch import Scratch
from metaflow.exception import MetaflowS3Exception


@pytest.mark.parametrize("count", [0, 1, 2, 500])
@pytest.mark.parametrize("limit", [1, 64])
def test_results_are_in_order(count: int, limit: int) -> None:
    assert in_parallel(lambda item: item * 2, range(count), limit) == [item * 2 for item in range(count)]


def test_the_first_failure_ends_it() -> None:
    done = []

    def work(item: int) -> int:
        done.append(item)
        if item in (3, 7):
            raise ValueError(item)
        return item

    with pytest.raises(ValueError, match="3"):
        in_parallel(work, range(10_000), 4)
    assert len(done) < 10_000


def test_work_that_waits_gets_more_threads_and_work_that_does_not_gets_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaflow.datatools.batch._FIRST_THREADS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    used: set[int] = set()
    together = threading.Barrier(8)

    def wait(item: int) -> None:
        used.add(threading.get_ident())
        if item < 16:
            time.sleep(0.03)
        else:
            together.wait(60)  # which needs as many threads as there are items

    in_parallel(wait, range(24), 8)
    assert len(used) == 8
    used.clear()
    # However long a thread has to wait for a processor.
    monkeypatch.setattr("metaflow.datatools.batch._WAITED_SECONDS", 1000.0)
    in_parallel(lambda _: used.add(threading.get_ident()), range(1000), 64)
    assert len(used) <= 2


def test_no_thread_outlives_the_call() -> None:
    before = threading.active_count()
    in_parallel(lambda _: time.sleep(0.03), range(40), 16)
    assert threading.active_count() == before


def test_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_S3_TRANSIENT_RETRY_COUNT", "3")
    tries = []

    def fail() -> None:
        tries.append(1)
        raise TryAgain(MetaflowS3Exception("at last"), pause=False)

    with pytest.raises(MetaflowS3Exception, match="at last"):
        Patience().insist("read", "s3://b/k", fail)
    assert len(tries) == 4
    monkeypatch.setenv("METAFLOW_TEST_S3_RETRY", "1")
    calls: list[int] = []
    Patience().insist("read", "s3://b/k", lambda: calls.append(1))
    assert calls == [1], "the first try did not get as far"
    monkeypatch.setenv("METAFLOW_S3_TEST_RETRYABLE_FAILURES", "95")
    assert Patience()._rate == 90
    monkeypatch.setenv("METAFLOW_S3_TEST_RETRYABLE_FAILURES", "100")
    assert Patience()._rate == 100
    with pytest.raises(MetaflowS3Exception, match="percentage"):
        Patience(float("nan"))


def test_files_keep_their_endings_and_differ(tmp_path) -> None:
    scratch = Scratch(str(tmp_path / "new"), keep=False)
    names = ["a/b.csv.gz", "b.csv.gz", "x" * 5000 + ".parquet", "中" * 300 + ".txt", "folder/"]
    paths = [scratch.new_path(name) for name in names]
    assert len(set(paths)) == 5
    assert [path.rpartition("/")[2].partition(".")[2] for path in paths] == ["csv.gz", "csv.gz", "parquet", "txt", ""]
    for path in paths:
        open(path, "w").close()
    scratch.close()
    assert list((tmp_path / "new").iterdir()) == []
    kept = Scratch(str(tmp_path / "new"), keep=True)
    kept.new_path("x")
    kept.close()
    assert len(list((tmp_path / "new").iterdir())) == 1
    (tmp_path / "file").touch()
    with pytest.raises(MetaflowS3Exception, match="METAFLOW_TEMPDIR"):
        Scratch(str(tmp_path / "file"), keep=False).new_path("x")


def test_a_lock_that_was_held_when_the_process_was_forked_is_free_there(tmp_path) -> None:
    scratch = Scratch(str(tmp_path), keep=False)
    scratch.new_path("x")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with scratch._lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(50)
        scratch.new_path("y")
        scratch.close()  # which leaves the directory to its owner
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    done.set()
    thread.join()
    assert len(list(tmp_path.iterdir())) == 1
    scratch.close()
    assert list(tmp_path.iterdir()) == []
