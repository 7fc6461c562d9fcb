"""The two packages that are compared, each in a virtual environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from .measure import Cost, run_command

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
WORK = HERE / ".work"
FLOWS = HERE / "flows"
PROGRAMS = HERE / "programs"

#: What the project is measured against.
REFERENCE = "metaflow==2.19.*"


@dataclass(frozen=True)
class Contender:
    """One installed package.

    Attributes
    ----------
    name : str
        As shown in the results.
    python : Path
        Interpreter that it is installed for.
    extra_path : str or None
        PYTHONPATH, for a package that is run from its source tree.
    """

    name: str
    python: Path
    extra_path: str | None = None

    def run_flow(
        self,
        flow: Path,
        directory: Path,
        *options: object,
        command: str = "run",
        workers: int = 2,
        watch_memory: bool = False,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> Cost:
        """Run a flow's ``run`` command, or another one like it, with its store in `directory`."""
        fixed = [command, "--max-workers", str(workers), "--max-num-splits", "100000"]
        arguments = [str(self.python), str(flow), *fixed, *map(str, options)]
        return run_command(arguments, directory, {**self._variables(directory), **variables}, watch_memory)

    def run_python(
        self, directory: Path, *arguments: str | Path, variables: Mapping[str, str] = MappingProxyType({})
    ) -> Cost:
        """Run the interpreter with `arguments`, reading the store in `directory` for the first time."""
        environment = {**self._variables(directory), **variables}
        cost = run_command([self.python, *arguments], directory, environment)
        shutil.rmtree(environment["METAFLOW_CLIENT_CACHE_PATH"], ignore_errors=True)
        return cost

    def _variables(self, directory: Path) -> dict[str, str]:
        # A person's own settings must not reach the flows, and both must store in the same kind of place.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("METAFLOW_", "PYTHON"))}
        kept |= {
            "METAFLOW_USER": "benchmark",
            "METAFLOW_HOME": str(directory / "no-settings"),
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(directory),
            "METAFLOW_CLIENT_CACHE_PATH": str(directory / "client-cache"),
        }
        return kept if self.extra_path is None else kept | {"PYTHONPATH": self.extra_path}


@contextmanager
def fresh_directory() -> Iterator[Path]:
    """An empty directory on the disk of the checkout, removed afterwards with all that is in it."""
    (WORK / "runs").mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(dir=WORK / "runs"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def build_ours() -> Contender:
    """Environment with the checkout as it is now, installed as a user would install it."""
    python = _environment("ours", "numpy")
    _pip(python, "install", f"{PROJECT}[cloud,server]")
    # The version stays the same while one works on the project, so pip would keep what it has installed.
    _pip(python, "install", "--no-deps", "--force-reinstall", str(PROJECT))
    return Contender("this", python)


def build_theirs() -> Contender:
    """Environment with Netflix's package."""
    return named_theirs(_environment("theirs", "numpy", "boto3", REFERENCE))


def named_theirs(python: Path) -> Contender:
    """Contender for an interpreter that has Netflix's package, named with its version."""
    source = "import importlib.metadata; print(importlib.metadata.version('metaflow'))"
    version = subprocess.run([python, "-c", source], check=True, capture_output=True, text=True).stdout.strip()
    return Contender(f"Metaflow {version}", python)


def build_servers() -> Path:
    """Interpreter of an environment with the servers that both use."""
    return _environment("servers", "moto[server,s3]")


def _environment(name: str, *requirements: str) -> Path:
    """Interpreter of the virtual environment `name`, made if it is not there or not finished."""
    directory = WORK / name
    python = directory / "bin" / "python"
    finished = directory / ".finished"
    if not finished.exists():
        print(f"making the environment benchmarks/.work/{name}", file=sys.stderr, flush=True)
        shutil.rmtree(directory, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        _pip(python, "install", *requirements)
        finished.touch()
    return python


def _pip(python: Path, command: str, *arguments: str) -> None:
    options = ["--quiet", "--disable-pip-version-check", "--constraint", str(PROJECT / "constraints.txt")]
    subprocess.run([python, "-m", "pip", command, *options, *arguments], check=True)
