"""Declarations of @torchrun, @deepspeed, @mpi and @tensorflow, and what their nodes are told."""

from __future__ import annotations

import json
import os

import pytest

from metaflow import FlowSpec, current, deepspeed, mpi, parallel, pytorch_parallel, step, tensorflow, torchrun
from metaflow.decorators.parallel import node_of, port_of
from metaflow.decorators.tensorflow import tf_config
from metaflow.exception import InvalidDecoratorAttribute, MetaflowException
from metaflow.flow.declaration import FlowDeclaration
from metaflow.flow.decorators import StepDecorator, add
from metaflow.flow.hooks import TaskHook
from metaflow.flow.parallel_node import MAIN_ADDRESS_VARIABLE, Parallel
from metaflow.registry import BUILT_IN, load
from metaflow.runtime.declared import checked_graph
from metaflow.testing import run_flow

FRAMEWORKS = ("deepspeed", "mpi", "tensorflow", "torchrun")


def flow_with(decorator) -> type[FlowSpec]:
    class F(FlowSpec):
        @step
        def start(self):
            self.next(self.train, num_parallel=1)

        @decorator
        @step
        def train(self):
            self.node = tuple(current.parallel)
            self.tf = os.environ.get("TF_CONFIG")
            self.next(self.join)

        @step
        def join(self, inputs):
            self.merge_artifacts(inputs)
            self.next(self.end)

        @step
        def end(self):
            pass

    return F


def check(decorator) -> None:
    declaration = FlowDeclaration(flow_with(decorator))
    declaration.configure({})
    declaration.complete()
    checked_graph(declaration)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_they_are_parallel_steps(name: str):
    from metaflow.decorators.parallel import ParallelDecorator

    assert name in BUILT_IN["step_decorators"]
    assert issubclass(load("step_decorators", name), ParallelDecorator)
    check({"deepspeed": deepspeed, "mpi": mpi, "tensorflow": tensorflow, "torchrun": torchrun}[name])


@pytest.mark.parametrize(
    "decorator",
    [
        torchrun(master_port=0),
        torchrun(master_port="x"),
        torchrun(nproc_per_node=0),
        torchrun(nproc_per_node="many"),
        torchrun(all_nodes_started_timeout=-1),
        deepspeed(worker_polling_freq="often"),
        deepspeed(all_nodes_started_timeout=None),
        mpi(worker_polling_freq=-5),
        pytorch_parallel(master_port=70_000),
    ],
)
def test_attributes_that_make_no_sense(decorator):
    with pytest.raises(InvalidDecoratorAttribute, match=r"Step \*train\*: @\w+\(\w+="):
        check(decorator)


@pytest.mark.parametrize("decorator", [torchrun(master_port="3339", nproc_per_node="gpu"), deepspeed(use_sudo=True)])
def test_attributes_as_existing_flows_have_them(decorator):
    check(decorator)


def test_two_frameworks_cannot_share_the_nodes_of_a_step():
    """Each would wait in vain for the nodes to do as it wants."""
    with pytest.raises(MetaflowException, match=r"Step \*train\* has both @torchrun and @mpi"):
        check(lambda function: mpi(torchrun(function)))
    check(lambda function: parallel(torchrun(function)))


def test_what_decorators_above_set_is_not_told_to_other_nodes():
    """It may be secret, and each node has it anyway."""

    class SecretHook(TaskHook):
        def before(self, task):
            os.environ["OF_DECORATOR"] = "secret"

        def close(self, task):
            del os.environ["OF_DECORATOR"]

    class Secret(StepDecorator):
        name = "secret"

        def hook(self):
            return SecretHook()

    class F(FlowSpec):
        @step
        def start(self):
            self.next(self.train, num_parallel=1)

        @deepspeed
        @step
        def train(self):
            os.environ["OF_STEP"] = "1"
            self.told = current.deepspeed._control.changed_variables()
            del os.environ["OF_STEP"]
            self.next(self.join)

        @step
        def join(self, inputs):
            self.merge_artifacts(inputs)
            self.next(self.end)

        @step
        def end(self):
            pass

    add(F.train, Secret())
    assert run_flow(F).told == {"OF_STEP": "1"}


@pytest.mark.parametrize("name, decorator", [("torch", "@torchrun"), ("deepspeed", "@deepspeed"), ("mpi", "@mpi")])
def test_outside_of_such_a_step_that_is_told(name: str, decorator: str):
    with pytest.raises(AttributeError, match=f"current.{name} is there only while a step runs that has {decorator}"):
        getattr(current, name)
    assert name not in current and current.get(name) is None


@pytest.mark.parametrize("decorator", [parallel, deepspeed, mpi, tensorflow])
def test_a_gang_of_one_runs_in_the_process_of_a_test(decorator):
    run = run_flow(flow_with(decorator))
    assert run.node[:3] == ("127.0.0.1", 1, 0)
    if decorator is tensorflow:
        config = json.loads(run.tf)
        assert config["task"] == {"type": "worker", "index": 0} and len(config["cluster"]["worker"]) == 1


class Task:
    """A task that is one of three nodes."""

    class flow:
        class _flow_state:
            from metaflow.flow.state import Frame
            from metaflow.flow.transition import PARALLEL_ITERATOR

            frames = (Frame("start", PARALLEL_ITERATOR, 2, 3, None, "start/1/0"),)


def test_nodes_elsewhere_are_told_where_node_0_is(monkeypatch):
    current._set({"task_id": "7_node_2"})
    try:
        monkeypatch.delenv(MAIN_ADDRESS_VARIABLE, raising=False)
        assert node_of(Task) == Parallel("127.0.0.1", 3, 2, "7")
        monkeypatch.setenv(MAIN_ADDRESS_VARIABLE, "10.1.2.3")
        assert node_of(Task) == Parallel("10.1.2.3", 3, 2, "7")
    finally:
        current._set({})


def test_workers_of_tensorflow_find_each_other():
    addresses = ["10.0.0.1", "10.0.0.2", "fe80::1"]
    seen = [json.loads(tf_config(addresses, index, 20_007)) for index in range(3)]
    workers = seen[0]["cluster"]["worker"]
    assert all(each["cluster"] == {"worker": workers} for each in seen)
    assert [each["task"] for each in seen] == [{"type": "worker", "index": index} for index in range(3)]
    hosts = [worker.rpartition(":")[0] for worker in workers]
    assert hosts == ["10.0.0.1", "10.0.0.2", "[fe80::1]"]
    assert all(40_000 <= int(worker.rpartition(":")[2]) < 60_000 for worker in workers)


def test_gangs_on_one_machine_have_different_ports():
    current._set({"run_id": "1"})
    try:
        gangs = [port_of(Parallel("", 4, 0, str(task)), attempt) for task in (1, 2, 3) for attempt in range(4)]
        later = [port_of(Parallel("", 4, index, "2"), 0, use=1) for index in range(4)]
    finally:
        current._set({})
    assert len({*gangs, *later}) == 13 and all(20_000 <= port < 30_000 for port in [*gangs, *later])
    configs = [json.loads(tf_config(["127.0.0.1"] * 4, 0, gang))["cluster"]["worker"] for gang in gangs]
    ports = [worker for config in configs for worker in config]
    assert len(set(ports)) == len(ports) == 48


def test_with_adds_them_to_the_steps_that_are_gangs():
    declaration = FlowDeclaration(flow_with(parallel))
    declaration.configure({})
    declaration.complete(["torchrun:nproc_per_node=2", "retry"])
    having = {
        name: [decorator.name for decorator in step.decorators if decorator.name != "parallel"]
        for name, step in declaration.steps.items()
    }
    assert having == {"start": ["retry"], "train": ["torchrun", "retry"], "join": ["retry"], "end": ["retry"]}
    checked_graph(declaration)


def test_with_says_so_if_no_step_is_a_gang():
    class F(FlowSpec):
        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    declaration = FlowDeclaration(F)
    declaration.configure({})
    with pytest.raises(MetaflowException, match="--with mpi is for steps that are led to with num_parallel"):
        declaration.complete(["mpi"])
