"""What the routes of logs are asked, and how it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from fastapi import Depends, Query

from metaflow.datastore.store import OUT_OF_REACH
from metaflow.metadata_store.store import TaskQuery
from metaflow.server.errors import Refusal
from metaflow.server.record_routes import FlowName, RunId
from metaflow.web.logs.log_index import View
from metaflow.web.logs.log_pages import Looking
from metaflow.web.logs.matchers import LevelMatcher, text_matcher
from metaflow.web.logs.pattern_search import ExpressionMatcher, PatternError, PatternsBusy, PatternTooSlow
from metaflow.web.logs.run_attempts import Wanted

if TYPE_CHECKING:
    from metaflow.exception import DataException
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.metadata_store.store import MetadataStore
    from metaflow.web.logs.matchers import Matcher
    from metaflow.web.task.address import TaskAddress

MOST_CHARACTERS = 1000

Streams = Annotated[
    Literal["both", "stdout", "stderr"], Query(alias="stream", description="both, in the order they came, or one")
]


class RunAddress(NamedTuple):
    """Which run."""

    flow: str
    run_id: str


class Sought(NamedTuple):
    """What a search looks for: a text, a regular expression, or lines of a level."""

    q: str
    is_pattern: bool
    case: bool
    level: str | None


def run_address(flow: FlowName, run_id: RunId) -> RunAddress:
    """Which run a request is about."""
    return RunAddress(flow, run_id)


def view_of(stream: Streams = "both") -> View:
    """The part of logs that is asked for."""
    return stream


def looking_at(
    view: Annotated[View, Depends(view_of)],
    redraws: Annotated[
        bool, Query(description="with each state of progress bars that a terminal would have written over")
    ] = False,
) -> Looking:
    """What of a log is asked for."""
    return Looking(view, not redraws)


def sought(
    q: Annotated[str, Query(max_length=MOST_CHARACTERS, description="what lines have in them")] = "",
    is_pattern: Annotated[bool, Query(alias="regex", description="`q` is a regular expression of Python")] = False,
    case: Annotated[bool, Query(description="upper and lower case differ")] = False,
    level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        Query(description="instead of `q`: lines that say, as logging does, that they are of this level or above"),
    ] = None,
) -> Sought:
    """What a search is to look for."""
    return Sought(q, is_pattern, case, level)


def wanted(
    step: Annotated[list[str], Query(description="only tasks of these steps")] = [],  # noqa: B006
    status: Annotated[
        list[Literal["running", "done", "failed", "killed"]],
        Query(description="only attempts with one of these states"),
    ] = [],  # noqa: B006
    latest: Annotated[bool, Query(description="only the latest attempt of each task")] = False,
) -> Wanted:
    """Which attempts of a run are asked for."""
    return Wanted(step, status, latest)


#: Parameters that several routes have.
Run = Annotated[RunAddress, Depends(run_address)]
OneView = Annotated[View, Depends(view_of)]
LookingAt = Annotated[Looking, Depends(looking_at)]
SoughtFor = Annotated[Sought, Depends(sought)]
WantedAttempts = Annotated[Wanted, Depends(wanted)]


def find_task(metadata: MetadataStore, address: TaskAddress) -> tuple[TaskRecord, int]:
    """An attempt of a task, and the number of the latest.

    Raises
    ------
    Refusal
        There is none.
    """
    flow, run_id, step, task_id, attempt = address
    latest = metadata.tasks(TaskQuery(flow, run_id, step, task_id))
    if not latest:
        raise Refusal(
            404,
            "not_found",
            f"There is no task {flow}/{run_id}/{step}/{task_id}. It was never started, or its run was deleted.",
        )
    if attempt is None or attempt == latest[0].attempt:
        return latest[0], latest[0].attempt
    found = metadata.tasks(TaskQuery(flow, run_id, step, task_id, attempt))
    if not found:
        raise Refusal(
            404, "not_found", f"Task {flow}/{run_id}/{step}/{task_id} has no attempt {attempt}; {latest[0].attempt} is "
            "its latest."
        )  # fmt: skip
    return found[0], latest[0].attempt


def make_matcher(wanted: Sought) -> Matcher:
    """What a search looks for.

    Raises
    ------
    Refusal
        It makes no sense.
    """
    q, regex, case, level = wanted
    if level is not None:
        return LevelMatcher(level)
    if not q:
        raise Refusal(422, "invalid", "There is nothing to search for: give `q` or `level`.")
    if "\n" in q and not regex:
        raise Refusal(422, "invalid", "A line has no line feed in it: search for a part of one line.")
    if not regex:
        return text_matcher(q, case)
    try:
        return ExpressionMatcher(q, case)
    except PatternError as error:
        raise Refusal(422, "invalid_pattern", f"This is no regular expression: {error}.") from error
    except PatternsBusy as error:
        raise Refusal(
            503, "overloaded", "Others are searching with regular expressions. Try again.", {"Retry-After": "2"}
        ) from error
    except PatternTooSlow as error:
        raise Refusal(422, "invalid_pattern", "This regular expression is too large.") from error


def unreadable(error: DataException) -> Refusal:
    """The refusal if a log cannot be read."""
    if isinstance(error, OUT_OF_REACH):
        return Refusal(
            503, "datastore_unavailable", f"The datastore with this log cannot be used now. {error.message}",
            {"Retry-After": "5"},
        )  # fmt: skip
    return Refusal(503, "unreadable", f"This log cannot be read. {error.message}", {"Retry-After": "30"})
