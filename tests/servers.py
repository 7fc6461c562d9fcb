"""Real servers on loopback for tests: each is started when a test first asks for it, and stopped by its process id."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

#: Where npm packages for tests are installed; see the Makefile.
NPM = Path(os.environ.get("METAFLOW_TEST_NPM", Path(sys.prefix) / "npm")) / "node_modules/.bin"
_START_SECONDS = 60.0

#: Azurite's well-known account, which is the same everywhere and opens nothing else.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Server(NamedTuple):
    """A server that answers.

    Attributes
    ----------
    url : str
    environment : dict
        What a program needs in its environment to use it.
    pid : int
    """

    url: str
    environment: dict[str, str]
    pid: int


#: Ports that this process has given to servers lately: some of them may be yet to start.
_given: deque[int] = deque(maxlen=60)
#: Processes that run tests beside each other take theirs from different ones.
_WORKERS = 8
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS


def free_port() -> int:
    """A port of loopback that nobody uses now, nor gets by chance before a server that is yet to start does.

    So it is none of those that systems hand out by themselves, as they do for every connection that somebody makes.
    """
    choices = random.SystemRandom()  # other generators are seeded by tests
    ports = range(30_000 + _WORKER, 32_768, _WORKERS)
    for port in choices.sample(ports, len(ports)):
        if port in _given:
            continue
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.append(port)
        return port
    raise AssertionError(f"All of the {len(ports)} ports {ports} are in use: see which processes hold them (ss -ltnp).")


@contextmanager
def process(command: list[str], log: Path, port: int, env: dict[str, str] | None = None) -> Iterator[int]:
    """Run a server as a process group of its own until the block is left; begins when its port is open."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_open(port):
            if running.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
        yield running.pid
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGTERM)
            try:
                running.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()


@contextmanager
def s3_server(folder: Path) -> Iterator[Server]:
    """moto: right in all that S3 promises, and not fast."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "METAFLOW_S3_ENDPOINT_URL": url,
    }
    with process(command, folder / "moto.log", port) as pid:
        yield Server(url, environment, pid)


@contextmanager
def plain_s3_server(folder: Path) -> Iterator[Server]:
    """s3rver, from npm: quick, and like many S3-compatible servers it ignores conditions on writes."""
    program = shutil.which("s3rver", path=f"{NPM}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("s3rver is not installed; `make test` installs it where npm is there")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [program, "--silent", "--address", "127.0.0.1", "--port", str(port), "--directory", str(folder)]
    environment = {
        "AWS_ACCESS_KEY_ID": "S3RVER",
        "AWS_SECRET_ACCESS_KEY": "S3RVER",
        "AWS_DEFAULT_REGION": "us-east-1",
        "METAFLOW_S3_ENDPOINT_URL": url,
        "METAFLOW_S3_CONDITIONAL_WRITES": "false",
    }
    with process(command, folder / "s3rver.log", port) as pid:
        yield Server(url, environment, pid)


@contextmanager
def azure_server(folder: Path) -> Iterator[Server]:
    """Azurite, from npm."""
    program = shutil.which("azurite-blob", path=f"{NPM}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip("azurite is not installed; `make test` installs it where npm is there")
    port = free_port()
    options = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--inMemoryPersistence"]
    command = [program, *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    url = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    environment = {
        "AZURE_STORAGE_ACCOUNT_NAME": AZURE_ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY,
        "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": url,
    }
    with process(command, folder / "azurite.log", port) as pid:
        yield Server(url, environment, pid)


@contextmanager
def gs_server(folder: Path) -> Iterator[Server]:
    """moto once more, behind Google's names of headers."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(Path(__file__).with_name("gs_front.py")), str(port)]
    with process(command, folder / "gs.log", port) as pid:
        yield Server(url, {"STORAGE_EMULATOR_HOST": url}, pid)


@contextmanager
def postgres_server(folder: Path) -> Iterator[Server]:
    """PostgreSQL from the system's packages, which lets anybody in."""
    with new_postgres() as (command, port), running_postgres(command, folder / "postgres.log", port) as pid:
        yield Server(f"postgresql://postgres@127.0.0.1:{port}/postgres", {}, pid)


@contextmanager
def new_postgres(password: str = "") -> Iterator[tuple[list[str], int]]:
    """Make a place for PostgreSQL's data, without any of what protects it from power cuts.

    Gives the command that starts the server, and its port. With `password`, the user postgres needs that.
    """
    programs, port = _postgres_programs(), free_port()
    # Not below pytest's own folder, which every start of pytest closes to other users.
    with tempfile.TemporaryDirectory(prefix="metaflow-postgres-", ignore_cleanup_errors=True) as name:
        data, secret = Path(name) / "data", Path(name) / "password"
        data.mkdir()
        secret.write_text(password or "none")
        as_user: list[str] = []
        if os.getuid() == 0:  # the server refuses to run as root
            for path in (name, data, secret):
                shutil.chown(path, "postgres")
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        initdb = [*as_user, f"{programs}/initdb", "-D", str(data), "-U", "postgres", "--no-sync", "-E", "UTF8"]
        initdb += ["-A", "scram-sha-256" if password else "trust", f"--pwfile={secret}"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = ["listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={data}", "fsync=off"]
        settings += ["synchronous_commit=off", "full_page_writes=off", "max_connections=200"]
        options = [word for setting in settings for word in ("-c", setting)]
        yield [*as_user, f"{programs}/postgres", "-D", str(data), *options], port


@contextmanager
def running_postgres(command: list[str], log: Path, port: int) -> Iterator[int]:
    """Run a server until the block is left; begins when it has read its data, which is after its port is open."""
    ready = [f"{_postgres_programs()}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    with process(command, log, port) as pid:
        deadline = time.monotonic() + _START_SECONDS
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline, f"PostgreSQL is not ready:\n{log.read_text(errors='replace')[-3000:]}"
            time.sleep(0.05)
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGINT)  # it does not wait then for those who are connected


def create_bucket(server: Server, name: str) -> None:
    """Make a bucket on a server that speaks S3 or Google's XML interface and checks no signatures."""
    request = urllib.request.Request(f"{server.url}/{name}", method="PUT")
    urllib.request.urlopen(request, timeout=30).close()


def create_container(server: Server, name: str) -> None:
    """Make a container on Azurite."""
    import base64
    import hashlib
    import hmac
    from email.utils import formatdate

    date = formatdate(usegmt=True)
    text = f"PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2021-12-02\n"
    text += f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
    signature = base64.b64encode(hmac.digest(base64.b64decode(AZURE_KEY), text.encode(), hashlib.sha256)).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-12-02",
        "Authorization": f"SharedKey {AZURE_ACCOUNT}:{signature}",
    }
    request = urllib.request.Request(f"{server.url}/{name}?restype=container", headers=headers, method="PUT")
    urllib.request.urlopen(request, timeout=30).close()


def _postgres_programs() -> str:
    folders = [str(path.parent) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]
    for folder in (*folders, *os.environ["PATH"].split(os.pathsep)):
        if os.path.exists(f"{folder}/initdb") and os.path.exists(f"{folder}/postgres"):
            return os.path.dirname(os.path.realpath(f"{folder}/initdb"))
    pytest.skip("PostgreSQL is not installed; `.ci/run` installs it on Debian")


def _is_open(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0
