"""``run_step``: one step in a test, on artifacts that the test gives."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..datastore.manifest import ArtifactEntry
from ..datastore.task_writer import TaskWriter
from ..exception import MetaflowException
from ..flow.flow_decorators import run_facts
from ..flow.graph import FlowGraph
from ..flow.state import Frame, foreach_label
from ..identity import get_username, resolve_identity
from ..metadata_store.events import RunStarted
from ..metadata_store.records import RunRecord
from ..runtime.plan_retry import RetryPolicy
from ..runtime.specs import PARAMETERS_STEP, PARAMETERS_TASK, RunSpec, TaskSpec
from ..runtime.task import make_record
from .in_process import InProcessRun, configure, declare, parameter_values
from .memory_provider import MemoryProvider
from .process_state import as_a_task

if TYPE_CHECKING:
    from ..datastore.store import ObjectStore
    from ..flow.declaration import FlowDeclaration
    from ..flow.node import Node
    from ..flow.spec import FlowSpec
    from .results import Artifacts, StepResult

    #: Artifacts by name: a mapping, or the result of another step.
    Given = Mapping[str, Any] | Artifacts

_NOT_GIVEN: Any = object()
_RUN_ID = "1"


def run_step(
    flow_class: type[FlowSpec],
    step: str,
    *,
    artifacts: Given | None = None,
    parameters: Mapping[str, Any] | None = None,
    configs: Mapping[str, Any] | None = None,
    input: Any = _NOT_GIVEN,
    index: int | None = None,
    inputs: Sequence[Given] | Mapping[str, Given] | None = None,
    decorators: bool = False,
    raises: bool = True,
) -> StepResult:
    """Run one step of a flow in this process, as a task of a run would, without writing anything to disk.

    Whatever is given is serialised and loaded again, as between two tasks. Only what the step asks for needs to be
    given. Environment variables, the working directory and ``current`` are afterwards what they were before.

    Parameters
    ----------
    flow_class : type
        The flow.
    step : str
        Name of the step.
    artifacts : mapping, optional
        What earlier steps have left on ``self``; the result of another step will do.
    parameters : mapping, optional
        Values of parameters; the others have their defaults.
    configs : mapping, optional
        Values of configs: mappings, texts to parse, or files as ``Path``; the others have their defaults.
    input : object, optional
        ``self.input`` of a step inside a foreach.
    index : int, optional
        ``self.index`` of such a step; 0 if only `input` is given.
    inputs : sequence or mapping, optional
        Artifacts of each input of a join; as a mapping, by the name of the step that the input comes from.
    decorators : bool
        Whether the step's decorators take part: ``@retry``, ``@catch``, ``@timeout``, ``@environment``, your own.
        ``@card`` does in any case.
    raises : bool
        Whether to raise what the step raises; otherwise the result has it as its `exception`.

    Returns
    -------
    StepResult

    Raises
    ------
    MetaflowException
        If there is no such step, or something is given that the step cannot have.

    Examples
    --------
    >>> result = run_step(Training, "train", artifacts={"rows": [1, 2, 3]}, parameters={"alpha": 0.1})
    >>> result.accuracy
    0.97
    >>> result.transition.targets
    ('evaluate',)
    """
    __tracebackhide__ = True
    declaration = declare(flow_class)
    provider = MemoryProvider()
    with as_a_task(provider):
        configure(declaration, configs or {})
    declaration.complete()
    graph = FlowGraph(flow_class, declaration)
    if step not in graph:
        raise MetaflowException(
            f"Flow {declaration.name} has no step '{step}'. Its steps are: {', '.join(graph.nodes)}."
        )
    with as_a_task(provider):
        run = _run_of(declaration)
        given = _Given(provider.store, declaration, graph, run, parameters or {})
        provider.index.apply([RunStarted(_record_of(run, step))])
    node = graph[step]
    keys, frames = given.save(node, None if artifacts is None else dict(artifacts), inputs, input, index)
    if not decorators:
        declared = declaration.steps[step]
        # The step's code puts things on its cards, as it writes to its attributes.
        declared.decorators = [decorator for decorator in declared.decorators if decorator.name == "card"]
    result = _execute(InProcessRun(declaration, run, provider), declaration, node, keys, frames)
    if raises and result.exception is not None:
        raise result.exception
    return result


def _execute(
    run: InProcessRun, declaration: FlowDeclaration, node: Node, inputs: tuple[str, ...], frames: tuple[Frame, ...]
) -> StepResult:
    """The last attempt at the step: the first that succeeds, or the one after which its policy gives up."""
    __tracebackhide__ = True
    policy = RetryPolicy.combine(decorator.retries() for decorator in declaration.steps[node.name].decorators)
    spec = TaskSpec(
        step=node.name,
        task_id="1",
        attempt=0,
        user_attempts=policy.user_retries + 1,
        inputs=inputs,
        targets=node.targets,
        is_join=node.is_join,
        takes_inputs=node.takes_inputs,
        frames=frames,
        iteration=0 if node.is_recursive else None,
    )
    while True:
        result, _ = run.execute(spec, node)
        retry = None if result.ok else policy.after(spec.attempt)
        if retry is None:
            return result
        spec = spec._replace(attempt=retry.attempt, last_failure=str(result.exception))


def _run_of(declaration: FlowDeclaration) -> RunSpec:
    return RunSpec(
        flow=declaration.name,
        run_id=_RUN_ID,
        root="memory",
        user=get_username(),
        namespace=resolve_identity(),
        read_only=declaration.read_only,
        parameter_names=declaration.parameter_names,
        facts=run_facts(declaration, {}).current,
    )


def _record_of(run: RunSpec, step: str) -> RunRecord:
    now = time.time()
    return RunRecord(
        run.flow, run.run_id, run.user, now, heartbeat_at=now, pid=os.getpid(), start_step=step, end_step=step
    )


class _Given:
    """Writes what a test gives as the results of the tasks that would have come before."""

    def __init__(
        self,
        store: ObjectStore,
        declaration: FlowDeclaration,
        graph: FlowGraph,
        run: RunSpec,
        parameters: Mapping[str, Any],
    ) -> None:
        self._store = store
        self._graph = graph
        self._run = run
        values = parameter_values(declaration, store, parameters, need_required=False)
        names = {parameter.name: attribute for attribute, parameter in declaration.parameters.items()}
        given = {names.get(name, name) for name in parameters}
        self._parameters = {name: value for name, value in values.items() if name in given}
        self._defaults = {"name": declaration.name, **declaration.stored_values, **values}
        whole = len(graph.starts) == 1 and len(graph.ends) == 1
        known = graph.to_dict() if whole else {"steps": {}}
        self._write(PARAMETERS_STEP, "0", {**self._defaults, "_graph_info": known})

    def save(
        self,
        node: Node,
        artifacts: Mapping[str, Any] | None,
        inputs: Sequence[Given] | Mapping[str, Given] | None,
        input: Any,
        index: int | None,
    ) -> tuple[tuple[str, ...], tuple[Frame, ...]]:
        """Keys of the tasks that the step reads from, and its place in a foreach."""
        if node.is_join:
            if artifacts is not None:
                raise MetaflowException(
                    f"Step *{node.name}* is a join, which starts without artifacts of its own: give inputs=[...]."
                )
            keys = self._save_inputs(node, inputs or ())
        elif inputs is not None and not node.takes_inputs:
            raise MetaflowException(
                f"Step *{node.name}* is no join, so it has no inputs. Give artifacts={{...}} instead."
            )
        elif inputs:
            keys = self._save_inputs(node, inputs)
        elif artifacts is not None or not node.is_start:
            parent = next((name for name in node.incoming if name != node.name), "before")
            keys = (self._write(parent, "1", self._with_parameters(artifacts or {})),)
        else:
            keys = (PARAMETERS_TASK,)
        if input is _NOT_GIVEN and index is None:
            return keys, ()
        return keys, (self._frame(node, artifacts or {}, input, index or 0, keys),)

    def _save_inputs(self, node: Node, inputs: Sequence[Given] | Mapping[str, Given]) -> tuple[str, ...]:
        if not inputs:
            raise MetaflowException(f"Step *{node.name}* is a join: give inputs=[...], the artifacts of each input.")
        before = self._in_order(node)
        if isinstance(inputs, Mapping):
            unknown = [name for name in inputs if name not in before]
            if unknown:
                raise MetaflowException(
                    f"Step *{node.name}* has no input from a step '{unknown[0]}', but from: {', '.join(before)}."
                )
            pairs = list(inputs.items())
        elif len(before) == len(inputs):
            pairs = list(zip(before, inputs, strict=True))
        else:
            pairs = [(before[0] if before else "before", each) for each in inputs]
        # Ids differ, also where several inputs come from one step.
        return tuple(
            self._write(name, str(number), self._with_parameters(artifacts))
            for number, (name, artifacts) in enumerate(pairs, 1)
        )

    def _in_order(self, node: Node) -> list[str]:
        """Steps that lead to a join: in the order of the split, where they come straight from it."""
        before = list(node.incoming)
        split = self._graph.nodes.get(node.closes or "")
        if split is not None and set(before) <= set(split.targets):
            before.sort(key=split.targets.index)
        return before

    def _frame(self, node: Node, artifacts: Mapping[str, Any], input: Any, index: int, keys: tuple[str, ...]) -> Frame:
        place = node.frame
        while place is not None and not self._graph[place.split].is_foreach:
            place = place.outer
        if place is None:
            raise MetaflowException(f"Step *{node.name}* is not inside a foreach, so it has no input and no index.")
        variable = self._graph[place.split].foreach or "_elements"
        if input is _NOT_GIVEN:
            return Frame(place.split, variable, index, _length(artifacts.get(variable), index), None, keys[0])
        # Indexed like the list would be, without making one of that length.
        key = self._write(place.split, "0", {variable: {index: input}})
        return Frame(place.split, variable, index, _length(artifacts.get(variable), index), foreach_label()(input), key)

    def _with_parameters(self, artifacts: Given) -> dict[str, Any]:
        """All that a task has; the result of another step brings parameters too, over which those given win."""
        return {**self._defaults, **dict(artifacts), **self._parameters}

    def _write(self, step: str, task_id: str, artifacts: Mapping[str, Any]) -> str:
        writer = TaskWriter(self._store, self._run.flow, self._run.run_id, step, task_id, 0)
        for name, value in artifacts.items():
            if isinstance(value, ArtifactEntry):
                writer.forward(name, value)
            else:
                writer.save(name, value)
        spec = TaskSpec(step, task_id, 0, 1, ())
        content = make_record(self._run, spec, time.time(), ok=True, success=True, error=None)
        content["transition"] = [[], None]
        writer.commit(content)
        return spec.key


def _length(items: Any, index: int) -> int:
    return max(len(items) if hasattr(items, "__len__") else 0, index + 1)
