"""Parameters, configs and artifacts for a page: as their manifests describe them. Nothing is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.run_values import value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from metaflow.client.run_values import Value
    from metaflow.datastore.tasks import TaskReader
    from metaflow.web.run.recorded import RecordedRun

#: Most parameters, and most artifacts, of one answer.
MOST_VALUES = 200
_FLOW_NAME = "name"


def plain_value(name: str, value: Value) -> dict[str, Any]:
    """A value for a page."""
    return {
        "name": name,
        "type": value.type,
        "text": value.text,
        "size": value.size,
        "hash": value.sha,
        "is_scalar": value.is_scalar,
        "scalar": value.scalar,
    }


def parameters(recorded: RecordedRun) -> list[dict[str, Any]]:
    """A run's parameters with how they are declared, in the order of their declaration.

    Parameters
    ----------
    recorded : RecordedRun
    """
    reader = recorded.reader
    if reader is None:
        return []
    declared = recorded.start.get("parameters", {})
    types = {each["name"]: each["type"] for each in _listed(recorded.graph, "parameters")}
    names = [name for name, kind in types.items() if kind != "Config" and name in reader]
    if not types:
        names = own_names(reader, recorded.graph)
    return [
        {**plain_value(name, value), **_declaration(name, types, declared, value)}
        for name, value in ((name, value_of(reader, name)) for name in names[:MOST_VALUES])
    ]


def configs(recorded: RecordedRun) -> list[dict[str, Any]]:
    """A run's configs: where they came from and, unless they are too large, what they are as a tree.

    Parameters
    ----------
    recorded : RecordedRun
    """
    reader = recorded.reader
    if reader is None:
        return []
    trees = recorded.start.get("configs", {})
    sources = {each["name"]: each for each in _listed(recorded.graph, "configs")}
    found: list[dict[str, Any]] = []
    for each in _listed(recorded.graph, "parameters"):
        name = each["name"]
        if each["type"] != "Config" or name not in reader or len(found) >= MOST_VALUES:
            continue
        source = sources.get(name, {})
        found.append(
            {
                **plain_value(name, value_of(reader, name)),
                "source": source.get("source"),
                "path": source.get("path"),
                "has_tree": name in trees,
                "tree": trees.get(name),
            }
        )
    return found


def constants(recorded: RecordedRun) -> list[dict[str, Any]]:
    """Constants of a run's flow.

    Parameters
    ----------
    recorded : RecordedRun
    """
    reader = recorded.reader
    if reader is None:
        return []
    names = [each["name"] for each in _listed(recorded.graph, "constants") if each["name"] in reader]
    return [plain_value(name, value_of(reader, name)) for name in names[:MOST_VALUES]]


def own_names(reader: TaskReader, graph: Mapping[str, Any]) -> list[str]:
    """Names of a task's artifacts that a person gave, without the constants of the flow's class."""
    fixed = {each["name"] for each in _listed(graph, "constants")}
    declared = {each["name"] for each in _listed(graph, "parameters")}
    return [
        name
        for name in reader
        if not name.startswith("_") and name not in fixed and (name != _FLOW_NAME or name in declared)
    ]


def _declaration(name: str, types: Mapping[str, str], declared: Mapping[str, Any], value: Value) -> dict[str, Any]:
    facts = declared.get(name, {})
    return {
        "option": facts.get("option", name),
        "declared_type": types.get(name),
        "help": facts.get("help"),
        "required": bool(facts.get("required")),
        "default": facts.get("default"),
        "default_is_computed": bool(facts.get("default_is_computed")),
        "is_default": _is_default(facts, value),
    }


def _is_default(facts: Mapping[str, Any], value: Value) -> bool | None:
    """Whether a parameter has its default; None if that cannot be told."""
    recorded, default = facts.get("is_default"), facts.get("default")
    # A run that resumes another one takes its values over as they are stored, and does not compare them.
    if recorded is not None or default is None or not isinstance(value.scalar, (bool, int, float)):
        return recorded
    is_text = default[:1] in ("'", '"')  # one that stands for a value of another type
    return None if is_text else value.text == default


def _listed(graph: Mapping[str, Any], key: str) -> Iterable[Mapping[str, Any]]:
    """Entries of a list in the graph, which an older version may have written otherwise."""
    entries = graph.get(key)
    if not isinstance(entries, list):
        return []
    return [each for each in entries if isinstance(each, dict) and isinstance(each.get("name"), str)]
