"""parallel_map and profile."""

from __future__ import annotations

import gc
import io
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from metaflow import parallel_imap_unordered, parallel_map, profile
from metaflow.exception import MetaflowException, MulticoreException


def open_files() -> int:
    gc.collect()  # what tests before this one left open is none of ours
    return len(os.listdir("/dev/fd"))


def children() -> set[int]:
    """Processes that this one has started and not waited for."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
        if parent == os.getpid():
            found.add(int(stat.parent.name))
    return found


@pytest.fixture(autouse=True)
def servers_of_other_tests() -> None:
    gc.collect()  # files that earlier tests left open are not closed in the middle of one of these
    _servers.clear()
    _servers.update(children())


_servers: set[int] = set()


def has_children() -> bool:
    return bool(children() - _servers)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of(st.integers(), st.text(), st.none()), max_size=8), st.sampled_from([None, 1, 2, 20]))
def test_results_come_in_order_however_many_run_at_once(items, limit):
    assert parallel_map(lambda item: (item, os.getpid() != parent), iter(items), limit) == [(i, True) for i in items]
    assert sorted(map(repr, parallel_imap_unordered(lambda item: item, items, limit))) == sorted(map(repr, items))


parent = os.getpid()


def test_functions_and_items_need_not_be_pickled():
    lock = threading.Lock()
    results = parallel_map(lambda item: item[0] + bool(item[1].acquire(blocking=False)), [(1, lock), (2, lock)])
    assert results == [2, 3], "each process has its own copy of the lock"
    assert not lock.locked()


def test_results_of_any_size(tmp_path):
    before = open_files()
    results = parallel_map(lambda n: bytes([n]) * 20_000_000, [1, 2], dir=str(tmp_path))
    assert [(len(result), result[0]) for result in results] == [(20_000_000, 1), (20_000_000, 2)]
    assert not list(tmp_path.iterdir()) and open_files() == before and not has_children()
    with pytest.raises(FileNotFoundError):
        parallel_map(str, [1], dir=str(tmp_path / "absent"))


def test_no_more_processes_than_asked_for_and_items_are_taken_when_needed(tmp_path):
    taken = []

    def items():
        for number in range(6):
            taken.append(number)
            yield number

    def work(number):
        (tmp_path / str(number)).touch()
        count = len(list(tmp_path.iterdir()))
        time.sleep(0.02)
        (tmp_path / str(number)).unlink()
        return count

    results = parallel_imap_unordered(work, items(), max_parallel=2)
    assert next(results) <= 2 and len(taken) <= 3
    assert max(results) <= 2 and len(taken) == 6


def fails(item):
    if item == 2:
        raise KeyError("no such *thing*")
    time.sleep(300)


def test_a_failure_is_told_with_its_traceback_and_stops_the_others(capfd):
    before = open_files()
    with pytest.raises(MulticoreException, match="Child failed for item 2: KeyError: 'no such") as caught:
        parallel_map(fails, range(4), max_parallel=4)
    assert caught.value.index == 2 and isinstance(caught.value, MetaflowException)
    assert re.search(r"in fails\n.*raise KeyError.*KeyError: 'no such \*thing\*'", str(caught.value), re.DOTALL)
    assert "in fails" in capfd.readouterr().err, "the process itself prints it as well, into the log of a task"
    assert not has_children() and open_files() == before


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda _: os.kill(os.getpid(), signal.SIGKILL), "killed by SIGKILL, perhaps because memory ran out"),
        (lambda _: os.kill(os.getpid(), signal.SIGTERM), "killed by SIGTERM"),
        (lambda _: os._exit(3), "exited with code 3 before there was a result"),
        (lambda _: os._exit(0), "exited with code 0 before there was a result"),
        (lambda _: exit(5), "SystemExit: 5"),
        (lambda _: lambda: None, "its result, of type function, cannot be pickled"),
    ],
)
def test_processes_that_end_otherwise(function, reason):
    with pytest.raises(MulticoreException, match=f"Child failed for item 0: .*{reason}"):
        parallel_map(function, ["x"])


def test_abandoned_iterator_kills_what_runs(tmp_path):
    before = open_files()
    results = parallel_imap_unordered(lambda item: item or time.sleep(300), [1, 0, 0], max_parallel=3)
    assert next(results) == 1
    results.close()
    assert not has_children()
    for _ in parallel_imap_unordered(lambda item: item or time.sleep(300), [1, 0, 0], max_parallel=3):
        break
    gc.collect()
    assert not has_children() and open_files() == before


def test_a_process_left_running_holds_nothing_up():
    def leave_one_behind(_):
        pid = os.fork()
        if pid == 0:
            time.sleep(300)
            os._exit(0)
        return pid

    (left,) = parallel_map(leave_one_behind, [1])
    os.kill(left, signal.SIGKILL)


def test_error_of_the_items_stops_what_runs():
    def items():
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        parallel_map(lambda _: time.sleep(300), items(), max_parallel=2)
    assert not has_children()
    with pytest.raises(ValueError, match="at least 1, not 0"):
        parallel_map(str, [1], max_parallel=0)


def test_a_process_of_another_owner_is_left_alone():
    other = os.fork()
    if other == 0:
        os._exit(7)
    assert parallel_map(str, [1, 2]) == ["1", "2"]
    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 7


def test_profile_prints_or_adds_up(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    with profile("load"):
        pass
    assert re.fullmatch(r"PROFILE: load starting\nPROFILE: load completed in \d+ms\n", out.getvalue())
    timings = {"fit": 1000}
    with pytest.raises(ZeroDivisionError), profile("fit", timings):
        time.sleep(0.002)
        1 / 0
    assert timings["fit"] >= 1002 and out.getvalue().count("PROFILE") == 2
