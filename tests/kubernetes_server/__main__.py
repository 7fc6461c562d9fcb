"""The server as a program: it ends with its standard input, and so with the test that started it."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .cluster import Cluster


class _Control(BaseHTTPRequestHandler):
    """Lets a test call methods of the cluster: the method's name is the path, its arguments are the body."""

    cluster: Cluster

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer, code = getattr(self.cluster, self.path.strip("/"))(**arguments), 200
        except Exception as error:
            answer, code = f"{type(error).__name__}: {error}", 500
        content = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=8)
    arguments = parser.parse_args()
    cluster = Cluster(arguments.folder, arguments.workers)
    _Control.cluster = cluster
    control = ThreadingHTTPServer(("127.0.0.1", 0), _Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        ready = {
            "port": cluster.port,
            "control": control.server_address[1],
            "isolation": cluster.isolation,
            "no_containers": cluster.no_containers,
        }
        print(json.dumps(ready), flush=True)
        sys.stdin.buffer.read()
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
