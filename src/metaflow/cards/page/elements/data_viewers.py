"""Data that readers can unfold: as a tree in the terms of JSON, and as YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.yaml_lines import yaml_html
from metaflow.cards.page.escaping import text
from metaflow.cards.values.plain_values import LIMITS, WIDER_LIMITS, plain_value

# What `text` would replace by something that shows it; control characters below these JSON has escaped already.
_NOT_SHOWN = re.compile("[\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
#: Longer lists are folded in parts of that many items.
_CHUNK = 100
#: What has at most that many values is unfolded from the start.
_SMALL = 60
#: A length as CSS has it; nothing else gets into the page's style.
_LENGTH = re.compile(r"\d{1,6}(\.\d{1,3})?(px|em|rem|vh|%)")


def json_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A tree of data."""
    data = node["data"] if "data" in node else _loaded(node.get("json_string"))
    value, notes = plain_value(data, WIDER_LIMITS)
    is_collapsible = bool(node.get("collapsible", True))
    tree = _Tree(is_collapsible, _is_small(value))
    body = f'<div class="mf-tree">{tree.item("", value, 0)}</div>'
    if node.get("show_copy_button", True):
        # What copies are made from. Characters that pages do not show as they are get numbers, which JSON allows for.
        source = json.dumps(value, indent=2, ensure_ascii=False)
        source = _NOT_SHOWN.sub(lambda found: f"\\u{ord(found[0]):04x}", source)
        body += f'<pre class="mf-data-source" hidden>{text(source)}</pre>'
    return _framed(node, page, "JSON", body, notes)


def yaml_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Text that is YAML, in colours, of which parts can be folded."""
    source = str(node["data"] if "data" in node else node.get("yaml_string") or "")
    notes = ["only the beginning is shown"] if len(source) > LIMITS.characters_in_all else []
    body, is_complete = yaml_html(source[: LIMITS.characters_in_all], bool(node.get("collapsible", True)))
    if not is_complete:
        notes = ["only the beginning is shown"]
    return _framed(node, page, "YAML", f'<div class="mf-yaml">{body}</div>', notes)


def _framed(node: Mapping[str, Any], page: PageContext, name: str, body: str, notes: list[str]) -> str:
    title = node.get("title")
    given = node.get("notes")
    notes = list(dict.fromkeys([*(str(each) for each in given if each), *notes] if isinstance(given, list) else notes))
    note = f'<p class="mf-note" role="note">{_sentence(notes)}</p>' if notes else ""
    title_id = page.new_id()
    shown = f"<bdi>{text(str(title)[:1000])}</bdi>" if title else name
    attributes = ' data-copy=""' if node.get("show_copy_button", True) else ""
    attributes += _height(node.get("max_height"))
    return (
        f'<section class="mf-data" aria-labelledby="{title_id}"{attributes}>'
        f'<div class="mf-data-head"><span class="mf-data-title{"" if title else " mf-muted"}" id="{title_id}">{shown}'
        f'</span></div>{note}<div class="mf-data-body mf-scroll" tabindex="0" role="group"'
        f' aria-labelledby="{title_id}">{body}</div></section>'
    )


def _sentence(notes: list[str]) -> str:
    told = "; ".join(notes)
    return text(f"{told[:1].upper()}{told[1:]}.")


def _height(value: Any) -> str:
    length = f"{value:g}px" if type(value) in (int, float) else str(value or "").replace(" ", "").lower()
    length = f"{length}px" if length.isascii() and length.isdigit() else length
    return f' data-max-height="{length}"' if _LENGTH.fullmatch(length) else ""


class _Tree:
    """HTML of plain data, each value in a line, or folded in an element of its own."""

    def __init__(self, is_collapsible: bool, is_small: bool) -> None:
        self._is_collapsible = is_collapsible
        self._is_small = is_small

    def item(self, label: str, value: Any, level: int) -> str:
        if isinstance(value, dict) and value:
            lines = "".join([f"<li>{self.item(_key(key), each, level + 1)}</li>" for key, each in value.items()])
            return self._folded(f"{label}<i>{{{_counted(len(value), 'field')}}}</i>", f"<ul>{lines}</ul>", level)
        if isinstance(value, list) and value:
            return self._folded(f"{label}<i>[{_counted(len(value), 'item')}]</i>", self._list(value, level), level)
        return f'<span class="mf-line">{label}{_leaf(value)}</span>'

    def _list(self, values: list[Any], level: int) -> str:
        if len(values) <= _CHUNK or not self._is_collapsible:
            return self._items(values, 0, level)
        chunks = []
        for start in range(0, len(values), _CHUNK):
            part = values[start : start + _CHUNK]
            label = f"<i>{start} to {start + len(part) - 1}</i>"
            chunks.append(f"<li>{self._folded(label, self._items(part, start, level), 2)}</li>")
        return f"<ul>{''.join(chunks)}</ul>"

    def _items(self, values: list[Any], start: int, level: int) -> str:
        lines = [
            f'<li>{self.item(f"""<span class="mf-index">{at}:</span> """, each, level + 1)}</li>'
            for at, each in enumerate(values, start)
        ]
        return f"<ul>{''.join(lines)}</ul>"

    def _folded(self, label: str, content: str, level: int) -> str:
        if not self._is_collapsible:
            return f'<span class="mf-line">{label}</span>{content}'
        is_open = " open" if level == 0 or self._is_small else ""
        return f'<details{is_open}><summary><span class="mf-line">{label}</span></summary>{content}</details>'


def _key(key: str) -> str:
    return f'<span class="mf-key">{text(key)}</span>: '


def _leaf(value: Any) -> str:
    if isinstance(value, str):
        return f'<span class="mf-string">{text(json.dumps(value, ensure_ascii=False))}</span>'
    if isinstance(value, (dict, list)):
        return "<i>{}</i>" if isinstance(value, dict) else "<i>[]</i>"
    kind = "mf-constant" if value is None or isinstance(value, bool) else "mf-numeral"
    return f'<span class="{kind}">{json.dumps(value)}</span>'


def _is_small(value: Any) -> bool:
    waiting, count = [value], 0
    while waiting and count <= _SMALL:
        each = waiting.pop()
        inner = list(each.values()) if isinstance(each, dict) else each if isinstance(each, list) else ()
        count += len(inner)
        waiting.extend(inner)
    return count <= _SMALL


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _loaded(source: Any) -> Any:
    try:
        return json.loads(source)
    except (TypeError, ValueError, RecursionError):
        return source
