"""``metaflow gc``: runs go by rules, and with them what no run needs any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from .. import settings
from ..exception import CommandException
from .clean_up_report import plain, print_outcome, print_plan, totals
from .confirming import Progress, confirmed
from .messages import echo
from .pathspec_candidates import flow_names
from .reading import datastore_root_option, home_of, output_options
from .table import print_json
from .times import Moment

if TYPE_CHECKING:
    from ..client.upkeep.retention import Rules

_STATUSES = ("done", "failed", "stopped")


@click.command("gc")
@click.option("--older-than", type=Moment(), help="Delete runs that ended longer ago: 90d, or before 2026-01-31.")
@click.option("--keep-last", type=click.IntRange(min=1), metavar="N", help="Keep the newest N runs of each flow.")
@click.option("--status", "statuses", type=click.Choice(_STATUSES), multiple=True, help="Delete runs that ended so.")
@click.option("--flow", "flows", multiple=True, shell_complete=flow_names, help="Only runs of this flow.")
@click.option("--user", help="Only runs that this user started.")
@click.option(
    "--keep-tag",
    "keep_tags",
    multiple=True,
    metavar="TAG",
    help="Keep runs with this tag, instead of: keep, pinned, production.",
)
@click.option("--delete-latest", is_flag=True, help="Do not spare the latest successful run of each flow.")
@click.option("--dry-run", is_flag=True, help="Only show what would go; as without a terminal and without --yes.")
@click.option("--yes", "-y", is_flag=True, help="Do it without asking.")
@output_options
@datastore_root_option
def gc(datastore_root: str | None, dry_run: bool, yes: bool, as_json: bool, **options: Any) -> None:
    """Delete runs by rules, and free what no run needs any more.

    A run goes if it meets all of the rules that are given; without --older-than, --keep-last and --status no run goes.
    Rules that are not given here are taken from the settings GC_OLDER_THAN, GC_KEEP_LAST, GC_STATUS and GC_KEEP_TAGS.
    """
    from ..client.provider_choice import provider_at
    from ..client.upkeep.clean_up import CleanUp

    rules = _rules(**options)
    provider = provider_at(home_of(datastore_root))
    progress = Progress()
    clean_up = CleanUp(provider, provider.store, progress)
    plan = clean_up.plan(rules)
    progress.clear()
    if not as_json:
        print_plan(plan)
        echo("Nothing is there that could go." if plan.is_empty else f"This would go: {totals(plan)}.")
    outcome = None
    if not dry_run and not plan.is_empty:
        if confirmed("Delete it for good?", yes):
            outcome = clean_up.carry_out(plan)
            progress.clear()
        elif not as_json:
            echo("Nothing was deleted. Give --yes to do it.")
    if as_json:
        print_json(plain(plan, outcome))
    elif outcome is not None:
        print_outcome(plan, outcome)


def _rules(
    older_than: float | None,
    keep_last: int | None,
    statuses: tuple[str, ...],
    flows: tuple[str, ...],
    user: str | None,
    keep_tags: tuple[str, ...],
    delete_latest: bool,
) -> Rules:
    from ..client.upkeep.retention import Rules

    rules = Rules(
        older_than=_setting_older_than() if older_than is None else older_than,
        keep_last=_setting_keep_last() if keep_last is None else keep_last,
        statuses=statuses or _setting_statuses(),
        flows=flows,
        user=user,
        keep_tags=keep_tags or tuple(map(str, settings.get("GC_KEEP_TAGS"))),
        keep_latest_successful=not delete_latest,
    )
    if (flows or user is not None) and not rules.choose_any:
        raise click.UsageError("Say which of these runs are to go, with --older-than, --keep-last or --status.")
    return rules


def _setting_older_than() -> float | None:
    from ..client.times import moment_of

    text = settings.get("GC_OLDER_THAN")
    if text is None:
        return None
    try:
        return moment_of(text, time.time())
    except (ValueError, OverflowError, OSError) as error:
        raise CommandException(
            f"The setting METAFLOW_GC_OLDER_THAN is '{text}', which is no age. Write it as 90d, or '12 weeks'."
        ) from error


def _setting_keep_last() -> int | None:
    number: int | None = settings.get("GC_KEEP_LAST")
    if number is not None and number < 0:
        raise CommandException(f"The setting METAFLOW_GC_KEEP_LAST is {number}, which is no number of runs to keep.")
    return number or None


def _setting_statuses() -> tuple[str, ...]:
    statuses = tuple(map(str, settings.get("GC_STATUS")))
    unknown = [status for status in statuses if status not in _STATUSES]
    if unknown:
        raise CommandException(
            f"The setting METAFLOW_GC_STATUS names '{unknown[0]}', but runs end as one of {', '.join(_STATUSES)}."
        )
    return statuses
