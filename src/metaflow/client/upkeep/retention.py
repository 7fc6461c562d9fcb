"""Which runs may go, by rules. Pure: it looks at nothing but what it is given."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from metaflow.metadata_store.records import RunStatus


class Rules(NamedTuple):
    """Which runs go: those that meet all of the rules that are given, unless something keeps them.

    Attributes
    ----------
    older_than : float or None
        Those that ended before this moment, in seconds since the epoch.
    keep_last : int or None
        All but the newest so many of each flow, counted among the runs that the other choices leave.
    statuses : tuple of str
        Those that ended so; however they ended, if empty.
    flows : tuple of str
        Those of these flows; of all, if empty.
    user : str or None
        Those that this user started.
    keep_tags : tuple of str
        Tags, of users or of the system, that keep a run whatever the rules say.
    keep_latest_successful : bool
        Whether the newest successful run of each flow stays whatever the rules say.
    """

    older_than: float | None = None
    keep_last: int | None = None
    statuses: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    user: str | None = None
    keep_tags: tuple[str, ...] = ()
    keep_latest_successful: bool = True

    @property
    def choose_any(self) -> bool:
        """Whether any run can go by them. Flows and users alone name runs, but are no reason to delete them."""
        return self.older_than is not None or self.keep_last is not None or bool(self.statuses)


class Candidate(NamedTuple):
    """What the rules look at of a run.

    Attributes
    ----------
    flow, run_id, user : str
    status : str
        As it is in truth: ``running`` also if that may be so.
    started_at, ended_at : float
        In seconds since the epoch; the last sign of life for the end of a run that died.
    tags : frozenset of str
        All that it has now.
    has_unreadable_tags : bool
        Whether a change of its tags cannot be read, so that it may have others.
    """

    flow: str
    run_id: str
    user: str
    status: RunStatus
    started_at: float
    ended_at: float
    tags: frozenset[str] = frozenset()
    has_unreadable_tags: bool = False


class Choice(NamedTuple):
    """What the rules say.

    Attributes
    ----------
    go : tuple of Candidate
        Runs that may go, newest first.
    kept : tuple of (Candidate, str)
        Runs that would go if it were not for a reason to keep them, and the reason.
    """

    go: tuple[Candidate, ...]
    kept: tuple[tuple[Candidate, str], ...]


def choose(candidates: Iterable[Candidate], rules: Rules) -> Choice:
    """Say which runs may go.

    Parameters
    ----------
    candidates : iterable of Candidate
        All runs of the datastore, so that the newest ones are known.
    rules : Rules

    Returns
    -------
    Choice
    """
    if not rules.choose_any:
        return Choice((), ())
    newest_first = sorted(candidates, key=lambda run: (run.started_at, run.flow, run.run_id), reverse=True)
    latest_successful: dict[str, Candidate] = {}
    counts: dict[str, int] = {}
    go: list[Candidate] = []
    kept: list[tuple[Candidate, str]] = []
    for run in newest_first:
        if run.status == "done":
            latest_successful.setdefault(run.flow, run)
        if not _is_meant(run, rules):
            continue
        counts[run.flow] = counts.get(run.flow, 0) + 1
        if rules.keep_last is not None and counts[run.flow] <= rules.keep_last:
            continue
        if rules.older_than is not None and run.ended_at >= rules.older_than:
            continue
        tags = sorted(run.tags.intersection(rules.keep_tags))
        if run.has_unreadable_tags and rules.keep_tags:
            kept.append((run, "a change of its tags cannot be read, so it may have a tag that keeps it"))
        elif tags:
            kept.append((run, f"it has the tag {tags[0]}"))
        elif rules.keep_latest_successful and latest_successful.get(run.flow) is run:
            kept.append((run, "it is the latest successful run of its flow"))
        else:
            go.append(run)
    return Choice(tuple(go), tuple(kept))


def _is_meant(run: Candidate, rules: Rules) -> bool:
    """Whether the rules are about this run at all."""
    return (
        run.status != "running"
        and (not rules.flows or run.flow in rules.flows)
        and rules.user in (None, run.user)
        and (not rules.statuses or run.status in rules.statuses)
    )
