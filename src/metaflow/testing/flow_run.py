"""``run_flow``: a whole flow in a test, in the test's own process."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..datastore.layout import run_key
from ..datastore.root import ROOT_DIRECTORY
from ..exception import MetaflowException
from ..flow.flow_decorators import run_facts
from ..metadata_store.events import RunEnded, RunStarted, TaskEnded
from ..metadata_store.tags import check_tags
from ..runtime.declared import checked_graph, retry_policies
from ..runtime.gang import Gang, node_specs
from ..runtime.limits import Limits
from ..runtime.plan import Plan, PlanGraph
from ..runtime.planned_spec import spec_of, transition_of
from ..runtime.run import RunOptions, run_spec_of
from ..runtime.run_creation import create_run
from ..runtime.run_files import record_to_json
from .in_process import InProcessRun, configure, declare, parameter_values
from .memory_provider import MemoryProvider
from .process_state import as_a_task
from .results import FlowResult, StepResult

if TYPE_CHECKING:
    import os

    from ..client import Run
    from ..client.provider import Provider
    from ..flow.graph import FlowGraph
    from ..flow.spec import FlowSpec
    from ..metadata_store.records import RunRecord, RunStatus


def run_flow(
    flow_class: type[FlowSpec],
    *,
    parameters: Mapping[str, Any] | None = None,
    configs: Mapping[str, Any] | None = None,
    decospecs: Sequence[str] = (),
    tags: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
    raises: bool = True,
) -> FlowResult:
    """Run a flow in this process: one task after the other, without processes of their own.

    So a debugger stops in a step, coverage counts its lines, and what the test has patched is patched in it. What a run
    does to artifacts between its steps happens here too: they are serialised and loaded again.

    Parameters
    ----------
    flow_class : type
        The flow.
    parameters : mapping, optional
        Values of parameters; the others have their defaults.
    configs : mapping, optional
        Values of configs: mappings, texts to parse, or files as ``Path``; the others have their defaults.
    decospecs : sequence of str
        Decorators to add to every step, as ``--with`` takes them.
    tags : sequence of str
        Tags of the run.
    root : path, optional
        Directory to keep the run in, in its ``.metaflow``. Without it, the run is kept in memory, as long as the result
        lives.
    raises : bool
        Whether to raise what a step raises; otherwise the result has it as its `exception`.

    Returns
    -------
    FlowResult

    Raises
    ------
    MetaflowException
        If the flow breaks a rule, or something is given that it cannot have.

    Examples
    --------
    >>> result = run_flow(Training, parameters={"alpha": 0.1})
    >>> result.accuracy
    0.97
    >>> [task.score for task in result.steps["train"]]
    [0.91, 0.97]
    """
    __tracebackhide__ = True
    _check_lists(decospecs=decospecs, tags=tags)
    check_tags(tags)
    declaration = declare(flow_class)
    provider = MemoryProvider() if root is None else _provider_in(Path(root))
    with as_a_task(provider):
        configure(declaration, configs or {})
        declaration.complete(decospecs)
        graph = checked_graph(declaration)
        values = parameter_values(declaration, provider.store, parameters or {})
        # The limits are those of a scheduler, which there is none of here.
        options = RunOptions(
            provider.home,
            Limits(1, 1, 1),
            tags=tuple(tags),
            decospecs=tuple(decospecs),
            facts=run_facts(declaration, {}),
        )
        record, parameters_record = create_run(provider.store, declaration, graph, values, options)
        run = run_spec_of(record, declaration, options)
    provider.index.apply([RunStarted(record), TaskEnded(parameters_record)])
    tasks = _Tasks(graph, InProcessRun(declaration, run, provider))
    try:
        tasks.run_all()
    finally:
        _finish(provider, record, tasks)
    if raises and tasks.failed is not None and tasks.failed.exception is not None:
        raise tasks.failed.exception
    end = tasks.results.get(graph.end_step, [None])[-1] if tasks.failed is None else None
    return FlowResult(_client_run(provider, record), tasks.results, end, tasks.failed)


class _Tasks:
    """Takes the tasks that the plan hands out, and tells it how they went."""

    def __init__(self, graph: FlowGraph, run: InProcessRun) -> None:
        self._graph = graph
        self._run = run
        self._policies = retry_policies(graph)
        self._plan = Plan(PlanGraph.from_graph(graph), self._policies)
        self.results: dict[str, list[StepResult]] = {}
        self.failed: StepResult | None = None
        self.is_done = False

    def run_all(self) -> None:
        """Run tasks until none is left, or one has failed for good."""
        __tracebackhide__ = True
        last_failure: str | None = None
        while self.failed is None and (task := self._plan.take()) is not None:
            node = self._graph[task.step]
            spec = spec_of(task, node, self._policies[task.step].user_retries + 1, last_failure)
            nodes = Gang(task)
            results = []
            for each in [spec] if task.gang is None else node_specs(spec, task.gang):
                result, record = self._run.execute(each, node)
                results.append(result)
                if not result.ok:
                    break
                nodes.finished(each, transition_of(record))
            last_failure = None
            if result.ok:
                assert nodes.transition is not None
                self._plan.finished(task, nodes.transition)
            elif self._plan.failed(task) is not None:
                last_failure = str(result.exception)
                self._plan.again(task)
                continue
            else:
                self.failed = result
            self.results.setdefault(task.step, []).extend(results)
        self.is_done = self.failed is None


def _check_lists(**given: Sequence[str]) -> None:
    for argument, texts in given.items():
        if isinstance(texts, str):
            raise MetaflowException(f"{argument} should be a list, as in {argument}=[{texts!r}].")


def _provider_in(directory: Path) -> Provider:
    from ..client.home import Home
    from ..client.provider_choice import provider_at

    root = directory.absolute() / ROOT_DIRECTORY
    root.mkdir(parents=True, exist_ok=True)
    return provider_at(Home(str(root)))


def _finish(provider: Provider, record: RunRecord, tasks: _Tasks) -> None:
    failed = tasks.failed
    status: RunStatus = "done" if tasks.is_done else "failed"
    message = None if failed is None else f"Step {failed.step} (task-id {failed.task_id}) failed."
    ended = record._replace(status=status, finished_at=time.time(), message=message)
    provider.store.put(run_key(record.flow, record.run_id), [record_to_json(ended)])
    assert ended.finished_at is not None
    provider.index.apply([RunEnded(record.flow, record.run_id, status, ended.finished_at, message)])


def _client_run(provider: Provider, record: RunRecord) -> Run:
    """The run as a client object that reads from `provider`, whatever the client reads otherwise."""
    from ..client import Run
    from ..client.provider_choice import choose_provider

    before = choose_provider(provider)
    try:
        return Run(f"{record.flow}/{record.run_id}", _namespace_check=False)
    finally:
        choose_provider(before)
