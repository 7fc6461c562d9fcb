"""Patches between two versions of code."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.cli.patch_colours import coloured
from metaflow.client.code_difference import difference

BEFORE = {"flow.py": b"one\ntwo\nthree\n", "gone.py": b"x = 1\n", "data/image": b"\xff\x00", "same.py": b"same\n"}
AFTER = {
    "flow.py": b"one\nTWO\nthree",
    "new.py": b"",
    "lib/added.py": b"y\x0c = 2\r\n",
    "data/image": b"\xfe",
    "same.py": b"same\n",
}


def test_what_a_patch_says():
    text = "".join(difference(BEFORE, AFTER))
    assert "-two\n-three\n+TWO\n" in text and "+three\n\\ No newline at end of file\n" in text
    assert "--- a/gone.py\n+++ /dev/null\n" in text and "--- /dev/null\n+++ b/lib/added.py\n" in text
    assert "Binary files a/data/image and b/data/image differ\n" in text
    assert "same.py" not in text
    assert "".join(difference(AFTER, AFTER)) == ""
    assert coloured("+TWO\n") == "\x1b[32m+TWO\x1b[0m\n" and coloured(" one\n") == " one\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@settings(max_examples=20, deadline=None)
@given(
    *[st.dictionaries(st.sampled_from(("a.py", "b/c.py")), st.text("ab\n\r\f\u2028é", max_size=8).map(str.encode))] * 2
)
def test_git_makes_of_one_version_the_other(tmp_path_factory, before, after):
    directory = tmp_path_factory.mktemp("patched")
    for name, content in before.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    patch = "".join(difference(before, after)).encode()
    if not patch:
        assert before == after
        return
    done = subprocess.run(["git", "apply", "-"], cwd=directory, input=patch, capture_output=True)
    assert done.returncode == 0, (done.stderr, patch)
    found = {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert found == after
