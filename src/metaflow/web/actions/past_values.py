"""What a past run was given, so that another one can be started with the same: told without loading any value."""

from __future__ import annotations

import ast
import json
import math
from typing import TYPE_CHECKING, Any

from metaflow.exception import DataException, MetaflowDataMissing
from metaflow.metadata_store.store import TaskQuery

if TYPE_CHECKING:
    from metaflow.client.provider import Provider
    from metaflow.runner.flow_description import OptionDescription

_PARAMETERS = "_parameters"
#: Previews are cut at so many characters; what is shorter is whole.
_WHOLE_PREVIEW = 190


def past_values(
    provider: Provider, flow: str, run_id: str, options: list[OptionDescription]
) -> tuple[dict[str, Any], list[str]]:
    """Values to fill in, as they are typed, and the names of parameters whose values are not known in plain form.

    Parameters
    ----------
    provider : Provider
    flow, run_id : str
    options : list of OptionDescription
        Of the flow's parameters, as it is now.

    Raises
    ------
    MetadataException
        The records cannot be read.
    """
    tasks = provider.tasks(TaskQuery(flow, run_id, _PARAMETERS, limit=1))
    values = dict(tasks[0].values) if tasks else {}
    previews: dict[str, str] = {}
    if tasks:
        try:
            reader = provider.reader(tasks[0])
            previews = {name: reader.entry(name).preview for name in reader} if reader is not None else {}
        except (DataException, MetaflowDataMissing):
            pass  # what the index knows can be filled in all the same; the rest is told of
    found: dict[str, Any] = {}
    unknown: list[str] = []
    for option in options:
        attribute = option.name.replace("-", "_")
        if attribute in values:
            if values[attribute] is not None:
                found[option.name] = _typed(values[attribute])
            continue
        plain = _literal(previews.get(attribute), option)
        if plain is not None:
            found[option.name] = plain
        elif attribute in previews or option.required:
            unknown.append(option.name)
    return found, unknown


def _typed(value: Any) -> Any:
    """A value as it is typed in."""
    return value if isinstance(value, bool | str) else str(value)


def _literal(preview: str | None, option: OptionDescription) -> Any:
    """What a whole preview of plain data stands for; None for all others."""
    if preview is None or len(preview) >= _WHOLE_PREVIEW or "..." in preview or option.types == ["path"]:
        return None
    try:
        value = ast.literal_eval(preview)
        if option.separator is not None and isinstance(value, list):
            return option.separator.join(value) if all(isinstance(each, str) for each in value) else None
        if option.multiple and isinstance(value, list | tuple):
            return [_typed(each) for each in value]
        if option.types != ["JSON"] or not _is_json(value):
            return None
        return json.dumps(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    return value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
