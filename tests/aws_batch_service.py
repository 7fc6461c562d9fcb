"""AWS Batch for tests: moto's, whose jobs really run, as containers of podman with the host's own programs in them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import servers

IMAGE = "localhost/metaflow-test:1"
#: Queues: of machines of EC2, of Fargate, and one that is disabled.
QUEUE, FARGATE_QUEUE, DISABLED_QUEUE = "metaflow-test", "metaflow-fargate", "metaflow-disabled"
MAX_CPUS = 16
_REGION = "us-east-1"
#: moto tells the children of an array which they are by their id only.
_TELL_INDEX = (
    'case $AWS_BATCH_JOB_ID in *:*) export AWS_BATCH_JOB_ARRAY_INDEX=${AWS_BATCH_JOB_ID##*:};; esac; exec "$@"'
)
_ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": _REGION}


class BatchService(NamedTuple):
    """AWS Batch, S3 and CloudWatch at one address.

    Attributes
    ----------
    url : str
    environment : dict
        What a program needs in its environment to use it.
    """

    url: str
    environment: dict[str, str]

    def client(self, service: str) -> Any:
        """A client of boto3."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=_REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


@contextmanager
def aws_batch(folder: Path) -> Iterator[BatchService]:
    """Start it; skips the test where containers cannot run."""
    with _containers(folder) as (podman, socket):
        port = servers.free_port()
        url = f"http://127.0.0.1:{port}"
        _make_image(podman, folder)
        command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
        engine = {"DOCKER_HOST": f"unix://{socket}", "MOTO_DOCKER_NETWORK_MODE": "host"}
        environment = {
            **_ACCESS,
            "METAFLOW_S3_ENDPOINT_URL": url,
            "AWS_ENDPOINT_URL_BATCH": url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": url,
            "METAFLOW_BATCH_CONTAINER_IMAGE": IMAGE,
            "METAFLOW_BATCH_JOB_QUEUE": QUEUE,
        }
        with servers.process(command, folder / "moto.log", port, engine):
            service = BatchService(url, environment)
            _make_queues(service)
            yield service


class _Podman(NamedTuple):
    program: str
    environment: dict[str, str]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )


@contextmanager
def _containers(folder: Path) -> Iterator[tuple[_Podman, Path]]:
    """Podman's service with a store of its own, which speaks Docker's protocol."""
    program = shutil.which("podman")
    if program is None or shutil.which("runc") is None:
        pytest.skip("podman and runc are not installed; `.ci/run` installs them on Debian")
    limits = '["nofile=4096:4096", "nproc=4096:4096"]'
    mounts = json.dumps([f"{path}:{path}:ro" for path in _mounted()])
    (folder / "containers.conf").write_text(
        f'[containers]\ndefault_ulimits = {limits}\nnetns = "host"\nvolumes = {mounts}\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/store"\n'
    )
    files = {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }
    podman = _Podman(program, {**os.environ, **files})
    # Not in the folder: names of sockets have 107 characters at most, which folders of tests easily have.
    socket = Path(os.environ.get("TMPDIR", "/tmp")) / f"metaflow-batch-{os.getpid()}.sock"
    with (folder / "podman.log").open("wb") as log:
        running = subprocess.Popen(
            [program, "system", "service", "-t", "0", f"unix://{socket}"],
            env=podman.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 90
        while not socket.exists():
            if running.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"podman cannot run here: {(folder / 'podman.log').read_text(errors='replace')[-500:]}")
            time.sleep(0.05)
        yield podman, socket
    finally:
        podman("rm", "--force", "--all", "--time", "0")
        running.terminate()
        running.wait(20)
        socket.unlink(missing_ok=True)


def _make_image(podman: _Podman, folder: Path) -> None:
    """An image without any file: what runs in it is mounted from the host; its variables give access to AWS."""
    archive = folder / "image.tar"
    with tarfile.open(archive, "w") as tar:
        for path in ("tmp", "proc", "sys", "dev", "run", "var", "root", *_mounted()):
            _add(tar, tarfile.DIRTYPE, path.strip("/"))
        for name in _links():
            _add(tar, tarfile.SYMTYPE, name, os.readlink(f"/{name}"))
    programs = f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin"
    variables = {"PATH": programs, **_ACCESS}
    changes = [word for name, value in variables.items() for word in ("--change", f"ENV {name}={value}")]
    changes += ["--change", f"ENTRYPOINT {json.dumps(['/bin/sh', '-c', _TELL_INDEX, 'sh'])}"]
    made = podman("import", *changes, str(archive), IMAGE)
    tried = podman("run", "--rm", IMAGE, "python", "-c", "print('works')") if made.returncode == 0 else made
    if tried.stdout.strip() != "works":
        pytest.skip(f"containers cannot run here: {tried.stderr.strip()[-500:]}")


def _add(tar: tarfile.TarFile, kind: bytes, name: str, target: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = kind, target, 0o1777 if name == "tmp" else 0o755
    tar.addfile(entry, io.BytesIO())


def _links() -> list[str]:
    return [name for name in ("bin", "sbin", "lib", "lib64") if os.path.islink(f"/{name}")]


def _mounted() -> list[str]:
    """What of the host is in every container: its programs and libraries, and Python with the tests' packages."""
    system = [f"/{name}" for name in ("bin", "sbin", "lib", "lib64") if os.path.isdir(f"/{name}")]
    paths = ["/usr", "/etc", *(path for path in system if not os.path.islink(path))]
    for path in (sys.base_prefix, sys.prefix):
        if not path.startswith("/usr/"):
            paths.append(path)
    return list(dict.fromkeys(paths))


def _make_queues(service: BatchService) -> None:
    iam, ec2, batch = (service.client(name) for name in ("iam", "ec2", "batch"))
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    profile = iam.create_instance_profile(InstanceProfileName="batch")["InstanceProfile"]["Arn"]
    network = {
        "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
        "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        "maxvCpus": MAX_CPUS,
    }
    machines = {"type": "EC2", "minvCpus": 0, "instanceTypes": ["optimal"], "instanceRole": profile}
    for queue, resources in ((QUEUE, machines), (FARGATE_QUEUE, {"type": "FARGATE"}), (DISABLED_QUEUE, machines)):
        made = batch.create_compute_environment(
            computeEnvironmentName=queue, type="MANAGED", computeResources={**resources, **network}, serviceRole=role
        )
        batch.create_job_queue(
            jobQueueName=queue,
            state="DISABLED" if queue == DISABLED_QUEUE else "ENABLED",
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}],
        )
