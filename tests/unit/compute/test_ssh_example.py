"""The example of an engine of another package, with a shell of this machine in place of ``ssh``."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow.compute.backend import SubmittedJob

EXAMPLE = Path(__file__).parents[3] / "examples/ssh_executor/src"


def test_tasks_have_ended_whose_host_has_lost_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from metaflow_ssh.backend import SshBackend

    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sh -s\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    backend = SshBackend("here", str(tmp_path / "gone"))
    [state] = backend.poll([SubmittedJob("mf-1", "here:mf-1", ("work/1/0",))], 0)
    assert (state.phase, state.reason) == ("ended", "its files are gone from its host")
