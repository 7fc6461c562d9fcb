"""Programs under torch.distributed.run: their command lines and processes, and what is told of a failure. No torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from e2e.test_failures import is_alive
from metaflow.distributed import torch_rank, torchrun as module
from metaflow.distributed.torchrun import Torchrun, TorchrunSingleNodeMultiGPU, failure_of, launch_command
from metaflow.exception import GangException
from metaflow.flow.parallel_node import Parallel

from .gangs import rendezvous_of, store_in

RANK = torch_rank.__file__


@pytest.fixture
def launched(tmp_path: Path, monkeypatch) -> list[list[str]]:
    """What would be run."""
    commands: list[list[str]] = []

    def run(command, environment):
        commands.append(list(command))
        return 0

    monkeypatch.setattr(module, "run", run)
    monkeypatch.setattr(module, "check_torch", lambda where: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("")
    return commands


def torch_of(tmp_path: Path, node: int = 1, nodes: int = 2) -> Torchrun:
    rendezvous = rendezvous_of(store_in(tmp_path / "store"), node, nodes)
    return Torchrun(Parallel("10.0.0.1", nodes, node, "2"), lambda use: 20_001 + use, 2, rendezvous)


def test_each_node_is_told_which_it_is(tmp_path: Path, launched):
    torch_of(tmp_path).run(
        {"max-restarts": 3}, "train.py", {"lr": 0.1, "fast": True, "layers": [8, 4]}, nproc_per_node="gpu"
    )
    command = launched[0]
    start = command.index("torch.distributed.run") + 1
    options = dict(zip(command[start::2], command[start + 1 :: 2], strict=False))
    assert options.pop("--log_dir")
    own = {"--nnodes": "2", "--node_rank": "1", "--master_addr": "10.0.0.1", "--master_port": "20001"}
    assert own.items() <= options.items() and options["--max_restarts"] == "3" and options["--nproc_per_node"] == "gpu"
    assert command[-7:] == [RANK, "train.py", "--lr", "0.1", "--fast", "--layers", "8", "4"][-7:]


def test_programs_that_follow_each_other_meet_at_different_ports(tmp_path: Path, launched):
    torch = torch_of(tmp_path)
    for _ in range(2):
        torch.run(entrypoint="train.py")
    assert [command[command.index("--master_port") + 1] for command in launched] == ["20001", "20002"]


def test_what_the_user_says_wins(tmp_path: Path, launched):
    torch_of(tmp_path).run({"master_port": 5, "nproc_per_node": 7, "log_dir": "logs"}, "train.py", nproc_per_node=3)
    command = launched[0]
    assert command[command.index("--master_port") + 1] == "5"
    assert command[command.index("--nproc_per_node") + 1] == "7"
    assert command[command.index("--log_dir") + 1] == "logs"


def test_one_machine_needs_no_gang(launched):
    TorchrunSingleNodeMultiGPU().run(entrypoint="train.py", nproc_per_node=4, entrypoint_args=["x"])
    assert "--standalone" in launched[0] and launched[0][-2:] == ["train.py", "x"]


def test_modules_and_programs(tmp_path: Path, launched):
    for options in ({"module": True}, {"m": True}):
        torch_of(tmp_path).run(options, "package.train")
        assert launched[-1][-3:] == [RANK, "-m", "package.train"]
        assert "--module" not in launched[-1] and "-m" in launched[-1]
    torch_of(tmp_path).run({"no_python": True}, "/bin/train", {"x": 1})
    assert launched[-1][-3:] == ["/bin/train", "--x", "1"] and "--no_python" in launched[-1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"entrypoint": "missing.py"}, "There is no script 'missing.py'"),
        ({}, "entrypoint='train.py'"),
        ({"entrypoint": "train.py", "torchrun_args": {"node-rank": 1}}, "cannot say node_rank"),
        ({"entrypoint": "train.py", "torchrun_args": ["--x"]}, "torchrun_args is a dict"),
        ({"entrypoint": "train.py", "entrypoint_args": "--lr 1"}, "as a dict or as a list"),
        ({"entrypoint": "train.py", "push_results_dir_to_cloud": True}, "say which with local_output_dir"),
    ],
)
def test_arguments_that_cannot_be_used_start_nothing(tmp_path: Path, launched, arguments, message):
    with pytest.raises(GangException, match=message):
        torch_of(tmp_path).run(**arguments)
    assert not launched


def test_without_torch_that_is_told(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(GangException, match="needs PyTorch, which the Python that runs the step"):
        TorchrunSingleNodeMultiGPU().run(entrypoint="x.py")


def test_a_failure_without_a_file_is_told_by_the_status(tmp_path: Path):
    missing = str(tmp_path / "missing")
    assert failure_of(missing, "train.py", -9)[0] == (
        "train.py failed: torch.distributed.run was killed by SIGKILL. See what it printed."
    )
    for content in ("", "{", "[]", "{}", "null"):
        (tmp_path / "error").write_text(content)
        assert "exit code 1" in failure_of(str(tmp_path / "error"), "train.py", 1)[0]
    (tmp_path / "error").write_text(json.dumps({"message": "it broke"}))
    assert failure_of(str(tmp_path / "error"), "train.py", 1) == ("train.py failed: it broke", "")


def run_rank(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TORCHELASTIC_ERROR_FILE": str(folder / "error.json"), "RANK": "3", **env}
    return subprocess.run(
        [sys.executable, RANK, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


PROGRAM = """
import multiprocessing, os, pickle, sys
from dataclasses import dataclass

import beside

@dataclass
class Point:
    x: int

def work(x):
    return Point(x + beside.ONE)

if __name__ == "__main__":
    assert sys.argv == [__file__, "--lr", "1"], sys.argv
    assert pickle.loads(pickle.dumps(Point(1))) == Point(1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(work, [1, 2]) == [Point(2), Point(3)]
    print("done")
"""


def test_a_script_runs_as_python_would_run_it(tmp_path: Path):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "train.py").write_text(PROGRAM)
    (tmp_path / "scripts" / "beside.py").write_text("ONE = 1")
    outcome = run_rank(tmp_path, "scripts/train.py", "--lr", "1")
    assert (outcome.stdout, outcome.stderr, outcome.returncode) == ("done\n", "", 0)
    assert not (tmp_path / "error.json").exists()


def test_a_module_runs_as_python_would_run_it(tmp_path: Path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "other.py").write_text("WORD = 'relative'")
    (tmp_path / "package" / "train.py").write_text("import sys\nfrom .other import WORD\nprint(WORD, sys.argv[1:])")
    outcome = run_rank(tmp_path, "-m", "package.train", "--lr", "1")
    assert outcome.stdout == "relative ['--lr', '1']\n", outcome.stderr


def test_a_failure_shows_the_users_code_only_and_is_left_for_torch(tmp_path: Path):
    (tmp_path / "train.py").write_text("def f():\n    raise ValueError('too much')\nf()\n")
    outcome = run_rank(tmp_path, "train.py")
    assert outcome.returncode == 1
    assert "torch_rank" not in outcome.stderr and 'File "train.py", line 2, in f' in outcome.stderr
    line, trace = failure_of(str(tmp_path / "error.json"), "train.py", 1)
    assert line == "rank 3 of train.py failed: ValueError: too much"
    assert trace == outcome.stderr.rstrip()


def test_a_failure_that_the_program_has_noted_itself_is_kept(tmp_path: Path):
    (tmp_path / "train.py").write_text("raise ValueError")
    (tmp_path / "error.json").write_text("its own")
    assert run_rank(tmp_path, "train.py").returncode == 1
    assert (tmp_path / "error.json").read_text() == "its own"


def test_a_program_that_exits_has_not_failed_for_us(tmp_path: Path):
    (tmp_path / "train.py").write_text("raise SystemExit(4)")
    assert run_rank(tmp_path, "train.py").returncode == 4
    assert not (tmp_path / "error.json").exists()


LETS_GO_LATE = """
import sys, threading, time, types

def let_go():
    wait(0.05)
    open("let go", "w").close()

def pause(seconds):
    print("pause")
    thread.join()

wait, time.sleep = time.sleep, pause
sys.modules["MODULE"] = types.ModuleType("MODULE")
thread = threading.Thread(target=let_go, daemon=True)
thread.start()
"""


@pytest.mark.parametrize("program", [["train.py"], ["-m", "train"]])
@pytest.mark.parametrize("end", ["", "raise SystemExit", "raise SystemExit(0)"])
def test_threads_of_torch_can_let_go_before_the_interpreter_is_taken_apart(
    tmp_path: Path, end: str, program: list[str]
):
    (tmp_path / "train.py").write_text(LETS_GO_LATE.replace("MODULE", "torch.distributed") + end)
    outcome = run_rank(tmp_path, *program)
    assert (outcome.stdout, outcome.stderr, outcome.returncode) == ("pause\n", "", 0)
    assert (tmp_path / "let go").exists()


@pytest.mark.parametrize(
    "module, end", [("other", ""), ("torch.distributed", "raise SystemExit(4)"), ("torch.distributed", "1 / 0")]
)
def test_programs_without_torch_and_those_that_fail_end_at_once(tmp_path: Path, module: str, end: str):
    (tmp_path / "train.py").write_text(LETS_GO_LATE.replace("MODULE", module) + end)
    assert run_rank(tmp_path, "train.py").stdout == ""


@pytest.mark.parametrize("program", [["train.py"], ["-m", "train"]])
def test_what_is_in_buffers_at_the_end_is_written(tmp_path: Path, program: list[str]):
    code = "import gc\nfile = open('left.txt', 'w')\nfile.write('not flushed')\ngc.collect()\ngc.freeze()"
    (tmp_path / "train.py").write_text(code)
    assert run_rank(tmp_path, *program).returncode == 0
    assert (tmp_path / "left.txt").read_text() == "not flushed"


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux ends a process with its parent.")
def test_a_rank_dies_with_the_process_that_started_it(tmp_path: Path):
    (tmp_path / "train.py").write_text(
        "import os, time\nopen('pid.new', 'w').write(str(os.getpid()))\nos.rename('pid.new', 'pid')\ntime.sleep(300)"
    )
    parent_code = (
        f"import subprocess, sys; subprocess.run([sys.executable, {RANK!r}, 'train.py'], start_new_session=True)"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code], cwd=tmp_path)
    while not (tmp_path / "pid").exists():
        time.sleep(0.01)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < deadline, "the rank lives on"
        time.sleep(0.01)


def test_launch_command_is_that_of_this_interpreter(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("")
    assert launch_command({}, "a.py", None) == [sys.executable, "-m", "torch.distributed.run", RANK, "a.py"]
