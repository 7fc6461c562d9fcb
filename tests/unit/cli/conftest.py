"""A datastore with runs that were written rather than run, and the ``metaflow`` command in this process."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner
from client.stored_flow import StoredRun, foreach_run

from metaflow.cli.command import metaflow
from metaflow.client import provider_choice
from metaflow.client.home import set_home_of_run
from metaflow.client.namespaces import _chosen


class Command:
    """Calls ``metaflow``."""

    def __call__(self, *arguments, code=0):
        """Output of a command that must end with `code`."""
        result = CliRunner().invoke(metaflow, list(map(str, arguments)))
        assert result.exit_code == code, (result.output, result.exception)
        return result

    def text(self, *arguments):
        return self(*arguments).stdout

    def json(self, *arguments):
        return json.loads(self.text(*arguments, "--json"))

    def error(self, *arguments):
        """Message of a command that must fail, without a traceback."""
        return self(*arguments, code=1).exception.message


@pytest.fixture
def command(tmp_path, monkeypatch):
    """The command, of the user ann, in a directory with an empty datastore."""
    for name in [name for name in os.environ if name.startswith("METAFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("METAFLOW_USER", "ann")
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "")  # so that what --no-color sets is taken back
    (tmp_path / ".metaflow").mkdir()
    monkeypatch.chdir(tmp_path)

    def forget():
        _chosen.clear()
        provider_choice._providers.clear()
        set_home_of_run(None)
        provider_choice.default_metadata()

    forget()
    yield Command()
    forget()


@pytest.fixture
def runs(tmp_path, command):
    """Runs F/101 (done), F/102 (failed) and G/304 (done) of ann, and F/203 (done) of bob."""
    root = tmp_path / ".metaflow"
    foreach_run(root, run_id="101", tags=("nightly",))
    failed = StoredRun(root, run_id="102", script="train.py")
    failed.finished("_parameters", 0, artifacts={"alpha": 0.75, "note": "x"})
    failed.finished("start", 1, artifacts={"secret": 1})
    error = ("builtins.ValueError", "bad value\nand more")
    first = failed.finished("work", 2, status="failed", error=error, foreach_stack=(("xs", "apple", 0, 2),))
    failed.finished("work", 2, attempt=1, status="failed", error=error, foreach_stack=(("xs", "apple", 0, 2),))
    failed.printed(first._replace(attempt=1), "stderr", b"it went wrong")
    failed.ended("failed", "Step work (task-id 2) failed.")
    foreach_run(root, run_id="203", user="bob", width=2)
    other = StoredRun(root, flow="G", run_id="304", end_step="finish")
    other.finished("_parameters", 0, artifacts={"alpha": 0.1, "name": "G"})
    other.finished("finish", 1, artifacts={"alpha": 0.1, "name": "G", "accuracy": 0.9, "model": [1, 2]})
    other.ended()
    return root
