"""What a flow's file says of its parameters, configs and steps, read from its source.

Nothing in it runs, and nothing that it names is imported.

Only what completion needs is understood: classes, the modules of the project that they derive from, steps, and
parameters whose arguments are written out. What is computed is left out.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import metaflow

from ..exception import MetaflowException
from ..flow.configs import Config
from ..flow.include_file import IncludeFile
from ..flow.parameter_types import JSONType
from ..flow.parameters import Parameter
from ..flow.spec import FlowSpec
from ..flow.step import step
from ..registry import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "JSONType": JSONType}
_TOLD_TO_OPTIONS = ("help", "is_flag", "multiple", "hidden", "default")
# Bases of bases in other modules: far beyond any real flow, short of an endless circle.
_MAXIMUM_DEPTH = 20


class _Module(NamedTuple):
    """A source file: its top-level classes, and where its other names come from."""

    path: str
    tree: ast.Module
    classes: dict[str, ast.ClassDef]
    imports: dict[str, tuple[str, str | None]]


class _ClassOutline(NamedTuple):
    """Steps and parameters of a class and its bases, flow decorators, and whether it is a flow; a mixin is not."""

    attributes: dict[str, Any]
    decorators: list[Any]
    is_flow: bool


def outline(path: str) -> type[FlowSpec] | None:
    """Class with the parameters and steps of the flow in a file; its steps do nothing.

    Parameters
    ----------
    path : str

    Returns
    -------
    type or None
        None if there is no flow in it that can be read.
    """
    module = _read(path)
    if module is None:
        return None
    started = {
        node.func.id for node in ast.walk(module.tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    flow: type[FlowSpec] | None = None
    for name, node in module.classes.items():
        found = _class_outline(module, node)
        if found.is_flow and (flow is None or name in started or flow.__name__ not in started):
            flow = type(name, (FlowSpec,), {**found.attributes, "__doc__": ast.get_docstring(node)})
            for decorator in found.decorators:
                flow = decorator(flow)
    return flow


def _read(path: str) -> _Module | None:
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return None
    classes = {}
    imports: dict[str, tuple[str, str | None]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            classes[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            imports |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            imports |= {alias.asname or alias.name: (alias.name, None) for alias in node.names}
    return _Module(path, tree, classes, imports)


def _class_outline(module: _Module, node: ast.ClassDef, depth: int = 0) -> _ClassOutline:
    attributes: dict[str, Any] = {}
    decorators = [found for written in node.decorator_list if (found := _flow_decorator(written)) is not None]
    is_flow = False
    for base in reversed(node.bases):
        if _last_name(base) == "FlowSpec":
            is_flow = True
        elif depth < _MAXIMUM_DEPTH and (known := _find_class(module, base)) is not None:
            inherited = _class_outline(*known, depth + 1)
            attributes |= inherited.attributes
            decorators += inherited.decorators
            is_flow = is_flow or inherited.is_flow
    attributes.update(_members(module, node))
    return _ClassOutline(attributes, decorators, is_flow)


def _flow_decorator(written: ast.expr) -> Any:
    """The flow decorator that is written above a class, because it may add options to the command line."""
    name = _last_name(written)
    keywords = written.keywords if isinstance(written, ast.Call) else []
    values = {keyword.arg: _literal(keyword.value) for keyword in keywords if keyword.arg is not None}
    if name not in BUILT_IN["flow_decorators"] or None in values.values():
        return None
    return getattr(metaflow, name)(**values)


def _find_class(module: _Module, expression: ast.expr) -> tuple[_Module, ast.ClassDef] | None:
    """Class that an expression such as ``Base`` or ``shared.Base`` names, and the module that it is in."""
    name = _last_name(expression)
    if isinstance(expression, ast.Name) and name in module.classes:
        return module, module.classes[name]
    start = ast.unparse(expression.value) if isinstance(expression, ast.Attribute) else name
    source, original = module.imports.get(start or "", (None, None))
    if source is None or name is None:
        return None
    if original is not None and isinstance(expression, ast.Attribute):  # from package import module
        source = f"{source}.{original}" if source.strip(".") else source + original
    other = _import(source, module.path)
    wanted = name if isinstance(expression, ast.Attribute) else original or name
    if other is None:
        return None
    if wanted in other.classes:
        return other, other.classes[wanted]
    return _find_class(other, ast.Name(wanted)) if wanted in other.imports else None


def _import(name: str, importer: str) -> _Module | None:
    """The source of a module, found where Python would find it."""
    from importlib.machinery import PathFinder

    directory = os.path.dirname(os.path.abspath(importer))
    parts = name.lstrip(".").split(".")
    if parts[0] in ("metaflow", "typing", "enum"):
        return None
    for _ in range(len(name) - len(name.lstrip(".")) - 1):
        directory = os.path.dirname(directory)
    where: list[str] | None = [directory] if name.startswith(".") else [directory, *sys.path]
    origin = None
    for part in parts:
        found = PathFinder.find_spec(part, where)
        if found is None:
            return None
        origin = found.origin
        where = list(found.submodule_search_locations or ())
    return _read(origin) if origin is not None and origin.endswith(".py") else None


def _members(module: _Module, node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(_last_name(decorator) == "step" for decorator in statement.decorator_list):
                yield statement.name, _step(statement.name)
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Call):
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            declared = _declaration(module, statement.value)
            if declared is not None and isinstance(target, ast.Name):
                yield target.id, declared


def _step(name: str) -> Any:
    def function(self: FlowSpec) -> None:
        """Do nothing: it is never called."""

    function.__name__ = name
    return step(function)


def _declaration(module: _Module, call: ast.Call) -> Parameter | Config | None:
    """The parameter or config that a call makes; None for any other call, or one whose name is computed."""
    kind = _last_name(call.func)
    if kind not in ("Parameter", "IncludeFile", "Config"):
        return None
    arguments = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
    arguments |= dict(zip(("name", "default", "type") if kind == "Parameter" else ("name",), call.args))
    name = _literal(arguments.get("name"))
    if not isinstance(name, str) or not name.strip():
        return None
    if kind == "Config":
        return Config(name)
    if kind == "IncludeFile":
        return IncludeFile(name, help=_literal(arguments.get("help")))
    return _parameter(module, name, arguments)


def _parameter(module: _Module, name: str, arguments: dict[str, ast.expr]) -> Parameter:
    """A parameter with these arguments; a plain one if they cannot be."""
    options = {field: _literal(arguments.get(field)) for field in _TOLD_TO_OPTIONS if field in arguments}
    declared = _type(module, arguments.get("type"))
    if declared is None and "default" in arguments:
        declared = _type_of_member(module, arguments["default"])
    parameter = Parameter(name, type=declared, **options)
    try:
        parameter.check()
    except MetaflowException:
        return Parameter(name)
    return parameter


def _type(module: _Module, expression: ast.expr | None) -> Any:
    """Type that an expression names, where that matters for completion; None for all others."""
    if isinstance(expression, ast.Subscript) and _last_name(expression.value) == "Literal":
        inner = _literal(expression.slice)
        return _one_of(inner if isinstance(inner, tuple) else (inner,))
    if isinstance(expression, ast.Call) and _last_name(expression.func) == "Choice" and expression.args:
        return _one_of(_literal(expression.args[0]) or ())
    if isinstance(expression, ast.Name) and expression.id in _PLAIN_TYPES:
        return _PLAIN_TYPES[expression.id]
    found = _find_class(module, expression) if isinstance(expression, ast.Name | ast.Attribute) else None
    return _one_of(_member_names(found[1])) if found is not None else None


def _type_of_member(module: _Module, expression: ast.expr) -> Any:
    """Type of a default such as ``Colour.RED``."""
    return _type(module, expression.value) if isinstance(expression, ast.Attribute) else None


def _member_names(node: ast.ClassDef) -> tuple[str, ...]:
    if not any((_last_name(base) or "").endswith(("Enum", "Flag")) for base in node.bases):
        return ()
    assigned = [statement.targets[0] for statement in node.body if isinstance(statement, ast.Assign)]
    return tuple(target.id for target in assigned if isinstance(target, ast.Name))


def _one_of(values: Any) -> Any:
    """A type with these choices."""
    usable = tuple(value for value in values if isinstance(value, str | int))
    return Literal[usable] if usable else None


def _literal(expression: ast.expr | None) -> Any:
    """Value of an expression that is written out; None for all others."""
    try:
        return ast.literal_eval(expression) if expression is not None else None
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _last_name(expression: ast.expr) -> str | None:
    """``step`` for ``step``, ``metaflow.step`` and ``step(start=True)``."""
    if isinstance(expression, ast.Call):
        return _last_name(expression.func)
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else None
