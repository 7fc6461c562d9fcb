"""DeepSpeed's launcher: what it is told on each node, and what happens when it fails on one. The launcher stands in."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from metaflow.distributed.control import Control
from metaflow.distributed.deepspeed import DeepSpeed, count_accelerators, launch_of
from metaflow.distributed.worker import Worker
from metaflow.exception import GangException

from .gangs import on_all_nodes, rendezvous_of, store_in

LAUNCHER = f"""#!{sys.executable}
import os, sys
words = dict(zip(sys.argv[1:], sys.argv[2:]))
node = int(words["--node_rank"])
hosts = open(words["--hostfile"]).read()
said = ["node", node, hosts.split(), os.environ.get("COLOUR"), sys.argv[sys.argv.index("train.py"):]]
lines = ["port " + words["--master_port"], " ".join(map(str, said)), ""]
os.write(1, chr(10).join(lines).encode())  # at once, as other nodes print to the same place
if os.environ.get("FAIL") == str(node):
    sys.exit(9)
if "FAIL" in os.environ:
    import time
    time.sleep(300)
"""


@pytest.fixture
def gang(tmp_path: Path, monkeypatch):
    """Runs `current.deepspeed.run` on node 0 of a gang of two."""
    (tmp_path / "bin").mkdir()
    launcher = tmp_path / "bin" / "deepspeed"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    store = store_in(tmp_path / "store")

    def run(environment: dict[str, str], runs: int = 1, **arguments):
        def node(rendezvous):
            rendezvous.meet({}, 30)
            if rendezvous.node.node_index:
                Worker(rendezvous, 0.01).hold()
                return rendezvous.leave(wait=True)
            control = Control(rendezvous)
            control.start()
            try:
                deepspeed = DeepSpeed(rendezvous.node, [{"slots": 2}, {"slots": 1}], lambda use: 20_001 + use, control)
                for name, value in environment.items():
                    monkeypatch.setenv(name, value)
                for _ in range(runs):
                    deepspeed.run(**arguments)
            finally:
                control.finish()
                rendezvous.leave(wait=True)

        on_all_nodes(store, 2, node)
        assert list(store.list("")) == []

    return run


def test_the_launcher_runs_on_every_node(gang, capfd):
    gang({"COLOUR": "blue"}, entrypoint="train.py", entrypoint_args={"lr": 1})
    hosts = ["node-0", "slots=2", "node-1", "slots=1"]
    lines = sorted(capfd.readouterr().out.splitlines())
    assert lines[:2] == [f"node {node} {hosts} blue ['train.py', '--lr', '1']" for node in (0, 1)]


def test_each_run_has_a_port_of_its_own(gang, capfd):
    """What used the last one may not have let go of it on all nodes yet."""
    gang({}, runs=2, entrypoint="train.py")
    # The nodes print at the same time, and may do so in the middle of each other's lines.
    said = capfd.readouterr().out
    assert said.count("port") == 4
    assert sorted(re.findall(r"2000\d", said)) == ["20001", "20001", "20002", "20002"]


@pytest.mark.parametrize("node, log", [(0, ""), (1, " What it printed there is in the log of task 2_node_1.")])
def test_a_node_that_fails_ends_the_others(gang, node: int, log: str):
    with pytest.raises(GangException) as error:
        gang({"FAIL": str(node)}, entrypoint="train.py")
    assert error.value.message == f"train.py failed on node {node} of 2: deepspeed ended with exit code 9.{log}"


def test_without_a_launcher_that_is_told(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    rendezvous = rendezvous_of(store_in(tmp_path / "store"), 0, 1)
    with pytest.raises(GangException, match="There is no program 'deepspeed' on this node: install DeepSpeed"):
        DeepSpeed(rendezvous.node, [{"slots": 1}], lambda use: 1, Control(rendezvous)).run(entrypoint="train.py")


def test_command_line_and_hosts(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    launch = launch_of([4, 2], "10.0.0.1", 20_001, {"num_gpus": 2}, "train.py", ["--x"])
    assert launch.hostfile == "node-0 slots=4\nnode-1 slots=2\n"
    assert launch.command("/bin/deepspeed", 1) == tuple(
        "/bin/deepspeed --hostfile hostfile --no_ssh --node_rank 1 --master_addr 10.0.0.1 --master_port 20001 "
        "--num_gpus 2 train.py --x".split()
    )


@pytest.mark.parametrize(
    "options, entrypoint, message",
    [
        ({"hostfile": "x"}, "train.py", "cannot say --hostfile"),
        (["--launcher=openmpi"], "train.py", "cannot say --launcher"),
        ({"master_port": 5}, "train.py", "cannot say --master_port"),
        ({}, "missing.py", "There is no script 'missing.py'"),
        ({}, "", "entrypoint='train.py'"),
        ("--x", "train.py", "as a dict or as a list"),
    ],
)
def test_arguments_that_cannot_be_used(tmp_path: Path, monkeypatch, options, entrypoint, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    with pytest.raises(GangException, match=message):
        launch_of([1], "10.0.0.1", 1, options, entrypoint, None)


@pytest.mark.parametrize("visible, count", [("0,1,3", 3), ("", 1), ("-1", 1), ("GPU-abc", 1)])
def test_graphics_cards_that_may_be_used_are_counted(monkeypatch, visible: str, count: int):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert count_accelerators() == count


def test_graphics_cards_of_the_machine_are_counted(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(os, "listdir", lambda path: ["nvidia0", "nvidia1", "nvidiactl", "null"])
    assert count_accelerators() == 2
    monkeypatch.setattr(os, "listdir", lambda path: ["null"])
    assert count_accelerators() == 1
