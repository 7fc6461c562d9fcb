"""Parsers for the files in which projects list the packages they need.

Each gives ``{"packages": {name: version}, "python": version}``, which fits the arguments of decorators that set up
packages, as in ``@pypi_base(**cfg)``. A version is what follows ``==``, or else the whole specifier; it is empty where
any will do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..exception import ConfigException
from .config_parsers import toml_parser, yaml_parser

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?"
_SPECIFIER = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[^\s,;()]+"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})\s*(?:\[(?P<extras>[\w\s,.-]*)\])?\s*"
    rf"(?:@\s*(?P<url>\S+)|\(?\s*(?P<version>{_SPECIFIER}(?:\s*,\s*{_SPECIFIER})*)?\s*,?\s*\)?)\s*(?P<marker>;.*)?"
)
_CONDA = re.compile(
    rf"(?P<name>(?:[\w.-]+::)?{_NAME})(?:\s*(?P<version>(?:==|~=|!=|<=|>=|<|>|=)\s*.+)|\s+(?P<bare>[^\s=<>!~].*))?"
)


def requirements_txt_parser(text: str) -> dict[str, Any]:
    """Packages of a ``requirements.txt``: a parser for ``Config(parser=requirements_txt_parser)``.

    Parameters
    ----------
    text : str
        Content of the file. A line ``python==3.11`` gives the version of Python.

    Returns
    -------
    dict
        ``{"packages": {name: version}, "python": version or None}``.

    Raises
    ------
    ConfigException
        If a line is no requirement, is an option of pip, or has an environment marker; the message names the line.
    """
    lines = ((f"line {number}", _without_comment(line)) for number, line in enumerate(text.splitlines(), 1))
    return _collect((place, line) for place, line in lines if line)


def pyproject_toml_parser(text: str) -> dict[str, Any]:
    """Packages of a ``pyproject.toml``: a parser for ``Config(parser=pyproject_toml_parser)``.

    Parameters
    ----------
    text : str
        Content of the file, of which ``dependencies`` and ``requires-python`` in the table ``project`` are read.

    Returns
    -------
    dict
        ``{"packages": {name: version}, "python": version or None}``.

    Raises
    ------
    ConfigException
        If it is no valid TOML, or a dependency is no requirement or has an environment marker.
    """
    project = toml_parser(text).get("project", {})
    dependencies = project.get("dependencies", []) if isinstance(project, dict) else None
    if not isinstance(dependencies, list) or not all(isinstance(entry, str) for entry in dependencies):
        raise ConfigException("`dependencies` in the table [project] should be a list of texts")
    found = _collect((f"project.dependencies[{index}]", entry) for index, entry in enumerate(dependencies))
    if "requires-python" in project:
        found["python"] = _version(str(project["requires-python"]))
    return found


def conda_environment_yml_parser(text: str) -> dict[str, Any]:
    """Packages of conda's ``environment.yml``: a parser for ``Config(parser=conda_environment_yml_parser)``.

    Parameters
    ----------
    text : str
        Content of the file, of which ``dependencies`` is read. It needs the package PyYAML.

    Returns
    -------
    dict
        ``{"packages": {name: version}, "python": version or None}``.

    Raises
    ------
    ConfigException
        If it is no valid YAML, or an entry is no conda package, such as a section for pip.
    """
    content = yaml_parser(text)
    dependencies = content.get("dependencies", []) if isinstance(content, dict) else None
    if not isinstance(dependencies, list):
        raise ConfigException("it should have a list `dependencies` of conda packages")
    found: dict[str, Any] = {"packages": {}, "python": None}
    for index, entry in enumerate(dependencies):
        if isinstance(entry, dict):
            raise ConfigException(
                f"dependencies[{index}] is a section '{next(iter(entry), '')}:', which cannot be part of a conda "
                "environment here. List those packages in a config of their own, for @pypi"
            )
        match = _CONDA.fullmatch(str(entry).strip())
        if match is None:
            raise ConfigException(f"dependencies[{index}], {entry!r}, is no conda package, such as numpy=2.1")
        _add(found, match["name"], _version(match["bare"] or match["version"] or ""))
    return found


def _collect(requirements: Iterable[tuple[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {"packages": {}, "python": None}
    for place, written in requirements:
        match = _REQUIREMENT.fullmatch(written.strip())
        if match is None:
            hint = " Options of pip have no meaning here" if written.startswith("-") else ""
            raise ConfigException(f"{place}, {written!r}, is no requirement, such as numpy==2.1.{hint}".rstrip("."))
        if match["marker"]:
            raise ConfigException(
                f"{place}, {written!r}, has an environment marker, which is not supported: list what this flow needs"
            )
        extras = ",".join(part.strip() for part in (match["extras"] or "").split(",") if part.strip())
        name = match["name"] + (f"[{extras}]" if extras else "") + (f"@{match['url']}" if match["url"] else "")
        _add(found, name, _version(match["version"] or ""))
    return found


def _add(found: dict[str, Any], name: str, version: str) -> None:
    if name == "python":
        found["python"] = version or None
    else:
        found["packages"][name] = version


def _version(specifier: str) -> str:
    """What follows ``==`` or conda's ``=``, if that is all there is; otherwise the specifier, without spaces."""
    compact = re.sub(r"\s+", "", specifier)
    exact = re.fullmatch(r"={1,3}([^=,<>!~].*)", compact)
    return exact[1] if exact and "," not in compact else compact


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line).strip()
