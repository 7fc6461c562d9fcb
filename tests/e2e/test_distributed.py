"""Programs that span the nodes of parallel steps: PyTorch, DeepSpeed, MPI, and what happens when a node fails."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest

from metaflow import Flow
from metaflow.testing.process_backend import DIRECTORY_VARIABLE, ProcessBackend

from .conftest import Project
from .test_failures import is_alive
from .test_kill import processes_of, wait_until

# Frameworks take seconds to be imported, in every process.
pytestmark = pytest.mark.timeout(300)

ELSEWHERE = ["--with", "elsewhere"]
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
needs_deepspeed = pytest.mark.skipif(
    importlib.util.find_spec("deepspeed") is None, reason="DeepSpeed is not installed (pip install deepspeed)"
)
needs_mpi = pytest.mark.skipif(
    shutil.which("mpirun") is None or shutil.which("mpicc") is None,
    reason="no MPI is installed (openmpi-bin, libopenmpi-dev)",
)

HEADER = """
import json, os, signal, sys, time
from metaflow import (
    FlowSpec, Parameter, current, deepspeed, mpi, parallel, pytorch_parallel, retry, step, tensorflow, torchrun,
    user_step_decorator,
)
"""


@pytest.fixture
def engine(project: Project):
    """The engine for tests, on which tasks are sent elsewhere."""
    folder = project.path / "engine"
    project.env[DIRECTORY_VARIABLE] = str(folder)
    backend = ProcessBackend(str(folder))
    yield backend
    backend.clear()


def notes_left(project: Project) -> list[Path]:
    """What nodes told each other and did not remove."""
    return [path for path in (project.path / ".metaflow").rglob("*") if "gang-nodes" in path.parts and path.is_file()]


TRAINING = """
import argparse, os, sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

options = argparse.ArgumentParser()
options.add_argument("--epochs", type=int)
options.add_argument("--sick", action="store_true")
options = options.parse_args()

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(rank)  # each rank sees other data
x = torch.randn(64, 3)
y = x @ torch.tensor([[1.0], [-2.0], [3.0]])
model = DistributedDataParallel(torch.nn.Linear(3, 1, bias=False))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
for epoch in range(options.epochs):
    optimizer.zero_grad()
    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    optimizer.step()
    if options.sick and rank == 1 and epoch == 2:
        raise ValueError("rank 1 has had enough")
print(f"rank {rank} of {dist.get_world_size()} is done")
os.makedirs("out", exist_ok=True)
with open(f"out/weights-{rank}", "w") as file:
    file.write(" ".join(f"{weight:.3f}" for weight in model.module.weight.flatten().tolist()))
dist.barrier()
dist.destroy_process_group()
"""

TRAIN_FLOW = """
class TrainFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @retry(times=1, minutes_between_retries=0)
    @torchrun(all_nodes_started_timeout=60)
    @step
    def train(self):
        self.results = current.torch.run(
            entrypoint="train.py",
            entrypoint_args={"epochs": 40, "sick": current.retry_count == 0},
            push_results_dir_to_cloud=True,
            local_output_dir="out",
        )
        self.next(self.join)

    @step
    def join(self, inputs):
        self.results = [each.results for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@needs_torch
@pytest.mark.slow
def test_a_model_is_trained_on_two_nodes_after_a_rank_had_failed(project: Project) -> None:
    (project.path / "train.py").write_text(TRAINING)
    project.write(HEADER + TRAIN_FLOW)
    outcome = project.call("run", timeout=250)
    assert outcome.code == 0, str(outcome)
    # Whichever node was the first to say that it had failed, it tells of the one that had.
    assert "rank 1 of train.py failed: ValueError: rank 1 has had enough" in outcome.stdout
    assert "rank 0 of 2 is done" in outcome.stdout and "rank 1 of 2 is done" in outcome.stdout
    project.client()
    run = Flow("TrainFlow").latest_run
    assert [task.current_attempt for task in run["train"]] == [1, 1]
    folders = [Path(address.removeprefix("file://")) for address in run["join"].task.data.results]
    assert [folder.name for folder in folders] == ["node-0", "node-1"]
    weights = [next(folder.rglob(f"weights-{rank}")).read_text() for rank, folder in enumerate(folders)]
    assert weights == ["1.000 -2.000 3.000"] * 2, "they did not learn, or not together"
    assert not notes_left(project)


@needs_torch
@pytest.mark.slow
def test_the_example_trains_elsewhere(project: Project, engine: ProcessBackend) -> None:
    import torch

    for file in (Path(__file__).parents[2] / "examples" / "distributed_training").glob("*.py"):
        shutil.copy(file, project.path)
    outcome = project.call("run", *ELSEWHERE, timeout=250)
    assert outcome.code == 0, str(outcome)
    assert "rank 1 of 2 ends with a loss of" in outcome.stdout
    project.client()
    results = Path(Flow("DistributedTrainingFlow").latest_run.data.results.removeprefix("file://"))
    assert torch.load(results / "model.pt")["weight"].tolist() == [pytest.approx([1, -2, 3], abs=1e-3)]
    assert not notes_left(project)


STANDS_IN_FOR_TORCH = '''
"""As much of torch.distributed.run as it takes to start one process, in a session of its own, as that does."""

import os, subprocess, sys

script = next(index for index, word in enumerate(sys.argv) if word.endswith("torch_rank.py"))
rank = sys.argv[sys.argv.index("--node_rank") + 1]
process = subprocess.Popen(
    [sys.executable, "-u", *sys.argv[script:]], start_new_session=True, env={**os.environ, "RANK": rank}
)
sys.exit(process.wait())
'''

HANGING = """
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @torchrun
    @step
    def train(self):
        current.torch.run(entrypoint="train.py", entrypoint_args=[current.parallel.node_index])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open("pids", "a") as file:
    file.write(f"{os.getpid()}\\n")
while not os.path.exists("fail") or sys.argv[1] == "0":
    time.sleep(0.01)
raise ValueError("node 1 has had enough")
"""


@pytest.mark.parametrize("end", ["interrupt", "failure"])
def test_no_rank_lives_longer_than_its_gang(project: Project, end: str) -> None:
    folder = project.path / "torch" / "distributed"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("")
    (folder / "run.py").write_text(STANDS_IN_FOR_TORCH)
    (project.path / "train.py").write_text(STUBBORN)
    project.write(HEADER + HANGING)
    process = project.start("run")
    wait_until(lambda: len(processes_of(project)) == 2)
    if end == "interrupt":
        process.send_signal(2)
    else:
        (project.path / "fail").write_text("")
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    if end == "failure":
        assert "On node 1 of 2, rank 1 of train.py failed: ValueError: node 1 has had enough" in stdout
        assert "it was stopped, because node 1 failed" in stdout
        assert 'File "train.py", line 8, in <module>' in stdout and "torch_rank" not in stdout
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))


RULES = """
# The names of the steps hide those of their decorators in the class.
DECORATORS = {"parallel": parallel, "pytorch_parallel": pytorch_parallel, "torchrun": torchrun,
              "deepspeed": deepspeed, "mpi": mpi(worker_polling_freq=0.1), "tensorflow": tensorflow}

@user_step_decorator
def node_1_fails(step_name, flow, inputs=None):
    # On every node, also where the step's own code runs on node 0 only.
    if current.retry_count == 0 and current.parallel.node_index == 1:
        if step_name in ("deepspeed", "tensorflow"):
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(f"node 1 of {step_name} has had enough")
    yield

class RulesFlow(FlowSpec):
    @step
    def start(self):
        self.attempts = {}
        self.next(self.to_parallel)
STEPS
    @step
    def end(self):
        pass
"""

RULE_STEPS = """
    @step
    def to_NAME(self):
        self.next(self.NAME, num_parallel=2)

    @node_1_fails
    @retry(times=1, minutes_between_retries=0)
    @DECORATORS["NAME"]
    @step
    def NAME(self):
        if current.retry_count == 0:
            time.sleep(300)
        self.ran = current.retry_count
        self.seen = (tuple(current.parallel)[1:3], os.environ.get("TF_CONFIG"), os.environ.get("MASTER_PORT"))
        self.next(self.join_NAME)

    @step
    def join_NAME(self, inputs):
        ran = [getattr(each, "ran", None) for each in inputs]
        self.attempts = {**inputs[0].attempts, "NAME": ran}
        self.seen = [getattr(each, "seen", None) for each in inputs]
        self.next(self.NEXT)
"""
NAMES = ["parallel", "pytorch_parallel", "torchrun", "deepspeed", "mpi", "tensorflow"]


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_the_failure_of_a_node_is_that_of_the_gang_whatever_decorates_it(
    project: Project, engine: ProcessBackend, where: str
) -> None:
    """Node 1 fails, node 0 would go on for ever: it is stopped, and both are tried again."""
    (project.path / "torch").mkdir()
    (project.path / "torch" / "__init__.py").write_text("")
    following = dict(zip(NAMES, [*(f"to_{name}" for name in NAMES[1:]), "end"], strict=True))
    steps = [RULE_STEPS.replace("NAME", name).replace("NEXT", following[name]) for name in NAMES]
    project.write(HEADER + RULES.replace("STEPS", "".join(steps)), main="RulesFlow")
    outcome = project.call("run", *(ELSEWHERE if where == "elsewhere" else []), timeout=250)
    assert outcome.code == 0, str(outcome)
    project.client()
    run = Flow("RulesFlow").latest_run
    led = [1, None]  # the step's code runs on node 0 only
    assert run.data.attempts == {
        "parallel": [1, 1],
        "pytorch_parallel": [1, 1],
        "torchrun": [1, 1],
        "deepspeed": led,
        "mpi": led,
        "tensorflow": [1, 1],
    }
    for name in NAMES:
        node_0, node_1 = sorted(run[name], key=lambda task: task.id)
        assert (node_0.current_attempt, node_1.current_attempt) == (1, 1), name
        assert f"{name} has had enough" in outcome.stdout or name in ("deepspeed", "tensorflow")
    assert outcome.stdout.count("it was stopped, because node 1 failed") == len(NAMES)
    configs = [json.loads(seen[1]) for seen in run["join_tensorflow"].task.data.seen]
    assert [config["task"]["index"] for config in configs] == [0, 1]
    assert configs[0]["cluster"] == configs[1]["cluster"] and len(set(configs[0]["cluster"]["worker"])) == 2
    assert not notes_left(project)


HELLO = """
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    int rank, size, sum;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("rank %d of %d, sum %d, colour %s\\n", rank, size, sum, getenv("COLOUR"));
    MPI_Finalize();
    return atoi(argv[1]);
}
"""

MPI_FLOW = """
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.simulate, num_parallel=2)

    @retry(times=1, minutes_between_retries=0)
    @mpi(worker_polling_freq=0.2)
    @step
    def simulate(self):
        self.nodes = current.parallel.num_nodes
        os.environ["COLOUR"] = "blue"
        current.mpi.cc(["-o", "hello", "hello.c"])
        current.mpi.broadcast_file("hello")
        current.mpi.run(["-n", "2", "-x", "COLOUR"], program="./hello", program_args=[3 - 3 * current.retry_count])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.have = [hasattr(each, "nodes") for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@needs_mpi
def test_an_mpi_program_is_compiled_and_run_and_its_failure_is_that_of_the_gang(project: Project) -> None:
    (project.path / "hello.c").write_text(HELLO)
    outcome = project.run(HEADER + MPI_FLOW)
    assert "./hello failed: mpirun ended with exit code 3. See what it printed." in outcome.stdout
    for rank in (0, 1):
        assert f"rank {rank} of 2, sum 1, colour blue" in outcome.stdout
    project.client()
    run = Flow("F").latest_run
    assert run["join"].task.data.have == [True, False]
    assert {task.current_attempt for task in run["simulate"]} == {1}
    assert not notes_left(project)


DEEPSPEED_FLOW = """
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @deepspeed
    @step
    def train(self):
        os.environ["COLOUR"] = "blue"
        current.deepspeed.run(entrypoint="train.py", entrypoint_args={"lr": 0.1})
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

STANDS_IN_FOR_DEEPSPEED = f"""#!{sys.executable}
import os, runpy, sys

words = dict(zip(sys.argv[1:], sys.argv[2:]))
hosts = open(words["--hostfile"]).read().splitlines()
assert [host.split(" ")[0] for host in hosts] == ["node-0", "node-1"] and "--no_ssh" in sys.argv
os.environ.update(RANK=words["--node_rank"], WORLD_SIZE=str(len(hosts)))
os.environ.update(MASTER_ADDR=words["--master_addr"], MASTER_PORT=words["--master_port"])
sys.argv = sys.argv[sys.argv.index("train.py"):]
runpy.run_path("train.py", run_name="__main__")
"""

SUM_OF_RANKS = """
import os, sys

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
with open(f"rank-{rank}", "w") as file:
    file.write(os.environ["COLOUR"])
while not all(os.path.exists(f"rank-{each}") for each in range(size)):
    pass  # ends only if all nodes run at the same time
print("rank", rank, "of", size, "has", [word for word in sys.argv[1:] if "local_rank" not in word])
"""


@pytest.mark.parametrize("launcher", ["stand-in", pytest.param("real", marks=[needs_deepspeed, pytest.mark.slow])])
def test_deepspeed_runs_on_all_nodes_and_each_has_its_own_log(
    project: Project, launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.path / "train.py").write_text(SUM_OF_RANKS)
    if launcher == "stand-in":
        folder = project.path / "bin"
        folder.mkdir()
        (folder / "deepspeed").write_text(STANDS_IN_FOR_DEEPSPEED)
        (folder / "deepspeed").chmod(0o755)
        # The launcher is looked for beside the interpreter, where an environment has its programs.
        (folder / "python").symlink_to(sys.executable)
        monkeypatch.setattr(sys, "executable", str(folder / "python"))
    project.write(HEADER + DEEPSPEED_FLOW)
    outcome = project.call("run", timeout=250)
    assert outcome.code == 0, str(outcome)
    project.client()
    logs = {task.id: task.stdout for task in Flow("F").latest_run["train"]}
    expected = "rank {} of 2 has ['--lr', '0.1']"
    assert expected.format(0) in logs["2"] and expected.format(1) in logs["2_node_1"]
    assert {(project.path / f"rank-{rank}").read_text() for rank in (0, 1)} == {"blue"}
    assert not notes_left(project)


MPI_WAITS = """
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.simulate, num_parallel=2)

    @mpi
    @step
    def simulate(self):
        current.mpi.run(["-n", "2"], program="sh", program_args=["-c", "echo $$ >> pids; exec sleep 100"])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@needs_mpi
def test_no_mpi_process_lives_longer_than_its_run(project: Project) -> None:
    """They are in process groups of their own, so `mpirun` has to have the time to end them."""
    project.write(HEADER + MPI_WAITS)
    process = project.start("run")
    wait_until(lambda: len(processes_of(project)) == 2)
    process.send_signal(2)
    process.communicate(timeout=60)
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))
