"""From a function to its syntax tree, each file being read and parsed once."""

from __future__ import annotations

import ast
import linecache
from typing import NamedTuple

from ..exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType

    FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
    #: Functions of one file by the line and name that their code objects carry.
    FileIndex = dict[tuple[int, str], FunctionNode]

#: Fields of a statement that hold further statements, or holders of statements (handlers, match cases).
_NESTED = ("body", "orelse", "handlers", "finalbody", "cases")


class FunctionSource(NamedTuple):
    """Where a function is written, and its syntax tree.

    Attributes
    ----------
    node : ast.FunctionDef or ast.AsyncFunctionDef
    file : str
        Name of the file, or of the notebook cell.
    line : int
        Line of its ``def``.
    """

    node: FunctionNode
    file: str
    line: int


class SourceIndex:
    """Finds the syntax trees of functions.

    Sources are read through :mod:`linecache`, so that functions from notebook cells and from zipped modules
    are found as well. Keep one index for as long as the sources stay the same: while one graph is built.
    """

    __slots__ = ("_files",)

    def __init__(self) -> None:
        self._files: dict[str, FileIndex] = {}

    def find(self, function: FunctionType) -> FunctionSource:
        """Look up where `function` is written.

        Parameters
        ----------
        function : function
            A function, possibly wrapped by decorators that keep ``__wrapped__``.

        Returns
        -------
        FunctionSource

        Raises
        ------
        MetaflowException
            If the source is not to be had, is no valid Python, or has changed since it was imported.
        """
        while hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        code = function.__code__
        file = code.co_filename
        index = self._files.get(file)
        if index is None:
            index = self._files[file] = _index_file(file, function)
        # The line of a code object is that of its first decorator, hence also the key of the index.
        node = index.get((code.co_firstlineno, code.co_name))
        if node is None:
            raise MetaflowException(
                f"The function *{code.co_name}* is not where it was when {file} was imported: "
                "the file has changed since. Start again with the file as it is now.",
                code.co_firstlineno,
                file,
            )
        return FunctionSource(node, file, node.lineno)


def _index_file(file: str, function: FunctionType) -> FileIndex:
    code = function.__code__
    linecache.checkcache(file)
    text = "".join(linecache.getlines(file, function.__globals__))
    if not text:
        raise MetaflowException(
            f"The source of *{code.co_name}* is not available: there is no text for {file!r}. Which step "
            "follows which is read from the source, so a flow has to be defined in a file or in a notebook "
            "cell.",
            code.co_firstlineno,
            file,
        )
    try:
        module = ast.parse(text, file)
    except SyntaxError as error:
        raise MetaflowException(
            f"The source of *{code.co_name}* can no longer be parsed: {error.msg}. "
            "The file has changed since it was imported; correct it and start again.",
            error.lineno,
            file,
        ) from error
    return _index_functions(module)


def _index_functions(module: ast.Module) -> FileIndex:
    """Functions at any depth; only statements are visited, which is a small part of the tree."""
    index: FileIndex = {}
    pending: list[ast.AST] = [module]
    while pending:
        holder = pending.pop()
        if isinstance(holder, ast.FunctionDef | ast.AsyncFunctionDef):
            first = holder.decorator_list[0].lineno if holder.decorator_list else holder.lineno
            index[first, holder.name] = holder
        for field in _NESTED:
            nested = getattr(holder, field, None)
            # A lambda and a conditional expression have a `body` too, which is no list.
            if isinstance(nested, list):
                pending.extend(nested)
    return index


def clean_docstring(text: str | None) -> str:
    """`text` without the indentation of the code around it.

    ``inspect.cleandoc`` does the same, at the price of importing :mod:`inspect`.

    Parameters
    ----------
    text : str or None
        A docstring as written.

    Returns
    -------
    str
        Its lines, without surrounding blank lines; empty if there is none.
    """
    if not text:
        return ""
    first, *rest = text.expandtabs().splitlines() or [""]
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    lines = [first.strip(), *(line[margin:].rstrip() for line in rest)]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    return "\n".join(lines)
