"""What only stores behind a network have: parts, conditions, processes, odd names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from faulty_proxy import faulty_proxy, hang
from metaflow.datastore import remote
from metaflow.datastore.remote import RemoteStore
from metaflow.datastore.store import ObjectMissing
from metaflow.exception import CorruptedDataException, DataException
from metaflow.testing.memory_store import MemoryStore

ODD_KEYS = [
    "a b",
    "a%20b",
    "a#b?c",
    "a+b&c=d",
    "ü/é/日本",
    "e\u0301",
    "a:b@c,d;e",
    "[x]*{y}~",
    "'q'",
    "x.",
    "sp /x",
    "😀",
    "dot/.hidden",
]


@pytest.fixture
def remote_store(any_bucket):
    return RemoteStore(any_bucket.location)


@pytest.fixture
def s3_store(s3_bucket):
    return RemoteStore(s3_bucket.location)


def test_odd_names_are_kept_as_they_are(remote_store):
    for key in ODD_KEYS:
        remote_store.put(f"odd/{key}", [key.encode()])
    assert sorted(remote_store.list("odd/")) == sorted(f"odd/{key}" for key in ODD_KEYS)
    for key in ODD_KEYS:
        assert remote_store.get(f"odd/{key}") == key.encode()
        assert remote_store.stat(f"odd/{key}").size == len(key.encode())
        remote_store.delete(f"odd/{key}")
    assert list(remote_store.list("")) == []


@pytest.mark.parametrize("key", ["", "a//b", "/a", "a/", "a/../b", "./a", "a\nb", "a\0b"])
def test_names_that_would_become_others_are_refused(s3_store, key):
    for use in (
        lambda: s3_store.put(key, [b""]),
        lambda: s3_store.put_new(key, [b""]),
        lambda: s3_store.get(key),
        lambda: s3_store.stat(key),
        lambda: s3_store.delete(key),
    ):
        with pytest.raises(DataException, match="cannot be the name of an object"):
            use()


def test_a_prefix_may_end_in_the_middle_of_a_name(remote_store):
    for key in ("f/aa", "f/ab", "f/abc/x", "f/b", "f/ä", "g"):
        remote_store.put(key, [b"1"])
    assert sorted(remote_store.list("f/ab")) == ["f/ab", "f/abc/x"]
    assert sorted(remote_store.list("f")) == ["f/aa", "f/ab", "f/abc/x", "f/b", "f/ä"]
    assert list(remote_store.list("f/ab/")) == []
    assert list(remote_store.list("f/ä")) == ["f/ä"]
    [found] = remote_store.scan("g")
    assert (found.key, found.size) == ("g", 1)
    assert abs(found.modified_at - time.time()) < 300


NAMES = st.lists(st.text("ab-%é ~", min_size=1, max_size=2), min_size=1, max_size=3).map("/".join)


@given(keys=st.sets(NAMES, max_size=6), prefix=st.text("ab/-é", max_size=3), ordered=st.booleans())
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_lists_are_those_of_the_model(s3_bucket, keys, prefix, ordered):
    store, model = RemoteStore(f"{s3_bucket.location}/{os.urandom(8).hex()}"), MemoryStore()
    store.is_ordered = ordered
    for key in keys:
        store.put(key, [b""])
        model.put(key, [b""])
    if prefix.startswith("/") or "//" in prefix:
        prefix = ""
    assert sorted(store.list(prefix)) == sorted(model.list(prefix))
    folder = prefix and f"{prefix.rstrip('/')}/"
    assert sorted(store.list(folder, folders=True)) == sorted(model.list(folder, folders=True))


def test_lists_have_all_pages(s3_store, monkeypatch):
    monkeypatch.setattr(remote, "_PAGE", 7)
    keys = [f"p/{number:02}" for number in range(20)]
    for key in keys:
        s3_store.put(key, [b""])
    assert list(s3_store.list("p/")) == keys
    assert list(s3_store.list("p/1")) == keys[10:]


def test_two_prefixes_of_a_bucket_do_not_see_each_other(any_bucket):
    one, other = RemoteStore(any_bucket.location), RemoteStore(any_bucket.location + "2")
    one.put("k", [b"1"])
    assert other.stat("k") is None
    assert list(other.list("")) == []


@pytest.fixture
def small_parts(monkeypatch):
    """Parts as small as S3 allows, so that few bytes are many parts."""
    monkeypatch.setattr(remote, "PART_BYTES", 5 * 1024 * 1024)


def test_large_objects_move_in_parts(remote_store, small_parts):
    content = os.urandom(11 * 1024 * 1024 + 17)
    view = memoryview(content)
    remote_store.put("one", [content])
    remote_store.put("several", [view[:1000], view[1000 : 7 * 1024 * 1024], view[7 * 1024 * 1024 :]])
    for key in ("one", "several"):
        assert remote_store.stat(key).size == len(content)
        assert remote_store.get(key) == content
        target = bytearray(len(content))
        remote_store.get_into(key, memoryview(target))
        assert target == content


def test_memory_is_filled_only_from_an_object_of_its_size(remote_store, small_parts):
    remote_store.put("k", [b"12345"])
    target = bytearray(5)
    remote_store.get_into("k", memoryview(target))
    assert target == b"12345"
    for size in (0, 4, 6, 12 * 1024 * 1024):
        with pytest.raises(CorruptedDataException, match=f"k has 5 bytes instead of {size}"):
            remote_store.get_into("k", memoryview(bytearray(size)))
    with pytest.raises(ObjectMissing, match="not/there"):
        remote_store.get_into("not/there", memoryview(bytearray(1)))
    remote_store.put("empty", [])
    remote_store.get_into("empty", memoryview(bytearray(0)))


def test_of_many_threads_one_writes(remote_store):
    def write(number: int) -> bool:
        return remote_store.put_new("claim", [b"%d" % number])

    with ThreadPoolExecutor(16) as threads:
        results = list(threads.map(write, range(32)))
    assert sum(results) == 1
    assert remote_store.get("claim") == b"%d" % results.index(True)


WRITER = """
import sys
from metaflow.datastore.remote import RemoteStore
store = RemoteStore(sys.argv[1])
print(*(int(store.put_new(f"claims/{number}", [b"the same"])) for number in range(10)))
"""


@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_of_many_processes_one_writes_even_if_all_write_the_same(request, kind):
    location = request.getfixturevalue(f"{kind}_bucket").location
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, location], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    won = [[int(word) for word in writer.communicate()[0].split()] for writer in writers]
    assert [sum(claims) for claims in zip(*won, strict=True)] == [1] * 10


def test_a_server_without_conditions_is_asked_first(s3_bucket, monkeypatch):
    monkeypatch.setenv("METAFLOW_S3_CONDITIONAL_WRITES", "false")
    with faulty_proxy(s3_bucket.server.url) as proxy:
        monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", proxy.url)
        store = RemoteStore(s3_bucket.location)
        assert store.put_new("k", [b"1"]) is True
        assert store.put_new("k", [b"2"]) is False
        assert [method for method, _ in proxy.seen] == ["HEAD", "PUT", "HEAD"]
        assert store.get("k") == b"1"


def in_child(work) -> int:
    """Fork, do it, and return the child's status; a child that hangs is ended."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(20)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_processes_forked_after_a_request_can_make_theirs(s3_store):
    s3_store.put("a", [b"parent"])

    def grandchild():
        assert s3_store.get("a") == b"parent"
        assert s3_store.put_new("a", [b""]) is False
        s3_store.put("c", [b"grandchild"])

    def child():
        assert s3_store.get("a") == b"parent"
        with pytest.raises(ObjectMissing):
            s3_store.get("none")
        s3_store.put("b", [b"child"])
        assert in_child(grandchild) == 0
        assert s3_store.get("c") == b"grandchild"

    assert in_child(child) == 0
    assert s3_store.get("b") == b"child"
    assert in_child(child) == 0
    assert in_child(lambda: RemoteStore(s3_store._location).get("b")) == 0


def test_a_signal_ends_the_wait_for_a_server(s3_bucket, monkeypatch):
    class Interrupted(Exception):
        pass

    def interrupt(*_):
        raise Interrupted

    previous = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with faulty_proxy(s3_bucket.server.url) as proxy:
            monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", proxy.url)
            proxy.always(hang)

            def send_when_asked():
                while not proxy.seen:
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGUSR1)

            threading.Thread(target=send_when_asked).start()
            with pytest.raises(Interrupted):
                RemoteStore(s3_bucket.location).get("k")
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_opening_a_store_asks_nobody_and_loads_nothing():
    code = (
        "import sys; from metaflow.datastore.location import open_store\n"
        "store = open_store('s3://bucket/prefix')\n"
        "assert not [name for name in sys.modules if name.startswith(('obstore', 'boto', 'datetime', 'threading'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
