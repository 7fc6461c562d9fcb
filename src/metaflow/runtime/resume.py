"""Resuming a run: what it finished is taken over by a new run, which then runs the rest."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .. import registry
from ..client.recovery import stored_run
from ..client.upkeep.reading_notes import forget_reading, note_reading
from ..datastore.layout import job_key
from ..datastore.parallel import map_in_threads, threads_for_network
from ..exception import CannotResume, CommandException, RunDeleted, RunIdTaken
from ..flow.config_value import to_plain
from ..metadata_store.events import TaskEnded
from .clone import take_over
from .clone_plan import decide
from .console import Console
from .declared import retry_policies
from .gang import node_specs
from .origin import find_origin, read_origin, status_of
from .parameter_use import steps_that_read
from .plan import Plan, PlanGraph
from .planned_spec import spec_of
from .resume_parameters import settle, shown
from .resume_report import misfits, outlook, parameter_lines, unreached
from .run import RunOptions, run_flow

if TYPE_CHECKING:
    from collections.abc import Callable, Container, KeysView

    from ..client.home import Home
    from ..datastore.store import ObjectStore
    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph
    from ..metadata_store.records import RunRecord
    from .clone_plan import Decision, OriginTask
    from .executor import MakeExecutor
    from .origin import Origin
    from .plan_task import TaskKey
    from .recorder import Recorder
    from .resume_parameters import ResumedParameters
    from .specs import RunSpec, TaskSpec

#: Steps with more clones than this get one line instead of one for each.
_LINES_PER_STEP = 20
#: How long to wait, in seconds, before looking again whether another process is done.
_WAIT_SECONDS = 0.2


class ResumeRequest(NamedTuple):
    """What a person asked for when resuming a run.

    Attributes
    ----------
    defaults : callable
        Gives the values of parameters, by attribute name, that the origin run did not have.
    origin_run_id : str or None
        The run to resume; the user's last one of the flow if not given.
    steps : tuple of str
        Steps to run again, with all that comes after them, whatever became of them.
    parameters : dict of str to object
        Parameters to change, by attribute name.
    clone_only : bool
        Take over what is finished, but run nothing.
    run_id : str or None
        Id of the new run, instead of one that is made for it.
    reentrant : bool
        Whether other processes may be asked for the same `run_id` at the same time: one of them takes over what is
        finished, the others wait for that. Only together with `clone_only`.
    """

    defaults: Callable[[list[str]], dict[str, Any]]
    origin_run_id: str | None = None
    steps: tuple[str, ...] = ()
    parameters: dict[str, Any] = {}
    clone_only: bool = False
    run_id: str | None = None
    reentrant: bool = False


class LeftTasks(Protocol):
    """What the room above knows of tasks that a dead run left on other machines.

    Attributes
    ----------
    problems : list of str
        Why some cannot be taken over.
    """

    problems: list[str]

    def keys(self) -> KeysView[TaskKey]:
        """What makes out the tasks among all of a run."""

    def executor_maker(
        self, run: RunSpec, store: ObjectStore, make: MakeExecutor, wanted: Container[TaskKey]
    ) -> MakeExecutor:
        """What makes an executor that awaits those that are wanted, and gives all other tasks to that of `make`."""


class Resumption(NamedTuple):
    """How a run begins that resumes another one; for :func:`metaflow.runtime.run.run_flow`.

    Attributes
    ----------
    request : ResumeRequest
    origin : RunRecord
    parameters : ResumedParameters
    plan : Plan
        All clones are finished in it.
    decision : Decision
    console : Console
    left : LeftTasks or None
        Tasks that may still go on where the origin run sent them.
    """

    request: ResumeRequest
    origin: RunRecord
    parameters: ResumedParameters
    plan: Plan
    decision: Decision
    console: Console
    left: LeftTasks | None = None

    @property
    def notes(self) -> dict[str, str]:
        """Fields to record with the parameters of the new run."""
        changed = self.parameters.changed
        return {"changed-parameters": json.dumps(changed)} if changed else {}

    @property
    def sources(self) -> set[str]:
        """Ids of the runs whose tasks are taken over."""
        return {self.origin.run_id, *(old.run_id for _, origins in self.decision.clones for old in origins)}

    def hold_sources(self, store: ObjectStore, run_id: str) -> None:
        """Keep those runs from being deleted while the new run takes their tasks over.

        Raises
        ------
        CannotResume
            If one of them is being deleted.
        """
        try:
            note_reading(store, self.origin.flow, self.sources, run_id)
        except RunDeleted as error:
            raise CannotResume(f"{error.message} Start a new run with `run`, or resume another one.") from error

    @property
    def awaits_tasks(self) -> bool:
        """Whether results of the origin are still to be taken over while the new run goes on."""
        return bool(self.decision.awaited) and not self.request.clone_only

    def executor_maker(self, run: RunSpec, store: ObjectStore, make: MakeExecutor) -> MakeExecutor:
        """What makes the executor of the run, given what makes that for tasks that have to be started."""
        if self.left is None or not self.awaits_tasks:
            return make
        return self.left.executor_maker(run, store, make, self.decision.awaited)

    def release_sources(self, store: ObjectStore, run_id: str) -> None:
        """Let those runs be deleted: the new run has taken over all that it needs."""
        forget_reading(store, self.origin.flow, self.sources, run_id)

    def clone(self, store: ObjectStore, run: RunSpec, graph: FlowGraph, recorder: Recorder) -> None:
        """Take over all that was decided to be.

        Raises
        ------
        DataException
            If a result of the origin cannot be read, or the new task cannot be written.
        """
        console = self.console
        flow, origin = run.flow, self.origin.run_id
        console.say(f"Cloning {flow}/{origin}")
        counts = self.decision.cloned
        told: set[str] = set()
        pairs: list[tuple[TaskSpec, OriginTask]] = []
        for planned, origins in self.decision.clones:
            step = planned.step
            spec = spec_of(planned, graph[step], 1)
            specs = [spec] if planned.gang is None else node_specs(spec, planned.gang)
            for new, old in zip(specs, origins, strict=True):
                if counts[step] <= _LINES_PER_STEP:
                    where = f"[{run.run_id}/{step}/{new.task_id}]"
                    console.say(f"Cloning previously run task {old.run_id}/{step}/{old.task_id}", where)
                elif step not in told:
                    told.add(step)
                    where = f"[{run.run_id}/{step}]"
                    console.say(f"Cloning {counts[step]} previously run tasks of {old.run_id}/{step}", where)
                    console.flush()
                pairs.append((new, old))
        console.flush()
        threads = threads_for_network(1) if store.is_remote else 1
        records = map_in_threads(lambda pair: take_over(store, run, *pair), pairs, threads)
        # Together, for the index to take them in one transaction.
        recorder.record(*map(TaskEnded, records))
        console.say(f"{flow}/{origin} cloned!")
        console.flush()


def resume_flow(
    declaration: FlowDeclaration, graph: FlowGraph, request: ResumeRequest, options: RunOptions
) -> RunRecord:
    """Resume a run on this machine.

    Parameters
    ----------
    declaration : FlowDeclaration
        The flow, configured and complete.
    graph : FlowGraph
        Its graph, checked.
    request : ResumeRequest
    options : RunOptions
        As for a new run.

    Returns
    -------
    RunRecord
        How the new run ended.

    Raises
    ------
    CommandException
        If there is no such run or step, or the request contradicts itself.
    CannotResume
        If the origin run still goes on, or nothing of it fits the flow any more.
    TaskFailed, RunStopped, MetaflowException
        As :func:`metaflow.runtime.run.run_flow`.
    """
    _check_steps(graph, request.steps)
    console = Console()
    console.say("Gathering required information to resume run (this may take a bit of time)...")
    console.flush()
    store = options.home.open_store()
    plan_graph = PlanGraph.from_graph(graph)
    run = find_origin(store, options.home, declaration.name, request.origin_run_id, request.run_id)
    # In this order: what ends between the two is seen by the second, instead of by neither.
    left = _left_tasks(store, run, plan_graph)
    origin = read_origin(store, run, plan_graph)
    plan = Plan(plan_graph, retry_policies(graph))
    decision = decide(plan, plan_graph, origin.tasks, request.steps, left.keys() if left is not None else ())
    _refuse_if_nothing_fits(plan_graph, origin, decision)
    parameters = settle(declaration.parameters, origin.parameters, request.parameters, request.defaults)
    if parameters.changed and plan.done:
        _refuse_without_effect(declaration, graph, origin, parameters)
    _report(console, declaration, graph, plan_graph, origin, decision, parameters, request.steps)
    if left is not None:
        _report_left(console, left, origin, decision)
    resumption = Resumption(request, run, parameters, plan, decision, console, left)
    try:
        return run_flow(declaration, graph, {**parameters.kept, **parameters.values}, options, resumption)
    except RunIdTaken as error:
        if not request.reentrant or request.run_id is None:
            raise
        console.say(f"Another process clones {run.flow}/{run.run_id} to {request.run_id}; waiting for it.")
        console.flush()
        return _wait_for_clones(store, options.home, run.flow, request.run_id, error)


def _left_tasks(store: ObjectStore, run: RunRecord, graph: PlanGraph) -> LeftTasks | None:
    """Tasks that may still go on where the run sent them; most runs sent none."""
    if run.origin_run_id is None and next(iter(store.list(job_key(run.flow, run.run_id))), None) is None:
        return None
    left: LeftTasks | None = registry.load("compute", "left_behind")(store, run, graph)
    return left


def _report_left(console: Console, left: LeftTasks, origin: Origin, decision: Decision) -> None:
    for problem in left.problems:
        console.say(f"{problem} Its tasks are started again.")
    count = len(decision.awaited)
    if count:
        what = "1 task that may still run is" if count == 1 else f"{count} tasks that may still run are"
        console.say(f"{what} not started again before it is known how they end.")
    useless = len(left.keys() - decision.awaited - origin.tasks.keys())
    if useless:
        what = "1 task of it that may still run is" if useless == 1 else f"{useless} tasks of it that may still run are"
        # Cancelling it would also end those that are awaited.
        hint = "" if count else f" To end what is there: metaflow runs cancel {origin.run.flow}/{origin.run.run_id}"
        console.say(f"{what} of no use for the new run.{hint}")
    console.flush()


def _wait_for_clones(store: ObjectStore, home: Home, flow: str, run_id: str, error: RunIdTaken) -> RunRecord:
    """Wait until another process has taken over all that a new run starts from."""
    while True:
        run = stored_run(store, flow, run_id)
        if run is None or run.origin_run_id is None:
            raise error
        if not run.is_cloning:
            return run
        if status_of(run, home) != "running":
            raise CannotResume(
                f"The process that cloned tasks to run {run_id} died before it was done. What it has not cloned is "
                f"still known: resume that run under another id, with --origin-run-id {run_id}."
            ) from error
        time.sleep(_WAIT_SECONDS)


def _check_steps(graph: FlowGraph, steps: tuple[str, ...]) -> None:
    unknown = [step for step in steps if step not in graph]
    if unknown:
        from difflib import get_close_matches

        close = get_close_matches(unknown[0], list(graph.nodes), n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise CommandException(
            f"The flow {graph.name} has no step {unknown[0]}, so it cannot be run again.{hint} "
            f"Its steps are: {', '.join(graph.order)}."
        )


def _refuse_if_nothing_fits(graph: PlanGraph, origin: Origin, decision: Decision) -> None:
    """Refuse a run whose results are all useless because the code changed: that would be a new run in disguise."""
    finished = sorted({task.step for task in origin.tasks.values() if task.ok})
    reasons = decision.to_run.get(graph.start, {})
    began_elsewhere = "never ran" in reasons and origin.run.start_step != graph.start
    if decision.clones or not finished or not ("changed" in reasons or began_elsewhere):
        return
    lines = misfits(graph, decision, {step for step, _, _ in origin.tasks})
    if not lines:
        lines = [f"It began with another step than *{graph.start}*, where the flow begins now."]
    raise CannotResume(
        f"Nothing of run {origin.run.run_id} can be taken over, because the flow's code has another shape now. "
        f"{' '.join(lines)} Start a new run with `run`, or give the step its former way on."
    )


def _refuse_without_effect(
    declaration: FlowDeclaration, graph: FlowGraph, origin: Origin, parameters: ResumedParameters
) -> None:
    """Refuse to change a parameter that nothing would see."""
    names = [declaration.parameters[attribute].name for attribute in parameters.changed]
    steps = declaration.steps
    readers = [step for name in parameters.changed for step in steps_that_read(declaration, graph, name, steps)]
    example = readers[0] if readers else "STEP"
    raise CommandException(
        f"Run {origin.run.run_id} finished all of its steps, so nothing would run that could see the new value of "
        f"--{', --'.join(names)}. Name the steps to run again with it: resume {example} --{names[0]} VALUE"
    )


def _report(
    console: Console,
    declaration: FlowDeclaration,
    graph: FlowGraph,
    plan_graph: PlanGraph,
    origin: Origin,
    decision: Decision,
    parameters: ResumedParameters,
    named: tuple[str, ...],
) -> None:
    """Say what is going to happen."""
    run = origin.run
    order = graph.order
    console.say(f"Resuming run {run.run_id} of *{run.flow}*{_ending(run)}:")
    for line in outlook(plan_graph, order, decision, origin.damaged):
        console.say(line)
    if not decision.to_run:
        console.say("Everything is finished there, so nothing is left to run.")
    for line in misfits(plan_graph, decision, {step for step, _, _ in origin.tasks}):
        console.say(line)
    for line in unreached(plan_graph, decision, named):
        console.say(line)
    cloned = decision.cloned
    names = {attribute: parameter.name for attribute, parameter in declaration.parameters.items()}
    readers = {
        names[name]: steps_that_read(declaration, graph, name, [step for step in order if step in cloned])
        for name in parameters.changed
    }
    changed = {names[name]: change for name, change in parameters.changed.items()}
    added = {names[name]: shown(parameters.values[name]) for name in parameters.added}
    for attribute, config in declaration.configs.items():
        if attribute not in origin.parameters:
            added[config.name] = shown(to_plain(declaration.config_values[attribute]))
    for line in parameter_lines(changed, readers, added, run.run_id):
        console.say(line)
    console.flush()


def _ending(run: RunRecord) -> str:
    if run.status == "running":
        return ", whose process died"
    if run.status == "done":
        return ", which finished"
    why = f" ({run.message.rstrip('.')})" if run.message else ""
    return f", which {'was stopped' if run.status == 'stopped' else 'failed'}{why}"
