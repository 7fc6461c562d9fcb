"""An S3 server on loopback for the benchmarks, in a virtual environment of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .measure import CommandFailed

BUCKET = "benchmark"
_START_SECONDS = 60.0


@contextmanager
def s3_server(python: Path) -> Iterator[dict[str, str]]:
    """moto's server, with an empty bucket; gives what a program needs in its environment to use it.

    Parameters
    ----------
    python : Path
        Interpreter that has moto installed.

    Raises
    ------
    CommandFailed
        If it does not start.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [str(python), "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _make_bucket(server, f"{url}/{BUCKET}")
        yield {
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_DEFAULT_REGION": "us-east-1",
            "METAFLOW_S3_ENDPOINT_URL": url,
            "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/store",
        }
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _make_bucket(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10).close()
            return
        except OSError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed(f"the S3 server did not start: {error}") from error
            time.sleep(0.1)
