"""A metadata service for tests: the real server, which can be killed and started again, and a bad connection to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from servers import free_port

WRITER = "writing-token-of-the-tests-0001"
READER = "reading-token-of-the-tests-0001"
_START_SECONDS = 60.0


class MetadataService:
    """`metaflow server` over a SQLite file.

    Parameters
    ----------
    folder : Path
        Where the database and the log are.
    database : str, optional
        Another database.
    """

    def __init__(self, folder: Path, database: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._database = database or str(folder / "service.sqlite")
        self._process: subprocess.Popen[bytes] | None = None
        #: What a program needs in its environment to use it.
        self.environment = {
            "METAFLOW_DEFAULT_METADATA": "service",
            "METAFLOW_SERVICE_URL": self.url,
            "METAFLOW_SERVICE_AUTH_KEY": WRITER,
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")}
        environment |= {
            "METAFLOW_HOME": str(self.folder),
            "METAFLOW_SERVER_TOKENS": f"team:write:{WRITER} eyes:read:{READER}",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "metaflow", "server", "--port", str(self.port), "--database", self._database],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the service did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.folder / "service.log"

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/ping", timeout=30).close()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def stop(self, how: int = signal.SIGTERM) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class BadConnection:
    """Passes connections on to a port, each of them as the next entry of a list says, round and round.

    Parameters
    ----------
    port : int
        Where to.
    ways : list of str
        ``short`` (closed after one answer), ``refused`` (closed before anything is passed on) or ``deaf`` (the request
        arrives, the answer does not).
    """

    def __init__(self, port: int, ways: list[str]) -> None:
        self._target = port
        self._ways = ways
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            way = self._ways[self.count % len(self._ways)]
            self.count += 1
            threading.Thread(target=self._pass_on, args=(client, way), daemon=True).start()

    def _pass_on(self, client: socket.socket, way: str) -> None:
        with client:
            if way == "refused":
                return
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
                answer = self._whole_answer(server)
                if way == "short":
                    client.sendall(answer)
                client.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _whole_answer(server: socket.socket) -> bytes:
        answer, size = b"", None
        while size is None or len(answer) < size:
            data = server.recv(1 << 20)
            if not data:
                break
            answer += data
            head, end, _ = answer.partition(b"\r\n\r\n")
            if end and size is None:
                lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                size = len(head) + 4 + int(lengths[0].partition(b":")[2] if lengths else 0)
        return answer

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()
