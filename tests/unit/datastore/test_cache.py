from __future__ import annotations

import errno
import multiprocessing
import os
import random
import subprocess
import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.datastore.cache import Cache, open_cache
from metaflow.datastore.eviction import account, evict

MIB = 2**20


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache(str(tmp_path / "cache"), 100 * MIB)


def files(cache: Cache) -> dict[str, int]:
    """Every copy, with the room that it takes up."""
    found = {}
    for folder, _, names in os.walk(cache.directory):
        for name in names:
            path = os.path.join(folder, name)
            if name not in (".size", ".eviction"):
                found[os.path.relpath(path, cache.directory)] = os.stat(path).st_blocks * 512
    return found


def test_what_is_written_is_read_and_belongs_to_its_user_alone(cache):
    assert cache.read("blobs/ab/x") is None and cache.find("blobs/ab/x") is None
    assert not os.path.exists(cache.directory), "reading makes nothing"
    cache.write("blobs/ab/x", [b"one", memoryview(b"two")])
    assert cache.read("blobs/ab/x") == b"onetwo"
    path = cache.find("blobs/ab/x")
    assert path is not None and open(path, "rb").read() == b"onetwo"
    assert os.stat(cache.directory).st_mode & 0o777 == 0o700 and os.stat(path).st_mode & 0o777 == 0o600
    cache.write("blobs/ab/x", [b"three"])
    assert cache.read("blobs/ab/x") == b"three"
    cache.drop("blobs/ab/x")
    cache.drop("blobs/ab/x")
    assert cache.read("blobs/ab/x") is None


def test_a_copy_is_received_straight_into_its_file(cache):
    def fill(memory: memoryview) -> None:
        memory[:] = bytes(range(200))

    path = cache.receive("blobs/ab/x", 200, fill)
    assert path is not None and open(path, "rb").read() == bytes(range(200))

    def fail(memory: memoryview) -> None:
        memory[:3] = b"abc"
        raise KeyError("not there")

    with pytest.raises(KeyError):
        cache.receive("blobs/ab/y", 200, fail)
    assert list(files(cache)) == ["blobs/ab/x"]


def test_a_folder_is_dropped(cache):
    for name in ("stores/1/runs/F/1/a", "stores/1/runs/F/1/b/c", "stores/1/runs/F/12/a"):
        cache.write(name, [b"x"])
    cache.drop_folder("stores/1/runs/F/1")
    cache.drop_folder("stores/1/runs/F/2")
    assert list(files(cache)) == ["stores/1/runs/F/12/a"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_does_not_take_it_is_no_failure(cache, monkeypatch, code):
    cache.write("blobs/ab/old", [b"old"])

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", refuse)
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    cache.write("blobs/ab/x", [b"new"])
    assert cache.receive("blobs/ab/y", 10, lambda memory: pytest.fail("there is no room for it")) is None
    monkeypatch.undo()
    assert list(files(cache)) == ["blobs/ab/old"] and cache.read("blobs/ab/old") == b"old"


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may mount")
def test_a_full_and_a_read_only_disk(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        cache = Cache(str(tmp_path / "cache"), 100 * MIB)
        cache.write("blobs/ab/x", [b"x"])
        cache.write("blobs/ab/y", [bytes(2 * MIB)])
        # Without room for all of it, touching the memory of the file would kill the process.
        assert cache.receive("blobs/ab/z", 2 * MIB, lambda memory: None) is None
        assert list(files(cache)) == ["blobs/ab/x"]
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        cache.write("blobs/ab/w", [b"w"])
        assert cache.read("blobs/ab/x") == b"x" and cache.find("blobs/ab/x") is not None
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_directory_that_others_may_write_to_is_not_used(cache, monkeypatch):
    cache.write("blobs/ab/x", [b"x"])
    os.chmod(cache.directory, 0o777)
    careful = Cache(cache.directory, cache.maximum_bytes)
    assert "chmod 700" in (careful.problem or "") and careful.read("blobs/ab/x") is None
    os.chmod(cache.directory, 0o700)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert Cache(cache.directory, cache.maximum_bytes).read("blobs/ab/x") is None


def test_settings_say_where_and_how_large(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("METAFLOW_CLIENT_CACHE_PATH", raising=False)
    assert open_cache().directory == str(tmp_path / "metaflow/objects")
    monkeypatch.setenv("METAFLOW_CLIENT_CACHE_PATH", str(tmp_path / "mine"))
    monkeypatch.setenv("METAFLOW_CLIENT_CACHE_MAX_SIZE", "7")
    assert (open_cache().directory, open_cache().maximum_bytes) == (str(tmp_path / "mine"), 7 * 1024**2)
    monkeypatch.setenv("METAFLOW_CLIENT_CACHE_MAX_SIZE", "0")
    nothing = open_cache()
    nothing.write("blobs/ab/x", [b"x"])
    assert nothing.read("blobs/ab/x") is None and not (tmp_path / "mine").exists()


def test_a_user_without_a_home_directory_has_no_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "METAFLOW_CLIENT_CACHE_PATH", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does if nobody knows the user
    cache = open_cache()
    cache.write("blobs/ab/x", [b"x"])
    cache.drop("blobs/ab/x")
    assert cache.read("blobs/ab/x") is None and "METAFLOW_CLIENT_CACHE_PATH" in (cache.problem or "")
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_used_for_the_longest_time_goes_first(cache):
    now = time.time_ns()
    for number in range(10):
        cache.write(f"blobs/ab/{number}", [bytes(MIB)])
        path = cache.find(f"blobs/ab/{number}")
        assert path is not None
        os.utime(path, ns=(now - (10 - number) * 3600 * 10**9, now))
    assert cache.read("blobs/ab/0") is not None, "which makes it the one that was used last"
    assert evict(cache.directory, 10 * MIB) == 10 * MIB, "no more than needed"
    left = evict(cache.directory, 5 * MIB)
    assert left == sum(files(cache).values()) and 4 * MIB <= left <= 5 * MIB
    assert sorted(name[-1] for name in files(cache)) == ["0", "7", "8", "9"]
    path = cache.find("blobs/ab/9")
    assert path is not None and os.stat(path).st_mtime_ns == now, "seals are in the time of modification"


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(st.integers(1, 3 * MIB), min_size=5, max_size=60), st.integers(0, 2**32))
def test_it_stays_near_its_limit_whatever_is_written(tmp_path_factory, sizes, seed):
    cache = Cache(str(tmp_path_factory.mktemp("cache")), 20 * MIB)
    generator = random.Random(seed)
    for number, size in enumerate(sizes):
        cache.write(f"blobs/{generator.randrange(16):02x}/{number}", [bytes(size)])
        # A write adds what it has written, or a part of the limit so rarely that on average it is the same.
        assert sum(files(cache).values()) <= 22 * MIB + 3 * MIB
    assert files(cache)


def test_small_writes_of_many_processes_are_accounted_for(tmp_path):
    maximum = 4 * MIB
    for round_ in range(4):
        for number in range(600):  # each as a process of its own would: it remembers nothing
            Cache(str(tmp_path), maximum).write(f"blobs/{number % 16:02x}/{round_}-{number}", [b"x" * 4000])
    assert sum(files(Cache(str(tmp_path), maximum)).values()) < 8 * MIB


def test_a_cache_whose_size_is_not_known_is_looked_through(cache):
    for number in range(8):
        cache.write(f"blobs/ab/{number}", [bytes(MIB)])
    os.unlink(f"{cache.directory}/.size")
    account(cache.directory, 4 * MIB, 1)
    assert sum(files(cache).values()) <= 4 * MIB


def test_nothing_but_copies_is_evicted(cache, tmp_path):
    """Somebody may name a directory that has other things in it, such as the home directory."""
    others = [tmp_path / "thesis.txt", tmp_path / "data/large.bin", tmp_path / "data/.tmp-1"]
    (tmp_path / "data").mkdir()
    for path in others:
        path.write_bytes(bytes(MIB))
        os.utime(path, (0, 0))
    shared = Cache(str(tmp_path), 2 * MIB)
    for number in range(3):
        shared.write(f"blobs/ab/{number}", [bytes(MIB)])
    assert evict(shared.directory, 2 * MIB) <= 2 * MIB
    assert all(path.exists() for path in others)


def test_the_directory_of_a_datastore_is_not_used(tmp_path):
    blob = tmp_path / "mf-store/blobs/ab/x"
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x")
    os.chmod(tmp_path / "mf-store", 0o700)
    cache = Cache(str(tmp_path / "mf-store"), 100)
    cache.drop("blobs/ab/x")
    cache.write("blobs/ab/y", [b"y"])
    assert "for the cache alone" in (cache.problem or "") and blob.exists() and not blob.with_name("y").exists()


def test_what_killed_writers_left_is_removed_when_it_is_old(cache):
    cache.write("blobs/ab/x", [b"x"])
    young, old = f"{cache.directory}/blobs/ab/.tmp-1", f"{cache.directory}/blobs/ab/.tmp-2"
    for path in (young, old):
        open(path, "wb").close()
    os.utime(old, (0, 0))
    evict(cache.directory, MIB)
    assert os.path.exists(young) and not os.path.exists(old)


def test_another_process_that_evicts_is_not_waited_for(cache):
    import fcntl

    for number in range(8):
        cache.write(f"blobs/ab/{number}", [bytes(MIB)])
    with open(f"{cache.directory}/.eviction", "w+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        account(cache.directory, MIB, MIB)
        assert len(files(cache)) == 8
    with open(f"{cache.directory}/.size", "r+b") as lock:  # nor one that was stopped while it counted
        fcntl.flock(lock, fcntl.LOCK_EX)
        cache.write("blobs/ab/8", [bytes(5 * MIB)])
        assert cache.read("blobs/ab/8") == bytes(5 * MIB)
    account(cache.directory, MIB, MIB)
    assert len(files(cache)) < 8


def _write_and_read(directory: str, seed: int) -> None:
    """Write and read in a cache that is much too small; every copy must be whole."""
    generator = random.Random(seed)
    for _ in range(150):
        number = generator.randrange(40)
        content = bytes([number]) * (50_000 + number)
        cache = Cache(directory, 600_000)
        found = cache.read(f"blobs/{number % 4:02x}/{number}")
        if found is None:
            cache.write(f"blobs/{number % 4:02x}/{number}", [content])
        elif found != content:
            os._exit(3)
    os._exit(0)


def test_many_processes_share_it(tmp_path):
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_write_and_read, args=(str(tmp_path), seed)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(110)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert sum(files(Cache(str(tmp_path), 600_000)).values()) < 1_000_000
    assert not [name for name in files(Cache(str(tmp_path), 1)) if ".tmp-" in name]
