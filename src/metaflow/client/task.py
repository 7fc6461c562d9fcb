"""One task of a step."""

from __future__ import annotations

from metaflow.client.artifact import DataArtifact, MetaflowData, has_artifact, load_value, visible_names
from metaflow.client.object import MetaflowObject, local_time
from metaflow.exception import MetaflowException, MetaflowNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Any

    from metaflow.client.code import MetaflowCode
    from metaflow.client.step import Step
    from metaflow.client.task_metadata import Metadata
    from metaflow.datastore.logs import LogLine, LogStream
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import TaskRecord, TaskStatus
    from metaflow.metadata_store.store import TaskQuery


class Task(MetaflowObject):
    """A task. Iterating gives its artifacts.

    What is read is the latest attempt that was started, even if it is still running or was killed.

    Parameters
    ----------
    pathspec : str
        ``"FlowName/RunID/StepName/TaskID"``.
    attempt : int, optional
        Read this attempt, 0 to 5, instead.

    Examples
    --------
    >>> task = Task("Training/1711000000000000/train/2")
    >>> task.data.accuracy
    0.97
    >>> task.exception is None
    True
    """

    _PARTS = 4
    _HAS_ATTEMPTS = True
    _record: TaskRecord
    _opened: TaskReader | None = None
    #: Whether this is the process of the task itself, which knows best how it is.
    _is_own: bool = False

    def _load(self) -> bool:
        # The run first: if its process died, that is when the index is set right.
        if self._provider.run(*self._names[:2]) is None:
            return False
        record = self._provider.task(self._query())
        if record is not None:
            self._record = record
        return record is not None

    def _query(self, all_attempts: bool = False) -> TaskQuery:
        from metaflow.metadata_store.store import TaskQuery

        flow, run_id, step, task_id = self._names
        return TaskQuery(flow, run_id, step, task_id, self._attempt, all_attempts)

    def _current(self) -> TaskRecord:
        """The record as it is now; only a task that is done is sure to stay as it is."""
        if self._record.status != "done" and not self._is_own:
            self._load()
            if self._record.status == "running":
                self._record = self._committed() or self._record
        return self._record

    def _committed(self) -> TaskRecord | None:
        """The record that the attempt itself left, if it finished and the index has not heard of it yet."""
        from metaflow.metadata_store.records import TaskRecord

        reader = self._provider.reader(self._record)
        if reader is None:
            return None
        plain = {**reader.manifest.record.get("task", {}), "created_at": self._record.created_at}
        return TaskRecord.from_dict(plain)

    def _reader(self) -> TaskReader | None:
        """The artifacts of the attempt; None if it left none."""
        return self._reader_of(self._current())

    def _reader_of(self, record: TaskRecord) -> TaskReader | None:
        if self._opened is None or self._opened.manifest.attempt != record.attempt:
            self._opened = self._provider.reader(record)
        return self._opened

    def _created(self) -> float:
        created_at = self._record.created_at
        return self._record.started_at if created_at is None else created_at

    @property
    def parent(self) -> Step:
        """The step."""
        from metaflow.client.step import Step

        return self._related(Step, self._names[:3])

    @property
    def origin_pathspec(self) -> str | None:
        """The task that this one was cloned from; None if it ran itself."""
        return self._record.origin

    def __iter__(self) -> Iterator[DataArtifact]:
        reader = self._reader()
        for name in visible_names(reader):
            yield self._artifact(name)

    def __getitem__(self, key: str) -> DataArtifact:
        if str(key) not in self._current().values:
            reader = self._reader()
            if reader is None or not has_artifact(reader, str(key)):
                raise KeyError(key)
        return self._artifact(str(key))

    def _artifact(self, name: str) -> DataArtifact:
        record = self._record
        finished_at = record.started_at if record.finished_at is None else record.finished_at
        return self._related(
            DataArtifact,
            [*self._names, name],
            self._attempt,
            _values=record.values,
            _open=lambda: self._reader_of(record),
            _finished_at=finished_at,
        )

    @property
    def data(self) -> MetaflowData:
        """The artifacts as attributes. Keep the object if you read one of them more than once."""
        record = self._current()
        return MetaflowData(record.values, lambda: self._reader_of(record))

    @property
    def artifacts(self) -> Any:
        """The artifacts as a named tuple of DataArtifact."""
        from collections import namedtuple

        found = list(self)
        # rename: an artifact's name may be a keyword of Python, which setattr() allows.
        names = [each.id for each in found]
        return namedtuple("MetaflowArtifacts", names, rename=True)(*found)  # type: ignore[arg-type]

    def artifact_names(self, private: bool = False) -> list[str]:
        """Names of the artifacts, sorted; with `private` also those that start with an underscore."""
        reader = self._reader()
        if reader is None:
            return []
        return sorted(reader) if private else sorted(visible_names(reader))

    @property
    def status(self) -> TaskStatus:
        """``running``, ``done``, ``failed`` or ``killed``."""
        return self._current().status

    @property
    def successful(self) -> bool:
        """The task finished, and nothing was raised in it."""
        return self._current().success

    @property
    def finished(self) -> bool:
        """The task's result can be used: it did not fail, or ``@catch`` caught the failure."""
        return self._current().ok

    @property
    def finished_at(self) -> datetime | None:
        """When the attempt ended, in local time; None if it still runs or was killed."""
        record = self._current()
        return None if record.ended_at is None else local_time(record.ended_at)

    @property
    def duration(self) -> float | None:
        """Seconds that the attempt took; None if it still runs or was killed."""
        record = self._current()
        return None if record.ended_at is None else record.ended_at - record.started_at

    @property
    def exception(self) -> Any:
        """What was raised, as a MetaflowExceptionWrapper; None if nothing was, or if it was caught."""
        reader = self._reader()
        return load_value(reader, "_exception") if reader is not None and "_exception" in reader else None

    @property
    def current_attempt(self) -> int:
        """Number of the attempt that is read."""
        return self._current().attempt

    @property
    def index(self) -> int | None:
        """Index in the innermost foreach; None outside of one."""
        path = self._record.index_path
        return path[-1][1] if path else None

    @property
    def runtime_name(self) -> str | None:
        """What ran the task, such as ``dev``."""
        names = [tag.partition(":")[2] for tag in self.system_tags if tag.startswith("runtime:")]
        return names[0] if names else None

    @property
    def code(self) -> MetaflowCode | None:
        """The code that the task ran: its run's, or that of the run that it was cloned from. None if not recorded."""
        from metaflow.client.code import code_of_task

        return code_of_task(self._provider, self._record)

    @property
    def environment_info(self) -> None:
        """Packages that the task ran with; None, as they are not recorded yet."""
        return None

    @property
    def metadata(self) -> list[Metadata]:
        """All that was recorded of the task: of every attempt, or of the one that was asked for.

        For a cloned task, what it does not have itself is that of the task that it was cloned from.
        """
        from metaflow.client.task_metadata import fields_of

        attempts = self._provider.tasks(self._query(all_attempts=self._attempt is None))
        fields = fields_of(self._run_record(), attempts, self._run_record().datastore or str(self._provider.root), self)
        origin = self._origin()
        if origin is not None:
            own = {field.name for field in fields}
            fields += [field for field in origin.metadata if field.name not in own]
        return fields

    @property
    def metadata_dict(self) -> dict[str, Any]:
        """The latest value of each field of `metadata`."""
        return {field.name: field.value for field in sorted(self.metadata, key=lambda field: field.created_at)}

    def _origin(self) -> Task | None:
        """The task that this one was cloned from, if it still exists."""
        if self._record.origin is None:
            return None
        try:
            return self._related(Task, self._record.origin.split("/"))
        except MetaflowNotFound:
            return None

    @property
    def stdout(self) -> str:
        """All that was printed to the standard output; each line ends with a newline."""
        return self._text("stdout")

    @property
    def stderr(self) -> str:
        """All that was printed to the standard error; each line ends with a newline."""
        return self._text("stderr")

    @property
    def stdout_size(self) -> int:
        """Bytes that were printed to the standard output."""
        return self._text_size("stdout")

    @property
    def stderr_size(self) -> int:
        """Bytes that were printed to the standard error."""
        return self._text_size("stderr")

    def loglines(
        self, stream: LogStream, as_unicode: bool = True, meta_dict: dict[str, Any] | None = None
    ) -> Iterator[tuple[datetime, str | bytes]]:
        """Give what was printed line by line, also while the task runs.

        Parameters
        ----------
        stream : str
            ``stdout`` or ``stderr``.
        as_unicode : bool
            Give text; else the bytes as they were printed.
        meta_dict : dict, optional
            Not needed; for callers that pass it.

        Yields
        ------
        tuple of (datetime, str or bytes)
            When the line was printed, in UTC without a time zone, and the line without its end.
        """
        from datetime import datetime, timedelta

        epoch = datetime(1970, 1, 1)
        for line in self.log(stream):
            printed_at = epoch + timedelta(microseconds=line.timestamp_microseconds)
            yield printed_at, line.text.decode("utf-8", "replace") if as_unicode else line.text

    def log(self, stream: LogStream | None = None, offset: int = 0) -> Iterator[LogLine]:
        """Give what was printed as lines with their time and stream, also while the task runs.

        Parameters
        ----------
        stream : str, optional
            ``stdout`` or ``stderr``; both, in the order in which they were printed, if not given.
        offset : int
            Where to go on: the `end_offset` of the last line that is known.

        Yields
        ------
        LogLine
            Its `text` is the bytes as they were printed.
        """
        from metaflow.datastore.logs import read_log

        if stream not in (None, "stdout", "stderr"):
            raise MetaflowException(f"A task has no log {stream!r}: there are 'stdout' and 'stderr'.")
        origin = self._origin()
        if origin is not None:
            return origin.log(stream, offset)
        return read_log(self._provider.log(self._current()) or b"", stream, offset)

    def _text(self, stream: LogStream) -> str:
        return "".join([line.text.decode("utf-8", "replace") + "\n" for line in self.log(stream)])

    def _text_size(self, stream: LogStream) -> int:
        return sum(len(line.text) + 1 for line in self.log(stream))

    @property
    def parent_tasks(self) -> Iterator[Task]:
        """The tasks whose artifacts this one read.

        Yields
        ------
        Task
            For a join, in the order of its inputs.
        """
        from metaflow.client.lineage import parents

        for record in parents(self._provider, self._current()):
            yield self._sibling(record)

    @property
    def child_tasks(self) -> Iterator[Task]:
        """The tasks that read artifacts of this one.

        Yields
        ------
        Task
            Step by step, the newest first.
        """
        from metaflow.client.lineage import children

        graph = self._provider.graph(*self._names[:2]).get("steps", {})
        steps = graph.get(self._names[2], {}).get("next")
        if steps is None:
            steps = [record.step for record in self._provider.steps(*self._names[:2])]
        for record in children(self._provider, self._current(), list(steps)):
            yield self._sibling(record)

    @property
    def parent_task_pathspecs(self) -> Iterator[str]:
        """Pathspecs of `parent_tasks`."""
        return (task.pathspec for task in self.parent_tasks)

    @property
    def child_task_pathspecs(self) -> Iterator[str]:
        """Pathspecs of `child_tasks`."""
        return (task.pathspec for task in self.child_tasks)

    def _sibling(self, record: TaskRecord) -> Task:
        return self._related(Task, [*self._names[:2], record.step, record.task_id], _record=record)
