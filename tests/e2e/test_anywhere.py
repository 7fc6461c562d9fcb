"""The one example flow, unchanged, on every engine: with the same artifacts."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

import servers
from metaflow import Flow

from .conftest import Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "anywhere.py"
#: What four throwers with the seeds 0 to 3 hit in 2,000 throws.
HITS = [1568, 1573, 1550, 1590]


def here(request: pytest.FixtureRequest, project: Project) -> list[str]:
    return []


def elsewhere(request: pytest.FixtureRequest, project: Project) -> list[str]:
    project.env["METAFLOW_ELSEWHERE_DIRECTORY"] = str(project.path / "engine")
    return ["--with", "elsewhere"]


def slurm(request: pytest.FixtureRequest, project: Project) -> list[str]:
    project.env |= request.getfixturevalue("slurm_cluster").environment
    return ["--with", "slurm"]


def ray(request: pytest.FixtureRequest, project: Project) -> list[str]:
    project.env |= {"METAFLOW_RAY_ADDRESS": request.getfixturevalue("ray_cluster").url, "RAY_AUTH_MODE": "disabled"}
    return ["--with", "ray_step"]


def kubernetes(request: pytest.FixtureRequest, project: Project) -> list[str]:
    pytest.importorskip("kubernetes")
    cluster = request.getfixturevalue("kubernetes")
    bucket = request.getfixturevalue("s3_bucket")
    project.env |= {**bucket.environment, "KUBECONFIG": str(cluster.kubeconfig), "METAFLOW_PASS_CREDENTIALS": "1"}
    return ["--with", "kubernetes:image=python-with-packages,cpu=0.1,memory=256,disk=100"]


def batch(request: pytest.FixtureRequest, project: Project) -> list[str]:
    service = request.getfixturevalue("aws_batch")
    bucket = f"test-{uuid.uuid4().hex[:16]}"
    servers.create_bucket(servers.Server(service.url, {}, 0), bucket)
    environment = {
        **service.environment,
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{bucket}/flows",
    }
    project.env |= environment
    for name, value in environment.items():
        request.getfixturevalue("monkeypatch").setenv(name, value)
    return ["--with", "batch"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", [here, elsewhere, slurm, ray, kubernetes, batch], ids=lambda engine: engine.__name__)
def test_the_same_flow_has_the_same_artifacts(
    engine, request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(EXAMPLE, project.path / "anywhere.py")
    options = engine(request, project)
    outcome = project.call("run", *options, "--throws", "2000", flow="anywhere.py", timeout=240)
    assert outcome.code == 0, outcome
    assert "thrower 3 hit" in outcome.stdout and "pi is about" in outcome.stdout
    project.client()
    run = Flow("AnywhereFlow").latest_run
    assert run is not None and run.successful
    assert run.data.hits_of_each == HITS
    # Tasks are listed in the order of their ends.
    assert sorted(sum(task.data.hits) for task in run["throw"]) == sorted(HITS)
