"""Servers that tests of all kinds use: one of each for a test process, and a fresh bucket or database for a test."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest

import aws_batch_service
import browser as browsers
import kubernetes_server
import ray_cluster as ray_clusters
import servers
import web_app as web_apps
from slurm_cluster import SlurmCluster, running_cluster

# What somebody has set for work of their own is nothing that a test reckons with.
for _name in [*os.environ]:
    if _name.startswith(("METAFLOW_", "AWS_")) and not _name.startswith(("METAFLOW_USER", "METAFLOW_TEST_")):
        del os.environ[_name]

# A busy machine is not an error of what is tested.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


class Bucket(NamedTuple):
    """A new, empty place in an object store.

    Attributes
    ----------
    kind : str
        ``s3``, ``azure`` or ``gs``.
    location : str
        As :mod:`metaflow.datastore.location` has it.
    environment : dict
        What a program needs in its environment to use it.
    server : Server
    """

    kind: str
    location: str
    environment: dict[str, str]
    server: servers.Server


def _once(name: str):
    @pytest.fixture(scope="session", name=name)
    def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
        with getattr(servers, name)(tmp_path_factory.mktemp(name)) as server:
            yield server

    return start


s3_server = _once("s3_server")
plain_s3_server = _once("plain_s3_server")
azure_server = _once("azure_server")
gs_server = _once("gs_server")
postgres_server = _once("postgres_server")


# Engines are of one file: they take processor time as long as they are there.


@pytest.fixture(scope="module")
def aws_batch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[aws_batch_service.BatchService]:
    """AWS Batch whose jobs run in containers."""
    with aws_batch_service.aws_batch(tmp_path_factory.mktemp("aws_batch")) as service:
        yield service


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ray_clusters.Cluster]:
    """A Ray cluster of two nodes with two processors each, shared by all processes that run these tests."""
    folder = tmp_path_factory.getbasetemp()
    of_session = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with ray_clusters.shared_cluster(of_session / "ray") as cluster:
        yield cluster


def _bucket(kind: str, server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    name = f"test-{uuid.uuid4().hex[:16]}"
    make = servers.create_container if kind == "azure" else servers.create_bucket
    make(server, name)
    location = f"{kind}://{name}/some/prefix"
    root = location.removeprefix("azure://")
    environment = {
        **server.environment,
        "METAFLOW_DEFAULT_DATASTORE": kind,
        f"METAFLOW_DATASTORE_SYSROOT_{kind.upper()}": root,
    }
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    return Bucket(kind, location, environment, server)


@pytest.fixture
def s3_bucket(s3_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("s3", s3_server, monkeypatch)


@pytest.fixture
def plain_s3_bucket(plain_s3_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("s3", plain_s3_server, monkeypatch)


@pytest.fixture
def azure_bucket(azure_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("azure", azure_server, monkeypatch)


@pytest.fixture
def gs_bucket(gs_server: servers.Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return _bucket("gs", gs_server, monkeypatch)


@pytest.fixture(params=["s3", "azure", "gs"])
def any_bucket(request: pytest.FixtureRequest) -> Bucket:
    """The test runs once for each kind of object store."""
    return request.getfixturevalue(f"{request.param}_bucket")


@pytest.fixture
def postgres_url(postgres_server: servers.Server) -> str:
    """A new, empty database."""
    import psycopg

    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(postgres_server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres_server.url.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="module")
def shared_slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """One of a test process: it takes a second and 35 MB. Tests that break a cluster make one of their own."""
    with running_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def slurm_cluster(shared_slurm_cluster: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> SlurmCluster:
    """The cluster, which commands of this process and of its children reach."""
    for name, value in shared_slurm_cluster.environment.items():
        monkeypatch.setenv(name, value)
    return shared_slurm_cluster


@pytest.fixture(scope="module")
def one_kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kubernetes_server.KubernetesServer]:
    for library in ("kubernetes_validate", "jsonschema"):
        pytest.importorskip(library)
    with kubernetes_server.start(tmp_path_factory.mktemp("kubernetes")) as server:
        if server.no_containers:
            warnings.warn(f"Pods run as plain processes in these tests: {server.no_containers}", stacklevel=1)
        yield server


@pytest.fixture
def kubernetes(
    one_kubernetes: kubernetes_server.KubernetesServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[kubernetes_server.KubernetesServer]:
    """A cluster without any objects, that clients find by the environment variable KUBECONFIG."""
    one_kubernetes.reset()
    monkeypatch.setenv("KUBECONFIG", str(one_kubernetes.kubeconfig))
    yield one_kubernetes
    one_kubernetes.reset()


@pytest.fixture(scope="module")
def running_browser() -> Iterator[browsers.Chromium]:
    with browsers.started() as running:
        yield running


@pytest.fixture
def browser(running_browser: browsers.Chromium) -> Iterator[browsers.Browser]:
    """Opens pages in Chromium; the test fails if one complains, shows a dialog or asks the network for anything."""
    opened = browsers.Browser(running_browser)
    yield opened
    opened.close()


@pytest.fixture
def web_app(tmp_path: Path) -> Iterator[Callable[..., web_apps.WebApp]]:
    """Starts the web app in a directory, that of the test unless one is given; it ends with the test.

    The arguments are those of :func:`web_app.running_app`.
    """
    with ExitStack() as stack:
        yield lambda project=tmp_path, *options, **more: stack.enter_context(
            web_apps.running_app(project, *options, **more)
        )
