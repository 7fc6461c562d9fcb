"""``metaflow code``: what changed, and getting code back."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest

from metaflow.cli import code_command

CODE = {
    "101": {"flow.py": b"x = 1\ny = 2\n", "lib/tools.py": b"pass\n"},
    "102": {"flow.py": b"x = 1\ny = 3\n"},
    "304": {"../outside.py": b""},
}


@pytest.fixture(autouse=True)
def code_of_runs(monkeypatch):
    def client_run(run):
        files = CODE.get(run.run_id)
        return SimpleNamespace(code=None if files is None else SimpleNamespace(files=files))

    monkeypatch.setattr(code_command, "client_run", client_run)


def test_code_is_pulled_and_compared(command, runs, tmp_path):
    result = command("code", "pull", "F/101")
    assert result.stdout == "f_101_code/flow.py\nf_101_code/lib/tools.py\n"
    assert (tmp_path / "f_101_code/lib/tools.py").read_bytes() == b"pass\n"
    assert "f_101_code exists already" in command.error("code", "pull", "101")
    assert command("code", "pull", "102", "--dir", "there").stderr == "The code of F/102 is in there.\n"
    assert (tmp_path / "there/flow.py").is_file()
    difference = command.text("code", "diff-runs", "101", "102")
    assert "-y = 2\n+y = 3\n" in difference and "deleted file mode 100644\n--- a/lib/tools.py\n" in difference
    assert command("code", "diff-runs", "101", "101").stderr == "The code does not differ.\n"


def test_a_patch_brings_back_the_code_of_a_run(command, runs, tmp_path):
    (tmp_path / "flow.py").write_text("x = 7\ny = 2\n")
    (tmp_path / "notes.txt").write_text("mine\n")
    assert "-x = 1\n+x = 7\n" in command.text("code", "diff", "101")
    assert "f_101.patch" in command("code", "patch", "101").stderr
    assert "f_101.patch exists already" in command.error("code", "patch", "101")
    assert command("code", "patch", "101", "--overwrite").exit_code == 0
    subprocess.run(["git", "apply", "f_101.patch"], check=True)
    assert (tmp_path / "flow.py").read_bytes() == b"x = 1\ny = 2\n" and (tmp_path / "lib/tools.py").is_file()
    assert (tmp_path / "notes.txt").read_text() == "mine\n"
    assert "there is nothing to patch" in command("code", "patch", "101", "--file-path", "other.patch").stderr


def test_code_that_is_not_there_or_not_to_be_trusted(command, runs, tmp_path):
    assert "The code of F/203 was not recorded." in command.error("code", "diff", "203")
    assert "files outside of its own directory: ../outside.py" in command.error("code", "pull", "304")
    assert not (tmp_path.parent / "outside.py").exists() and not (tmp_path / "g_304_code").exists()
