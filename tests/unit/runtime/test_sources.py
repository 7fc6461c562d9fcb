"""Which files are recorded as the code of a run: a script is started, and says what it finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.runtime import sources

TELL = """
import json, os, sys
from metaflow.runtime import sources
sources.MAXIMUM_FILE_BYTES = int(os.environ.get("FILE_BYTES", sources.MAXIMUM_FILE_BYTES))
sources.MAXIMUM_TOTAL_BYTES = int(os.environ.get("TOTAL_BYTES", sources.MAXIMUM_TOTAL_BYTES))
found = sources.source_files()
if found is not None:
    found = [found.script, sorted(found.files), dict(found.left_out), found.info]
print(json.dumps(found))
"""


@pytest.fixture(autouse=True)
def user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_USER", "ann")


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def start(*arguments: str | Path, cwd: Path) -> Any:
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_imports_of_every_kind_from_below_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path / "project",
        {
            "flow.py": "import json, direct\nfrom package import member\nimport importlib\n"
            "importlib.import_module('by' + 'name')\nfrom tools.deep import x\n" + TELL + "\n"
            "def step():\n    import deferred, os.path as p\n    from package.sub import (\n        one,  # and\n"
            "        two as zwei,\n    )\n    import outside\n",
            "direct.py": "from elsewhere import *\n",
            "elsewhere.py": "",
            "byname.py": "",
            "deferred.py": "def f():\n    import second\n",
            "second.py": "import flow\n",
            "package/__init__.py": "",
            "package/member.py": "from . import sibling\nfrom .sub.one import g\n",
            "package/sibling.py": "def f():\n    from ..direct import x\n    from .late import y\n",
            "package/late.py": "",
            "package/unused.py": "",
            "package/sub/__init__.py": "",
            "package/sub/one.py": "g = 1\n",
            "package/sub/two.py": "",
            "unused.py": "",
            "tools/deep/x.py": "",
            "env/lib/python3/site-packages/installed.py": "",
        },
    )
    write(tmp_path / "beside", {"outside.py": "", "flow.py": ""})
    path = [*sys.path, str(tmp_path / "beside"), str(tmp_path / "project/env/lib/python3/site-packages")]
    monkeypatch.setenv("PYTHONPATH", ":".join(path))
    script = tmp_path / "project" / "flow.py"
    script.write_text("import outside, installed\n" + script.read_text())
    found, files, left_out, info = start("project/flow.py", cwd=tmp_path)
    assert found == "flow.py" and not left_out
    assert files == [
        "byname.py",
        "deferred.py",
        "direct.py",
        "elsewhere.py",
        "flow.py",
        "package/__init__.py",
        "package/late.py",
        "package/member.py",
        "package/sibling.py",
        "package/sub/__init__.py",
        "package/sub/one.py",
        "package/sub/two.py",
        "second.py",
        "tools/deep/x.py",
    ]
    assert info["username"] == "ann" and info["script"] == "flow.py" and info["commit_sha"] is None


def named(content: bytes, files: set[str], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    monkeypatch.setattr("os.path.isfile", lambda path: path in files)
    return set(sources._named_imports(content, "flow.py", "", set()))


@pytest.mark.parametrize(
    "line",
    [
        "import near",
        "x = 1; import near",
        "import os; import sys, near; import time",
        "if True: import other, near as n",
        "def f(): from near import (a,\n  b)",
        "    from near import a; b = 1",
        "try: import near\nexcept ImportError: pass",
    ],
)
def test_an_import_is_seen_wherever_it_stands(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named(line.encode(), {"near.py"}, monkeypatch) == {"near.py"}


@given(st.text("import from\n;,()ab.#\t", max_size=60))
def test_any_text_can_be_looked_through(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert named(text.encode(), set(), patch) == set()


def test_a_module_run_by_name_starts_from_where_its_package_is(tmp_path: Path) -> None:
    write(tmp_path, {"shared.py": "", "flows/__init__.py": "", "flows/train.py": "import shared\n" + TELL})
    script, files, _, _ = start("-m", "flows.train", cwd=tmp_path)
    assert script == "flows/train.py"
    assert files == ["flows/__init__.py", "flows/train.py", "shared.py"]


def test_a_link_to_a_script_has_the_imports_of_the_script(tmp_path: Path) -> None:
    write(tmp_path / "real", {"flow.py": "import near\n" + TELL, "near.py": ""})
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "flow.py")
    assert start("link.py", cwd=tmp_path)[:2] == ["flow.py", ["flow.py", "near.py"]]


def test_what_is_too_large_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path, {"flow.py": "import big, a, b\n" + TELL, "big.py": "#" * 5000, "a.py": "#" * 900, "b.py": "#" * 900}
    )
    monkeypatch.setenv("FILE_BYTES", "4000")
    monkeypatch.setenv("TOTAL_BYTES", "2000")
    script, files, left_out, _ = start("flow.py", cwd=tmp_path)
    assert script in files and files == ["a.py", "flow.py"]
    assert set(left_out) == {"b.py", "big.py"}
    assert "5000 bytes" in left_out["big.py"] and "2000 bytes" in left_out["b.py"]


def test_a_process_without_a_script_has_no_code(tmp_path: Path) -> None:
    assert start("-c", TELL, cwd=tmp_path) is None


def test_this_package_and_python_are_not_part_of_the_code(tmp_path: Path) -> None:
    """Although they may lie below the script's directory, as in a checkout of this project."""
    import metaflow

    source = Path(metaflow.__file__).parent
    (tmp_path / "metaflow").symlink_to(source)
    write(tmp_path, {"flow.py": "import json, metaflow, metaflow.flow.spec\n" + TELL})
    assert start("flow.py", cwd=tmp_path)[1] == ["flow.py"]
