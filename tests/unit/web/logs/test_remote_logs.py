"""Logs in an object store: pieces of them are read, once, and what is added to them is all that is read then."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from metaflow.datastore.cache import Cache
from metaflow.datastore.cached import CachedStore
from metaflow.datastore.layout import AttemptKey, log_key
from metaflow.datastore.live_tasks import log_part_key
from metaflow.datastore.logs import format_lines
from metaflow.datastore.ranges import read_range
from metaflow.datastore.remote import RemoteStore
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import DataException
from metaflow.metadata_store.records import TaskRecord
from metaflow.testing.memory_store import MemoryStore
from metaflow.web.logs import remote_logs
from metaflow.web.logs.log_files import OpenLog
from metaflow.web.logs.log_pages import Looking, rows
from metaflow.web.logs.remote_log import MOST_AHEAD, PIECE_BYTES
from metaflow.web.logs.remote_logs import RemoteLogs
from metaflow.web.run.log_tail import last_lines

TASK = AttemptKey("F", "1", "work", "7", 0)
KEY = log_key(*TASK)


class Ranges(MemoryStore):
    """A store that says which parts of objects were read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[int, int]] = []

    def get_range(self, key, begin, end):
        self.read.append((begin, end))
        return self.get(key)[begin:end]

    @property
    def bytes_read(self) -> int:
        return sum(end - begin for begin, end in self.read)


@pytest.fixture
def store():
    return Ranges()


@pytest.fixture(autouse=True)
def nothing_is_fresh(monkeypatch):
    monkeypatch.setattr(remote_logs, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(remote_logs, "_FRESH_SECONDS_WHEN_OVER", 0.0)


def lines(first: int, last: int) -> bytes:
    return b"".join(format_lines("stdout", [b"line %d %s" % (n, b"." * 90)], n) for n in range(first, last))


def opened(logs, store, log=None, is_over=True):
    log = log or OpenLog()
    log.renew(logs.log(store, KEY, TASK, is_over))
    return log


def texts(log, begin, end):
    with log.reading() as file:
        return [row["text"].split()[1] for row in rows(log.index, file, Looking(), begin, end)]


def test_all_of_a_log_is_read_once_and_then_only_what_is_added(store):
    store.put(KEY, [lines(0, 60_000)])
    logs = RemoteLogs()
    log = opened(logs, store)
    size, version = len(store.objects[KEY]), log.version
    assert store.bytes_read == size and log.index.lines == 60_000
    assert max(end - begin for begin, end in store.read) <= MOST_AHEAD and len(store.read) < 8
    assert texts(log, 59_998, 60_010) == ["59998", "59999"] and texts(log, 5, 6) == ["5"]
    assert store.bytes_read == size
    store.put(KEY, [store.objects[KEY] + lines(60_000, 60_100)])
    store.read.clear()
    opened(logs, store, log)
    assert (log.index.lines, log.version) == (60_100, version) and texts(log, 60_099, 60_100) == ["60099"]
    assert store.bytes_read < 2 * 4096 + 100 * 120
    store.put(KEY, [format_lines("stdout", [b"[REDACTED task stdout]"], 1)])
    opened(logs, store, log)
    assert log.version != version and log.index.scrubbed == {"stdout"} and log.index.lines == 1
    store.delete(KEY)
    opened(logs, store, log)
    assert log.is_missing and log.index.lines == 0


def test_of_a_log_whose_copy_is_gone_a_page_reads_a_piece(store):
    """What is kept of logs has a bound; the index of a log stays, so that a page is read from where it is."""
    store.put(KEY, [lines(0, 60_000)])
    logs = RemoteLogs(most_bytes=1)
    log = opened(logs, store)
    logs.log(store, log_key(*TASK._replace(task_id="8")), TASK._replace(task_id="8"), True)  # makes room for another
    store.read.clear()
    opened(logs, store, log)
    assert texts(log, 30_000, 30_003) == ["30000", "30001", "30002"]
    assert 0 < store.bytes_read <= 2 * PIECE_BYTES


def test_the_parts_of_a_running_task_become_its_log(store):
    first, second = lines(0, 100), lines(100, 150)
    store.put(log_part_key(TASK, 0), [first])
    logs = RemoteLogs()
    log = opened(logs, store, is_over=False)
    assert log.index.lines == 100
    version = log.version
    store.put(log_part_key(TASK, 0), [first + second])
    store.read.clear()
    opened(logs, store, log, is_over=False)
    assert log.index.lines == 150 and store.read[0][0] == len(first)
    store.put(KEY, [first + second + lines(150, 160)])
    store.delete(log_part_key(TASK, 0))
    store.read.clear()
    opened(logs, store, log)
    assert (log.index.lines, log.version) == (160, version) and texts(log, 148, 152) == ["148", "149", "150", "151"]
    assert store.bytes_read < 10_000


def test_a_log_that_changes_while_it_is_read_is_told(store):
    store.put(KEY, [lines(0, 10_000)])
    source = RemoteLogs().log(store, KEY, TASK, True)
    store.put(KEY, [lines(0, 10)])
    with pytest.raises(DataException, match="changed while it was read"), source.open() as file:
        file.read(100)


def test_any_piece_is_what_the_store_has(store):
    content = lines(0, 20_000)
    store.put(KEY, [content])
    logs = RemoteLogs()
    source = logs.log(store, KEY, TASK, True)
    pick = random.Random(3)
    with source.open() as file:
        for _ in range(60):
            begin, size = pick.randrange(len(content) + 50), pick.choice((1, 4096, PIECE_BYTES, 3 * PIECE_BYTES))
            file.seek(begin)
            assert file.read(size) == content[begin : begin + size]
    assert store.bytes_read <= len(content) + 60 * PIECE_BYTES


def test_ranges_of_an_object_on_s3(s3_bucket, tmp_path):
    store = RemoteStore(s3_bucket.location)
    content = bytes(range(256)) * 2000
    store.put("key", [content])
    for each in (store, CachedStore(s3_bucket.location, store, Cache(str(tmp_path), 10**6))):
        assert read_range(each, "key", 1000, 5000) == content[1000:5000]
        assert read_range(each, "key", len(content) - 3, 10**9) == content[-3:]
        with pytest.raises(ObjectMissing):
            read_range(each, "other", 0, 5)
        with pytest.raises(DataException):
            read_range(each, "key", len(content) + 1, len(content) + 9)


def test_a_log_on_s3_page_by_page(s3_bucket):
    store = RemoteStore(s3_bucket.location)
    store.put(KEY, [lines(0, 9000)])
    logs = RemoteLogs()
    log = opened(logs, store)
    store.put(KEY, [lines(0, 9500)])
    opened(logs, store, log)
    assert log.index.lines == 9500 and texts(log, 8998, 9002) == ["8998", "8999", "9000", "9001"]


def test_of_a_long_log_the_last_lines_are_read_and_nothing_else(store):
    store.is_remote = True
    store.put(KEY, [lines(0, 60_000)])
    provider = SimpleNamespace(store_of=lambda flow, run_id: store)
    found = last_lines(provider, TaskRecord(*TASK, 1.0), most_bytes=1000)
    assert [line.text.split()[1] for line in found][-1] == b"59999" and len(found) < 10
    assert store.bytes_read == 1000
