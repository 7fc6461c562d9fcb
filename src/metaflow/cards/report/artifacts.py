"""The artifacts of a task: what it made or changed, its parameters, and what it passed on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from metaflow.cards.nodes import Node
from metaflow.cards.previews.facts import shape_text
from metaflow.cards.report.values import OwnValues, image_name
from metaflow.datastore.sizes import size_text
from metaflow.datastore.skipped import is_skipped
from metaflow.secret_names import MASK, is_hidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.cards.report.subject import Subject
    from metaflow.datastore.manifest import ArtifactEntry

#: Artifacts that are listed, and those of them that can be opened.
_MOST_LISTED = 1000
_MOST_SHOWN = 100
#: What values beside their lines may add to the page, in bytes: by their beginnings, whole, and as pictures.
_ROOM, _ROOM_FOR_ALL, _ROOM_FOR_PICTURES = 60_000, 5_000_000, 8_000_000
#: Bytes of HTML around each value of a kind of nodes.
_AROUND_VALUES = {"jsonViewer": 110, "table": 50}
#: Up to this many that can be opened are open at first; of more, those that are looked at rather than read.
_OPEN = 5
_OPEN_OF_MANY = 4
#: Kinds of nodes, the most telling first; `usage` and the like are read rather than looked at.
_LOOKED_AT = ("image", "frame", "histogram", "sparkline")


class Options(NamedTuple):
    """How artifacts are shown.

    Attributes
    ----------
    only_repr : bool
        Show how values begin instead of all that is in them.
    max_artifact_size : int
        Of values with more serialised bytes only what was noted when they were saved is shown.
    """

    only_repr: bool = True
    max_artifact_size: int = 256 * 1024 * 1024


def artifact_sections(subject: Subject, options: Options) -> list[Node]:
    """Sections of the task's parameters and artifacts; none if there are none."""
    reader = subject.reader
    if reader is None:
        return []
    values = OwnValues(subject, options.max_artifact_size)
    room = _Room(options)
    entries = {name: reader.entry(name) for name in reader if not name.startswith("_")}
    parameters = [name for name in parameter_names(subject.graph) if name in entries]
    inherited = [name for name in entries if name in values.inherited and name not in parameters and name != "name"]
    own = [name for name in entries if name not in values.inherited and name not in parameters]
    sections: list[Node] = []
    if parameters:
        rows = _rows({name: entries[name] for name in parameters}, values, room, of_run=True)
        contents = [_list(rows, len(parameters)), *room.notes()]
        sections.append({"type": "section", "title": "Parameters", "contents": contents})
    contents = []
    if own:
        rows = _rows({name: entries[name] for name in own}, values, room)
        _open_some(rows)
        contents += [_list(rows, len(own)), *room.notes()]
    if inherited:
        rows = _rows({name: entries[name] for name in inherited}, values, room, noted=True)
        note = f"{len(inherited):,}, as earlier steps left them"
        listed = [_list(rows, len(inherited)), *room.notes()]
        contents.append({"type": "fold", "title": "Passed on", "note": note, "contents": listed})
    if contents:
        subtitle = _counted(own, sum(entries[name].size for name in own))
        sections.append({"type": "section", "title": "Artifacts", "subtitle": subtitle, "contents": contents})
    return sections


class _Room:
    """What of the page is left for values: with many or large ones, some have only their line."""

    def __init__(self, options: Options) -> None:
        self.full = not options.only_repr
        self._left = {"values": _ROOM_FOR_ALL if self.full else _ROOM, "pictures": _ROOM_FOR_PICTURES}
        self.refused = 0

    def takes(self, contents: list[Node]) -> bool:
        """Whether there is room for what shows a value, which is then taken."""
        texts = [json.dumps(node, default=str) for node in contents]
        kind = "pictures" if any('"type": "image"' in text for text in texts) else "values"
        size = sum(map(_extent, texts))
        if size > self._left[kind]:
            self.refused += 1
            return False
        self._left[kind] -= size
        return True

    def notes(self) -> list[Node]:
        """What was refused since this was last asked."""
        count, self.refused = self.refused, 0
        if not count:
            return []
        words = "One value has" if count == 1 else f"{count:,} values have"
        return [{"type": "text", "text": f"{words} only a line, so that this page stays small."}]


def _extent(text: str) -> int:
    """About how much HTML a node becomes, by its JSON."""
    around = max(size if f'"type": "{kind}"' in text else 0 for kind, size in _AROUND_VALUES.items())
    return len(text) + around * text.count(", ")


def parameter_names(graph: Mapping[str, Any]) -> list[str]:
    """Names of the flow's parameters, configs and constants, in this order."""
    names = []
    for kind in ("parameters", "constants"):
        found = graph.get(kind)
        names += [
            str(each.get("name")) for each in found if isinstance(each, Mapping)
        ] if isinstance(found, (list, tuple)) else []  # fmt: skip
    return list(dict.fromkeys(names))


def _counted(own: Sequence[str], size: int) -> str:
    if not own:
        return "This step made none of its own."
    return f"{len(own):,} of this step, {size_text(size)}"


def _list(rows: list[dict[str, Any]], total: int) -> Node:
    data = list(rows)
    if total > len(rows):
        data.append({"name": f"\N{HORIZONTAL ELLIPSIS} and {total - len(rows):,} more"})
    return {"type": "artifactList", "data": data}


def _rows(
    entries: Mapping[str, ArtifactEntry], values: OwnValues, room: _Room, of_run: bool = False, noted: bool = False
) -> list[dict[str, Any]]:
    """Lines of artifacts; if these are `noted` only, no value is read that would take long, or much of the page."""
    rows = []
    for index, name in enumerate(list(entries)[:_MOST_LISTED]):
        entry = entries[name]
        row: dict[str, Any] = {"name": name, "kind": short_type(entry.type), "type": whole_type(entry.type)}
        row["text"] = line_of(name, entry)
        is_shown = not (is_skipped(entry) or is_hidden(name, row["kind"]))
        if not (is_skipped(entry) or of_run):
            row["size"] = size_text(entry.size)
        if index < _MOST_SHOWN and is_shown and not (noted and room.refused):
            contents = values.nodes(name, entry, full=room.full, only_noted=noted and not _is_plain(entry))
            if contents and room.takes(contents):
                row["contents"] = [_titled(node, name) for node in contents]
        rows.append(row)
    return rows


def _titled(node: Node, name: str) -> Node:
    """A viewer of data is called like its artifact, so that those who only hear them can tell one from another."""
    if isinstance(node, Mapping) and node.get("type") == "jsonViewer" and not node.get("title"):
        return {**node, "title": name}
    return node


def _open_some(rows: list[dict[str, Any]]) -> None:
    """Open those that deserve it: all, if they are few; else images first, then data frames, then drawings."""
    folded = [row for row in rows if "contents" in row]
    if len(folded) > _OPEN:
        ranked = sorted((rank, index) for index, row in enumerate(folded) if (rank := _rank(row)) is not None)
        folded = [folded[index] for _, index in ranked[:_OPEN_OF_MANY]]
    for row in folded:
        row["open"] = True


def _rank(row: Mapping[str, Any]) -> int | None:
    kinds = {node.get("type") for node in row["contents"] if isinstance(node, Mapping)}
    if "table" in kinds and "DataFrame" in row["kind"]:
        kinds.add("frame")
    return next((rank for rank, kind in enumerate(_LOOKED_AT) if kind in kinds), None)


def _is_plain(entry: ArtifactEntry) -> bool:
    kind = whole_type(entry.type)
    return "." not in kind and kind not in ("bytes", "bytearray")


def whole_type(recorded: str) -> str:
    """``<class 'pandas.core.frame.DataFrame'>`` without what surrounds the name."""
    return recorded[8:-2] if recorded.startswith("<class '") and recorded.endswith("'>") else recorded


def short_type(recorded: str) -> str:
    """The last part of the name of a type."""
    return whole_type(recorded).rpartition(".")[2]


def line_of(name: str, entry: ArtifactEntry) -> str:
    """A value in one line, from what was noted of it when it was saved."""
    if is_hidden(name, short_type(entry.type)):
        return MASK
    facts = entry.facts
    shape = facts.get("shape")
    picture = image_name(entry)
    if picture:
        return f"{picture} image"
    try:
        if shape is not None and "columns" in facts and len(shape) == 2:
            return f"{shape[0]:,} rows \N{MULTIPLICATION SIGN} {shape[1]:,} columns"
        if shape is not None and "mode" in facts:
            return f"{shape[1]:,} \N{MULTIPLICATION SIGN} {shape[0]:,} pixels, {facts['mode']}"
        if shape is not None and "item" not in facts:
            words = f"{facts.get('dtype', '')} {shape_text(shape)}".strip()
            if "min" in facts and "max" in facts:
                words += f", {_number(facts['min'])} to {_number(facts['max'])}"
            return words
        if "parameters" in facts:
            return f"{facts['parameters']:,} parameters"
    except (TypeError, ValueError):
        pass  # noted by another version, in other terms
    return "" if entry.preview == f"<{whole_type(entry.type)}>" else entry.preview


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
