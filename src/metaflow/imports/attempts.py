"""What a task of Metaflow's did, attempt by attempt, from its files."""

from __future__ import annotations

import json
import os
import re
from typing import Any, NamedTuple

from metaflow.exception import CorruptedDataException
from metaflow.imports.documents import (
    Field,
    StoredArtifact,
    parse_artifacts,
    parse_created,
    parse_field,
    parse_started,
    parse_succeeded,
)
from metaflow.imports.plain_pickle import NotPlain, Opaque, read_plain
from metaflow.imports.report import Problem
from metaflow.imports.source import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.datastore.logs import LogStream
    from metaflow.imports.source import SourceFolder, TaskPlace
    from metaflow.metadata_store.records import TaskStatus

_ATTEMPT_FILE = re.compile(r"(\d{1,3})\.(.+)")
_LOG_FILE = re.compile(r"\w+_(stdout|stderr)\.log")
_PARALLEL_ITERATOR = "_parallel_ubf_iter"
#: Larger artifacts of Metaflow's own are not read: something is wrong with them.
_INTERNAL_BYTES = 64 * 1024 * 1024
_REMEMBERED = 1000


class StackFrame(NamedTuple):
    """Place in one foreach, as Metaflow notes it.

    Attributes
    ----------
    step : str
        Step that the foreach leads to.
    variable : str
    num_splits : int or None
        None if it was not recorded.
    index : int
    value : str or None
        Short text of the element.
    """

    step: str
    variable: str
    num_splits: int | None
    index: int  # type: ignore[assignment]  # a tuple has a method of that name, which nobody needs here
    value: str | None


class Way(NamedTuple):
    """Where a task went.

    Attributes
    ----------
    targets : tuple of str
        Empty at the end, and for a task that failed.
    foreach : str or None
        Variable that it iterates over.
    num_splits : int or None
    labels : tuple of str or None
        Short texts of the elements.
    """

    targets: tuple[str, ...] = ()
    foreach: str | None = None
    num_splits: int | None = None
    labels: tuple[str, ...] | None = None


class SourceAttempt(NamedTuple):
    """One attempt of a task.

    Attributes
    ----------
    number : int
    status : str
        ``done``, ``failed``, or ``killed`` if it has no end.
    ok, success : bool
        Whether its result may be used, and whether the user's code raised nothing.
    started_at, finished_at : float
        In seconds since the epoch; of an attempt without an end, its last sign of life.
    artifacts : dict of str to StoredArtifact
    fields : dict of str to Field
        The latest of each name.
    stack : tuple of StackFrame
        Enclosing foreaches, outermost first.
    iteration : int or None
        Number of the repetition in a recursive step.
    way : Way
    error : tuple of (str, str) or None
        Type and text of what was raised.
    logs : tuple of (str, str)
        Stream and path of each log file.
    """

    number: int
    status: TaskStatus
    ok: bool
    success: bool
    started_at: float
    finished_at: float
    artifacts: Mapping[str, StoredArtifact]
    fields: Mapping[str, Field]
    stack: tuple[StackFrame, ...]
    iteration: int | None
    way: Way
    error: tuple[str, str] | None
    logs: tuple[tuple[LogStream, str], ...]


class SourceTask(NamedTuple):
    """A task with all of its attempts.

    Attributes
    ----------
    step, task_id : str
    attempts : tuple of SourceAttempt
        In order.
    problems : tuple of Problem
        What could not be read.
    """

    step: str
    task_id: str
    attempts: tuple[SourceAttempt, ...]
    problems: tuple[Problem, ...]


class TaskReading:
    """Reads tasks of one flow; remembers the small values that many of them share.

    Parameters
    ----------
    source : SourceFolder
    flow : str
    """

    def __init__(self, source: SourceFolder, flow: str) -> None:
        self._source = source
        self._flow = flow
        self._values: dict[str, Any] = {}

    def read(self, run_id: str, place: TaskPlace) -> SourceTask:
        """Read a task. What cannot be read is named in its problems and left out."""
        path = self._source.task_path(self._flow, run_id, place.step, place.task_id)
        where = f"{self._flow}/{run_id}/{place.step}/{place.task_id}"
        problems: list[Problem] = []
        attempts = []
        try:
            created = parse_created(self._source.task_document(path), f"{path}/_meta/_self.json").at
        except CorruptedDataException as error:
            problems.append(Problem(where, error.message))
            created = os.stat(path).st_mtime
        fields = self._fields(path, where, problems)
        files: dict[int, list[str]] = {}
        for name in self._source.task_files(path):
            found = _ATTEMPT_FILE.fullmatch(name)
            if found is not None:
                files.setdefault(int(found[1]), []).append(found[2])
        first = min(files, default=0)
        for number in sorted(files):
            mine = _latest(
                field for field in fields if field.attempt == number or (field.attempt is None and number == first)
            )
            try:
                at = created if number == first else None
                attempt = self._attempt(path, where, number, set(files[number]), mine, at, problems)
            except CorruptedDataException as error:
                problems.append(Problem(f"{where}, attempt {number}", error.message))
            else:
                attempts.append(attempt)
        return SourceTask(place.step, place.task_id, tuple(attempts), tuple(problems))

    def plain(self, artifact: StoredArtifact) -> Any:
        """Value of an artifact of Metaflow's own.

        Raises
        ------
        CorruptedDataException
            If it cannot be read.
        """
        if artifact.key not in self._values:
            if self._source.blob_size(self._flow, artifact.key) > _INTERNAL_BYTES:
                raise CorruptedDataException(f"The blob {artifact.key} is far too large for what it should hold.")
            try:
                value = read_plain(self._source.read_blob(self._flow, artifact.key))
            except NotPlain as error:
                raise CorruptedDataException(
                    f"The blob {artifact.key} does not hold what it should: {error}."
                ) from error
            if len(self._values) >= _REMEMBERED:
                self._values.clear()
            self._values[artifact.key] = value
        return self._values[artifact.key]

    def _fields(self, path: str, where: str, problems: list[Problem]) -> list[Field]:
        fields = []
        for file in self._source.field_files(path):
            try:
                fields.append(parse_field(read_file(file), file))
            except CorruptedDataException as error:
                problems.append(Problem(where, error.message))
        return fields

    def _attempt(
        self,
        path: str,
        where: str,
        number: int,
        files: set[str],
        fields: dict[str, Field],
        created: float | None,
        problems: list[Problem],
    ) -> SourceAttempt:
        def content(name: str) -> tuple[bytes, str]:
            file = f"{path}/{number}.{name}"
            return read_file(file), file

        artifacts = parse_artifacts(*content("data.json")) if "data.json" in files else {}

        def value(name: str, otherwise: Any = None) -> Any:
            if name not in artifacts:
                return otherwise
            try:
                return self.plain(artifacts[name])
            except CorruptedDataException as error:
                problems.append(Problem(f"{where}/{name}", error.message))
                return otherwise

        signs = [field.at for field in fields.values()]
        started = parse_started(*content("attempt.json")) if "attempt.json" in files else min(signs, default=None)
        starts = [at for at in (created, started) if at is not None] or [os.stat(path).st_mtime]
        ended_well = fields["attempt_ok"].value == "True" if "attempt_ok" in fields else None
        process_ended_well = parse_succeeded(*content("runtime")) if "runtime" in files else None
        done = "DONE.lock" in files
        ok = done and bool(value("_task_ok", ended_well))
        failed = done or ended_well is False or process_ended_well is False
        way = _way(value)
        return SourceAttempt(
            number=number,
            status="done" if ok else "failed" if failed else "killed",
            ok=ok,
            success=ok and bool(value("_success", True)),
            started_at=min(starts),
            finished_at=_end(fields, max([*starts, *signs])),
            artifacts=artifacts,
            fields=fields,
            stack=_stack(value("_foreach_stack"), fields),
            iteration=_last_number(value("_iteration_stack")),
            way=way if ok else Way(),
            error=_error(value("_exception")),
            logs=_logs(path, number, files),
        )


def _latest(fields: Any) -> dict[str, Field]:
    """The latest of each name."""
    latest: dict[str, Field] = {}
    for field in fields:
        if field.name not in latest or field.at >= latest[field.name].at:
            latest[field.name] = field
    return latest


def _end(fields: Mapping[str, Field], last_sign: float) -> float:
    for name in ("attempt-done", "attempt_ok"):
        if name in fields:
            return fields[name].at
    return last_sign


def _stack(frames: Any, fields: Mapping[str, Field]) -> tuple[StackFrame, ...]:
    """Enclosing foreaches: as the artifact has them, or else as the fields do that were written at the start."""
    if isinstance(frames, list):
        return tuple([_frame(frame) for frame in frames])
    if "foreach-execution-path" not in fields:
        return ()
    shown = _strings(fields["foreach-stack"].value) if "foreach-stack" in fields else []
    stack = []
    for depth, part in enumerate(fields["foreach-execution-path"].value.split(",")):
        step, _, index = part.rpartition(":")
        variable, _, value = shown[depth].partition("=") if depth < len(shown) else ("", "", None)
        if not step or not index.isdecimal():
            raise CorruptedDataException(
                f"The field foreach-execution-path has the part {part!r}, which is no step:index."
            )
        stack.append(StackFrame(step, variable, None, int(index), value))
    return tuple(stack)


def _frame(frame: Any) -> StackFrame:
    fields = (*frame.arguments, None, None) if isinstance(frame, Opaque) else ()
    if len(fields) < 6 or not isinstance(fields[0], str) or not isinstance(fields[3], int):
        raise CorruptedDataException("The artifact _foreach_stack holds something that is no place in a foreach.")
    step, variable, num_splits, index, value = fields[:5]
    splits = num_splits if isinstance(num_splits, int) else None
    return StackFrame(step, str(variable or ""), splits, index, None if value is None else str(value))


def _way(value: Any) -> Way:
    """Where a task went; `value` gives a plain artifact of it."""
    transition = value("_transition")
    if not isinstance(transition, tuple) or len(transition) != 2 or not isinstance(transition[0], list):
        return Way()
    targets = tuple([str(target) for target in transition[0]])
    variable = transition[1]
    if not isinstance(variable, str):
        return Way(targets)
    if variable == _PARALLEL_ITERATOR:
        nodes = value(_PARALLEL_ITERATOR)
        state = nodes.state if isinstance(nodes, Opaque) and isinstance(nodes.state, dict) else {}
        number = state.get("num_parallel")
        return Way(targets, variable, number if isinstance(number, int) else None)
    splits, labels = value("_foreach_num_splits"), value("_foreach_values")
    return Way(
        targets,
        variable,
        splits if isinstance(splits, int) else None,
        tuple([str(label) for label in labels]) if isinstance(labels, list) else None,
    )


def _error(exception: Any) -> tuple[str, str] | None:
    state = exception.state if isinstance(exception, Opaque) else None
    if not isinstance(state, dict):
        return None
    return str(state.get("type") or "Exception"), str(state.get("exception") or "")[:500]


def _last_number(stack: Any) -> int | None:
    return stack[-1] if isinstance(stack, list) and stack and isinstance(stack[-1], int) else None


def _logs(path: str, number: int, files: set[str]) -> tuple[tuple[LogStream, str], ...]:
    found = []
    for name in sorted(files):
        log = _LOG_FILE.fullmatch(name)
        if log is not None:
            stream: LogStream = "stdout" if log[1] == "stdout" else "stderr"
            found.append((stream, f"{path}/{number}.{name}"))
    return tuple(found)


def _strings(text: str) -> list[str]:
    """A JSON list of texts; what is none is empty."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return [str(item) for item in value] if isinstance(value, list) else []
