from __future__ import annotations

import threading
import time

import pytest

from metaflow.datastore.parallel import map_in_threads


def test_results_keep_the_order_of_the_items():
    assert map_in_threads(lambda n: n * n, range(100)) == [n * n for n in range(100)]
    assert map_in_threads(str, [7]) == ["7"]
    assert map_in_threads(str, []) == []


def test_the_first_failure_is_raised_and_no_thread_survives():
    before = threading.active_count()
    done = []

    def work(item):
        if item == 3:
            raise KeyError("three")
        time.sleep(0.001)
        done.append(item)

    with pytest.raises(KeyError, match="three"):
        map_in_threads(work, range(1000))
    assert threading.active_count() == before
    assert len(done) < 999, "work went on after the failure"


def test_more_than_one_thread_works(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    met = threading.Barrier(2, timeout=60)
    map_in_threads(lambda _: met.wait(), range(2))
