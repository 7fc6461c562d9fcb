"""``@batch``: what it accepts, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from metaflow import FlowSpec, batch, step, timeout
from metaflow.exception import MetaflowException
from metaflow.testing import run_flow


def check(**attributes: Any) -> None:
    from metaflow.decorators.batch import BatchDecorator

    class Node:
        decorators: list[Any] = []

    decorator = BatchDecorator(attributes)
    Node.decorators = [decorator]
    decorator.validate({"train": Node()}, "train")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"cpu": "many"}, "cpu='many'. should be a number of at least 0.25"),
        ({"cpu": 0}, "at least 0.25"),
        ({"memory": 1}, "memory=1. should be a number of at least 4"),
        ({"gpu": 0.5}, "gpu=0.5. should be a whole number"),
        ({"swappiness": 101}, "should be 100 at most"),
        ({"ephemeral_storage": 20}, "at least 21"),
        ({"ephemeral_storage": 201}, "200 at most"),
        ({"max_concurrent_tasks": 0}, "at least 1"),
        ({"image": ""}, "image=''. should be a text that is not empty"),
        ({"queue": 5}, "queue=5"),
        ({"tmpfs_path": "temp"}, "absolute path"),
        ({"use_tmpfs": "maybe"}, "should be True or False"),
        ({"inferentia": 1, "trainium": 1}, "inferentia and trainium, which mean the same"),
        ({"log_driver": "paper"}, "should be one of awsfirelens, awslogs"),
        ({"log_options": ["group"]}, "'group' should be a name and a value"),
        ({"log_options": 5}, "should be a text, or a list of texts"),
        ({"host_volumes": ["data"]}, "'data' should be an absolute path"),
        ({"efs_volumes": ["/data"]}, "should be the id of a file system"),
        ({"aws_batch_tags": ["a"]}, "should be a dictionary of texts"),
        ({"aws_batch_tags": {"AWS:x": "y"}}, "begins with 'aws:'"),
        ({"aws_batch_tags": {"k" * 129: "y"}}, "1 to 128 characters, but .* has 129"),
        ({"aws_batch_tags": {"k": "y" * 257}}, "256 characters at most, but that of 'k' has 257"),
        ({"aws_batch_tags": {"k": "a;b"}}, "does not accept: ';'"),
        ({"aws_batch_tags": {str(number): "" for number in range(51)}}, "50 tags at most, but these are 51"),
        ({"aws_batch_tags": "{not json"}, "should be a dictionary"),
    ],
)
def test_what_it_refuses(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(MetaflowException, match=message) as raised:
        check(**attributes)
    assert "Step *train*" in str(raised.value)


def test_what_it_accepts_as_text_as_with_gives_it() -> None:
    check(
        cpu="2",
        memory="8000",
        gpu="1",
        use_tmpfs="True",
        tmpfs_size="100",
        host_volumes="/a,/b",
        efs_volumes="fs-1:/a",
        log_options="a:b",
        aws_batch_tags='{"team": "a b"}',
        trainium="2",
        inferentia=0,
        max_concurrent_tasks="7",
    )


def test_short_time_limits_are_refused() -> None:
    class Short(FlowSpec):
        @timeout(seconds=59)
        @batch
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises(MetaflowException, match="@timeout stops the step after 59 seconds, but AWS Batch has no time"):
        run_flow(Short)
