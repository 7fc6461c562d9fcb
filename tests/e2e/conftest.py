"""Runs flows as a person does: a file, a directory, ``python flow.py ...``."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HEADER = "from metaflow import FlowSpec, Parameter, current, step\n"


@dataclass
class Outcome:
    """What a finished command said."""

    code: int
    stdout: str
    stderr: str

    @property
    def run_id(self) -> str:
        start = self.stdout.index("(run-id ") + len("(run-id ")
        return self.stdout[start : self.stdout.index(")", start)]

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Project:
    """A directory with flows, where commands are run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started: list[subprocess.Popen[str]] = []
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("METAFLOW_")}
        self.env |= {
            "METAFLOW_USER": "tester",
            "METAFLOW_HOME": str(path / "home"),
            "HOME": str(path / "home"),
        }
        self.env.pop("PYTHONDONTWRITEBYTECODE", None)  # starting interpreters is most of what these tests do
        self.env["PYTHONPATH"] = os.pathsep.join(sys.path)

    def write(self, source: str, name: str = "flow.py", *, main: str | None = None) -> Path:
        """Write a flow; the import line and the part that starts it are added unless they are there."""
        text = textwrap.dedent(source)
        if "import FlowSpec" not in text:
            text = HEADER + text
        if "__main__" not in text:
            name_of_flow = main or text.split("(FlowSpec)")[-2].split("class ")[-1].strip()
            text += f'\n\nif __name__ == "__main__":\n    {name_of_flow}()\n'
        path = self.path / name
        path.write_text(text)
        return path

    def start(self, *arguments: str, flow: str = "flow.py", env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, flow, *arguments],
            cwd=self.path,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what a failed test left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def call(
        self, *arguments: str, flow: str = "flow.py", env: dict[str, str] | None = None, timeout: float = 110
    ) -> Outcome:
        process = self.start(*arguments, flow=flow, env=env)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            pytest.fail(f"the command hung: {arguments}\n{stdout}\n{stderr}")
        return Outcome(process.returncode, stdout, stderr)

    def run(self, source: str, *arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Outcome:
        """Write a flow and run it; the exit code must be `code`."""
        self.write(source)
        outcome = self.call("run", *arguments, env=env)
        assert outcome.code == code, outcome
        return outcome

    def client(self) -> Path:
        """Point the client in this process at the project's datastore."""
        import metaflow

        metaflow.namespace(None)
        metaflow.metadata(str(self.path))
        return self.path / ".metaflow"


def metaflow(
    project: Project, *arguments: str, env: dict[str, str] | None = None, directory: Path | None = None
) -> Outcome:
    """Run the ``metaflow`` command, in the project's directory unless another one is given."""
    done = subprocess.run(
        [sys.executable, "-m", "metaflow", *arguments],
        cwd=directory or project.path,
        env={**project.env, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def node_archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What runs send to other machines beside their code. It is the same for all tests, and takes seconds to make."""
    folder = tmp_path_factory.getbasetemp()
    shared = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "node-archives"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node_archives: Path) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_USER", "tester")
    project = Project(tmp_path)
    cache = tmp_path / "home" / ".cache" / "metaflow"
    cache.mkdir(parents=True)
    (cache / "nodes").symlink_to(node_archives)
    yield project
    project.close()


@pytest.fixture
def environment_of_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's environment in this process too, for what starts flows from it."""
    for name in [name for name in os.environ if name.startswith("METAFLOW_")]:
        monkeypatch.delenv(name)
    for name in ("METAFLOW_USER", "METAFLOW_HOME", "PYTHONPATH"):
        monkeypatch.setenv(name, project.env[name])
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.path / "cache"))
