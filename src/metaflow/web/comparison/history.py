"""Numbers of a flow over its last runs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.client.run_summary import duration_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.metadata_store.records import RunRecord, Scalar

#: A field's kind and name; of durations there is one, without a name.
Field = tuple[str, str]
DURATION: Field = ("duration", "")
#: Fields that are shown if none was chosen: how long the runs took, and so many that vary.
_CHOSEN = 3


def history(runs: Sequence[RunRecord], wanted: Sequence[Field]) -> dict[str, Any]:
    """Fields of runs, and values of those that are wanted.

    Parameters
    ----------
    runs : sequence of RunRecord
        Oldest first, with their values.
    wanted : sequence of (str, str)
        Kinds and names; if there are none, some that vary are chosen.

    Returns
    -------
    dict
        ``runs``, ``fields`` and ``series``.
    """
    fields = _fields(runs)
    chosen = list(dict.fromkeys(wanted)) or _most_telling(fields)
    return {
        "runs": [
            {
                "run_id": run.run_id,
                "status": run.status,
                "user": run.user,
                "tags": list(run.tags),
                "started_at": run.started_at,
                "duration": duration_of(run),
            }
            for run in runs
        ],
        "fields": fields,
        "series": [_series(runs, field) for field in chosen],
    }


def _values(run: RunRecord, field: Field) -> Scalar:
    kind, name = field
    if kind == "duration":
        return duration_of(run)
    return _named(run, kind).get(name)


def _named(run: RunRecord, kind: str) -> dict[str, Scalar]:
    outcome = run.outcome
    if outcome is None:
        return {}
    return dict((outcome.parameters if kind == "parameter" else outcome.artifacts) or {})


def _fields(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """What is a number in some run; an artifact that only repeats a parameter is left out."""
    seen: dict[Field, list[Any]] = {}
    given = {name for run in runs for name in _named(run, "parameter")}
    for run in runs:
        for kind in ("artifact", "parameter"):
            for name, value in _named(run, kind).items():
                if (kind == "parameter" or name not in given) and _number(value) is not None:
                    seen.setdefault((kind, name), []).append(value)
    durations = [value for run in runs if (value := duration_of(run)) is not None]
    found: dict[Field, list[Any]] = {DURATION: durations, **dict(sorted(seen.items()))}
    return [
        {"kind": kind, "name": name, "runs": len(values), "varies": len(set(values)) > 1}
        for (kind, name), values in found.items()
    ]


def _most_telling(fields: Sequence[dict[str, Any]]) -> list[Field]:
    varying = [field for field in fields if field["varies"] and field["kind"] == "artifact"]
    return [*((field["kind"], field["name"]) for field in varying[:_CHOSEN]), DURATION]


def _series(runs: Sequence[RunRecord], field: Field) -> dict[str, Any]:
    values = [_values(run, field) for run in runs]
    return {
        "kind": field[0],
        "name": field[1],
        "values": [_number(value) for value in values],
        "texts": [None if value is None else str(value) for value in values],
    }


def _number(value: Scalar) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
