"""The example of an engine that another package adds, on a real SSH server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow import Flow, Run
from ssh_server import running_ssh_server

from .conftest import Project

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = Path(__file__).parents[2] / "examples/ssh_executor"

FLOW = """
import os, time
from metaflow import FlowSpec, catch, current, parallel, retry, step
from metaflow_ssh import ssh

class F(FlowSpec):
    @step
    def start(self):
        self.items = list(range(6))
        self.next(self.work, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @ssh(hosts="127.0.0.1")
    @step
    def work(self):
        print("at work on", self.input)
        if self.input == 1 and current.retry_count == 0:
            os._exit(9)
        self.result = self.input * 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(each.result for each in inputs)
        self.next(self.prepare)

    @step
    def prepare(self):
        self.next(self.train, num_parallel=2)

    @ssh(hosts="127.0.0.1")
    @parallel
    @step
    def train(self):
        self.rank = current.parallel.node_index
        self.next(self.together)

    @step
    def together(self, inputs):
        self.ranks = [each.rank for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def install(site: Path) -> None:
    """Put the example where packages are found, as `pip install` would."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copytree(EXAMPLE / "src/metaflow_ssh", site / "metaflow_ssh")
    facts = site / f"metaflow_ssh-{project['version']}.dist-info"
    facts.mkdir()
    name = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (facts / "METADATA").write_text(name)
    (facts / "RECORD").write_text(
        "".join(f"metaflow_ssh/{file.name},,\n" for file in (site / "metaflow_ssh").iterdir())
    )
    points = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (facts / "entry_points.txt").write_text("\n".join(points))


@pytest.fixture
def with_hosts(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose `ssh` reaches this machine, in whose sessions nothing of the project is on the path."""
    home = tmp_path_factory.mktemp("home")
    with running_ssh_server(tmp_path_factory.mktemp("ssh"), {"HOME_OF_TEST": str(home)}) as server:
        site = project.path / "site"
        site.mkdir()
        install(site)
        project.env["PYTHONPATH"] = f"{site}{os.pathsep}{project.env['PYTHONPATH']}"
        project.env["PATH"] = f"{server.programs}{os.pathsep}{project.env['PATH']}"
        yield project


def test_steps_of_an_engine_that_another_package_adds(with_hosts: Project, tmp_path: Path) -> None:
    directory = tmp_path / "remote files"
    outcome = with_hosts.run(FLOW.replace('hosts="127.0.0.1"', f'hosts="127.0.0.1", directory={str(directory)!r}'))
    with_hosts.client()
    run = Run(f"F/{outcome.run_id}")
    assert run["join"].task.data.total == 30
    assert run["together"].task.data.ranks == [0, 1]
    assert "at work on 5" in outcome.stdout
    retried = next(task for task in run["work"] if task.index == 1)
    assert retried.current_attempt == 1
    assert retried.metadata_dict["ssh-host"] == "127.0.0.1"


def test_the_end_of_the_run_is_that_of_its_tasks(with_hosts: Project, tmp_path: Path) -> None:
    directory = tmp_path / "remote"
    source = FLOW.replace('hosts="127.0.0.1"', f'hosts="127.0.0.1", directory={str(directory)!r}')
    with_hosts.write(source.replace("self.result =", "time.sleep(300); self.result ="))
    process = with_hosts.start("run")
    deadline = time.monotonic() + 90
    while len(pids := list(directory.glob("*/*.pid"))) < 6 or not any(
        b"at work" in file.read_bytes() for file in (with_hosts.path / ".metaflow").rglob("*") if file.is_file()
    ):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    numbers = [int(path.read_text()) for path in pids]
    deadline = time.monotonic() + 60
    while alive := [number for number in numbers if _is_alive(number)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.2)
    with_hosts.client()
    assert not Flow("F").latest_run.successful


def test_hosts_are_asked_for_and_have_to_answer(with_hosts: Project) -> None:
    with_hosts.write(FLOW.replace('@ssh(hosts="127.0.0.1")', "@ssh"))
    said = with_hosts.call("run")
    assert said.code == 1 and "should name machines" in said.stderr
    with_hosts.write(FLOW.replace("127.0.0.1", "somebody@127.0.0.1"))
    said = with_hosts.call("run")
    assert said.code == 1 and "Permission denied" in said.stderr and "Traceback" not in said.stderr


def _is_alive(number: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True).stdout
    return bool(state.strip()) and not state.startswith("Z")
