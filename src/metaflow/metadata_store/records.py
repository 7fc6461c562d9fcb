"""What is known of a run, a step and a task: plain frozen records that turn into JSON and back.

Times are seconds since the epoch, as floats. A field that holds its default is left out of the JSON, and an
unknown key in JSON is ignored, so that records written by older and by newer versions can both be read.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from metaflow.exception import DamagedRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal, TypeAlias, TypeVar

    RunStatus = Literal["running", "done", "failed", "stopped"]
    TaskStatus = Literal["running", "done", "failed", "killed"]
    IndexPath = tuple[tuple[str, int], ...]
    #: Position in a list of runs: (started_at, flow, run_id).
    RunCursor = tuple[float, str, str]
    #: Position in a list of tasks: (created_at, step, task_id, attempt).
    TaskCursor = tuple[float, str, str, int]
    #: A value that an index can hold.
    Scalar: TypeAlias = "bool | int | float | str | None"
    R = TypeVar("R", "RunRecord", "TaskRecord")


def _to_dict(record: RunRecord | TaskRecord) -> dict[str, Any]:
    defaults = record._field_defaults
    return {
        name: _thawed(value)
        for name, value in zip(record._fields, record)
        if name not in defaults or value != defaults[name]
    }


def _from_dict(cls: type[R], plain: Mapping[str, Any]) -> R:
    known = cls._fields
    values: dict[str, Any] = {
        name: _frozen(value) if type(value) is list else value for name, value in plain.items() if name in known
    }
    try:
        return cls(**values)
    except TypeError as error:
        absent = [name for name in known if name not in cls._field_defaults and name not in plain]
        raise DamagedRecord(
            f"A {cls.__name__} cannot be read because it lacks {', '.join(absent) or 'nothing'}: {error}. "
            "The file or index entry that holds it is damaged; `metaflow reindex` rebuilds the index."
        ) from error


def _thawed(value: Any) -> Any:
    return [_thawed(item) for item in value] if isinstance(value, tuple) else value


def _frozen(value: list[Any]) -> tuple[Any, ...]:
    return tuple([_frozen(item) if type(item) is list else item for item in value])


def encodable(text: str) -> str:
    """Escape what a database would refuse: what UTF-8 cannot express, as in oddly named files, and zero bytes."""
    if text.isascii():
        return text.replace("\0", "\\x00")
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


#: Default of fields that hold further fields, shared by all records.
_NONE: Mapping[str, Any] = MappingProxyType({})


class FlowRecord(NamedTuple):
    """A flow that has runs.

    Attributes
    ----------
    flow : str
        Name of the flow.
    created_at : float
        When its first recorded run started.
    """

    flow: str
    created_at: float


class StepRecord(NamedTuple):
    """A step that has tasks in a run.

    Attributes
    ----------
    flow, run_id, step : str
        Which step of which run.
    created_at : float
        When its first task started.
    """

    flow: str
    run_id: str
    step: str
    created_at: float


class RunOutcome(NamedTuple):
    """What the index knows of a run from its tasks, so that nobody need read these.

    Attributes
    ----------
    ok, success : bool
        What the latest attempt of the last step's task says of itself, see `TaskRecord`; False without one.
    finished_at : float, optional
        When that attempt finished; None if it still runs or was killed.
    parameters, artifacts : mapping, optional
        Values of the run's parameters and constants, and of the artifacts of its last step, as far as an index can
        hold them. None unless a query asked for them.
    """

    ok: bool = False
    success: bool = False
    finished_at: float | None = None
    parameters: Mapping[str, Scalar] | None = None
    artifacts: Mapping[str, Scalar] | None = None


class RunRecord(NamedTuple):
    """A run of a flow.

    Attributes
    ----------
    flow, run_id : str
        Which run.
    user : str
        Name of whoever started it.
    started_at : float
        When it started.
    tags, system_tags : tuple of str
        Tags that people gave, and those that the system gave; sorted.
    status : str
        ``running``, ``done``, ``failed`` or ``stopped``; a running one may be dead, see
        :func:`metaflow.metadata_store.liveness.effective_status`.
    finished_at : float, optional
        When it ended.
    heartbeat_at : float, optional
        When its process last said that it lives.
    host, pid, process_started : str, int, int, optional
        The process that drives it, as :func:`metaflow.metadata_store.liveness.process_identity` gives it.
    script : str, optional
        File name of the flow's source.
    origin_run_id : str, optional
        The run that this one resumes.
    rerun_steps : tuple of str
        Steps that a person asked to run again in this resumed run.
    is_cloning : bool
        Whether tasks of the resumed run may still be missing here; if the run's process died, they always will be.
    message : str, optional
        Why it failed, in one line.
    start_step, end_step : str, optional
        Names of its first and last step.
    datastore : str
        Location of the datastore that has its files; empty if that is where the index of runs is.
    graph : dict, optional
        The flow's graph; kept in the run's own file, not in the index.
    outcome : RunOutcome, optional
        What the index knows of the run from its tasks: filled in by queries, never part of the run's file. None also
        if the last step has no task.
    """

    flow: str
    run_id: str
    user: str
    started_at: float
    tags: tuple[str, ...] = ()
    system_tags: tuple[str, ...] = ()
    status: RunStatus = "running"
    finished_at: float | None = None
    heartbeat_at: float | None = None
    host: str | None = None
    pid: int | None = None
    process_started: int | None = None
    script: str | None = None
    origin_run_id: str | None = None
    rerun_steps: tuple[str, ...] = ()
    is_cloning: bool = False
    message: str | None = None
    start_step: str | None = None
    end_step: str | None = None
    datastore: str = ""
    graph: dict[str, Any] | None = None
    outcome: RunOutcome | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values of every field that differs from its default, without `outcome`."""
        return _to_dict(self if self.outcome is None else self._replace(outcome=None))

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RunRecord:
        """The record that :meth:`to_dict` described; unknown keys are ignored.

        Raises
        ------
        DamagedRecord
            A required field is absent.
        """
        return _from_dict(cls, plain)

    @property
    def cursor(self) -> RunCursor:
        """Position of this run in a list that is newest first; a query's `after`."""
        return (self.started_at, self.flow, self.run_id)


class TaskRecord(NamedTuple):
    """One attempt of a task.

    Attributes
    ----------
    flow, run_id, step, task_id : str
        Which task.
    attempt : int
        Which attempt, from 0.
    started_at : float
        When this attempt started.
    created_at : float, optional
        When the first attempt of the task started; filled in by the index.
    status : str
        ``running``, ``done``, ``failed`` or ``killed``.
    ok : bool
        The task's result may be used (the artifact ``_task_ok``); true also for a failure that was caught.
    success : bool
        The user's code raised nothing (the artifact ``_success``).
    finished_at : float, optional
        When this attempt ended.
    index_path : tuple of (str, int)
        Step and index of each enclosing foreach, outermost first.
    foreach_stack : tuple of (str, str, int, int)
        For people: variable, text of the value, index and number of splits of each enclosing foreach.
    iteration : int, optional
        Which round of a recursive step this is, from 0.
    inputs : tuple of str
        ``step/task/attempt`` of each task of the same run that this one read from.
    origin : str, optional
        Pathspec of the task that this one is a clone of.
    pid : int, optional
        Process that runs or ran it.
    error : tuple of (str, str), optional
        Type and text of the error that ended it.
    metadata : dict of str to str
        Further fields, as ``Task.metadata`` shows them.
    values : dict of str to None, bool, int, float or str
        Public artifacts that are small and plain enough for an index. What is absent here may still be an artifact.
    ready_at : float, optional
        When nothing but room was missing for this attempt to start.
    code_started_at, code_ended_at : float, optional
        When the first line of the step's own code ran, and when it had returned or raised. What is between the start
        of the attempt and the first is start-up; what is between the second and the end is saving.
    """

    flow: str
    run_id: str
    step: str
    task_id: str
    attempt: int
    started_at: float
    created_at: float | None = None
    status: TaskStatus = "running"
    ok: bool = False
    success: bool = False
    finished_at: float | None = None
    index_path: IndexPath = ()
    foreach_stack: tuple[tuple[str, str, int, int], ...] = ()
    iteration: int | None = None
    inputs: tuple[str, ...] = ()
    origin: str | None = None
    pid: int | None = None
    error: tuple[str, str] | None = None
    metadata: Mapping[str, str] = _NONE
    values: Mapping[str, Scalar] = _NONE
    ready_at: float | None = None
    code_started_at: float | None = None
    code_ended_at: float | None = None

    @property
    def own_values(self) -> dict[str, Scalar]:
        """The small values without the flow's name, which each task has as ``name``; a parameter may be called so."""
        return {name: value for name, value in self.values.items() if name != "name" or value != self.flow}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values of every field that differs from its default."""
        return _to_dict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> TaskRecord:
        """The record that :meth:`to_dict` described; unknown keys are ignored.

        Raises
        ------
        DamagedRecord
            A required field is absent.
        """
        return _from_dict(cls, plain)

    @property
    def ended_at(self) -> float | None:
        """When the attempt ended by itself; None if it still runs or was killed."""
        return None if self.status == "killed" else self.finished_at

    @property
    def error_line(self) -> str:
        """The first line of what ended the attempt; empty if nothing went wrong."""
        if self.error is None:
            return ""
        kind, message = self.error[0].removeprefix("builtins."), self.error[1]
        first = message.strip().partition("\n")[0]
        return f"{kind}: {first}" if first else kind

    @property
    def pathspec(self) -> str:
        """``Flow/run/step/task``."""
        return f"{self.flow}/{self.run_id}/{self.step}/{self.task_id}"

    @property
    def cursor(self) -> TaskCursor:
        """Position of this attempt in a list that is newest first; a query's `after`."""
        created_at = self.started_at if self.created_at is None else self.created_at
        return (created_at, self.step, self.task_id, self.attempt)
