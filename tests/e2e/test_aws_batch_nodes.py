"""Parallel steps as multi-node jobs of AWS Batch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import aws_batch_nodes
import servers

from .conftest import Project

FLOW = """
    from metaflow import FlowSpec, batch, current, parallel, step, retry

    class Gang(FlowSpec):
        @step
        def start(self):
            self.next(self.train, num_parallel=3)

        @retry(times=1, minutes_between_retries=0)
        @batch
        @parallel
        @step
        def train(self):
            import os
            import time
            node = current.parallel
            self.rank, self.main, self.place = node.node_index, node.main_ip, os.environ["AWS_BATCH_JOB_ID"]
            print("node", node.node_index, "of", node.num_nodes)
            if current.retry_count == 0:
                if node.node_index == 1:
                    os._exit(9)
                time.sleep(100)
            if node.node_index:
                time.sleep(1)  # the main node, whose end is that of the job, has to wait
            self.next(self.join)

        @step
        def join(self, inputs):
            self.ranks = [each.rank for each in inputs]
            self.mains = {each.main for each in inputs if each.rank}
            self.places = [each.place for each in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass
"""


@pytest.fixture
def nodes(tmp_path: Path, s3_bucket: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    port = servers.free_port()
    program = Path(aws_batch_nodes.__file__)
    folder = tmp_path / "nodes"
    folder.mkdir()
    with servers.process([sys.executable, str(program), str(port), str(folder)], tmp_path / "nodes.log", port):
        yield f"http://127.0.0.1:{port}"


def test_a_gang_fails_and_starts_again_as_one(nodes: str, s3_bucket: object, project: Project) -> None:
    project.write(FLOW)
    project.env |= {**s3_bucket.environment, "AWS_ENDPOINT_URL_BATCH": nodes}  # type: ignore[attr-defined]
    outcome = project.call("run", timeout=110)
    assert outcome.code == 0, str(outcome)
    assert "3 nodes of step train are submitted to AWS Batch (job job-0)" in outcome.stdout, str(outcome)
    assert "exited with code 9" in outcome.stdout, str(outcome)

    import metaflow

    metaflow.namespace(None)
    metaflow.metadata(str(project.path))
    task = metaflow.Run(f"Gang/{outcome.run_id}")["join"].task
    assert task.data.ranks == [0, 1, 2]
    assert task.data.mains == {"127.0.0.1"}
    assert task.data.places == [f"job-1#{index}" for index in range(3)]
