"""Which objects a list or a watch asks for: label and field selectors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import problems

Object = dict[str, Any]
Test = Callable[[Object], bool]

_SET = re.compile(r"^\s*([^\s!=]+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*([^\s!=]+)\s*(==|=|!=)\s*([^\s=]*)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s!=]+)\s*$")

#: Fields that may be selected by, for each kind, beside the name and the namespace.
_FIELDS = {
    "pods": ("status.phase", "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.podIP"),
    "jobs": ("status.successful",),
    "events": (
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "involvedObject.fieldPath",
        "reason",
        "type",
    ),
}


def by_labels(text: str) -> Test:
    """What a label selector means, such as ``app=x,tier in (a, b),!old``."""
    tests = [_label_test(part) for part in _parts(text)]
    return lambda value: all(test(value["metadata"].get("labels") or {}) for test in tests)


def by_fields(text: str, plural: str) -> Test:
    """What a field selector means, such as ``status.phase!=Running,metadata.name=x``."""
    wanted = []
    for part in _parts(text):
        match = _EQUAL.match(part)
        if match is None:
            raise problems.bad_request(f"invalid field selector {part!r}")
        path, operator, expected = match.groups()
        if path not in ("metadata.name", "metadata.namespace", *_FIELDS.get(plural, ())):
            raise problems.bad_request(f"field label not supported: {path}")
        wanted.append((path.split("."), operator != "!=", expected))
    return lambda value: all((_field(value, path) == expected) is equal for path, equal, expected in wanted)


def _parts(text: str) -> list[str]:
    # A comma between parentheses does not end a requirement.
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _label_test(part: str) -> Test:
    if match := _SET.match(part):
        name, operator, listed = match.groups()
        values = {value.strip() for value in listed.split(",")}
        if operator == "in":
            return lambda labels: labels.get(name) in values
        return lambda labels: labels.get(name) not in values
    if match := _EQUAL.match(part):
        name, operator, expected = match.groups()
        if operator == "!=":
            return lambda labels: labels.get(name) != expected
        return lambda labels: labels.get(name) == expected
    if match := _EXISTS.match(part):
        absent, name = match.groups()
        return lambda labels: (name in labels) is not bool(absent)
    raise problems.bad_request(f"unable to parse requirement: {part!r}")


def _field(value: Object, path: list[str]) -> str:
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return "" if found is None else str(found)
