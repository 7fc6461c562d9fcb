"""The forms in which attributes of ``@kubernetes`` and their settings may be written, brought into one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Value of a label, as Kubernetes has it.
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
#: Key of a label or annotation: a name, which may have a domain before it.
_KEY = re.compile(
    r"(?=.{1,317}\Z)(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_SECURITY_CONTEXT = {
    "privileged": bool,
    "allow_privilege_escalation": bool,
    "run_as_user": int,
    "run_as_group": int,
    "run_as_non_root": bool,
}
_TOLERATION = {"key", "operator", "value", "effect", "tolerationSeconds"}


def parse_mapping(value: Any) -> dict[str, str]:
    """A mapping of texts: written as such, as JSON, or as ``key=value,key=value``.

    Raises
    ------
    ValueError
        If it is none of these; the message says what it should be.
    """
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("{"):
            value = _json(text)
        else:
            pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
            if not all(separator for _, separator, _ in pairs):
                raise ValueError("should be written as key=value,key=value")
            value = {key.strip(): item.strip() for key, _, item in pairs}
    if not isinstance(value, dict):
        raise ValueError(f"should be a dictionary, or written as key=value,key=value, not {type(value).__name__}")
    return {str(key): "" if item is None else str(item) for key, item in value.items()}


def parse_names(value: Any) -> list[str]:
    """A list of names: written as such, as JSON, or with commas between.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(value, str):
        text = value.strip()
        value = _json(text) if text.startswith("[") else [name.strip() for name in text.split(",") if name.strip()]
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) and name for name in value):
        raise ValueError("should be a list of names")
    return list(value)


def parse_labels(value: Any) -> dict[str, str]:
    """A mapping whose keys and values Kubernetes takes as labels.

    Raises
    ------
    ValueError
        If it does not take one of them.
    """
    labels = parse_annotations(value)
    for key, item in labels.items():
        if not _LABEL.fullmatch(item):
            raise ValueError(
                f"has the value {item!r} for {key!r}, but a label has at most 63 characters, letters, digits, "
                "'-', '_' and '.', and begins and ends with a letter or digit"
            )
    return labels


def parse_annotations(value: Any) -> dict[str, str]:
    """A mapping whose keys Kubernetes takes as those of annotations.

    Raises
    ------
    ValueError
        If it does not take one of them.
    """
    annotations = parse_mapping(value)
    for key in annotations:
        if not _KEY.fullmatch(key):
            raise ValueError(
                f"has the key {key!r}, but a key is a name of at most 63 letters, digits, '-', '_' and '.', "
                "which may have a domain and a slash before it"
            )
    return annotations


def parse_tolerations(value: Any) -> list[dict[str, Any]]:
    """Tolerations as Kubernetes has them, from a list of dictionaries or its JSON; ``toleration_seconds`` will do too.

    Raises
    ------
    ValueError
        If one has a key that tolerations do not have.
    """
    if isinstance(value, str):
        value = _json(value) if value.strip() else []
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, dict) for item in value):
        raise ValueError("should be a list of dictionaries, such as [{'key': 'gpu', 'operator': 'Exists'}]")
    tolerations = [{_camel(key): item for key, item in written.items() if item is not None} for written in value]
    for toleration in tolerations:
        if unknown := sorted(toleration.keys() - _TOLERATION):
            raise ValueError(f"has the key {unknown[0]!r}, but a toleration has {', '.join(sorted(_TOLERATION))} only")
    return tolerations


def parse_mounts(value: Any) -> dict[str, str]:
    """Claims of volumes, and the absolute path where each is mounted.

    Raises
    ------
    ValueError
        If a path is not absolute.
    """
    mounts = parse_mapping(value)
    for claim, path in mounts.items():
        if not path.startswith("/"):
            raise ValueError(f"mounts {claim!r} at {path!r}, which is no absolute path")
    return mounts


def parse_security_context(value: Any) -> dict[str, Any]:
    """A container's security context as Kubernetes writes it.

    Raises
    ------
    ValueError
        If it has other keys than those that are supported, or values of another type.
    """
    if isinstance(value, str):
        value = _json(value)
    if not isinstance(value, dict):
        raise ValueError(f"should be a dictionary, not {type(value).__name__}")
    for key, item in value.items():
        kind = _SECURITY_CONTEXT.get(key)
        if kind is None:
            raise ValueError(f"has the key {key!r}; these are supported: {', '.join(_SECURITY_CONTEXT)}")
        if item is not None and type(item) is not kind:
            raise ValueError(f"has {item!r} for {key!r}, which should be of type {kind.__name__}")
    return {_camel(key): item for key, item in value.items() if item is not None}


def parse_quantities(value: Any) -> dict[str, str]:
    """Names of extended resources, and how much of each.

    Raises
    ------
    ValueError
        If an amount is no whole number, as which Kubernetes counts such resources.
    """
    quantities = parse_mapping(value)
    for name, amount in quantities.items():
        if not _KEY.fullmatch(name) or "/" not in name:
            raise ValueError(f"has {name!r}, but the name of an extended resource has a domain, as in example.com/fpga")
        if not amount.isdecimal():
            raise ValueError(f"asks for {amount!r} of {name}, which should be a whole number")
    return quantities


def is_label_value(text: str) -> bool:
    """Whether Kubernetes takes a text as the value of a label."""
    return _LABEL.fullmatch(text) is not None


def merged(*mappings: Mapping[str, str]) -> dict[str, str]:
    """All of them in one; of what several have, that of the last one."""
    return {key: value for mapping in mappings for key, value in mapping.items()}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"begins like JSON, but cannot be read as it: {error}") from error


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
