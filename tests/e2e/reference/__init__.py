"""Netflix's Metaflow in an environment of its own, and flows that it runs, for tests that compare with it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: Interpreter of an environment that has the package. Without it, one is made where the benchmarks make theirs.
VARIABLE = "METAFLOW_REFERENCE_PYTHON"
REQUIREMENT = "metaflow==2.19.*"
FLOWS = Path(__file__).parent

_ENVIRONMENT = Path(__file__).parents[3] / "benchmarks" / ".work" / "theirs"


def reference_python() -> Path:
    """The interpreter; skips the test if there is none and none can be made."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    _ENVIRONMENT.parent.mkdir(parents=True, exist_ok=True)
    python = _ENVIRONMENT / "bin" / "python"
    with open(_ENVIRONMENT.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_ENVIRONMENT / ".finished").exists():
            _make_environment(python)
    return python


def _make_environment(python: Path) -> None:
    shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", _ENVIRONMENT], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "5"]
    made = subprocess.run([*pip, "numpy", REQUIREMENT], capture_output=True, text=True)
    if made.returncode:
        reason = (made.stderr.strip().splitlines() or ["pip failed"])[-1]
        pytest.skip(f"{REQUIREMENT} cannot be installed, and {VARIABLE} is not set: {reason}")
    (_ENVIRONMENT / ".finished").touch()
