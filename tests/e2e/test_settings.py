"""Settings and environment variables, as they act on commands."""

from __future__ import annotations

import json
import os

import pytest

from .conftest import Project, metaflow
from .test_cli import FLOW


def test_options_can_be_given_in_the_environment(project: Project) -> None:
    from metaflow import Run

    outcome = project.run(
        FLOW,
        env={
            "METAFLOW_QUIET": "1",
            "METAFLOW_PYLINT": "0",
            "METAFLOW_DATASTORE": "local",
            "METAFLOW_METADATA": "local",
            "METAFLOW_ENVIRONMENT": "local",
            "METAFLOW_DATASTORE_ROOT": "named",
            "METAFLOW_RUN_TAGS": "a b",
            "METAFLOW_RUN_MAX_WORKERS": "1",
            "METAFLOW_RUN_MAX_NUM_SPLITS": "5",
            "METAFLOW_RUN_MAX_LOG_SIZE": "1",
            "METAFLOW_RUN_RUN_ID_FILE": "id",
            "METAFLOW_RUN_RUNNER_ATTRIBUTE_FILE": "attributes.json",
            "METAFLOW_RUN_ALPHA": "7",
        },
    )
    assert outcome.stderr == "", "METAFLOW_QUIET"
    assert (
        (project.path / "id").read_text()
        == outcome.run_id
        == json.loads((project.path / "attributes.json").read_text())["run_id"]
    )
    import metaflow as client

    client.namespace(None)
    client.metadata(str(project.path / "named"))
    run = Run(f"F/{outcome.run_id}")
    assert run.user_tags == {"a", "b"} and run.data.alpha == 7
    # What is given on the command line wins.
    outcome = project.call("--not-quiet", "run", "--tag", "c", env={"METAFLOW_QUIET": "1", "METAFLOW_RUN_TAGS": "a"})
    assert "The graph looks good!" in outcome.stderr
    assert "; c\n" in project.call("--quiet", "tag", "list", outcome.run_id).stdout


@pytest.mark.parametrize(
    ("env", "code", "reason"),
    [
        ({"METAFLOW_RUN_MAX_WORKERS": "many"}, 2, "environment variable METAFLOW_RUN_MAX_WORKERS."),
        ({"METAFLOW_RUN_ALPHA": "x"}, 2, "environment variable METAFLOW_RUN_ALPHA."),
        (
            {"METAFLOW_METADATA": "s3"},
            2,
            "The value comes from the environment variable METAFLOW_METADATA.",
        ),
        (
            {"METAFLOW_DEFAULT_DATASTORE": "s3"},
            1,
            "or with METAFLOW_DATASTORE_SYSROOT_S3",
        ),
        ({"METAFLOW_DEFAULT_DATASTORE": "tape"}, 1, "no kind of datastore called 'tape'"),
        ({"METAFLOW_DEFAULT_METADATA": "service"}, 1, "Set METAFLOW_SERVICE_URL to its address"),
        ({"METAFLOW_DEFAULT_METADATA": "paper"}, 1, "METAFLOW_DEFAULT_METADATA (environment) asks for it"),
        ({"METAFLOW_DEFAULT_ENVIRONMENT": "conda"}, 1, "has only local"),
        ({"METAFLOW_PROFILE": "nope"}, 1, "Unable to locate the profile 'nope'"),
    ],
)
def test_bad_values_in_the_environment(project: Project, env: dict[str, str], code: int, reason: str) -> None:
    project.write(FLOW)
    outcome = project.call("run", env=env)
    assert outcome.code == code and reason in outcome.stderr and "Traceback" not in outcome.stderr, outcome
    assert not (project.path / ".metaflow").exists()


def test_a_profile_acts_on_runs_and_the_command_line_wins(project: Project) -> None:
    project.write(FLOW)
    settings = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(project.path / "far"), "METAFLOW_DEFAULT_ENVIRONMENT": "conda"}
    (project.path / "given.json").write_text(json.dumps(settings))
    assert metaflow(project, "configure", "import", "given.json", "--profile", "far").code == 0
    env = {"METAFLOW_PROFILE": "far"}
    outcome = project.call("run", env=env)
    assert outcome.code == 1 and f"({project.path}/home/config_far.json) asks for it" in outcome.stderr
    assert project.call("--environment", "local", "run", env=env).code == 0
    assert (project.path / "far/.metaflow/mf-store").is_dir() and not (project.path / ".metaflow").exists()


def test_status_checks_the_datastore(project: Project) -> None:
    outcome = metaflow(project, "status")
    assert outcome.code == 1 and 'Could not find ".metaflow" in the current working tree.' in outcome.stderr
    run_id = project.run(FLOW).run_id
    outcome = metaflow(project, "status")
    assert outcome.code == 0, outcome
    assert f'Working tree found at: "{project.path}"' in outcome.stdout
    assert "(local), readable and writable" in outcome.stdout and "Runs: 1 of 1 flow\n" in outcome.stdout
    assert "Index of runs: sound and up to date" in outcome.stdout
    assert f"* Flow('F') (latest run {run_id}: done)" in outcome.stdout

    index = project.path / ".metaflow/mf-store/index.sqlite"
    index.write_bytes(b"not a database" * 1000)
    outcome = metaflow(project, "status")
    assert (
        outcome.code == 1
        and "it is damaged or of an older version; rebuild it with `metaflow reindex`" in outcome.stdout
    )
    assert metaflow(project, "reindex").code == 0 and metaflow(project, "status").code == 0


def test_status_counts_what_the_index_lacks_and_tries_to_write(tmp_path, monkeypatch) -> None:
    import shutil

    from metaflow.client.health import check_datastore
    from metaflow.datastore.local import LocalStore
    from metaflow.exception import DataException

    (tmp_path / "empty").mkdir()
    assert check_datastore(tmp_path / "empty").is_good and os.listdir(tmp_path / "empty") == []
    run = tmp_path / "root/mf-store/runs/F/1"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    health = check_datastore(tmp_path / "root")
    assert (health.runs, health.flows) == (1, 1) and "missing" in (health.index_problem or "")

    def refuse(store, key, parts):
        raise DataException("the disk is full")

    monkeypatch.setattr(LocalStore, "put", refuse)
    health = check_datastore(tmp_path / "empty")
    assert health.write_problem == "the disk is full" and not health.is_good
    shutil.rmtree(tmp_path / "root")
