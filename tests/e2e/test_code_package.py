"""``package``, and runs that keep their code package."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import metaflow

FLOW = """
    import helper

    class F(FlowSpec):
        @step
        def start(self):
            self.x = helper.x
            self.next(self.end)

        @step
        def end(self):
            pass
"""


def test_the_package_command(project):
    project.write(FLOW)
    (project.path / "helper.py").write_text("x = 1\n")
    (project.path / "query.sql").write_text("select 1\n")
    (project.path / "left_out.py").write_text("")
    (project.path / ".metaflowignore").write_text("left_out.py\n")
    listed = project.call("package", "list", "--archive")
    assert listed.code == 0 and "helper.py\n" in listed.stdout and "query.sql" not in listed.stdout, listed
    assert "left_out.py" not in listed.stdout and ".mf_meta/INFO\n" in listed.stdout
    listed = project.call("--package-suffixes", "sql", "package", "list")
    assert f"{project.path}/query.sql\n" in listed.stdout and "<generated INFO content>\n" in listed.stdout, listed
    told = project.call("package", "info")
    assert told.code == 0 and "Filtered by suffixes: .py, .R, .RDS" in told.stdout, told
    assert "and what .metaflowignore names" in told.stdout and "Package size:" in told.stdout
    assert f"MB, Metaflow and its libraries for Python {sys.version_info[0]}.{sys.version_info[1]}" in told.stdout

    saved = project.call("package", "save", "code.tgz")
    assert saved.code == 0 and '"archive_format": "tgz"' in saved.stderr, saved
    with tarfile.open(project.path / "code.tgz") as archive:
        archive.extractall(project.path / "unpacked", filter="data") if sys.version_info >= (3, 12) else (
            archive.extractall(project.path / "unpacked")
        )
    # The flow runs from the package alone, with the copy of this package that is in it.
    unpacked = project.path / "unpacked"
    others = [path for path in sys.path if path.endswith("site-packages")]
    env = {**project.env, "PYTHONPATH": ":".join([str(unpacked / ".mf_code"), *others])}
    outcome = subprocess.run([sys.executable, "flow.py", "run"], cwd=unpacked, env=env, capture_output=True, text=True)
    assert outcome.returncode == 0 and "Done!" in outcome.stdout, outcome
    for bad, reason in (
        (["save", "no/such/place.tgz"], "no/such/place.tgz: No such file or directory"),
        (["--timeout", "0", "list"], "0 is not in the range"),
    ):
        refused = project.call("package", *bad)
        assert refused.code != 0 and reason in refused.stderr and "Traceback" not in refused.stderr, refused


def test_a_package_that_is_too_large_says_what_takes_the_room(project):
    project.write(FLOW)
    (project.path / "helper.py").write_text("x = 1\n" + "#" * 2_000_000)
    refused = project.call("package", "info", env={"METAFLOW_CODE_PACKAGE_MAX_SIZE": "1"})
    assert refused.code == 1 and "1.9 MB  helper.py" in refused.stderr and ".metaflowignore" in refused.stderr, refused


def test_runs_keep_their_package_if_asked_to(project):
    (project.path / "helper.py").write_text("x = 1\n")
    env = {"METAFLOW_FEAT_ALWAYS_UPLOAD_CODE_PACKAGE": "1"}
    runs = [project.run(FLOW, env=env).run_id for _ in range(2)]
    project.client()
    from metaflow import Run

    codes = [Run(f"F/{run_id}").code for run_id in runs]
    assert codes[0].sha == codes[1].sha and codes[0].path.endswith("/_code_package")
    assert codes[0].script_name == "flow.py" and set(codes[0].files) == {"flow.py", "helper.py"}
    assert codes[0].info["script"] == "flow.py" and "helper.x" in codes[0].flowspec
    with tarfile.open(fileobj=io.BytesIO(codes[0].archive())) as archive:
        assert ".mf_code/metaflow/__init__.py" in archive.getnames()
    assert "_code_package" not in {artifact.id for artifact in Run(f"F/{runs[0]}")["end"].task}
    blobs = [path for path in (project.path / ".metaflow/mf-store/blobs").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size > 100_000 for path in blobs) == 1, "equal packages are stored once"


ELSEWHERE = """
    import os, helper

    class F(FlowSpec):
        @step
        def start(self):
            import metaflow
            self.place = os.getcwd()
            self.said = helper.x, open("query.sql").read(), os.path.exists("left_out.py")
            self.package = metaflow.__file__
            self.environment = dict(os.environ)
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_the_package_is_what_a_task_elsewhere_runs(project, request, monkeypatch, kind):
    bucket = request.getfixturevalue("s3_bucket") if kind == "s3" else None
    env = {
        "METAFLOW_ELSEWHERE_DIRECTORY": str(project.path / "engine"),
        "XDG_CACHE_HOME": str(project.path / "cache"),
        "TMPDIR": str(project.path / "node"),
        "METAFLOW_PASS_CREDENTIALS": "1",
        **(bucket.environment if bucket else {}),
    }
    (project.path / "node").mkdir()
    (project.path / "helper.py").write_text("x = 1\n")
    (project.path / "query.sql").write_text("select 1\n")
    (project.path / "left_out.py").write_text("")
    (project.path / ".metaflowignore").write_text("left_out.py\n")
    project.write(ELSEWHERE)
    outcome = project.call("--package-suffixes", "sql", "run", "--with", "elsewhere", env=env)
    assert outcome.code == 0, outcome
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    project.client()
    run = metaflow.Run(f"F/{outcome.run_id}")
    data = run["start"].task.data
    assert data.said == (1, "select 1\n", False)
    # Where it ran there was nothing but what had been sent there, and nothing is left of that but what others share.
    node = project.path / "node" / f"metaflow-{os.geteuid()}"
    assert Path(data.place).parent == node and not os.path.exists(data.place)
    assert Path(data.package).is_relative_to(node)
    assert data.environment["METAFLOW_RUNTIME_ENVIRONMENT"] == "elsewhere"
    assert data.environment["METAFLOW_DEFAULT_DATASTORE"] == kind and "METAFLOW_BUNDLE" not in data.environment
    assert set(run.code.files) == {"flow.py", "helper.py", "query.sql"}
