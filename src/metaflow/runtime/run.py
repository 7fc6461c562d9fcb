"""A run from beginning to end: its record, its parameters, its tasks, its outcome."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .. import registry, settings
from ..datastore.layout import NODE_ARCHIVE_ARTIFACT, PACKAGE_ARTIFACT, SOURCE_ARTIFACT, run_key
from ..datastore.manifest import ArtifactEntry
from ..datastore.source_files import save_source_files
from ..exception import MetaflowException, TaskFailed
from ..flow.run_facts import RunFacts
from ..identity import resolve_identity
from ..metadata_store.events import Heartbeat, RunEnded, RunStarted, TaskEnded
from ..metadata_store.liveness import HEARTBEAT_INTERVAL
from ..metadata_store.records import RunRecord, TaskRecord
from . import fork_server
from .console import Console, highlight
from .declared import retry_policies
from .executor import executor_maker
from .limits import Limits
from .plan import Plan, PlanGraph
from .recorder import Recorder
from .run_creation import create_run
from .run_files import record_to_json, write_file
from .run_namespace import namespace_of_runs
from .scheduler import Scheduler
from .sources import source_files
from .specs import RunSpec
from .start_method import StartMethod, choose
from .still_waiting import StillWaiting
from .stop_signals import StopSignals
from .stopping import RunStopped

if TYPE_CHECKING:
    from ..client.home import Home
    from ..datastore.store import ObjectStore
    from ..flow.declaration import FlowDeclaration
    from ..flow.graph import FlowGraph
    from ..metadata_store.records import RunStatus
    from .executor import MakeExecutor
    from .fork_server import ForkServer
    from .resume import Resumption


#: Characters of a task's error that the record of its run repeats.
_LONGEST_ERROR = 300


class Elsewhere(Protocol):
    """What the room above gives for the steps of a run that do not run on this machine."""

    def executor_maker(self, run: RunSpec, store: ObjectStore, local: MakeExecutor) -> MakeExecutor:
        """What makes the executor of the run, given what makes that for its tasks on this machine."""


class RunOptions(NamedTuple):
    """What a person asked for when starting a run.

    Attributes
    ----------
    home : Home
        Where the run is kept.
    limits : Limits
    tags : tuple of str
    namespace : str or None
        Where the client looks in tasks, instead of the namespace of the run.
    run_id_file : Path or None
        Where to write the run's id before its first task starts.
    runner_attribute_file : Path or None
        Where to write, as JSON, how to find the run.
    server : ForkServer or None
        A fork server that was started already.
    decospecs : tuple of str
        Decorators that were added to every step.
    facts : RunFacts
        What the flow's decorators add to the run.
    package_suffixes : tuple of str
        Suffixes of files that go into its code package, beside the usual ones.
    """

    home: Home
    limits: Limits
    tags: tuple[str, ...] = ()
    namespace: str | None = None
    run_id_file: Path | None = None
    runner_attribute_file: Path | None = None
    server: ForkServer | None = None
    decospecs: tuple[str, ...] = ()
    facts: RunFacts = RunFacts()
    package_suffixes: tuple[str, ...] = ()


def run_flow(
    declaration: FlowDeclaration,
    graph: FlowGraph,
    parameters: dict[str, Any],
    options: RunOptions,
    resumption: Resumption | None = None,
) -> RunRecord:
    """Run a flow on this machine.

    Parameters
    ----------
    declaration : FlowDeclaration
        The flow, configured and complete.
    graph : FlowGraph
        Its graph, checked.
    parameters : dict
        Value of each parameter by attribute name; an :class:`ArtifactEntry` if it is in the store already.
    options : RunOptions
    resumption : Resumption, optional
        How the run begins if it resumes another one.

    Returns
    -------
    RunRecord
        How the run ended.

    Raises
    ------
    TaskFailed
        If a task failed for good.
    RunStopped
        If the process was asked to stop.
    MetaflowException
        If the run could not start or go on.
    """
    store = options.home.open_store()
    if options.home.service:
        _check_service(options.home)
    method, server = _start_method(declaration, options)
    with StillWaiting(options.home.shown_datastore, store.is_remote or _goes_elsewhere(declaration)) as waiting:
        elsewhere = _elsewhere(graph, options)
        values = {**parameters, **_code(store)}
        waiting.what = "the code package to be made and stored"
        values.update(_package(store, declaration, options.package_suffixes))
        waiting.what = options.home.shown_datastore
        record, parameters_record = create_run(store, declaration, graph, values, options, resumption)
    run = run_spec_of(record, declaration, options)
    recorder = _start_recorder(options.home, record, parameters_record)
    _allow_many_files()
    begun = _BegunRun(declaration, graph, store, run, recorder, record, options, method, resumption)
    return begun.follow(_make_executor(executor_maker(server, run), run, store, elsewhere, resumption))


class _BegunRun:
    """A run that has a record, followed to its end."""

    def __init__(
        self,
        declaration: FlowDeclaration,
        graph: FlowGraph,
        store: ObjectStore,
        run: RunSpec,
        recorder: Recorder,
        record: RunRecord,
        options: RunOptions,
        method: StartMethod,
        resumption: Resumption | None,
    ) -> None:
        self._declaration = declaration
        self._graph = graph
        self._store = store
        self._run = run
        self._recorder = recorder
        self._record = record
        self._options = options
        self._method = method
        self._resumption = resumption
        self._console = resumption.console if resumption is not None else Console()

    def follow(self, make: MakeExecutor) -> RunRecord:
        """Run what there is to run, and record how it ended; returns that record."""
        try:
            with StopSignals() as signals:
                self._drive_and_record(make, signals)
        finally:
            self._run_exit_hooks()
        if self._record.status == "done":
            self._console.say("Done!", good=True)
        self._console.flush()
        return self._record

    def _drive_and_record(self, make: MakeExecutor, signals: StopSignals) -> None:
        status: RunStatus = "failed"
        message: str | None = None
        try:
            try:
                is_done = self._drive(make)
            finally:
                signals.hold()
            status, message = ("done", None) if is_done else ("stopped", "only what was finished before was cloned")
        except (RunStopped, KeyboardInterrupt):
            status, message = "stopped", self._who_stopped()
            raise
        except BaseException as error:
            message = _why_failed(error)
            raise
        finally:
            signals.hold()
            self._record = self._record._replace(status=status, finished_at=time.time(), message=message)
            self._record_end()

    def _drive(self, make: MakeExecutor) -> bool:
        """Take over what can be, and run the other tasks; returns whether the flow has come to its end."""
        resumption = self._resumption
        policies = retry_policies(self._graph)
        plan = resumption.plan if resumption is not None else Plan(PlanGraph.from_graph(self._graph), policies)
        _announce(self._console, self._record, self._options, self._method)
        if resumption is not None:
            resumption.clone(self._store, self._run, self._graph, self._recorder)
            if not resumption.awaits_tasks:
                self._record = _has_taken_over(self._store, self._record, resumption)
        if not self._only_clones:
            limits = self._options.limits
            Scheduler(self._run, self._graph, plan, policies, self._store, self._recorder, self._console, limits).drive(
                make
            )
        if resumption is not None and resumption.awaits_tasks:
            self._record = _has_taken_over(self._store, self._record, resumption)
        return plan.done

    def _who_stopped(self) -> str:
        from ..client.cancellation import read_cancellation

        try:
            with StillWaiting(self._options.home.shown_datastore, self._store.is_remote):
                wish = read_cancellation(self._store, self._record.flow, self._record.run_id)
        except MetaflowException:
            wish = None  # that the datastore cannot be reached is told when the end is recorded there
        return "stopped by a signal" if wish is None else wish.message

    def _record_end(self) -> None:
        """Record how the run ended, in its own file and in the index."""
        record, home = self._record, self._options.home
        try:
            with StillWaiting(home.shown_datastore, self._store.is_remote):
                self._store.put(run_key(record.flow, record.run_id), [record_to_json(record)])
        except MetaflowException as error:
            sys.stderr.write(f"The end of the run could not be recorded: {error}\n")
        assert record.finished_at is not None
        self._recorder.record(RunEnded(record.flow, record.run_id, record.status, record.finished_at, record.message))
        with StillWaiting(f"the metadata service at {home.service} to take the last records", bool(home.service)):
            failure = self._recorder.close()
        if failure is not None:
            sys.stderr.write(f"{failure}\n")

    @property
    def _only_clones(self) -> bool:
        return self._resumption is not None and self._resumption.request.clone_only

    def _run_exit_hooks(self) -> None:
        if not self._declaration.decorators or self._only_clones:
            return
        from .exit_hooks import run_exit_hooks

        run_exit_hooks(
            self._declaration,
            self._run,
            successful=self._record.status == "done",
            # A process that has used a network is not to be forked.
            fork=self._method.name == "fork" and not self._store.is_remote,
            console=self._console,
        )


def _start_method(declaration: FlowDeclaration, options: RunOptions) -> tuple[StartMethod, ForkServer | None]:
    """How tasks on this machine are started, and from what if they are forked."""
    if options.server is not None:
        return StartMethod("fork"), options.server
    method = choose(settings.get("START_METHOD"))
    return method, fork_server.start(declaration.flow_class) if method.name == "fork" else None


def run_spec_of(record: RunRecord, declaration: FlowDeclaration, options: RunOptions) -> RunSpec:
    """What the tasks of the run are told of it."""
    namespace = namespace_of_runs(declaration.flow_class)
    return RunSpec(
        flow=record.flow,
        run_id=record.run_id,
        root=options.home.root,
        datastore=options.home.datastore,
        service=options.home.service,
        user=record.user,
        namespace=namespace or resolve_identity(),
        client_namespace=options.namespace if options.namespace is not None else namespace,
        tags=record.tags,
        read_only=declaration.read_only,
        parameter_names=declaration.parameter_names,
        origin_run_id=record.origin_run_id,
        decospecs=options.decospecs,
        facts=options.facts.current,
    )


def _elsewhere(graph: FlowGraph, options: RunOptions) -> Elsewhere | None:
    """The engines that steps are sent to; None if all run on this machine."""
    if not any(decorator.backend for node in graph for decorator in node.decorators):
        return None
    found: Elsewhere = registry.load("compute", "elsewhere")(graph, options)
    return found


def _code(store: ObjectStore) -> dict[str, ArtifactEntry]:
    """The artifact with the code that this process was started with, stored; none if that is in no file."""
    source = source_files()
    return {} if source is None else {SOURCE_ARTIFACT: save_source_files(store, source)}


def _goes_elsewhere(declaration: FlowDeclaration) -> bool:
    return any(each.backend for step in declaration.steps.values() for each in step.decorators)


def _package(store: ObjectStore, declaration: FlowDeclaration, suffixes: tuple[str, ...]) -> dict[str, ArtifactEntry]:
    """The artifacts that nodes get their code from, stored; none if no step runs elsewhere and none are asked for."""
    goes_elsewhere = _goes_elsewhere(declaration)
    if not goes_elsewhere and not settings.get("FEAT_ALWAYS_UPLOAD_CODE_PACKAGE"):
        return {}
    from .run_package import package_of, save_node_archive, save_package

    package, remark = package_of(declaration, suffixes)
    if remark is not None:
        sys.stderr.write(f"{remark}\n")
    found = {PACKAGE_ARTIFACT: save_package(store, package)}
    if goes_elsewhere:
        found[NODE_ARCHIVE_ARTIFACT] = save_node_archive(store)
    return found


def _make_executor(
    make: MakeExecutor, run: RunSpec, store: ObjectStore, elsewhere: Elsewhere | None, resumption: Resumption | None
) -> MakeExecutor:
    """What makes the executor of all tasks, given what makes that of tasks on this machine."""
    if elsewhere is not None:
        make = elsewhere.executor_maker(run, store, make)
    return make if resumption is None else resumption.executor_maker(run, store, make)


def _has_taken_over(store: ObjectStore, record: RunRecord, resumption: Resumption) -> RunRecord:
    """Record that all is here that the run takes over, so that resuming it need not look elsewhere."""
    record = record._replace(is_cloning=False)
    store.put(run_key(record.flow, record.run_id), [record_to_json(record)])
    resumption.release_sources(store, record.run_id)
    return record


def _check_service(home: Home) -> None:
    """See that the service takes records, before the run is known to anybody."""
    from .service_recorder import check_service

    with StillWaiting(f"the metadata service at {home.service}", True):
        problem = check_service(home)
    if problem is not None:
        sys.stderr.write(f"The run starts without the metadata service: {problem}\n")


def _start_recorder(home: Home, record: RunRecord, parameters_record: TaskRecord) -> Recorder:
    first = (RunStarted(record._replace(graph=None)), TaskEnded(parameters_record))

    def heartbeat() -> Heartbeat:
        return Heartbeat(record.flow, record.run_id, time.time())

    if not home.service:
        return Recorder(home.open_index, heartbeat, HEARTBEAT_INTERVAL, first)
    from .service_recorder import ServiceRecorder

    return ServiceRecorder(home, record, heartbeat, HEARTBEAT_INTERVAL, first)


def _announce(console: Console, record: RunRecord, options: RunOptions, method: StartMethod) -> None:
    """Tell the person, and the files that they named, which run this is."""
    if options.run_id_file is not None:
        write_file(options.run_id_file, record.run_id)
    if options.runner_attribute_file is not None:
        attributes = {
            "run_id": record.run_id,
            "flow_name": record.flow,
            "metadata": options.home.metadata,
        }
        write_file(options.runner_attribute_file, json.dumps(attributes))
    url = settings.get("UI_URL")
    seen = f", see it in the UI at {url.rstrip('/')}/{record.flow}/{record.run_id}" if url else ""
    console.say(f"Workflow starting (run-id {record.run_id}){seen}:")
    if method.reason is not None:
        console.say(f"Each task starts a new interpreter, which is slower than a fork, because {method.reason}.")


def _allow_many_files() -> None:
    """Raise our own limit of open files as far as we may: every running task needs two pipes."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            pass  # then it stays as it is


def _why_failed(error: BaseException) -> str:
    """What a run failed of, in one line; the run's record tells it also if the console has it from the task."""
    line = highlight((str(error).splitlines() or [type(error).__name__])[0], False)
    if isinstance(error, TaskFailed) and error.printed:
        return f"{line.removesuffix('.')}: {error.printed[:_LONGEST_ERROR]}"
    return line
