"""``execute``: run one attempt of one task, wherever it is, and save what came of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..datastore.layout import card_key, parse_attempt
from ..datastore.task_writer import TaskWriter
from ..datastore.tasks import TaskReader, open_task, open_tasks
from ..error_text import format_error, text_of
from ..exception import (
    FailureHandledByCatch,
    MetaflowException,
    MetaflowExceptionWrapper,
    TimeoutException,
)
from ..flow.current import current
from ..flow.hooks import TaskContext, TaskHook, hooks_of
from ..flow.state import ArtifactSource, Frame, Inputs, StepState
from ..flow.transition import Transition
from .artifacts import FlowLevelFirst, save_artifacts
from .code_times import CodeTimes
from .console import highlight
from .own_use import used_so_far
from .specs import PARAMETERS_TASK, RunSpec, TaskSpec, node_metadata

if TYPE_CHECKING:
    from ..client import Task
    from ..client.provider import Provider
    from ..datastore.manifest import Manifest
    from ..datastore.store import Buffer, ObjectStore
    from ..flow.declaration import FlowDeclaration
    from ..flow.spec import FlowSpec


#: How many finished tasks stay in memory, for others that read them.
_MOST_OPENED = 256
#: How many inputs of a join are opened together if they are behind a network.
_READ_AHEAD = 64
#: Last characters that are kept of the traceback of what a step raised.
_MAXIMUM_TRACEBACK = 32_768


class TaskRunner:
    """Runs tasks of one run. Finished tasks that it has read stay in memory for a while, for others that read them.

    Parameters
    ----------
    declaration : FlowDeclaration
    run : RunSpec
    store : ObjectStore
    """

    def __init__(self, declaration: FlowDeclaration, run: RunSpec, store: ObjectStore) -> None:
        self.declaration = declaration
        self.flow_class = declaration.flow_class
        self.run = run
        self.store = store
        #: Run whose tasks are read.
        self.reads_from = run.run_id
        self._opened: dict[str, TaskReader] = {}
        #: What the attempt that runs has committed; None before.
        self._committed: Manifest | None = None
        self._code = CodeTimes()
        #: Told when the step's own code begins.
        self.tell_code_start: Callable[[float], None] | None = None

    @property
    def owns_process(self) -> bool:
        """Whether this process is there for one task alone."""
        return True

    @property
    def provider(self) -> Provider:
        """What the client reads the run from."""
        from ..client.provider_choice import provider_at

        return provider_at(self.run.home)

    def open(self, key: str) -> TaskReader:
        """Artifacts of the task ``step/task/attempt``."""
        reader = self._opened.get(key)
        if reader is None:
            reader = open_task(self.store, self.run.flow, self.reads_from, *parse_attempt(key))
            self._keep(key, reader)
        return reader

    def _keep(self, key: str, reader: TaskReader) -> None:
        self._opened[key] = reader
        if len(self._opened) > _MOST_OPENED:
            del self._opened[next(iter(self._opened))]

    def _open_ahead(self, keys: Sequence[str]) -> None:
        """Open tasks together that are read one after the other soon; what is wrong with one shows when it is read."""
        missing = [key for key in keys if key not in self._opened]
        tasks = [parse_attempt(key) for key in missing]
        for key, reader in zip(missing, open_tasks(self.store, self.run.flow, self.reads_from, tasks), strict=True):
            if isinstance(reader, TaskReader):
                self._keep(key, reader)

    def warm(self, spec: TaskSpec) -> None:
        """Read what this task and its siblings share, before the fork that they all come from.

        Only if it is one task: a join's many inputs are its own business. Only the index of the artifacts is read here,
        never a value: loading one could run the user's code in the process that must stay able to fork.
        """
        if len(spec.inputs) == 1 and spec.inputs[0] not in self._opened:
            parameters = self._opened.get(PARAMETERS_TASK)
            self._opened.clear()
            if parameters is not None:
                self._opened[PARAMETERS_TASK] = parameters
            try:
                self._open_without_network(spec.inputs[0])
            except Exception:  # noqa: S110
                pass  # the task will meet the same error and report it as its own

    def _open_without_network(self, key: str) -> None:
        """Open a task from what is on this machine: a process that has used the network had better not be forked."""
        if not self.store.is_remote:
            self.open(key)
            return
        from ..datastore.cached import copies_only

        copy = open_task(copies_only(self.store), self.run.flow, self.reads_from, *parse_attempt(key))
        self._opened[key] = TaskReader(self.store, copy.manifest)

    def execute(self, spec: TaskSpec) -> bool:
        """Run the attempt and save its artifacts and its record.

        Returns
        -------
        bool
            Whether the flow can go on from here.
        """
        started = time.time() if spec.started_at is None else spec.started_at
        self._committed = None
        self._code = CodeTimes(self.tell_code_start)
        declared = self.declaration.steps[spec.step]
        self._set_current(spec)
        flow = self._new_flow()
        inputs = self._give_state(flow, spec)
        initial = _state_of_process(flow)
        flow.__dict__.update(self.declaration.preset)
        last = spec.attempt == spec.user_attempts - 1
        task = TaskContext(
            flow,
            spec.step,
            spec.attempt,
            last,
            spec.is_fallback,
            inputs,
            lambda: self._describe(spec),
            lambda name, parts: self._put_card(spec, name, parts),
            lambda: self._client_task(flow, spec, started),
            metadata := dict(spec.metadata),
            self.owns_process,
        )
        spec = spec._replace(metadata=metadata)
        hooks = hooks_of(declared.decorators)
        call = self._call(flow, declared.function, spec, inputs)
        if not spec.is_fallback:
            call = self._code.of(call)
            for hook in hooks:
                call = hook.around(task, call)
        process = os.getpid()
        try:
            error = _run_step(task, hooks, call)
        except TimeoutException as late:  # the alarm rang when the step was just over
            error = late
        if os.getpid() != process:
            sys.stderr.write("A process that the step forked ran on to the end of the step; it is ended here.\n")
            sys.stderr.flush()
            os._exit(1)
        handled = False
        if error is not None:
            for hook in hooks:  # all of them, also when one has dealt with it
                handled = hook.on_failure(task, error) or handled
            flow.__dict__["_transition"] = Transition(spec.targets) if handled else None
            if not handled:
                self.report(flow, error)
        ok = self._save(flow, spec, initial, error, handled, started)
        for hook in hooks:
            hook.committed(task, ok)
        return ok

    def _new_flow(self) -> FlowSpec:
        """A flow object, whose ``__init__`` can read configs already."""
        flow = self.flow_class.__new__(self.flow_class)
        flow.__dict__.update(self.declaration.preset)
        flow.__init__()  # type: ignore[misc]
        return flow

    def _describe(self, spec: TaskSpec) -> dict[str, Any]:
        """The step as the run's graph has it."""
        steps: dict[str, dict[str, Any]] = self.open(PARAMETERS_TASK).load("_graph_info")["steps"]
        # A single step that is run again, on results of an older version of the flow, may not be in their graph.
        return steps.get(spec.step) or {"type": "linear", "next": list(spec.targets)}

    def _set_current(self, spec: TaskSpec) -> None:
        run = self.run
        current._set(
            {
                "flow_name": run.flow,
                "run_id": run.run_id,
                "step_name": spec.step,
                "task_id": spec.task_id,
                "retry_count": spec.attempt,
                "origin_run_id": run.origin_run_id,
                "namespace": run.namespace,
                "username": run.user,
                "tags": set(run.tags),
                "parameter_names": list(run.parameter_names),
                "graph_info": lambda: self.open(PARAMETERS_TASK).load("_graph_info"),
                "is_parallel": False,
                **run.facts,
            }
        )

    def _give_state(self, flow: FlowSpec, spec: TaskSpec) -> Inputs | None:
        """Tell the flow object where it stands; returns what the step gets as `inputs`, if it takes them."""
        flow.__dict__["_flow_state"] = StepState(
            spec.step,
            self.inherited(spec),
            spec.frames,
            self.open,
            self.run.read_only,
            is_join=spec.is_join,
            takes_inputs=spec.takes_inputs,
            parameters=self.declaration.parameters,
        )
        if not spec.takes_inputs:
            return None
        steps = [key.partition("/")[0] for key in spec.inputs]

        def open_input(index: int) -> FlowSpec:
            if self.store.is_remote and spec.inputs[index] not in self._opened:
                self._open_ahead(spec.inputs[index : index + _READ_AHEAD])
            return self._open_input(spec.inputs[index])

        return Inputs(steps, open_input)

    def inherited(self, spec: TaskSpec) -> ArtifactSource:
        """The artifacts that a task starts with."""
        if spec.is_join:
            return self.open(PARAMETERS_TASK)
        reader = self.open(spec.inputs[0])
        if "origin" not in reader.manifest.record["task"]:
            return reader
        # A task that was taken over from another run hands on what held there.
        return FlowLevelFirst(self.open(PARAMETERS_TASK), reader)

    def _open_input(self, key: str) -> FlowSpec:
        reader = self.open(key)
        view = object.__new__(self.flow_class)
        frames = [Frame(*frame) for frame in reader.manifest.record["frames"]]
        step = key.partition("/")[0]
        view.__dict__["_flow_state"] = StepState(
            step, reader, frames, self.open, self.run.read_only, parameters=self.declaration.parameters
        )
        view.__dict__["_current_step"] = step
        view.__dict__.update(self.declaration.preset)
        return view

    def _call(self, flow: FlowSpec, function: Any, spec: TaskSpec, inputs: Inputs | None) -> Callable[[], None]:
        """The step's code, ready to be called."""
        if spec.is_fallback:

            def record_failure() -> None:
                raise FailureHandledByCatch(spec.attempt - 1, spec.last_failure)

            return record_failure
        arguments = (flow,) if inputs is None else (flow, inputs)

        def call() -> None:
            result = function(*arguments)
            if hasattr(result, "__await__"):
                import asyncio

                asyncio.run(result)
            elif hasattr(result, "__next__"):
                raise MetaflowException(
                    f"Step *{spec.step}* contains a `yield`, so calling it runs none of its code. Assign what it "
                    "makes to an attribute instead."
                )

        return call

    def _save(
        self,
        flow: FlowSpec,
        spec: TaskSpec,
        initial: dict[str, Any],
        error: BaseException | None,
        handled: bool,
        started: float,
    ) -> bool:
        """Save artifacts, then commit the record. If saving fails, the attempt has failed."""
        run = self.run
        if error is not None:
            flow.__dict__["_exception"] = MetaflowExceptionWrapper(error) if not handled else None
        writer = self.writer(spec)
        failures = save_artifacts(flow, writer, initial)
        if failures:
            for failure in failures:
                self.report(flow, failure)
            if error is None or handled:
                error, handled = failures[0], False
                writer.save("_exception", MetaflowExceptionWrapper(error))
        ok = error is None or handled
        transition = flow._transition if ok else None
        record = make_record(run, spec, started, ok=ok, success=error is None, error=error, code=self._code)
        values = writer.values
        if values:
            record["task"]["values"] = values
        if error is not None:
            record["traceback"] = format_error(error)[-_MAXIMUM_TRACEBACK:]
        record["used"] = used_so_far()
        record["transition"] = [list(transition.targets), transition.foreach] if transition else [[], None]
        if transition is not None and transition.foreach is not None:
            record["num_splits"] = transition.num_splits
            record["labels"] = transition.labels
        try:
            self._committed = writer.commit(record)
        except MetaflowException as failure:
            self.report(flow, failure)
            return False
        return ok

    def _client_task(self, flow: FlowSpec, spec: TaskSpec, started: float) -> Task:
        """The task as a client object: of what it has committed, or as one that runs."""
        from ..client.own_task import own_task

        manifest = self._committed
        if manifest is not None:
            return own_task(self.provider, manifest.record["task"], self.committed_artifacts(flow, manifest))
        running = {**make_record(self.run, spec, started, ok=False, success=False, error=None)["task"]}
        del running["finished_at"]
        return own_task(self.provider, {**running, "status": "running"}, None)

    def committed_artifacts(self, flow: FlowSpec, manifest: Manifest) -> TaskReader:
        """The artifacts that the attempt has left."""
        return TaskReader(self.store, manifest)

    def writer(self, spec: TaskSpec) -> TaskWriter:
        """Where the attempt's artifacts go."""
        run = self.run
        return TaskWriter(self.store, run.flow, run.run_id, spec.step, spec.task_id, spec.attempt)

    def _put_card(self, spec: TaskSpec, name: str, parts: Sequence[Buffer]) -> None:
        run = self.run
        self.card_store.put(card_key(run.flow, run.run_id, spec.step, spec.task_id, name), parts)

    @property
    def card_store(self) -> ObjectStore:
        """Where files of the task's cards go."""
        return self.store

    def report(self, flow: FlowSpec, error: BaseException) -> None:
        """Tell the person who reads the task's output what went wrong."""
        _print_failure(flow, error)


def _state_of_process(flow: FlowSpec) -> dict[str, Any]:
    """Attributes that the flow's ``__init__`` set and that are no artifact of an earlier step, which would win."""
    state = flow._flow_state
    assert state is not None
    initial = {name: value for name, value in vars(flow).items() if name not in flow._EPHEMERAL}
    for name in [name for name in initial if name in state]:
        del flow.__dict__[name]
        del initial[name]
    return initial


def make_record(
    run: RunSpec,
    spec: TaskSpec,
    started: float,
    *,
    ok: bool,
    success: bool,
    error: BaseException | None,
    pid: int | None = None,
    code: CodeTimes | None = None,
) -> dict[str, Any]:
    """Record of an attempt as it is kept with its artifacts; ``task`` is what ``TaskRecord.from_dict`` takes."""
    task: dict[str, Any] = {
        "flow": run.flow,
        "run_id": run.run_id,
        "step": spec.step,
        "task_id": spec.task_id,
        "attempt": spec.attempt,
        "status": "done" if ok else "failed",
        "ok": ok,
        "success": success,
        "started_at": started,
        "finished_at": time.time(),
        "inputs": spec.inputs,
        "pid": pid if pid is not None else os.getpid(),
    }
    if spec.frames:
        task["index_path"] = [(frame.step, frame.index) for frame in spec.frames]
        task["foreach_stack"] = [(f.variable, f.label or "", f.index, f.num_splits) for f in spec.frames]
    if spec.ready_at is not None:
        task["ready_at"] = spec.ready_at
    if code is not None and code.started_at is not None:
        task["code_started_at"], task["code_ended_at"] = code.started_at, code.ended_at
    if spec.iteration is not None:
        task["iteration"] = spec.iteration
    if error is not None:
        task["error"] = (f"{type(error).__module__}.{type(error).__name__}", text_of(error)[:500])
    metadata = node_metadata(spec)
    if run.origin_run_id:
        metadata["origin-run-id"] = run.origin_run_id
    if metadata:
        task["metadata"] = metadata
    return {"task": task, "frames": spec.frames}


def _run_step(task: TaskContext, hooks: list[TaskHook], call: Callable[[], None]) -> BaseException | None:
    """Call the step's code inside its hooks; returns what it raised."""
    error: BaseException | None = None
    try:
        for hook in hooks:
            hook.before(task)
        call()
        for hook in hooks:
            hook.after(task)
    except SystemExit as exit_request:
        error = MetaflowException(
            f"The step asked its process to exit (sys.exit({exit_request.code!r})) "
            "instead of going on with self.next()."
        )
        error.__traceback__ = exit_request.__traceback__
    except BaseException as raised:
        error = raised
    finally:
        for hook in hooks:
            hook.close(task)
    return error


def _print_failure(flow: FlowSpec, error: BaseException) -> None:
    """Print what went wrong in the step, from the user's code on."""
    if isinstance(error, MetaflowException):
        where = f" in file {error.source_file} on line {error.line_no}" if error.line_no and error.source_file else ""
        text = f"{error.headline}{where}:\n{highlight(error.message, False)}"
        if not where:
            text += "\n" + format_error(error, only_place=True)
    else:
        text = format_error(error)
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    sys.stderr.write(f"{flow} failed:\n{indented}\n")
