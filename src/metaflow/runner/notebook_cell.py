"""A flow that was written in a cell of a notebook, as a file of its own."""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING, Any

from ..exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names that only a notebook uses: what drives the flow, and what IPython makes of its commands.
_OF_NOTEBOOKS = frozenset({"NBRunner", "NBDeployer", "get_ipython"})


def in_notebook() -> bool:
    """Whether this program is run by IPython, cell by cell."""
    interactive = sys.modules.get("IPython")
    return interactive is not None and interactive.get_ipython() is not None


def cell_of(flow_class: type) -> str:
    """Source of the cell that a class was defined in.

    Raises
    ------
    TypeError
        If it is no class.
    ValueError
        If it was not defined in a cell, or the cell's source is not known any more.
    """
    import linecache

    if not isinstance(flow_class, type):
        raise TypeError(f"A flow's class is needed, such as MyFlow, not {flow_class!r}.")
    files = {value.__code__.co_filename for value in vars(flow_class).values() if hasattr(value, "__code__")}
    lines = [
        line for file in files if not os.path.isfile(file) or _is_of_cell(file) for line in linecache.getlines(file)
    ]
    if not lines:
        raise ValueError(
            f"The cell that defines {flow_class.__name__} cannot be found. Define the flow in a cell of this notebook, "
            "and run that cell first; for a flow in a file there is Runner."
        )
    return "".join(lines)


def _is_of_cell(file: str) -> bool:
    """Whether a file that exists is one that a kernel keeps cells in."""
    return "ipykernel" in file


def flow_source(cell: str, flow: str) -> str:
    """Content of a file that holds the flow of a cell, and starts it.

    What the cell does with the flow is left out: after the class only definitions, imports and plain values are kept,
    and nowhere what only a notebook can do. Lines keep their numbers.

    Parameters
    ----------
    cell : str
    flow : str
        Name of the class.

    Raises
    ------
    ValueError
        If the cell does not define a class of that name, or is no valid Python.
    """
    try:
        tree = _parse(cell)
    except SyntaxError as error:
        raise ValueError(f"The cell that defines {flow} cannot be read: {error.msg} (line {error.lineno}).") from error
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == flow]
    if not classes:
        raise ValueError(f"The cell does not define a class {flow} of its own, outside of any function or condition.")
    last = tree.body.index(classes[-1])
    lines = cell.splitlines()
    for index, node in enumerate(tree.body):
        if not _is_kept(node, index > last):
            _blank(lines, node)
    return "\n".join(lines) + f'\n\n\nif __name__ == "__main__":\n    {flow}()\n'


def _parse(cell: str) -> ast.Module:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree: ast.Module = compile(cell, "<cell>", "exec", flags, dont_inherit=True)
    return tree


def _is_kept(node: ast.stmt, is_after: bool) -> bool:
    """Whether a statement belongs to the flow, rather than to what the notebook does with it."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return True
    parts = list(ast.walk(node))
    if any(isinstance(part, ast.Name) and part.id in _OF_NOTEBOOKS for part in parts):
        return False
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return True
    if any(isinstance(part, (ast.Await, ast.AsyncFor, ast.AsyncWith)) for part in parts):
        return False
    if not is_after:
        return True
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and not any(isinstance(part, ast.Call) for part in parts)


def _blank(lines: list[str], node: ast.stmt) -> None:
    """Take a statement out of the lines; ``pass`` stays in its place, as others may stand beside it."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    first, last = node.lineno - 1, node.end_lineno - 1
    before = lines[first].encode()[: node.col_offset].decode()
    after = lines[last].encode()[node.end_col_offset :].decode()
    lines[first : last + 1] = [before + "pass" + after, *[""] * (last - first)]


def write_flow(flow_class: type, directory: str | os.PathLike[str] | None) -> str:
    """Write the flow of a cell to a file.

    Parameters
    ----------
    flow_class : type
    directory : str or path, optional
        Where; the system's directory for temporary files if not given.

    Returns
    -------
    str
        Path of the file.

    Raises
    ------
    ValueError
        If there is no cell to take it from.
    MetaflowException
        If there is no such directory.
    """
    import tempfile

    source = flow_source(cell_of(flow_class), flow_class.__name__)
    if directory is not None and not os.path.isdir(directory):
        raise MetaflowException(f"The directory base_dir={os.fspath(directory)!r} for the flow's file does not exist.")
    descriptor, path = tempfile.mkstemp(f"_{flow_class.__name__}.py", "notebook_", directory, text=True)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(source)
    return os.path.abspath(path)


def environment_of_notebook(env: Mapping[str, str] | None) -> dict[str, str]:
    """Environment variables with which a flow outside of the notebook's directory finds the modules in it."""
    changed: dict[str, Any] = dict(env or {})
    path = changed.get("PYTHONPATH", os.environ.get("PYTHONPATH"))
    changed["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), path]))
    return changed
