"""Every decorator, with and without parentheses, and decorators of one's own."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from typing_extensions import assert_type

from metaflow import (
    USER_SKIP_STEP,
    FlowMutator,
    FlowSpec,
    Inputs,
    Parameter,
    Run,
    StepMutator,
    TorchrunSingleNodeMultiGPU,
    UserStepDecorator,
    catch,
    current,
    deepspeed,
    environment,
    exit_hook,
    mpi,
    namespaced_event_name,
    parallel,
    project,
    pytorch_parallel,
    resources,
    retry,
    schedule,
    secrets,
    step,
    tensorflow,
    timeout,
    torchrun,
    trigger,
    trigger_on_finish,
    user_step_decorator,
)
from metaflow.user_decorators.mutable_flow import MutableFlow
from metaflow.user_decorators.mutable_step import MutableStep


@user_step_decorator
def timed(step_name: str, flow: FlowSpec, inputs: Inputs[Any] | None) -> Generator[None, None, None]:
    started = time.time()
    yield
    print(step_name, time.time() - started)


@user_step_decorator
def skipped(
    step_name: str, flow: Any, inputs: Inputs[Any] | None, attributes: dict[str, Any]
) -> Generator[dict[str, Any] | None, None, None]:
    flow.skipped = attributes["when"]
    yield USER_SKIP_STEP if attributes["when"] else None


class Noted(UserStepDecorator):
    def init(self, label: str = "took") -> None:
        self.label = label

    def pre_step(self, step_name: str, flow: FlowSpec, inputs: Inputs[Any] | None = None) -> None:
        flow.noted = self.label
        self.skip_step = {"foreach": "items"}

    def post_step(self, step_name: str, flow: FlowSpec, exception: BaseException | None = None) -> BaseException | None:
        return exception


class Robust(StepMutator):
    def init(self, times: int = 2) -> None:
        self.times = times

    def mutate(self, mutable_step: MutableStep) -> None:
        mutable_step.add_decorator(retry, deco_kwargs={"times": self.times})


class Everywhere(FlowMutator):
    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        for name, mutable_step in mutable_flow.steps:
            print(name)
            mutable_step.add_decorator("timeout", deco_kwargs={"minutes": 5})
        mutable_flow.add_parameter("added", Parameter("added", default=3))


def tell(run: Run) -> None:
    print(run.pathspec)


@Everywhere
@exit_hook(on_success=[tell], on_error=[tell])
@project(name="example", production=False)
@schedule(cron="0 10 * * ? *", timezone="Europe/Berlin")
@trigger(event=namespaced_event_name("new_data"))
class DecoratedFlow(FlowSpec):
    broken: Exception | None

    @timed
    @Noted
    @step
    def start(self) -> None:
        self.nodes = 4
        self.next(self.nodes_step, num_parallel=self.nodes)

    @Robust(times=3)
    @skipped(when=False)
    @Noted(label="needed")
    @parallel
    @step
    def nodes_step(self) -> None:
        node = current.parallel
        print(node.main_ip, node.node_index + 1, current.project_name, current.run_id.upper())
        self.next(self.collect)

    @catch(var="broken", print_exception=False)
    @secrets(sources=["aws-secrets-manager.password"])
    @step
    def collect(self, inputs: Inputs[DecoratedFlow]) -> None:
        assert_type(inputs[0].nodes, int)
        self.next(self.again, num_parallel=2)

    @retry()
    @pytorch_parallel(master_port=29_500)
    @resources(cpu=2, memory=16_000)
    @step
    def again(self) -> None:
        self.next(self.last)

    @catch
    @retry
    @environment(vars={"A": "b", "N": 1})
    @timeout(hours=1, minutes=30)
    @step(node_info={"colour": "blue"})
    def last(self, inputs: Inputs) -> None:
        self.next(self.end)

    @step()
    def end(self) -> None:
        print(self.broken)


class DistributedFlow(FlowSpec):
    @step
    def start(self) -> None:
        assert_type(TorchrunSingleNodeMultiGPU().run(entrypoint="train.py", nproc_per_node="gpu"), str | None)
        self.next(self.torch, num_parallel=2)

    @torchrun(master_port=3339, all_nodes_started_timeout=60, nproc_per_node="gpu")
    @step
    def torch(self) -> None:
        assert_type(current.torch.run(entrypoint="train.py", entrypoint_args={"lr": 0.1, "fast": True}), str | None)
        self.next(self.join_torch)

    @step
    def join_torch(self, inputs: Inputs[DistributedFlow]) -> None:
        self.next(self.deep, num_parallel=2)

    @deepspeed(worker_polling_freq=1)
    @step
    def deep(self) -> None:
        current.deepspeed.run(deepspeed_args=["--num_gpus", 2], entrypoint="train.py", entrypoint_args={"lr": 1})
        self.next(self.join_deep)

    @step
    def join_deep(self, inputs: Inputs[DistributedFlow]) -> None:
        self.next(self.message, num_parallel=2)

    @mpi
    @step
    def message(self) -> None:
        current.mpi.cc(["-o", "hello", "hello.c"])
        current.mpi.broadcast_file("hello")
        current.mpi.run({"n": 4}, program="./hello", program_args=[1, "two"])
        current.mpi.exec(["-n", "4"], program="./hello")
        self.next(self.join_message)

    @step
    def join_message(self, inputs: Inputs[DistributedFlow]) -> None:
        self.next(self.flow, num_parallel=2)

    @tensorflow
    @step
    def flow(self) -> None:
        self.next(self.end)

    @step
    def end(self, inputs: Inputs[DistributedFlow]) -> None: ...


@schedule
@trigger_on_finish(flows=["DecoratedFlow", "OtherFlow"])
class ShortFlow(FlowSpec):
    @step(start=True, end=True)
    def only(self) -> None: ...


assert_type(DecoratedFlow(use_cli=False), DecoratedFlow)
assert_type(ShortFlow(), ShortFlow)
