"""Checks of the script that a flow is in, beyond its graph."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

from ..exception import MetaflowException, PyLintWarn
from .messages import echo


def check_script() -> None:
    """Refuse a script that starts two flows: the first would take over, and the second never run.

    Raises
    ------
    MetaflowException
        If the script's main part creates more than one flow, one after the other.
    """
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if not path or not path.endswith(".py"):
        return
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return  # Python itself has read it, so this is not ours to judge
    for block in _main_blocks(tree):
        started = [(name, line) for name, line in _bare_calls(block) if _is_flow(getattr(main, name, None))]
        if len(started) > 1:
            (first, _), (second, line) = started[:2]
            raise MetaflowException(
                f"This file starts two flows, *{first}* and then *{second}*: {first} takes over the command line, so "
                f"{second} would never run. Start one of them here, and move the other into a file of its own.",
                line,
                path,
            )


def _main_blocks(tree: ast.Module) -> list[list[ast.stmt]]:
    """The module's own statements, and the bodies of its ``if __name__ == "__main__"``."""
    return [tree.body, *(node.body for node in tree.body if isinstance(node, ast.If))]


def _bare_calls(block: list[ast.stmt]) -> list[tuple[str, int]]:
    """Names called as a statement of their own, ``Name()``, with their lines."""
    return [
        (node.value.func.id, node.lineno)
        for node in block
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
    ]


def _is_flow(value: object) -> bool:
    from ..flow.spec import FlowSpec

    return isinstance(value, type) and issubclass(value, FlowSpec)


def run_pylint(source_file: str, *, quiet: bool, warnings: bool) -> None:
    """Let pylint, if it is installed, look for errors in the flow's file; once for each version of the file.

    Raises
    ------
    PyLintWarn
        With what it found.
    """
    from importlib.util import find_spec

    if not quiet:
        echo("Running pylint...")
    if find_spec("pylint") is None:
        if not quiet:
            echo("    Pylint not found, so extra checks are disabled.")
        return
    seen = _seen_file(source_file, warnings)
    if not seen.exists():
        findings = _findings(source_file, warnings)
        if findings:
            raise PyLintWarn(f"{findings}\nFix this, or go on without with --no-pylint.")
        try:
            seen.parent.mkdir(parents=True, exist_ok=True)
            seen.touch()
        except OSError:
            pass  # it will be asked again the next time
    if not quiet:
        echo("    Pylint is happy!")


def _findings(source_file: str, warnings: bool) -> str:
    """What pylint has to say; a process of its own, as it may be slow, crash, or be run out of memory."""
    import subprocess

    what = [] if warnings else ["--errors-only"]
    command = [sys.executable, "-m", "pylint", "--score=no", *what, source_file]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode & 32 or result.returncode < 0:  # a usage error, or it was killed
        echo(f"    Pylint could not be run, so extra checks are disabled: {result.stderr.strip()[-300:]}")
        return ""
    return result.stdout.strip()


def _seen_file(source_file: str, warnings: bool) -> Path:
    """Marks, in the user's cache, that pylint was happy with this content."""
    import hashlib

    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    content = Path(source_file).read_bytes()
    digest = hashlib.sha256(b"%r %r " % (sys.version_info[:3], warnings) + content).hexdigest()
    return cache / "metaflow" / "pylint" / digest
