"""One run as a single HTML file: it asks nobody for anything, and opens anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metaflow.cards.page.document import PageFacts, render_page
from metaflow.exception import MetaflowException, MetaflowNotFound
from metaflow.web.export.code import code
from metaflow.web.export.drawings import graph, timeline
from metaflow.web.export.embedded_cards import cards
from metaflow.web.export.failing import failure
from metaflow.web.export.logs import logs
from metaflow.web.export.overview import environment, overview
from metaflow.web.export.subject import Wanted, subject_of
from metaflow.web.export.tasks import tasks
from metaflow.web.export.values import artifacts
from metaflow.web.export.words import RUN_STATES, section
from metaflow.web.run.reading import file_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metaflow.cards.nodes import Node
    from metaflow.client.provider import Provider
    from metaflow.web.export.subject import Subject

#: Parts of the page in their order, with what a message calls them.
_PARTS: dict[str, Callable[[Subject], Iterator[Node]]] = {
    "failure": failure,
    "overview": overview,
    "graph": graph,
    "timeline": timeline,
    "tasks": tasks,
    "artifacts": artifacts,
    "cards": cards,
    "logs": logs,
    "code": code,
    "environment": environment,
}


def run_page(provider: Provider, flow: str, run_id: str, wanted: Wanted | None = None) -> bytes:
    """Make the page.

    Parameters
    ----------
    provider : Provider
        Reads records and files. No value of an artifact is loaded.
    flow, run_id : str
        The run.
    wanted : Wanted, optional
        What the page is to hold; by default all.

    Returns
    -------
    bytes
        An HTML document. However large the run, it has a bounded size: what is left out is named in it.

    Raises
    ------
    MetaflowNotFound
        There is no such run.
    MetadataException
        Records cannot be read.
    """
    run = provider.run(flow, run_id)
    if run is None:
        raise MetaflowNotFound(f"There is no run {flow}/{run_id}: it was deleted, or there never was one of this id.")
    subject = subject_of(provider, run, wanted or Wanted())
    nodes = [node for name, part in _PARTS.items() for node in _contained(name, part, subject)]
    subject.wanted.progress("Writing the page")
    title = f"{flow}/{run_id}"
    facts = PageFacts(title, status=RUN_STATES.get(run.status, run.status), created_on=subject.now)
    return render_page(nodes, facts).encode("utf-8", "replace")


def _contained(name: str, part: Callable[[Subject], Iterator[Node]], subject: Subject) -> list[Node]:
    """The nodes of a part. If they cannot be made, the others still are, and a message in their place says why."""
    try:
        return list(part(subject))
    except MetaflowException as error:
        reason = file_problem(error)
    except Exception as error:  # what a run has left may be damaged in any way
        reason = f"{type(error).__name__}: {error}"
    problem: Node = {"type": "error", "headline": f"The {name} of the run cannot be shown", "message": reason}
    return section(name.capitalize(), [problem])
