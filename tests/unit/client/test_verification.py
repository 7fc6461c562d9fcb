"""Every damage is found, says whom it affects and what to do, and is repaired where that can be."""

from __future__ import annotations

import os

import pytest

from client.stored_flow import StoredRun, dead_process, foreach_run
from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.client.upkeep.verification import Scope, verify
from metaflow.datastore.blobs import CHUNK_BYTES
from metaflow.datastore.layout import INDEX_KEY, blob_key, deletion_key, log_key, run_key, runs_prefix
from metaflow.datastore.local import LocalStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import open_task
from metaflow.exception import DataException
from metaflow.metadata_store.events import RunForgotten, RunStarted
from metaflow.metadata_store.liveness import process_identity
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.sqlite import SqliteMetadata

RAW = os.urandom(6000)
TEXT = b"the same again and again " * 1000


@pytest.fixture
def run(root):
    """F/1, whose step `start` made two artifacts, which `end` passes on; and F/2, which has one of them too."""
    for run_id in ("1", "2"):
        run = StoredRun(root, run_id=run_id, script="train.py", started_at=int(run_id) * 1000.0)
        task = run.finished("start", 1, artifacts={"raw": RAW, "text": TEXT} if run_id == "1" else {"raw": RAW})
        run.printed(task, "stdout", b"hello")
        run.finished("end", 2, artifacts={"raw": RAW})
        run.ended()
    return run


def check(root, **scope):
    provider = Provider(Home(str(root)))
    return verify(provider, provider.store, Scope(**scope))


def chunk(root, name="raw"):
    store = LocalStore(root)
    return store.local_path(
        blob_key(open_task(store, "F", "1", "start", "1", 0).manifest.artifacts[name].segments[0].chunks[0])
    )


def overwrite(path, position=100, keep_time=False):
    found = path.stat()
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))
    if keep_time:
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_nothing_is_found_where_nothing_is_wrong(root, run):
    foreach_run(root, flow="G", run_id="3")
    StoredRun(root, flow="G", run_id="4").running("start", 1)
    report = check(root, hashes=True)
    assert report.findings == () and not report.is_lost
    assert (report.runs, report.chunks, report.hashed) == (4, 2, 2) and report.tasks == 4 + 7


@pytest.mark.parametrize(
    ("damage", "problem", "hashes"),
    [
        (lambda path: path.unlink(), "is missing", False),
        (lambda path: os.truncate(path, 10), "has 10 bytes instead of 6,0", False),
        (overwrite, "does not fit its hash", False),
        (lambda path: overwrite(path, keep_time=True), "does not fit its hash", True),
    ],
)
def test_a_chunk_that_is_lost_is_named_with_all_that_it_affects(root, run, damage, problem, hashes):
    damage(chunk(root))
    report = check(root, hashes=hashes)
    (finding,) = report.findings
    assert finding.severity == "lost" and report.is_lost and problem in finding.problem
    assert finding.affected == ("F/1/start/1/raw", "F/1/end/2/raw", "F/2/start/1/raw", "F/2/end/2/raw")
    assert "python train.py resume start --origin-run-id 1" in finding.advice
    assert check(root, flow="F", run_id="2", hashes=hashes).findings[0].affected == ("F/2/start/1/raw", "F/2/end/2/raw")


def test_damage_that_only_hashes_show_is_repaired_when_the_same_is_saved_again(root, run):
    overwrite(chunk(root), keep_time=True)
    assert not check(root).is_lost, "the file says that nobody touched it"
    assert check(root, hashes=True, repair=True).is_lost
    assert check(root).is_lost, "now it does not any more"
    StoredRun(root, run_id="5").finished("start", 1, artifacts={"again": RAW})
    assert not check(root, hashes=True).is_lost


def test_a_compressed_chunk_that_is_damaged(root, run):
    overwrite(chunk(root, "text"), position=20)
    (finding,) = check(root).findings
    assert finding.affected == ("F/1/start/1/text",) and finding.what.endswith(".zst")


def test_chunks_that_were_touched_are_read_and_marked_again(root, run):
    for name in ("raw", "text"):
        os.utime(chunk(root, name), ns=(0, 123))
    report = check(root)
    (finding,) = report.findings
    assert finding.severity == "wrong" and report.hashed == 2 and not report.is_lost
    assert check(root, repair=True).findings[0].repaired
    assert check(root).findings == ()


@pytest.mark.parametrize("damage", ["cut", "altered", "of another task", "no task in it"])
def test_a_manifest_that_cannot_be_read(root, run, damage):
    folder = root / runs_prefix("F", "1")
    path = folder / "end/2.0.manifest"
    if damage == "of another task":
        path.write_bytes((folder / "start/1.0.manifest").read_bytes())
    elif damage == "no task in it":
        manifest = open_task(LocalStore(root), "F", "1", "end", "2", 0).manifest
        path.write_bytes(manifest._replace(record={}).encode())
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        overwrite(path)
    finding = check(root).findings[0]
    assert finding.severity == "lost" and finding.affected == ("F/1/end/2",) and finding.what.endswith("2.0.manifest")
    assert "resume end --origin-run-id 1" in finding.advice


@pytest.mark.parametrize("is_backwards", [False, True])
def test_the_command_that_makes_a_result_again_fits_how_the_run_was_started(root, run, monkeypatch, is_backwards):
    scan = LocalStore.scan

    def scan_in_order(self, prefix):
        return iter(sorted(scan(self, prefix), key=lambda found: found.key, reverse=is_backwards))

    monkeypatch.setattr(LocalStore, "scan", scan_in_order)
    start = {"arguments": ["python", "train.py", "--branch", "b", "run"], "program": 2}
    given = TaskRecord("F", "1", "_parameters", "0", 0, 1.0, status="done")
    TaskWriter(LocalStore(root), "F", "1", "_parameters", "0", 0).commit({"task": given.to_dict(), "start": start})
    (root / runs_prefix("F", "1") / "end/2.0.manifest").write_bytes(b"cut")
    (finding,) = (found for found in check(root).findings if found.severity == "lost")
    assert finding.advice == "run it again: python train.py --branch b resume end --origin-run-id 1"


def test_a_manifest_that_is_gone_is_known_of_by_the_index(root, run):
    (root / runs_prefix("F", "1") / "end/2.0.manifest").unlink()
    (finding,) = check(root).findings
    assert (
        finding.severity == "lost" and finding.affected == ("F/1/end/2",) and "its manifest is gone" in finding.problem
    )


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{")])
def test_a_record_is_written_anew_from_the_index(root, run, damage):
    path = root / run_key("F", "1")
    damage(path)
    for each in path.parent.rglob("*.*"):
        os.utime(each, (1000, 1000))
    finding = check(root).findings[0]
    assert finding.severity == "lost" and finding.what == run_key("F", "1") and "--repair" in finding.advice
    assert check(root, repair=True).findings[0].repaired
    assert [f for f in check(root).findings if f.severity != "wrong"] == []
    assert Provider(Home(str(root))).run("F", "1").status == "done"


def test_a_record_that_cannot_be_reached_just_now_is_not_replaced(root, run, monkeypatch):
    path = root / run_key("F", "1")
    before = path.read_bytes()
    get = LocalStore.get

    def get_not(self, key):
        if key == run_key("F", "1"):
            raise DataException("the disk is asleep")
        return get(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "get", get_not)
        finding = check(root, repair=True).findings[0]
    assert finding.severity == "lost" and "the disk is asleep" in finding.problem and not finding.repaired
    assert path.read_bytes() == before


def test_a_shared_index_forgets_no_runs_of_a_directory_of_the_same_name_on_another_machine(root):
    """As containers have them."""
    provider = Provider(Home(str(root), service="http://127.0.0.1:1"))
    index = provider._index = SqliteMetadata()
    host = process_identity()[0]
    for run_id, place in (("1", host), ("2", "elsewhere/boot/pid:[1]")):
        record = RunRecord("F", run_id, "ann", 1000.0, status="done", finished_at=1001.0, host=place)
        index.apply([RunStarted(record._replace(datastore=provider.home.recorded_datastore))])
    (finding,) = verify(provider, LocalStore(root), Scope(repair=True)).findings
    assert "knows the run F/1, which has no files" in finding.problem and finding.repaired
    assert index.run("F", "1") is None and index.run("F", "2") is not None


def test_an_index_that_is_behind_is_repaired(root, run):
    index = SqliteMetadata(root / INDEX_KEY)
    index.apply([RunForgotten("F", "1")])
    behind = StoredRun(root, run_id="7", **dead_process())
    behind.finished("start", 1, indexed=False)
    ghost = StoredRun(root, run_id="8").ended()
    for path in sorted((root / runs_prefix("F", "8")).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    problems = " | ".join(finding.problem for finding in check(root).findings)
    assert "does not know the run F/1" in problems
    assert "says that the run F/7 is running, but its process died" in problems
    assert f"knows the run {ghost.record.flow}/8, which has no files" in problems
    assert all(finding.repaired for finding in check(root, repair=True).findings)
    assert check(root).findings == ()
    assert index.run("F", "8") is None and index.run("F", "1").status == "done"


def test_litter_and_torn_logs(root, run):
    log = root / log_key("F", "1", "start", "1", 0)
    log.write_bytes(log.read_bytes()[:-1])
    left = root / runs_prefix("F", "1") / ".tmp-0123"
    left.write_bytes(b"123")
    os.utime(left, (1000, 1000))
    StoredRun(root, run_id="6").finished("start", 1, artifacts={"x": os.urandom(CHUNK_BYTES + 1)})
    for path in (root / runs_prefix("F", "6")).rglob("*.*"):
        path.unlink()
    SqliteMetadata(root / INDEX_KEY).apply([RunForgotten("F", "6")])
    store = LocalStore(root)
    for found in list(store.scan("mf-store/blobs/")):
        path = store.local_path(found.key)
        os.utime(path, ns=(0, path.stat().st_mtime_ns - 7200 * 10**9))
    report = check(root)
    assert [finding.severity for finding in report.findings] == ["wrong", "litter", "litter"]
    assert report.findings[0].affected == ("F/1/start/1",) and "in the middle of a line" in report.findings[0].problem
    assert "2 chunks" in report.findings[1].what and "1 files" in report.findings[2].what
    check(root, repair=True)
    assert not left.exists() and len(list(store.scan("mf-store/blobs/"))) == 4, "chunks are left to gc"


def test_a_deletion_that_did_not_come_to_an_end_is_finished(root, run):
    store = LocalStore(root)
    store.put(deletion_key("F", "1"), [b"{}"])
    store.delete(run_key("F", "1"))
    (finding,) = check(root).findings
    assert finding.severity == "wrong" and finding.affected == ("F/1",) and "deletion was begun" in finding.problem
    check(root, repair=True)
    assert not list(store.scan(runs_prefix("F", "1"))) and not check(root).is_lost
    assert Provider(Home(str(root))).run("F", "1") is None
