"""AWS Batch's jobs of several nodes, which moto does not have: a server that runs the nodes as processes beside it.

Run as a program: ``python aws_batch_nodes.py PORT FOLDER``. It answers as AWS's documentation says: the job's outcome
is that of its main node, whose end stops the others; those learn its address from a variable that it has not itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aws_batch_stub import environment, queue

QUEUE = "nodes"


class Batch:
    """The service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._definitions: dict[str, dict[str, Any]] = {}
        self._jobs: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._reasons: dict[str, str] = {}

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""
        with self._lock:
            answer: dict[str, Any] = getattr(self, f"_{operation}")(request)
            return answer

    def close(self) -> None:
        """End all nodes."""
        for job_id in self._jobs:
            self._terminatejob({"jobId": job_id, "reason": "the end"})

    def _describejobqueues(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"jobQueues": [queue(QUEUE, "ce")]}

    def _describecomputeenvironments(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"computeEnvironments": [environment("ce", type="EC2", maxvCpus=8)]}

    def _describejobdefinitions(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["jobDefinitionName"]
        return {"jobDefinitions": [{"jobDefinitionArn": name}] if name in self._definitions else []}

    def _registerjobdefinition(self, request: dict[str, Any]) -> dict[str, Any]:
        self._definitions[request["jobDefinitionName"]] = request["nodeProperties"]
        return {"jobDefinitionArn": request["jobDefinitionName"]}

    def _submitjob(self, request: dict[str, Any]) -> dict[str, Any]:
        nodes = self._definitions[request["jobDefinition"]]
        (node_range,), (overrides,) = nodes["nodeRangeProperties"], request["nodeOverrides"]["nodePropertyOverrides"]
        count, said = request["nodeOverrides"]["numNodes"], overrides["containerOverrides"]
        assert node_range["targetNodes"] == overrides["targetNodes"] == f"0:{count - 1}"
        job_id = f"job-{len(self._jobs)}"
        variables = {each["name"]: each["value"] for each in node_range["container"].get("environment", ())}
        variables |= {each["name"]: each["value"] for each in said.get("environment", ())}
        command = said.get("command") or node_range["container"]["command"]
        started = self._jobs[job_id] = [self._node(job_id, index, command, variables) for index in range(count)]
        threading.Thread(target=_end_with_main, args=(started,), daemon=True).start()
        return {"jobId": job_id, "jobName": request["jobName"]}

    def _node(self, job_id: str, index: int, command: list[str], variables: dict[str, str]) -> subprocess.Popen[bytes]:
        folder = self._folder / f"{job_id}-{index}"
        folder.mkdir()
        own = {name: os.environ[name] for name in ("PATH", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        told = {"AWS_BATCH_JOB_ID": f"{job_id}#{index}", "AWS_BATCH_JOB_NODE_INDEX": str(index), "HOME": str(folder)}
        if index:
            told["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = "127.0.0.1"
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(
                command, cwd=folder, env={**own, **variables, **told}, stdout=log, stderr=log, start_new_session=True
            )

    def _describejobs(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"jobs": [found for job_id in request["jobs"] for found in self._described(job_id)]}

    def _described(self, job_id: str) -> list[dict[str, Any]]:
        parent, _, index = job_id.partition("#")
        if parent not in self._jobs:
            return []
        nodes = self._jobs[parent]
        code = nodes[int(index or 0)].poll()
        status = "RUNNING" if code is None else "FAILED" if code else "SUCCEEDED"
        container = {} if code is None else {"exitCode": code if code >= 0 else 128 - code}
        reason = {"statusReason": self._reasons[parent], "isTerminated": True} if parent in self._reasons else {}
        return [
            {"jobId": job_id, "jobName": job_id, "jobQueue": QUEUE, "status": status, "container": container, **reason}
        ]

    def _terminatejob(self, request: dict[str, Any]) -> dict[str, Any]:
        self._reasons[request["jobId"]] = request["reason"]
        _end(self._jobs[request["jobId"]])
        return {}


def _end_with_main(nodes: list[subprocess.Popen[bytes]]) -> None:
    nodes[0].wait()
    _end(nodes[1:])


def _end(nodes: list[subprocess.Popen[bytes]]) -> None:
    for node in nodes:
        if node.poll() is None:
            os.killpg(node.pid, signal.SIGKILL)


def main() -> None:
    """Serve until the process is told to end."""
    service = Batch(Path(sys.argv[2]))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            body = json.dumps(service.answer(self.path.rpartition("/")[2], request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    service.close()


if __name__ == "__main__":
    main()
