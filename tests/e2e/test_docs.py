"""The Python in the documents works as it is printed.

The info string of a fenced block says what is done with it:

``python run``
    a flow file, run as ``python FILE run``;
``python read``
    a script that reads what the flow before it, in the same document, left behind;
``python test``
    a flow with tests, run by pytest;
``python``
    a fragment, which has to be valid Python at least.

A name after it, as in ``python run train.py``, is that of the file, where what follows needs it by that name.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```python *(?P<kind>\w*) *(?P<name>[\w.]*)\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)
KINDS = {"", "read", "run", "test"}


class Block(NamedTuple):
    where: str
    kind: str
    source: str
    #: Source of the flow above it in the document, which a reader needs to have run; empty if there is none.
    flow_above: str
    #: File of that flow.
    file_above: str


def _blocks() -> list[Block]:
    found = []
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        last_flow, last_file = "", "before.py"
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            where = f"{path.relative_to(ROOT)}:{line}"
            found.append(Block(where, match["kind"], match["source"], last_flow, last_file))
            if match["kind"] == "run":
                last_flow, last_file = match["source"], match["name"] or "before.py"
    return found


BLOCKS = _blocks()


def _python(directory: Path, *arguments: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")},
        "METAFLOW_USER": "reader",
        "METAFLOW_HOME": str(directory / "no-settings"),
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(directory),
        "XDG_CACHE_HOME": str(directory / "cache"),
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, f"python {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"


@pytest.mark.parametrize("block", BLOCKS, ids=[f"{block.where}-{block.kind}" for block in BLOCKS])
def test_block_works_as_printed(block: Block, tmp_path: Path) -> None:
    assert block.kind in KINDS, f"{block.where}: a block cannot be marked 'python {block.kind}'"
    if not block.kind:
        compile(block.source, block.where, "exec")
        return
    if block.kind == "read":
        assert block.flow_above, f"{block.where}: there is no flow above it to read from"
        (tmp_path / block.file_above).write_text(block.flow_above, encoding="utf-8")
        _python(tmp_path, block.file_above, "run")
    (tmp_path / "shown.py").write_text(block.source, encoding="utf-8")
    how = {"run": ["shown.py", "run"], "read": ["shown.py"], "test": ["-m", "pytest", "-q", "shown.py"]}
    _python(tmp_path, *how[block.kind])


EXPECTED = {
    "README.md": {"run", "read"},
    "docs/writing-flows.md": {"run", "read", "test"},
    "docs/runner.md": {"run", "read"},
}


@pytest.mark.parametrize(("document", "kinds"), EXPECTED.items())
def test_blocks_are_found(document: str, kinds: set[str]) -> None:
    assert kinds <= {block.kind for block in BLOCKS if block.where.startswith(f"{document}:")}


PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "ui/README.md", "deploy/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]


def _text(page: Path) -> str:
    """What is not code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """Names by which links lead to the headings of a page, as sites that render Markdown make them."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def test_links_inside_the_project_lead_somewhere() -> None:
    broken, linked = [], set()
    for page in PAGES:
        for target in re.findall(r"\]\(([^):]+)\)", _text(page)):
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            linked.add(there)
            if not there.exists() or (anchor and anchor not in _anchors(there)):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken
    unreachable = [page.name for page in PAGES[2:] if page not in linked]
    assert not unreachable, "no page leads to these"
