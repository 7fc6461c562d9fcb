"""Charts and figures, which a library draws in the browser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metaflow.cards.charts.chart_library import LibraryMissing, vega_script
from metaflow.cards.charts.vega_spec import ChartParts, checked, parts_of
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.escaping import label_text, script_data, text

#: Rows that are also there as a table, for whoever cannot see the chart.
_ROWS_OF_TABLE = 100
#: Rows that are written as JSON at once: other threads wait as long.
_ROWS_AT_ONCE = 500
_MOST_ADDRESSES = 3


def vega_chart_element(node: Mapping[str, Any], page: PageContext) -> str:
    """A chart in Vega or Vega-Lite, with its data as a table."""
    parts = parts_of(checked(node.get("spec")))
    options = node.get("options")
    notes = _address_note(parts.addresses)
    table = _table(parts, page)
    try:
        page.libraries.setdefault("vega", vega_script())
    except LibraryMissing as error:
        missing = f'<p class="mf-note" role="note">{label_text(parts.description)} is not drawn. {text(error)}</p>'
        return f'<figure class="mf-chart">{missing}{notes}{_folded(table, is_open=True)}</figure>'
    settings = {
        "mode": parts.mode,
        "renderer": parts.renderer,
        "actions": isinstance(options, Mapping) and bool(options.get("actions")),
        "spec": parts.spec,
    }
    # Within an image, input fields and buttons would be lost to screen readers.
    role = "group" if parts.has_inputs or settings["actions"] else "img"
    data = page.later(_json(settings, parts.datasets))
    return figure("vega", data, parts.description, role, notes + _folded(table))


def figure(kind: str, data: str, description: str, role: str, below: str = "") -> str:
    """HTML of what a script of ours has a library draw.

    Parameters
    ----------
    kind : str
        What the script knows it by.
    data : str
        JSON, as `script_data` makes it.
    description : str
        For whoever cannot see it.
    role : str
        Of the place that it is drawn in.
    below : str
        HTML of what stands below it.
    """
    return (
        f'<figure class="mf-chart" data-chart="{kind}">'
        f'<div class="mf-chart-place" role="{role}" aria-label="{label_text(description)}"></div>'
        '<noscript><p class="mf-note">Charts are drawn by a script, and scripts are turned off here.</p></noscript>'
        f'{below}<script type="application/json">{data}</script></figure>'
    )


def _json(settings: dict[str, Any], datasets: Mapping[str, Any]) -> Iterator[str]:
    """The chart as JSON, in pieces each of which is made in a moment."""
    yield f'{script_data(settings)[:-1]},"data":{{'
    for number, (name, rows) in enumerate(datasets.items()):
        yield f"{',' if number else ''}{script_data(name)}:"
        if not isinstance(rows, list):
            yield script_data(rows)
            continue
        yield "["
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            yield f"{',' if start else ''}{script_data(rows[start : start + _ROWS_AT_ONCE])[1:-1]}"
        yield "]"
    yield "}}"


def _address_note(addresses: Sequence[str]) -> str:
    if not addresses:
        return ""
    named = ", ".join(each[:200] for each in addresses[:_MOST_ADDRESSES])
    more = f" and {len(addresses) - _MOST_ADDRESSES} more" if len(addresses) > _MOST_ADDRESSES else ""
    return (
        '<p class="mf-note" role="note">The chart wants data from an address, and cards load nothing: '
        f"<bdi>{text(named)}</bdi>{more}. Put the data into the specification.</p>"
    )


def _table(parts: ChartParts, page: PageContext) -> str:
    """The first data set, if it is one of rows, as a table."""
    rows = next((each for each in parts.datasets.values() if isinstance(each, list)), [])
    shown = rows[:_ROWS_OF_TABLE]
    if not shown or not all(isinstance(row, Mapping) for row in shown):
        return ""
    columns = list(dict.fromkeys(name for row in shown for name in row))
    node = {
        "type": "table",
        "columns": columns,
        "data": [[_cell(row.get(name)) for name in columns] for row in shown],
        "label": f"Data of the chart: {parts.description.removeprefix('Chart: ')}",
        "left_out": len(rows) - len(shown),
    }
    return page.render(node)


def _cell(value: Any) -> Any:
    return script_data(value) if isinstance(value, (dict, list)) else value


def _folded(table: str, is_open: bool = False) -> str:
    if not table:
        return ""
    opened = " open" if is_open else ""
    return f'<details class="mf-chart-data"{opened}><summary>Data</summary>{table}</details>'
