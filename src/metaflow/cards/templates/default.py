"""``default``: what anybody wants to know of a task, on one page."""

from __future__ import annotations

from metaflow.cards.report.artifacts import Options, artifact_sections
from metaflow.cards.report.facts import facts_node, status_word
from metaflow.cards.report.failure import failure_node
from metaflow.cards.report.graph import graph_node
from metaflow.cards.report.log import log_node
from metaflow.cards.report.resources import resources_node
from metaflow.cards.report.source import code_node
from metaflow.cards.report.subject import Subject
from metaflow.cards.templates.blank import BlankCard
from metaflow.exception import DataException, MetaflowDataMissing, MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, ClassVar

    from metaflow.cards.nodes import Node
    from metaflow.client import Task


class DefaultCard(BlankCard):
    """The card of ``@card``: the step's components, then facts, parameters, artifacts, graph, code and log of the task.

    Parameters
    ----------
    options : dict, optional
        ``only_repr``, by default True: show how the values of artifacts begin; False shows all of them, as far as a
        page can hold that. ``max_artifact_size``, by default 256 MB (in bytes): of larger values only what was noted
        when they were saved is shown. ``title``: what stands at the top of the page.
    components : sequence
        Components, the nodes that they render to (see `metaflow.cards.nodes`), or texts.
    graph : dict, optional
        The flow's graph, as ``current.graph`` has it.
    flow : FlowSpec, optional
        The flow object of the task; only in the task itself.
    """

    type: ClassVar[str] = "default"

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        components: Sequence[Any] = (),
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        super().__init__(options, components, graph, flow)
        self._shown = _artifact_options(self.options)

    def contents(self, task: Task) -> Iterable[Any]:
        """The step's components, then what is known of the task."""
        return [*self.components, *self.report(task)]

    def report(self, task: Task) -> list[Node]:
        """What is known of a task: facts, parameters, artifacts, graph, code and log.

        While the task runs, it is what is known before its end.

        Parameters
        ----------
        task : Task

        Returns
        -------
        list of nodes
        """
        subject = Subject(task, self.graph, self.flow)
        parts = _PARTS_OF_RUNNING if subject.record.status == "running" else _PARTS
        return [node for name, part in parts.items() for node in _contained(name, part, subject, self._shown)]

    def _status(self, task: Task) -> str:
        return status_word(Subject(task))


def _artifact_options(options: Mapping[str, Any]) -> Options:
    only_repr = options.get("only_repr", True)
    size = options.get("max_artifact_size", Options().max_artifact_size)
    if not isinstance(only_repr, bool):
        raise MetaflowException(f"The option only_repr of a default card is True or False, not {only_repr!r}.")
    if isinstance(size, bool) or not isinstance(size, (int, float)) or not size >= 0:
        raise MetaflowException(
            f"The option max_artifact_size of a default card is a number of bytes, such as 10_000_000, not {size!r}."
        )
    return Options(only_repr, int(min(size, 2**62)))


def _contained(
    name: str, part: Callable[[Subject, Options], Iterator[Node]], subject: Subject, options: Options
) -> list[Node]:
    """The nodes of a part. If they cannot be made, the others still are, and a line in their place says why."""
    try:
        return list(part(subject, options))
    except (DataException, MetaflowDataMissing) as error:
        reason = error.message
    except MetaflowException:
        raise  # the time for the card is over
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    problem: Node = {"type": "error", "headline": f"The {name} cannot be shown", "message": reason}
    return [{"type": "section", "title": name.capitalize(), "contents": [problem]}]


def _failure(subject: Subject, options: Options) -> Iterator[Node]:
    node = failure_node(subject)
    if node is not None:
        yield node


def _facts(subject: Subject, options: Options) -> Iterator[Node]:
    contents = [facts_node(subject)]
    if subject.record.status != "running":
        resources = resources_node(subject)
        contents += [] if resources is None else [resources]
    yield {"type": "section", "title": "Task", "subtitle": _first_lines(subject), "contents": contents}


def _artifacts(subject: Subject, options: Options) -> Iterator[Node]:
    yield from artifact_sections(subject, options)


def _graph(subject: Subject, options: Options) -> Iterator[Node]:
    node = graph_node(subject.graph, subject.step)
    if node is not None:
        yield {"type": "section", "title": "Flow", "subtitle": str(subject.graph.get("doc") or ""), "contents": [node]}


def _code(subject: Subject, options: Options) -> Iterator[Node]:
    node = code_node(subject)
    if node is not None:
        yield node


def _log(subject: Subject, options: Options) -> Iterator[Node]:
    node = log_node(subject)
    if node is not None:
        yield node


def _first_lines(subject: Subject) -> str:
    """The first paragraph of the step's docstring."""
    return " ".join(str(subject.described.get("doc") or "").partition("\n\n")[0].split())


_PARTS: dict[str, Callable[[Subject, Options], Iterator[Node]]] = {
    "failure": _failure,
    "facts": _facts,
    "artifacts": _artifacts,
    "graph": _graph,
    "code": _code,
    "log": _log,
}
_PARTS_OF_RUNNING = {"facts": _facts, "graph": _graph}
