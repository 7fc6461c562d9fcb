"""@parallel steps, run for real: nodes that run together, know of each other, and fail together."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from metaflow import Flow, Run, Task

from .conftest import Project
from .test_failures import is_alive
from .test_kill import processes_of, wait_until

HEADER = """
import os, signal, time
from metaflow import FlowSpec, Parameter, catch, current, parallel, pytorch_parallel, retry, step, timeout

def wait_for_all_nodes():
    '''Ends only if all nodes of the gang run at the same time.'''
    node = current.parallel
    name = f"gang-{current.run_id}-{node.control_task_id}-{current.retry_count}"
    with open(name, "a") as file:
        file.write("x")
    while os.path.getsize(name) < node.num_nodes:
        time.sleep(0.005)
"""

GANGS = (
    HEADER
    + """
class GangsFlow(FlowSpec):
    @step
    def start(self):
        self.shared = "the same"
        self.sizes = [3, 1]
        self.next(self.each, foreach="sizes")

    @step
    def each(self):
        self.next(self.train, num_parallel=self.input)

    @pytorch_parallel
    @step
    def train(self):
        assert current.is_parallel
        node = self.node = tuple(current.parallel)
        self.place = (self.index, self.input, [(index, width) for index, width, _ in self.foreach_stack()])
        names = "MAIN_IP NUM_NODES NODE_INDEX CONTROL_TASK_ID".split()
        self.variables = [os.environ["MF_PARALLEL_" + name] for name in names]
        self.torch = {name: os.environ[name] for name in "MASTER_ADDR MASTER_PORT WORLD_SIZE RANK NODE_RANK".split()}
        print("this is node", current.parallel.node_index, "of", self)
        wait_for_all_nodes()
        self.next(self.gather)

    @step
    def gather(self, inputs):
        assert not current.is_parallel
        self.ranks = [each.node[2] for each in inputs]
        self.ports = {each.torch["MASTER_PORT"] for each in inputs}
        assert [each.index for each in inputs] == self.ranks == list(range(len(inputs)))
        self.merge_artifacts(inputs, exclude=["node", "place", "variables", "torch"])
        self.next(self.all)

    @step
    def all(self, inputs):
        self.ranks = [each.ranks for each in inputs]
        self.ports = [each.ports for each in inputs]
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
"""
)


def what_the_client_sees(run_id: str) -> dict:
    run = Run(f"GangsFlow/{run_id}")
    tasks = {task.id: task for task in run["train"]}
    return {
        "tasks": {
            key: (task.index, task.data.node, task.data.place, task.successful, task.stdout)
            for key, task in tasks.items()
        },
        "control": sorted(task.id for task in run["train"].control_tasks()),
        "sizes": {key: task.metadata_dict["parallel-world-size"] for key, task in tasks.items()},
        "inputs": [[parent.id for parent in task.parent_tasks] for task in run["gather"]],
        "children": {task.id: [child.id for child in task.child_tasks] for task in tasks.values()},
    }


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_nodes_run_together_and_are_recorded_one_by_one(project: Project, method: str) -> None:
    # One worker, and yet three nodes have to run at the same time.
    outcome = project.run(GANGS, "--max-workers", "1", env={"METAFLOW_START_METHOD": method})
    assert "Parallel step train yields 3 nodes." in outcome.stdout
    project.client()
    run = Run(f"GangsFlow/{outcome.run_id}")
    assert run.data.ranks == [[0, 1, 2], [0]] and run.data.shared == "the same"
    assert all(len(ports) == 1 for ports in run.data.ports), "the nodes of a gang disagree about their port"
    assert run.data.ports[0] != run.data.ports[1], "two gangs of a run have the same port"

    seen = what_the_client_sees(outcome.run_id)
    wide, single = sorted(seen["control"], key=seen["sizes"].get, reverse=True)
    nodes = [wide, f"{wide}_node_1", f"{wide}_node_2"]
    assert set(seen["tasks"]) == {*nodes, single}
    assert seen["sizes"] == {**dict.fromkeys(nodes, "3"), single: "1"}
    for index, node in enumerate(nodes):
        assert seen["tasks"][node] == (
            index,
            ("127.0.0.1", 3, index, wide),
            (index, index, [(0, 2), (index, 3)]),
            True,
            f"this is node {index} of <flow GangsFlow step train[0,{index}] (input: {index})>\n",
        )
    assert sorted(seen["inputs"], key=len) == [[single], nodes]
    assert all(len(children) == 1 for children in seen["children"].values())
    data = Task(f"GangsFlow/{outcome.run_id}/train/{wide}_node_2").data
    assert data.variables == ["127.0.0.1", "3", "2", wide]
    port = data.torch.pop("MASTER_PORT")
    assert data.torch == {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "3", "RANK": "2", "NODE_RANK": "2"}
    assert 1024 < int(port) < 32768

    if method == "fork":
        path = f"{outcome.run_id}/train/{wide}_node_1"
        assert "this is node 1" in project.call("logs", path).stdout
        assert "= ('127.0.0.1', 3, 1, " in project.call("dump", path).stdout
        subprocess.run([sys.executable, "-m", "metaflow", "reindex"], env=project.env, check=True, capture_output=True)
        assert what_the_client_sees(outcome.run_id) == seen


FAILING = (
    HEADER
    + """
class F(FlowSpec):
    how = Parameter("how", default="raise")

    @step
    def start(self):
        self.next(self.work, num_parallel=3)

    @retry(times=1)
    @parallel
    @step
    def work(self):
        self.attempt = current.retry_count
        with open("pids", "a") as file:
            file.write(f"{os.getpid()}\\n")
        wait_for_all_nodes()
        ill = self.how == "raise" or self.how == "kill" and current.retry_count == 0
        if ill and current.parallel.node_index == 1:
            self.left = "this"
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("node 1 has had enough")
        if current.retry_count == 0 or self.how == "raise":
            time.sleep(300)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.attempts = [each.attempt for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
"""
)


def test_a_node_that_fails_stops_the_others_at_once(project: Project) -> None:
    outcome = project.run(FAILING, code=1)
    assert "(task-id 2_node_1) failed" in outcome.stderr
    assert outcome.stdout.count("Task failed: it was stopped, because node 1 failed.") == 4, "two nodes, twice"
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))
    project.client()
    for _ in range(2):
        run = Run(f"F/{outcome.run_id}")
        tasks = {task.id: task for task in run["work"]}
        assert {key: (task.status, task.current_attempt) for key, task in tasks.items()} == {
            "2": ("failed", 1),
            "2_node_1": ("failed", 1),
            "2_node_2": ("failed", 1),
        }
        assert tasks["2_node_1"].data.left == "this" and "had enough" in tasks["2_node_1"].exception.exception
        assert tasks["2_node_2"].exception is None and not tasks["2_node_2"].finished
        subprocess.run([sys.executable, "-m", "metaflow", "reindex"], env=project.env, check=True, capture_output=True)


def test_all_nodes_are_tried_again_when_one_was_killed(project: Project) -> None:
    outcome = project.run(FAILING, "--how", "kill")
    assert "its process was killed (SIGKILL)" in outcome.stdout
    project.client()
    run = Run(f"F/{outcome.run_id}")
    assert run["join"].task.data.attempts == [1, 1, 1]
    assert [task.id for task in run["join"].task.parent_tasks] == ["2", "2_node_1", "2_node_2"]
    assert not Task(f"F/{outcome.run_id}/work/2", attempt=0).finished


def test_interrupted_gang_leaves_nothing_behind(project: Project) -> None:
    project.write(FAILING)
    process = project.start("run", "--how", "wait")
    wait_until(lambda: len(processes_of(project)) == 3)
    process.send_signal(2)
    stdout, _ = process.communicate(timeout=60)
    assert "Terminating 3 active tasks" in stdout
    wait_until(lambda: not any(is_alive(pid) for pid in processes_of(project)))
    project.client()
    run = Flow("F").latest_run
    assert run is not None and run.status == "stopped"
    assert {task.status for task in run["work"]} == {"killed"}


CAUGHT = (
    HEADER
    + """
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.raising, self.dying, self.slow)

    @step
    def raising(self):
        self.next(self.raise_one, num_parallel=2)

    @step
    def dying(self):
        self.next(self.die_one, num_parallel=2)

    @step
    def slow(self):
        self.next(self.hang, num_parallel=2)

    @catch(var="problem", print_exception=False)
    @parallel
    @step
    def raise_one(self):
        self.rank = current.parallel.node_index
        wait_for_all_nodes()
        if self.rank == 1:
            raise ValueError("one of us")
        time.sleep(0.1)
        self.finished = True
        self.next(self.join_raising)

    @catch(var="problem", print_exception=False)
    @parallel
    @step
    def die_one(self):
        wait_for_all_nodes()
        if current.parallel.node_index == 1:
            os._exit(3)
        time.sleep(300)
        self.next(self.join_dying)

    @catch(var="problem", print_exception=False)
    @timeout(seconds=0.5)
    @parallel
    @step
    def hang(self):
        time.sleep(300)
        self.next(self.join_slow)

    @step
    def join_raising(self, inputs):
        self.problems = [each.problem and each.problem.type for each in inputs]
        assert [each.rank for each in inputs] == [0, 1] and inputs[0].finished and not hasattr(inputs[1], "finished")
        self.next(self.join)

    @step
    def join_dying(self, inputs):
        self.problems = [each.problem.exception for each in inputs]
        self.next(self.join)

    @step
    def join_slow(self, inputs):
        self.problems = [each.problem.type for each in inputs]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.problems = {each._current_step: each.problems for each in inputs}
        self.next(self.end)

    @step
    def end(self):
        pass
"""
)


def test_caught_failures_and_timeouts_of_nodes(project: Project) -> None:
    outcome = project.run(CAUGHT)
    project.client()
    problems = Run(f"F/{outcome.run_id}").data.problems
    assert problems["join_raising"] == [None, "builtins.ValueError"], "the other node went on to its end"
    assert len(problems["join_dying"]) == 2
    assert all("exited with code 3" in problem for problem in problems["join_dying"])
    assert problems["join_slow"] == ["metaflow.exception.TimeoutException"] * 2


SIZES = (
    HEADER
    + """
class F(FlowSpec):
    nodes = Parameter("nodes", default=2)

    @step
    def start(self):
        self.next(self.work, num_parallel=self.nodes)

    @parallel
    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
)


def test_a_gang_that_cannot_be_is_refused_with_a_reason(project: Project) -> None:
    outcome = project.run(SIZES, "--nodes", "0", code=1)
    assert "num_parallel must be a whole number of at least 1, not 0" in outcome.stdout
    assert "on line " in outcome.stdout

    limited = ["sh", "-c", 'ulimit -n 150; exec "$0" flow.py run --nodes 60', sys.executable]
    done = subprocess.run(limited, cwd=project.path, env=project.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "The 60 nodes of the @parallel step work have to run at the same time" in done.stderr
    assert "raise the limit (ulimit -n)" in done.stderr and "Traceback" not in done.stderr + done.stdout

    project.write(SIZES.replace("    @parallel\n", ""))
    outcome = project.call("check")
    assert outcome.code == 1 and "does not have a @parallel decorator" in outcome.stderr


def test_decorators_are_checked_and_recorded(project: Project) -> None:
    project.write(SIZES.replace("@parallel", "@pytorch_parallel(master_port=70000)"))
    outcome = project.call("run")
    assert outcome.code == 1 and "should be a port from 1 to 65535" in outcome.stderr
    project.write(SIZES.replace("@parallel", "@pytorch_parallel(master_port=7000)"))
    graph = ast.literal_eval(project.call("output-raw").stdout)["graph"]
    assert graph["start"]["type"] == "split-parallel"
    assert [(d["name"], d["attributes"]) for d in graph["work"]["decorators"]] == [
        ("pytorch_parallel", {"master_port": 7000})
    ]
