"""What the routes of logs are asked, and how it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Query

from metaflow.datastore.store import OUT_OF_REACH
from metaflow.metadata_store.store import TaskQuery
from metaflow.server.errors import Refusal
from metaflow.web.logs.matchers import LevelMatcher, text_matcher
from metaflow.web.logs.pattern_search import ExpressionMatcher, PatternError, PatternsBusy, PatternTooSlow

if TYPE_CHECKING:
    from metaflow.exception import DataException
    from metaflow.metadata_store.records import TaskRecord
    from metaflow.metadata_store.store import MetadataStore
    from metaflow.web.logs.log_index import View
    from metaflow.web.logs.matchers import Matcher

MOST_CHARACTERS = 1000

Flow = Annotated[str, Query(description="name of the flow")]
RunId = Annotated[str, Query(description="id of the run")]
Step = Annotated[str, Query(description="name of the step")]
TaskId = Annotated[str, Query(description="id of the task")]
AttemptNumber = Annotated[int | None, Query(ge=0, le=10**6, description="which attempt; the latest if not given")]
Streams = Annotated[
    Literal["both", "stdout", "stderr"], Query(alias="stream", description="both, in the order they came, or one")
]
Redraws = Annotated[bool, Query(description="with each state of progress bars that a terminal would have written over")]
Text = Annotated[str, Query(max_length=MOST_CHARACTERS, description="what lines have in them")]
IsPattern = Annotated[bool, Query(alias="regex", description="`q` is a regular expression of Python")]
Case = Annotated[bool, Query(description="upper and lower case differ")]
Level = Annotated[
    Literal["debug", "info", "warning", "error"] | None,
    Query(description="instead of `q`: lines that say, as logging does, that they are of this level or above"),
]


def find_task(
    metadata: MetadataStore, flow: str, run_id: str, step: str, task_id: str, attempt: int | None
) -> tuple[TaskRecord, int]:
    """An attempt of a task, and the number of the latest.

    Raises
    ------
    Refusal
        There is none.
    """
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


def make_matcher(q: str, regex: bool, case: bool, level: str | None) -> Matcher:
    """What a search looks for.

    Raises
    ------
    Refusal
        It makes no sense.
    """
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


def as_view(stream: str) -> View:
    """The part of a log that is asked for."""
    return "stdout" if stream == "stdout" else "stderr" if stream == "stderr" else "both"
