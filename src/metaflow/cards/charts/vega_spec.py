"""Specifications of charts in Vega and Vega-Lite: what is wrong with one, and what a page needs to draw it.

Nothing here reads the rows of a chart's data, however many there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

#: What a Vega-Lite specification has one of: it says what kind of view it is.
VIEWS = ("mark", "layer", "hconcat", "vconcat", "concat", "facet", "repeat", "spec")
#: Rows from which on a chart is drawn as pixels: browsers get slow with as many elements.
ROWS_OF_SVG = 5_000
#: Altair names data after its content, so that the name of what is the same data set changes with each update.
_NAMED_BY_CONTENT = re.compile("data-[0-9a-f]{32}")
_MARKS = frozenset(
    [
        "arc",
        "area",
        "bar",
        "boxplot",
        "circle",
        "errorband",
        "errorbar",
        "geoshape",
        "image",
        "line",
        "point",
        "rect",
        "rule",
        "square",
        "text",
        "tick",
        "trail",
    ]
)
_FACETS = ("row", "column", "facet")


class ChartParts(NamedTuple):
    """A specification as a page draws it.

    Attributes
    ----------
    mode : str
        ``vega`` or ``vega-lite``.
    spec : dict
        The specification without its inline rows.
    datasets : dict of str to list
        The rows, by the names that the specification gives them now.
    renderer : str
        ``svg`` or ``canvas``.
    description : str
        What the chart shows, in words.
    has_inputs : bool
        Whether it brings input fields.
    addresses : list of str
        Where it would load data from, which a page does not do.
    """

    mode: str
    spec: dict[str, Any]
    datasets: dict[str, Any]
    renderer: str
    description: str
    has_inputs: bool
    addresses: list[str]


def checked(spec: Any) -> dict[str, Any]:
    """`spec`, a dictionary or the JSON text of one, if it looks like a specification.

    Raises
    ------
    ValueError
        If it is none; says why.
    """
    if isinstance(spec, (str, bytes)):
        try:
            spec = json.loads(spec)
        except ValueError as error:
            raise ValueError(f"The specification of the chart is not valid JSON: {error}.") from None
    if not isinstance(spec, Mapping):
        raise ValueError(
            f"The specification of a chart is a dictionary, or its JSON as text, not of type {type(spec).__name__}."
        )
    if not spec:
        raise ValueError("The specification of the chart is empty.")
    if mode_of(spec) == "vega-lite" and not any(each in spec for each in VIEWS):
        raise ValueError(
            f"The specification of the chart has none of {', '.join(VIEWS[:-1])}, so there is nothing to draw. "
            f"It has: {', '.join(sorted(map(str, spec)))[:300]}."
        )
    if mode_of(spec) == "vega-lite":
        _check_marks(spec)
    return dict(spec)


def mode_of(spec: Mapping[str, Any]) -> str:
    """Which of the two languages a specification is written in."""
    schema = str(spec.get("$schema", ""))
    if "/vega-lite/" in schema:
        return "vega-lite"
    if "/vega/" in schema:
        return "vega"
    is_vega = any(each in spec for each in ("marks", "signals", "scales")) or isinstance(spec.get("data"), list)
    return "vega" if is_vega and not any(each in spec for each in VIEWS) else "vega-lite"


def parts_of(spec: Mapping[str, Any]) -> ChartParts:
    """What a page needs to draw the chart.

    Options of the page's own are not the specification's to change, so ``usermeta`` is left out, and so is where input
    fields would be put outside of the chart.

    Parameters
    ----------
    spec : mapping
        A specification that is plain data. It is not changed.
    """
    mode = mode_of(spec)
    inner = {key: value for key, value in spec.items() if key not in {"$schema", "usermeta", "datasets"}}
    if not isinstance(inner.get("config", {}), Mapping):
        del inner["config"]
    found = _Separation(spec.get("datasets"))
    bare = found.without_rows(inner)
    if mode == "vega-lite":
        _fit_width(bare)
    else:
        found.datasets = {key: rows for key, rows in found.datasets.items() if isinstance(rows, list)}
    count = max((len(rows) for rows in found.datasets.values() if isinstance(rows, list)), default=0)
    return ChartParts(
        mode=mode,
        spec=bare,
        datasets=found.datasets,
        renderer="canvas" if count > ROWS_OF_SVG else "svg",
        description=_description(bare),
        has_inputs=found.has_inputs,
        addresses=found.addresses,
    )


def _check_marks(spec: Mapping[str, Any]) -> None:
    """Vega-Lite itself says nothing that helps about a mark that it does not know."""
    mark = spec.get("mark", "point")
    name = mark.get("type") if isinstance(mark, Mapping) else mark
    if not isinstance(name, str) or name not in _MARKS:
        raise ValueError(f"The specification has the mark {name!r}, and Vega-Lite has {', '.join(sorted(_MARKS))}.")
    for layer in spec.get("layer", ()):
        if isinstance(layer, Mapping):
            _check_marks(layer)


class _Separation:
    """Takes inline rows out of a specification."""

    def __init__(self, named: Any) -> None:
        self.datasets: dict[str, Any] = {}
        self.addresses: list[str] = []
        self.has_inputs = False
        self._new_names: dict[str, str] = {}
        for name, rows in named.items() if isinstance(named, Mapping) else ():
            new = f"data-{len(self.datasets)}" if _NAMED_BY_CONTENT.fullmatch(name) else name
            self._new_names[name] = new
            self.datasets[new] = rows

    def without_rows(self, part: Any) -> Any:
        """A copy of a part of the specification."""
        if isinstance(part, Mapping):
            return {key: self._field(key, value) for key, value in part.items()}
        if isinstance(part, list):
            return [self.without_rows(each) for each in part]
        return part

    def _field(self, key: str, value: Any) -> Any:
        if key == "data" and isinstance(value, Mapping):
            return self._data(value)
        if key == "data" and isinstance(value, list):
            if any(isinstance(each, Mapping) for each in value):  # Vega's list of data sets
                return [self._data(each, of_list=True) if isinstance(each, Mapping) else each for each in value]
            return value
        if key == "bind" and isinstance(value, Mapping):
            self.has_inputs = (
                self.has_inputs
                or bool({"input", "element"} & set(value))
                or any(isinstance(each, Mapping) for each in value.values())
            )
            return {name: self._field("bind", each) for name, each in value.items() if name != "element"}
        return self.without_rows(value)

    def _data(self, data: Mapping[str, Any], of_list: bool = False) -> Any:
        rows = data.get("values")
        rest = {key: self.without_rows(value) for key, value in data.items() if key != "values"}
        if isinstance(rows, list) and (isinstance(rest.get("name"), str) or not of_list):
            name = rest.get("name")
            if not isinstance(name, str) or name in self.datasets:
                name = f"data-{len(self.datasets)}"
            self.datasets[name] = rows
            return {**rest, "name": name}
        if rows is not None:
            return {**rest, "values": rows}
        if isinstance(rest.get("url"), str):
            self.addresses.append(rest["url"])
        if not of_list and rest.get("name") in self._new_names:
            rest["name"] = self._new_names[rest["name"]]
        return rest


def _fit_width(spec: dict[str, Any]) -> None:
    """Let a chart that does not say how wide it is be as wide as its place."""
    encoding = spec.get("encoding")
    is_faceted = isinstance(encoding, Mapping) and any(each in encoding for each in _FACETS)
    if "width" not in spec and ("mark" in spec or "layer" in spec) and not is_faceted:
        spec["width"] = "container"
        spec.setdefault("autosize", {"type": "fit-x", "contains": "padding"})


def _description(spec: Mapping[str, Any]) -> str:
    given = spec.get("description")
    if isinstance(given, str) and given.strip():
        return given.strip()
    title = spec.get("title")
    words = title.get("text") if isinstance(title, Mapping) else title
    if isinstance(words, list):
        words = " ".join(map(str, words))
    if isinstance(words, str) and words.strip():
        return f"Chart: {words.strip()}"
    mark, encoding = spec.get("mark"), spec.get("encoding")
    kind = mark.get("type") if isinstance(mark, Mapping) else mark
    shown = list(_channels(encoding)) if isinstance(encoding, Mapping) else []
    start = f"Chart of kind {kind}" if isinstance(kind, str) else "Chart"
    return f"{start}: {', '.join(shown)}" if shown else start


def _channels(encoding: Mapping[str, Any]) -> Iterator[str]:
    for channel, what in encoding.items():
        if isinstance(what, Mapping) and ("field" in what or "aggregate" in what):
            of = what.get("field")
            name = of if isinstance(of, str) else ""
            aggregate = what.get("aggregate")
            how = f"{aggregate} of {name}" if isinstance(aggregate, str) and name else name or str(aggregate)
            yield f"{channel} is {how}"
