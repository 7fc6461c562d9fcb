"""One task: its attempts as manifests and logs in our store, and the files of its cards."""

from __future__ import annotations

from contextlib import contextmanager
from types import MappingProxyType

from metaflow.datastore.layout import card_key, log_key, manifest_key
from metaflow.datastore.manifest import Manifest
from metaflow.exception import CorruptedDataException, DataException
from metaflow.imports.artifacts import ArtifactTaking, index_values
from metaflow.imports.documents import parse_code_package
from metaflow.imports.logs import converted_log
from metaflow.imports.records import attempt_record
from metaflow.imports.report import Problem
from metaflow.imports.source import read_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from metaflow.datastore.manifest import ArtifactEntry
    from metaflow.datastore.store import ObjectStore
    from metaflow.imports.attempts import SourceAttempt, SourceTask
    from metaflow.imports.lineage import Lineage
    from metaflow.imports.records import RunFacts
    from metaflow.imports.source import CardFile, SourceFolder


class TaskWriting:
    """Writes tasks of one run. What cannot be read is left out and named.

    Parameters
    ----------
    source : SourceFolder
        Where from.
    store : ObjectStore
        Where to.
    run : RunFacts
        The run.
    lineage : Lineage
        What its tasks say of each other.
    again : bool
        Whether there may be files of an earlier import, so that those that would be the same are left.
    """

    def __init__(self, source: SourceFolder, store: ObjectStore, run: RunFacts, lineage: Lineage, again: bool) -> None:
        self._store = store
        self._run = run
        self._lineage = lineage
        self._again = again
        self._taking = ArtifactTaking(source, run.record.flow, store)

    def write(self, task: SourceTask, cards: Sequence[CardFile], problems: list[Problem]) -> bool:
        """Write a task.

        Parameters
        ----------
        task : SourceTask
        cards : sequence of CardFile
            Files of its cards.
        problems : list of Problem
            What could not be brought is added to it.

        Returns
        -------
        bool
            Whether anything of it was not there yet.

        Raises
        ------
        DataException
            If our store fails.
        """
        flow, run_id = self._run.record.flow, self._run.record.run_id
        where = f"{flow}/{run_id}/{task.step}/{task.task_id}"
        try:
            for attempt in task.attempts:
                manifest_key(flow, run_id, task.step, task.task_id, attempt.number)
        except DataException as error:
            problems.append(Problem(where, error.message))
            return False
        changed = False
        copied = []
        for card in cards:
            with _noted(problems, f"{where}, card {card.name}"):
                changed |= self._put(card_key(flow, run_id, task.step, task.task_id, card.name), read_file(card.path))
                copied.append(card.name)
        for attempt in task.attempts:
            names = copied if attempt is task.attempts[-1] else []
            record = attempt_record(self._run, task, attempt, self._lineage.origin(task.step, attempt), names)
            changed |= self._write_attempt(task, attempt, record, where, problems)
        return changed

    def _write_attempt(
        self, task: SourceTask, attempt: SourceAttempt, record: dict[str, Any], where: str, problems: list[Problem]
    ) -> bool:
        entries: dict[str, ArtifactEntry] = {}
        for name, artifact in attempt.artifacts.items():
            with _noted(problems, f"{where}/{name}"):
                entries[name] = self._taking.take(artifact)
        record["task"]["values"] = index_values(entries)
        if "code-package" in attempt.fields:
            with _noted(problems, f"{where}, code package"):
                package = parse_code_package(attempt.fields["code-package"].value, "The field code-package")
                record["code_package"] = self._taking.take_package(package)
        logs = []
        for stream, path in attempt.logs:
            with _noted(problems, f"{where}, log"):
                logs.append((stream, read_file(path)))
        key = (self._run.record.flow, self._run.record.run_id, task.step, task.task_id, attempt.number)
        log = converted_log(logs, attempt.started_at)
        changed = bool(log) and self._put(log_key(*key), log)
        # The manifest last: with it, the attempt is there.
        manifest = Manifest(*key, record, MappingProxyType(entries))
        return self._put(manifest_key(*key), manifest.encode()) or changed

    def _put(self, key: str, data: bytes) -> bool:
        """Write a file; False if it is there already as it would be written."""
        stored = self._store.stat(key) if self._again else None
        if stored is not None and stored.size == len(data) and self._store.get(key) == data:
            return False
        self._store.put(key, [data])
        return True


@contextmanager
def _noted(problems: list[Problem], where: str) -> Iterator[None]:
    """Note what could not be read, and go on."""
    try:
        yield
    except CorruptedDataException as error:
        problems.append(Problem(where, error.message))
