"""Reading what runs are compared by. What cannot be read of one is said, and keeps nobody from the rest."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow.client.code import code_of_run
from metaflow.client.run_commands import start_in
from metaflow.client.run_summary import duration_of
from metaflow.client.run_values import value_of
from metaflow.datastore.plain_content import NotPlain, plain_content
from metaflow.exception import MetaflowException
from metaflow.metadata_store.store import TaskQuery
from metaflow.web.comparison import cells
from metaflow.web.graph.recorded import read_graph
from metaflow.web.run.reading import file_problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from metaflow.client.provider import Provider
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import RunRecord
    from metaflow.metadata_store.task_listing import StepCount
    from metaflow.web.comparison.cells import Cell

_PARAMETERS = "_parameters"
#: Values of a run's parameters, or of its last step, that are read.
MOST_VALUES = 3000
_MOST_FILES = 2000
#: What is known of the code's origin, as its information calls it, and what rows call it.
_ORIGINS = {"repo_url": "repository", "branch_name": "git branch", "commit_sha": "git commit"}
_SHOWN_TAGS = ("project", "project_branch", "user")
_DIGEST = 12


class RunFacts(NamedTuple):
    """A run as it is compared.

    Attributes
    ----------
    run : RunRecord
    sections : dict of str to dict of str to Cell
        What it has, by section and name.
    problems : list of str
        What could not be read, and why.
    """

    run: RunRecord
    sections: dict[str, dict[str, Cell]]
    problems: list[str]


def read_run(provider: Provider, run: RunRecord, steps: Sequence[StepCount]) -> RunFacts:
    """Read what a run is compared by.

    Parameters
    ----------
    provider : Provider
    run : RunRecord
    steps : sequence of StepCount
        What the tasks of its steps come to.
    """
    facts = RunFacts(run, {"run": dict(_about(run)), "environment": dict(_environment(run))}, [])
    parts = (("its parameters", _add_given), ("its results", _add_results), ("its code", _add_code))
    for what, add in parts:
        try:
            add(provider, facts)
        except MetaflowException as error:
            facts.problems.append(f"{run.flow}/{run.run_id}: {what} cannot be read: {file_problem(error)}")
    facts.sections["durations"] = dict(_durations(run, steps))
    return facts


def _about(run: RunRecord) -> Iterator[tuple[str, Cell]]:
    tags = _system_tags(run)
    texts = {
        "status": run.status,
        "message": run.message,
        "flow": run.flow,
        "user": run.user,
        "tags": ", ".join(run.tags),
        "project": tags.get("project"),
        "branch": tags.get("project_branch"),
        "script": run.script,
        "resumed from": run.origin_run_id,
    }
    return _present(texts)


def _environment(run: RunRecord) -> Iterator[tuple[str, Cell]]:
    texts: dict[str, str | None] = {"host": (run.host or "").partition("/")[0]}
    texts.update((name, value) for name, value in _system_tags(run).items() if name not in _SHOWN_TAGS)
    texts["datastore"] = run.datastore
    return _present(texts)


def _present(texts: Mapping[str, str | None]) -> Iterator[tuple[str, Cell]]:
    for name, text in texts.items():
        cell = cells.fact(text)
        if cell is not None:
            yield name, cell


def _system_tags(run: RunRecord) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in run.system_tags:
        name, _, value = tag.partition(":")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _add_given(provider: Provider, facts: RunFacts) -> None:
    """Parameters, constants and configs, and decorators of the steps."""
    run = facts.run
    graph = provider.graph(run.flow, run.run_id)
    decorators = facts.sections["decorators"] = {}
    for step in read_graph(graph).steps.values():
        for name, attributes in step.decorators:
            decorators[f"{step.name} @{name}"] = cells.fact(attributes) or cells.Cell("set", "set")
    reader = _reader_of(provider, run, _PARAMETERS)
    if reader is None:
        return
    configs = _listed(graph, "configs")
    recorded = start_in(reader.manifest).get("configs", {})
    parameters = facts.sections["parameters"] = {}
    trees = facts.sections["configs"] = {}
    for name in _names(reader, _listed(graph, "parameters")):
        if name in recorded:
            trees.update(cells.leaves(name, recorded[name]))
        elif name in configs:
            trees.update(_config(provider, run, reader, name))
        else:
            parameters[name] = cells.artifact(value_of(reader, name))


def _config(provider: Provider, run: RunRecord, reader: TaskReader, name: str) -> dict[str, Cell]:
    try:
        tree = plain_content(provider.store_of(run.flow, run.run_id), reader.entry(name))
    except NotPlain:
        return {name: cells.artifact(value_of(reader, name))}
    return cells.leaves(name, tree)


def _add_results(provider: Provider, facts: RunFacts) -> None:
    """Artifacts of the last step, without what the run was given."""
    run = facts.run
    reader = _reader_of(provider, run, run.end_step or "end")
    if reader is None:
        return
    given = _reader_of(provider, run, _PARAMETERS)
    inherited = {name: given.entry(name).sha for name in given} if given is not None else {}
    facts.sections["artifacts"] = {
        name: cells.artifact(value_of(reader, name))
        for name in sorted(_names(reader))
        if inherited.get(name) != reader.entry(name).sha
    }


def _add_code(provider: Provider, facts: RunFacts) -> None:
    run = facts.run
    code = code_of_run(provider, run.flow, run.run_id)
    if code is None:
        return
    from blake3 import blake3

    info: dict[str, Any] = code.info
    texts = {"code": code.sha[:_DIGEST], **{row: str(info[name]) for name, row in _ORIGINS.items() if info.get(name)}}
    if info.get("has_uncommitted_changes") is not None:
        texts["uncommitted changes"] = "yes" if info["has_uncommitted_changes"] else "no"
    section = facts.sections["code"] = dict(_present(texts))
    for name, content in sorted(code.files.items())[:_MOST_FILES]:
        digest = blake3(content).hexdigest()
        section[f"file {name}"] = cells.Cell(digest[:_DIGEST], digest, size=len(content), sha=digest)
    environment = {"platform": "platform", "environment": "environment_type", "python_version": "python_version_code"}
    known = facts.sections["environment"]
    for name, cell in _present({row: str(info.get(name) or "") for row, name in environment.items()}):
        known.setdefault(name, cell)


def _durations(run: RunRecord, steps: Sequence[StepCount]) -> Iterator[tuple[str, Cell]]:
    for name, seconds in (("whole run", duration_of(run)), *((step.step, step.seconds) for step in steps)):
        cell = cells.quantity(seconds)
        if cell is not None:
            yield name, cell


def _listed(graph: Mapping[str, Any], key: str) -> set[str]:
    """Names in a list of the graph."""
    return {str(each.get("name")) for each in graph.get(key, ()) if isinstance(each, dict)}


def _names(reader: TaskReader, parameters: Collection[str] = ()) -> list[str]:
    """Names of what people see of a task: not what begins with an underscore, nor the flow's name.

    A parameter may be called ``name``; it takes the place of the flow's.
    """
    shown = (name for name in reader if not name.startswith("_") and (name != "name" or name in parameters))
    return list(islice(shown, MOST_VALUES))


def _reader_of(provider: Provider, run: RunRecord, step: str) -> TaskReader | None:
    tasks = provider.tasks(TaskQuery(run.flow, run.run_id, step, limit=1))
    return provider.reader(tasks[0]) if tasks else None
