"""What can go wrong with a database file: crowds, killed writers, forks, damage, missing rights."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metaflow.exception import MetadataException
from metaflow.metadata_store.events import Heartbeat, RunEnded, RunStarted, TaskEnded
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.sqlite_schema import SCHEMA_VERSION
from metaflow.metadata_store.store import RunQuery, TaskQuery

NOBODY = 65534


def run_record(run_id="1", flow="F"):
    return RunRecord(flow, run_id, "ann", 1000.0 + int(run_id), system_tags=("user:ann",))


def task_record(task_id, run_id="1", step="work"):
    return TaskRecord("F", run_id, step, str(task_id), 0, 2000.0 + int(task_id), status="done", finished_at=3000.0)


def in_child(work):
    """Run `work` in a forked child; its exit status is 0 if it returned and 1 if it raised."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def exit_status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_reading_creates_nothing(tmp_path):
    store = SqliteMetadata(tmp_path / "deep" / "index.sqlite")
    assert store.runs(RunQuery()) == []
    assert store.run("F", "1") is None
    assert store.flows() == store.steps("F", "1") == store.tasks(TaskQuery("F", "1")) == []
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_came_first_sees_what_is_written_later(tmp_path):
    path = tmp_path / "index.sqlite"
    reader = SqliteMetadata(path)
    assert reader.run("F", "1") is None
    SqliteMetadata(path).apply([RunStarted(run_record())])
    assert reader.run("F", "1") == run_record()


def test_text_that_is_no_utf_8_is_kept_escaped(tmp_path):
    odd = os.fsdecode(b"caf\xe9 \xc3\xbc")
    store = SqliteMetadata(tmp_path / "index.sqlite")
    task = TaskRecord(*("F", "1", "work", "2", 0, 1.0), foreach_stack=(("files", odd, 0, 1),), error=("OSError", odd))
    store.apply([RunStarted(run_record()), TaskEnded(task), RunEnded("F", "1", "failed", 2.0, odd)])
    assert store.run("F", "1").message == "caf\\udce9 ü"
    (found,) = store.tasks(TaskQuery("F", "1", foreach_value=odd))
    assert found.error == ("OSError", odd)


def test_all_or_nothing_of_a_batch_is_written(tmp_path):
    store = SqliteMetadata(tmp_path / "index.sqlite")
    unstorable = RunRecord("F", "2", "ann", started_at=None)
    with pytest.raises(MetadataException):
        store.apply([RunStarted(run_record("1")), RunStarted(unstorable)])
    assert store.runs(RunQuery()) == []


def test_ten_processes_write_at_once_from_the_first_moment_on(tmp_path):
    path = tmp_path / "fresh" / "index.sqlite"
    batches, size = 20, 5
    barrier_read, barrier_write = os.pipe()

    def write(number):
        os.close(barrier_write)
        os.read(barrier_read, 1)
        store = SqliteMetadata(path)
        store.apply([RunStarted(run_record(str(number)))])
        for batch in range(batches):
            ids = range(batch * size, batch * size + size)
            store.apply([TaskEnded(task_record(i, str(number))) for i in ids])
            assert len(store.tasks(TaskQuery("F", str(number), "work"))) == (batch + 1) * size

    children = [in_child(lambda number=number: write(number)) for number in range(10)]
    os.close(barrier_read)
    os.close(barrier_write)
    assert [exit_status(pid) for pid in children] == [0] * 10
    store = SqliteMetadata(path)
    assert len(store.runs(RunQuery("F"))) == 10
    for number in range(10):
        assert len(store.tasks(TaskQuery("F", str(number), "work"))) == batches * size


def test_a_writer_killed_at_any_moment_leaves_whole_batches(tmp_path):
    path = tmp_path / "index.sqlite"

    def write_for_ever():
        store = SqliteMetadata(path)
        number = 0
        while True:
            number += 1
            store.apply(
                [RunStarted(run_record(str(number)))] + [TaskEnded(task_record(i, str(number))) for i in range(20)]
            )

    for moment in range(8):
        pid = in_child(write_for_ever)
        time.sleep(0.01 + moment * 0.007)
        while moment == 7 and not SqliteMetadata(path).runs(RunQuery("F")):
            time.sleep(0.05)  # on a slow machine none has lived long enough yet to write anything
        os.kill(pid, signal.SIGKILL)
        assert exit_status(pid) == -signal.SIGKILL
        store = SqliteMetadata(path)
        runs = store.runs(RunQuery("F"))
        assert all(len(store.tasks(TaskQuery("F", run.run_id))) == 20 for run in runs)
        store.apply([Heartbeat("F", "1", 5.0)])
        store.close()
    assert runs


def test_a_forked_child_uses_a_connection_of_its_own(tmp_path):
    path = tmp_path / "index.sqlite"
    store = SqliteMetadata(path)
    store.apply([RunStarted(run_record("1"))])

    def child():
        for i in range(50):
            store.apply([TaskEnded(task_record(i, step="child"))])
        assert len(store.tasks(TaskQuery("F", "1", "child"))) == 50
        store.close()

    pid = in_child(child)
    for i in range(50):
        store.apply([TaskEnded(task_record(i, step="parent"))])
    assert exit_status(pid) == 0
    assert len(store.tasks(TaskQuery("F", "1", "parent"))) == 50
    assert len(store.tasks(TaskQuery("F", "1", "child"))) == 50
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_threads_share_a_store(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    store = SqliteMetadata(tmp_path / "index.sqlite")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.apply([TaskEnded(task_record(i))]), range(100)))
        counts = list(pool.map(lambda _: len(store.tasks(TaskQuery("F", "1"))), range(20)))
    assert counts == [100] * 20


def test_a_file_that_was_replaced_is_opened_again(tmp_path):
    path = tmp_path / "index.sqlite"
    store = SqliteMetadata(path)
    store.apply([RunStarted(run_record("1"))])
    for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    store.apply([RunStarted(run_record("2"))])
    assert [run.run_id for run in SqliteMetadata(path).runs(RunQuery())] == ["2"]
    assert [run.run_id for run in store.runs(RunQuery())] == ["2"]


@pytest.mark.parametrize("content", [b"this is not a database" * 100, None])
def test_damage_is_reported_with_its_cure(tmp_path, content):
    path = tmp_path / "index.sqlite"
    store = SqliteMetadata(path)
    store.apply([TaskEnded(task_record(i)) for i in range(200)])
    store.close()
    if content is None:
        whole = bytearray(path.read_bytes())
        whole[4096:] = b"\xff" * (len(whole) - 4096)
        content = bytes(whole)
    path.write_bytes(content)
    with pytest.raises(MetadataException, match="metaflow reindex") as error:
        store.tasks(TaskQuery("F", "1", "work"))
    assert str(path) in str(error.value)
    with pytest.raises(MetadataException, match="metaflow reindex"):
        store.apply([TaskEnded(task_record(i)) for i in range(200)])


@pytest.mark.parametrize(("version", "advice"), [(SCHEMA_VERSION + 1, "Upgrade the package"), (-1, "metaflow reindex")])
def test_the_format_of_another_version_is_refused(tmp_path, version, advice):
    path = tmp_path / "index.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    for use in (lambda s: s.flows(), lambda s: s.apply([Heartbeat("F", "1", 1.0)])):
        with pytest.raises(MetadataException, match=advice):
            use(SqliteMetadata(path))


def test_a_path_through_a_file_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MetadataException, match="cannot be reached: Not a directory"):
        SqliteMetadata(tmp_path / "file" / "index.sqlite").apply([Heartbeat("F", "1", 1.0)])


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="needs a place where not even root may write")
def test_a_directory_that_cannot_be_made_is_explained():
    with pytest.raises(MetadataException, match="METAFLOW_DATASTORE_SYSROOT_LOCAL"):
        SqliteMetadata(Path("/proc/self/nowhere/index.sqlite")).apply([Heartbeat("F", "1", 1.0)])


READ_ONLY = """
import os, shutil, sys, tempfile  # now, as the interpreter's own files may be out of another user's reach
sys.path[:0] = {search_path!r}
from pathlib import Path
from metaflow.exception import MetadataException
from metaflow.metadata_store.events import Heartbeat
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.metadata_store.store import RunQuery
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
store = SqliteMetadata(Path({path!r}))
runs = [run.run_id for run in store.runs(RunQuery())]
assert runs == {expected!r}, runs
try:
    store.apply([Heartbeat("F", "1", 1.0)])
except MetadataException as error:
    assert "writable" in str(error), error
else:
    raise AssertionError("written to a read-only index")
assert [run.run_id for run in store.runs(RunQuery())] == {expected!r}
"""


@pytest.mark.parametrize("state", ["closed", "open elsewhere", "left with a log by a killed writer", "absent"])
def test_who_may_not_write_can_still_read(state):
    # Not below pytest's own directory, which other users may not enter.
    import shutil
    import tempfile

    directory = Path(tempfile.mkdtemp(prefix="read-only-"))
    path = directory / "index.sqlite"
    try:
        expected = []
        if state != "absent":
            expected = ["1"]
            store = SqliteMetadata(path)
            if state == "left with a log by a killed writer":

                def write_and_die():
                    store.apply([RunStarted(run_record("1"))])
                    os.kill(os.getpid(), signal.SIGKILL)

                exit_status(in_child(write_and_die))
                (directory / "index.sqlite-shm").unlink()
                assert (directory / "index.sqlite-wal").stat().st_size
            else:
                store.apply([RunStarted(run_record("1"))])
            if state == "closed":
                store.close()
        for file in directory.iterdir():
            file.chmod(0o444)
        directory.chmod(0o555)
        program = READ_ONLY.format(search_path=sys.path, path=str(path), expected=expected, nobody=NOBODY)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr
    finally:
        directory.chmod(0o755)
        shutil.rmtree(directory)
