"""What type checkers say of flows as people write them: nothing where they are right, the right thing where not.

Each ``good_*.py`` passes both checkers, in their strict modes unless it says otherwise. In ``wrong_*.py`` a comment
``# expect: a; b`` names the kinds of errors that mypy and pyright report on that line, `-` for none; no other line has
any.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = sorted([*HERE.glob("good_*.py"), *HERE.glob("wrong_*.py")])
EXPECTED = re.compile(r"# expect: (?P<mypy>[^;]+); (?P<pyright>[^;]+)$")
REPORTED_BY_MYPY = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: (?P<text>.*?)(  \[(?P<kind>[\w-]+)\])?$")

#: File name and line -> kinds of errors.
Errors = dict[tuple[str, int], set[str]]


def expected_of(checker: str) -> Errors:
    found: Errors = {}
    for path in EXAMPLES:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            comment = EXPECTED.search(line)
            if comment is not None and comment[checker] != "-":
                found[path.name, number] = set(comment[checker].split(", "))
    return found


def compare(expected: Errors, reported: Errors, output: str) -> None:
    differences = [
        f"{file}:{line}: expected {expected.get((file, line), 'nothing')}, got {reported.get((file, line), 'nothing')}"
        for file, line in sorted({*expected, *reported})
        if expected.get((file, line)) != reported.get((file, line))
    ]
    assert not differences, "\n".join([*differences, output])


def run(*command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110
    )
    assert done.returncode in (0, 1) and done.stdout, done.stdout + done.stderr
    return done.stdout


def test_mypy() -> None:
    output = run("mypy", "--config-file", "pyproject.toml", *map(str, EXAMPLES))
    reported: Errors = defaultdict(set)
    for line in output.splitlines():
        if error := REPORTED_BY_MYPY.match(line):
            reported[Path(error["file"]).name, int(error["line"])].add(error["kind"])
    compare(expected_of("mypy"), reported, output)


def test_pyright() -> None:
    pytest.importorskip("basedpyright")
    output = run("basedpyright", "-p", str(HERE), "--pythonpath", sys.executable, "--outputjson")
    reported: Errors = defaultdict(set)
    result = json.loads(output)
    for diagnostic in result["generalDiagnostics"]:
        if diagnostic["severity"] == "error":
            line = diagnostic["range"]["start"]["line"] + 1
            reported[Path(diagnostic["file"]).name, line].add(diagnostic["rule"])
    assert result["summary"]["filesAnalyzed"] == len(EXAMPLES)
    compare(expected_of("pyright"), reported, output)
