"""Why a task failed."""

from __future__ import annotations

from metaflow.cards.nodes import Node
from metaflow.exception import DataException, MetaflowDataMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.cards.report.subject import Subject


def failure_node(subject: Subject) -> Node | None:
    """What the step raised; None if it raised nothing."""
    error = subject.record.error
    if error is None:
        return None
    kind, message = error
    node = {"type": "error", "headline": kind.removeprefix("builtins."), "message": message}
    trace = _trace(subject)
    return {**node, "trace": trace} if trace else node


def _trace(subject: Subject) -> str:
    reader = subject.reader
    if reader is None or "_exception" not in reader:
        return ""
    try:
        return str(getattr(reader.load("_exception"), "stacktrace", None) or "")
    except (DataException, MetaflowDataMissing):
        return ""  # type and message are shown all the same
