"""``JSONViewer`` and ``YAMLViewer``: data that readers can unfold, search and copy."""

from __future__ import annotations

import json
from math import isfinite

from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.values.frames import frame_columns, is_frame
from metaflow.cards.values.plain_numbers import plain_number
from metaflow.cards.values.plain_values import LIMITS, PlainValue, plain_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

#: Longer texts are not read as JSON.
_MOST_READ = 20_000_000
#: What an index without a name is called.
_INDEX = "index"
_WITHOUT_YAML = "shown as JSON, as PyYAML is not there: pip install 'metaflow[yaml]'"


class _Viewer(MetaflowCardComponent):
    """What both viewers have in common."""

    REALTIME_UPDATABLE: ClassVar[bool] = True
    _KIND: ClassVar[str]

    def __init__(
        self,
        data: Any,
        collapsible: bool = True,
        max_height: float | str | None = None,
        show_copy_button: bool = True,
        title: str | None = None,
    ) -> None:
        self._options = {
            "collapsible": bool(collapsible),
            "max_height": _height(max_height),
            "show_copy_button": bool(show_copy_button),
            "title": None if title is None else str(title),
        }
        self.update(data)

    def update(self, data: Any) -> None:
        """Show other data.

        Parameters
        ----------
        data : object
            As for the constructor.
        """
        self._data: Any = self._read(data)

    def render(self) -> dict[str, Any]:
        """A node with the data."""
        value, notes = self._shown(self._data)
        options = {name: option for name, option in self._options.items() if option is not None}
        node = {"type": self._KIND, "data": value, **options}
        return {**node, "notes": notes} if notes else node

    def _read(self, data: Any) -> Any:
        raise NotImplementedError

    def _shown(self, read: Any) -> PlainValue:
        raise NotImplementedError


class JSONViewer(_Viewer):
    """Data as a tree, with the terms of JSON.

    Anything can be shown: sets and arrays are lists, dataclasses and models are objects, and what JSON does not know is
    text. A text that is JSON is read. A data frame is a list of its rows.

    Parameters
    ----------
    data : object
        Anything. It is copied, so that later changes do not show until `update` is called; of large data, the part
        that can be shown.
    collapsible : bool
        Whether readers can fold parts of it.
    max_height : int, float or str, optional
        Height beyond which it scrolls: a number of pixels, or a length as in CSS, such as ``"400px"`` or ``"20rem"``.
    show_copy_button : bool
        Whether there is a button that copies all of it.
    title : str, optional
        What stands above it.

    Examples
    --------
    >>> JSONViewer({"learning_rate": 0.1, "layers": [64, 32]}, title="Configuration")
    """

    _KIND = "jsonViewer"

    def _read(self, data: Any) -> PlainValue:
        return _plain(_parsed(data) if isinstance(data, str) else data)

    def _shown(self, read: PlainValue) -> PlainValue:
        return read


class YAMLViewer(_Viewer):
    """Data as YAML. A text is shown as it is.

    Writing YAML takes the library PyYAML (``pip install 'metaflow[yaml]'``); without it the data is shown as JSON.

    Parameters
    ----------
    data : object
        A text that is YAML, or any data. It is copied, so that later changes do not show until `update` is called; of
        large data, the part that can be shown.
    collapsible : bool
        Whether readers can fold parts of it.
    max_height : int, float or str, optional
        Height beyond which it scrolls: a number of pixels, or a length as in CSS, such as ``"400px"`` or ``"20rem"``.
    show_copy_button : bool
        Whether there is a button that copies all of it.
    title : str, optional
        What stands above it.

    Examples
    --------
    >>> YAMLViewer({"learning_rate": 0.1, "layers": [64, 32]}, title="Configuration")
    """

    _KIND = "yamlViewer"

    def _read(self, data: Any) -> PlainValue | str:
        if not isinstance(data, str):
            return _plain(data)
        return data if len(data) <= LIMITS.characters_in_all else data[: LIMITS.characters_in_all + 1]

    def _shown(self, read: PlainValue | str) -> PlainValue:
        if isinstance(read, str):
            is_cut = len(read) > LIMITS.characters_in_all
            return PlainValue(read[: LIMITS.characters_in_all], ["only the beginning is shown"] if is_cut else [])
        try:
            return PlainValue(_as_yaml(read.value), read.notes)
        except ImportError:
            text = json.dumps(read.value, indent=2, ensure_ascii=False)
            return PlainValue(text, [_WITHOUT_YAML, *read.notes])


def _plain(data: Any) -> PlainValue:
    """Data as viewers show it; a data frame is a list of its rows."""
    if not is_frame(data):
        return plain_value(data)
    frame = frame_columns(data, LIMITS.items)
    names = [name or _INDEX for name in frame.names]
    plain = plain_value([dict(zip(names, row)) for row in zip(*frame.columns)])
    left_out = [f"{frame.left_out:,} rows were left out"] if frame.left_out else []
    return PlainValue(plain.value, [*left_out, *plain.notes])


def _height(height: Any) -> float | str | None:
    number = None if isinstance(height, str) else plain_number(height)
    return height if isinstance(height, str) else number if number is not None and isfinite(number) else None


def _parsed(text: str) -> Any:
    """What a text that is JSON says, if it is more than a single value; else the text."""
    if len(text) > _MOST_READ or text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _as_yaml(value: Any) -> str:
    import yaml  # type: ignore[import-untyped,unused-ignore]

    # Written in C where the library has that: ten times as fast.
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=120))
