"""In what runs differ: rows of values side by side. Pure: what is compared was read before."""

from __future__ import annotations

from typing import Any, NamedTuple

from metaflow.client.times import span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.client.run_summary import StepSummary
    from metaflow.client.run_values import Value
    from metaflow.metadata_store.records import RunRecord

_DIGEST_CHARACTERS = 10
_NOTHING = "-"
#: Durations never agree exactly. They differ from so many seconds, and from this share of the longer one, on.
_NOTABLE_SECONDS, _NOTABLE_SHARE = 0.1, 0.05


class Compared(NamedTuple):
    """What is known of one of the runs.

    Attributes
    ----------
    run : RunRecord
    duration : float or None
        In seconds.
    parameters, results : mapping of str to Value
        What it was given, and what its last step left.
    steps : sequence of StepSummary
    files : mapping of str to str, or None
        Hash of each file of its code; None if its code was not recorded.
    """

    run: RunRecord
    duration: float | None
    parameters: Mapping[str, Value]
    results: Mapping[str, Value]
    steps: Sequence[StepSummary]
    files: Mapping[str, str] | None


class Row(NamedTuple):
    """One thing that the runs are compared by.

    Attributes
    ----------
    name : str
    texts : list of str
        For people, one for each run; a dash where a run has nothing.
    values : list
        The same for programs; None where a run has nothing.
    differs : bool
        Whether not all runs have the same.
    """

    name: str
    texts: list[str]
    values: list[Any]
    differs: bool


def compare(runs: Sequence[Compared]) -> dict[str, list[Row]]:
    """Lay runs side by side.

    Parameters
    ----------
    runs : sequence of Compared
        At least one.

    Returns
    -------
    dict of str to list of Row
        Rows by section: ``run``, ``parameters``, ``artifacts``, ``code``, ``durations``; all of them, also where the
        runs agree.
    """
    return {
        "run": _facts(runs),
        "parameters": _values([run.parameters for run in runs], scalars_only=False),
        "artifacts": _values([run.results for run in runs], scalars_only=True),
        "code": _code(runs),
        "durations": _durations(runs),
    }


def _row(name: str, texts: Sequence[str | None], values: Sequence[Any] | None = None) -> Row:
    shown = [_NOTHING if text is None else text for text in texts]
    return Row(name, shown, list(texts if values is None else values), len(set(texts)) > 1)


def _facts(runs: Sequence[Compared]) -> list[Row]:
    records = [run.run for run in runs]
    rows = [
        _row("flow", [record.flow for record in records]),
        _row("status", [record.status for record in records]),
        _row("user", [record.user for record in records]),
        _row("tags", [", ".join(record.tags) or None for record in records], [list(record.tags) for record in records]),
    ]
    system = [_system_tags(record.system_tags) for record in records]
    # Who started it is a row already.
    names = sorted({name for tags in system for name in tags} - {"user"})
    return rows + [_row(name, [tags.get(name) for tags in system]) for name in names]


def _system_tags(tags: Sequence[str]) -> dict[str, str]:
    """System tags as names and values; several with one name are joined."""
    found: dict[str, str] = {}
    for tag in tags:
        name, _, value = tag.partition(":")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _values(of_runs: Sequence[Mapping[str, Value]], scalars_only: bool) -> list[Row]:
    rows = []
    for name in _names(of_runs):
        values = [found.get(name) for found in of_runs]
        if scalars_only and not all(value is None or value.is_scalar for value in values):
            continue
        texts = [None if value is None else value.text for value in values]
        # Two values can look alike in one short line and still differ.
        same = len({None if value is None else value.sha for value in values}) == 1
        plain = [None if value is None else value.plain() for value in values]
        rows.append(_row(name, texts, plain)._replace(differs=not same))
    return rows


def _code(runs: Sequence[Compared]) -> list[Row]:
    known = [run.files for run in runs]
    if None in known:
        return [_row("code", [None if files is None else "recorded" for files in known])]
    recorded = [files for files in known if files is not None]
    rows = []
    for name in _names(recorded):
        hashes = [files.get(name) for files in recorded]
        rows.append(_row(name, [found and found[:_DIGEST_CHARACTERS] for found in hashes], hashes))
    return rows


def _durations(runs: Sequence[Compared]) -> list[Row]:
    rows = [_duration_row("all", [run.duration for run in runs])]
    by_step = [{step.step: step.duration for step in run.steps} for run in runs]
    return rows + [_duration_row(name, [steps.get(name) for steps in by_step]) for name in _names(by_step)]


def _duration_row(name: str, seconds: Sequence[float | None]) -> Row:
    known = [each for each in seconds if each is not None]
    differs = 0 < len(known) < len(seconds)
    if len(known) > 1:
        difference = max(known) - min(known)
        differs = differs or difference >= max(_NOTABLE_SECONDS, _NOTABLE_SHARE * max(known))
    return _row(name, [span(each) or None for each in seconds], seconds)._replace(differs=differs)


def _names(mappings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every name, in the order of the first run that has it."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))
