"""Storage that is full, read-only, missing, cut short or altered: an error that names artifact and task."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from metaflow.exception import DataException

from .conftest import Project
from .test_language import last_run

BIG = """
import os

class F(FlowSpec):
    @step
    def start(self):
        self.small = 1
        self.big = os.urandom({size})
        self.next(self.end)

    @step
    def end(self):
        self.length = len(self.big)
"""


def blobs(project: Project) -> list[Path]:
    return [path for path in (project.path / ".metaflow" / "mf-store" / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", [50_000, 40_000_000])
@pytest.mark.parametrize("damage", ["truncate", "alter", "remove"])
def test_a_damaged_blob_is_found_when_it_is_read(project: Project, size: int, damage: str) -> None:
    project.run(BIG.format(size=size))
    path = max(blobs(project), key=lambda blob: blob.stat().st_size)
    os.chmod(path, 0o644)
    if damage == "truncate":
        os.truncate(path, path.stat().st_size // 2)
    elif damage == "alter":
        with path.open("r+b") as file:
            file.seek(1000)
            file.write(b"altered")
    else:
        path.unlink()
    run = last_run(project)
    with pytest.raises(DataException) as error:
        _ = run["start"].task.data.big
    assert "big" in str(error.value) and f"F/{run.id}/start/1" in str(error.value)
    assert run["start"].task.data.small == 1


def test_a_damaged_manifest(project: Project) -> None:
    project.run(BIG.format(size=10))
    run = last_run(project)
    path = project.path / f".metaflow/mf-store/runs/F/{run.id}/start/1.0.manifest"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataException, match="start/1"):
        _ = run["start"].task.data.big
    assert run["start"].task.data.small == 1  # the index knows it


@pytest.fixture
def small_disk(project: Project):
    """A file system of 3 MB."""
    disk = project.path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_while_saving_an_artifact(project: Project, small_disk: Path) -> None:
    project.write(BIG.format(size=8_000_000))
    outcome = project.call("--datastore-root", str(small_disk / "root"), "run")
    assert outcome.code == 1, outcome
    assert "No space left on device" in outcome.stdout + outcome.stderr
    assert "big" in outcome.stdout + outcome.stderr
    assert "Step start (task-id 1) failed" in outcome.stderr


def test_a_full_disk_while_logging(project: Project, small_disk: Path) -> None:
    project.write(
        """
        class F(FlowSpec):
            @step
            def start(self):
                for i in range(100_000):
                    print("x" * 100)
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    outcome = project.call("--datastore-root", str(small_disk / "root"), "run")
    assert outcome.code == 1, outcome.stderr
    assert "No space left on device" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_datastore_that_cannot_be_made(project: Project) -> None:
    project.write(BIG.format(size=10))
    (project.path / "file").write_text("in the way")
    outcome = project.call("--datastore-root", "file/root", "run")
    assert outcome.code == 1
    assert "file/root" in outcome.stderr and "Traceback" not in outcome.stderr


def test_a_read_only_datastore(project: Project, small_disk: Path) -> None:
    project.write(BIG.format(size=10))
    root = str(small_disk / "root")
    assert project.call("--datastore-root", root, "run").code == 0
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    outcome = project.call("--datastore-root", root, "run")
    assert outcome.code == 1
    assert "ead-only" in outcome.stderr and "Traceback" not in outcome.stderr
    run_ids = os.listdir(small_disk / "root/mf-store/runs/F")
    shown = project.call("--datastore-root", root, "dump", f"{run_ids[0]}/end/2")
    assert shown.code == 0 and "length" in shown.stdout, shown


def test_an_artifact_that_cannot_be_pickled_names_what_is_at_fault(project: Project) -> None:
    outcome = project.run(
        """
        import threading

        class Model:
            def __init__(self):
                self.session = {"lock": threading.Lock()}

        class F(FlowSpec):
            @step
            def start(self):
                self.good = 1
                self.model = Model()
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
        code=1,
    )
    assert "self.model.session['lock']" in outcome.stdout
    assert last_run(project)["start"].task.data.good == 1


@pytest.mark.parametrize("what", ["self", "inputs[0]"])
def test_a_flow_cannot_be_an_artifact(project: Project, what: str) -> None:
    outcome = project.run(
        f"""
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.a, self.b)

            @step
            def a(self):
                self.next(self.join)

            @step
            def b(self):
                self.next(self.join)

            @step
            def join(self, inputs):
                self.bad = {what}
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
        code=1,
    )
    assert "Flows can't be serialized" in outcome.stdout
