"""What the viewer knows of a run and its cards: read when somebody asks, but not more often than is of use."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from metaflow.cards.stored import CardFilter, StoredCard, cards_of_tasks
from metaflow.metadata_store.store import RunQuery, TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import RunRecord, TaskRecord

#: Seconds for which a data document is taken to be as it was, however many pages ask for it.
_DOCUMENT_SECONDS = 1.0
#: Looking at a large run takes time: at most one part in so many of it is spent on that.
_SHARE_OF_TIME = 10
#: So many of them are remembered for those seconds.
_MOST_DOCUMENTS = 64


class ShownCard(NamedTuple):
    """A card, and the task of the run that it is shown for.

    Attributes
    ----------
    task : TaskRecord
        A task of the run.
    card : StoredCard
        Its card, which may be that of the task that it was cloned from.
    """

    task: TaskRecord
    card: StoredCard


class Snapshot(NamedTuple):
    """A run and its cards at some moment.

    Attributes
    ----------
    run : RunRecord or None
        None if there is no run yet.
    cards : tuple of ShownCard
        Those of the newest tasks first.
    """

    run: RunRecord | None
    cards: tuple[ShownCard, ...]


class RunWatch:
    """Looks at a run of a flow and its cards. May be used by several threads.

    Parameters
    ----------
    provider : Provider
        Where runs are.
    flow : str
        Name of the flow.
    run_id : str or None
        The run; None for whichever is the latest.
    tags : tuple of str
        Tags of runs that count when the latest is looked for.
    interval : float
        Seconds for which what was seen is good enough.
    clock : callable
        Gives the time, in seconds.
    """

    def __init__(
        self,
        provider: Provider,
        flow: str,
        run_id: str | None = None,
        tags: tuple[str, ...] = (),
        interval: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.flow = flow
        self._provider = provider
        self._run_id = run_id
        self._tags = tags
        self._interval = interval
        self._clock = clock
        self._lock = threading.Lock()
        self._documents_lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._good_until = 0.0
        self._documents: dict[tuple[str, str], tuple[float, bytes | None]] = {}

    @property
    def follows(self) -> bool:
        """Whether it goes on to the next run when one starts."""
        return self._run_id is None

    def snapshot(self) -> Snapshot:
        """The run and its cards, as they are or were a moment ago.

        Raises
        ------
        MetaflowException
            If they cannot be read.
        """
        with self._lock:
            started = self._clock()
            if self._snapshot is None or started >= self._good_until:
                self._snapshot = self._look()
                now = self._clock()
                self._good_until = now + max(self._interval, (now - started) * _SHARE_OF_TIME)
            return self._snapshot

    def find(self, pathspec: str, digits: str) -> ShownCard | None:
        """The card of a task of the flow by its hash, or the first five characters of it; None if there is none.

        Raises
        ------
        MetaflowException
            If they cannot be read.
        """
        wanted = CardFilter(hash=digits)
        seen = self.snapshot()
        found = _of(seen.cards, pathspec, wanted)
        if found is not None:
            return found
        flow, run_id, step, task_id = pathspec.split("/")
        if flow != self.flow or (seen.run is not None and seen.run.run_id == run_id):
            return None
        # A run before the one that is watched, which somebody still looks at.
        with self._lock:
            if self._provider.run(flow, run_id) is None:
                return None
            tasks = self._provider.tasks(TaskQuery(flow, run_id, step, task_id))
            cards = cards_of_tasks(self._provider, tasks)
        return _of(tuple(ShownCard(each.task, card) for each in cards for card in each.cards), pathspec, wanted)

    def page(self, shown: ShownCard) -> bytes | None:
        """The card's page; None if it is gone."""
        # As it is now: it is asked for when a document has named another one, and nobody would ask again.
        return self._read(shown, shown.card.page_key)

    def data(self, shown: ShownCard) -> bytes | None:
        """What changes on the card, as the task left it; None if it left nothing."""
        return self._document(shown, shown.card.data_key)

    def _read(self, shown: ShownCard, key: str) -> bytes | None:
        from metaflow.datastore.store import ObjectMissing

        try:
            return self._provider.store_of(shown.card.task.flow, shown.card.task.run_id).get(key)
        except ObjectMissing:
            return None

    def _document(self, shown: ShownCard, key: str) -> bytes | None:
        # What was read while the task went on may not be the last that it wrote.
        name = (key, shown.task.status)
        now = self._clock()
        with self._documents_lock:
            read_at, content = self._documents.get(name, (None, None))
        if read_at is not None and now - read_at < _DOCUMENT_SECONDS:
            return content
        content = self._read(shown, key)  # a store that takes long holds up no other card
        with self._documents_lock:
            for old in [each for each, (at, _) in self._documents.items() if now - at >= _DOCUMENT_SECONDS]:
                del self._documents[old]
            self._documents[name] = (now, content)
            while len(self._documents) > _MOST_DOCUMENTS:
                del self._documents[next(iter(self._documents))]
        return content

    def _look(self) -> Snapshot:
        run = self._run()
        if run is None:
            return Snapshot(None, ())
        tasks = [
            task for task in self._provider.tasks(TaskQuery(run.flow, run.run_id)) if not task.step.startswith("_")
        ]
        return Snapshot(
            run,
            tuple(
                ShownCard(of_task.task, card)
                for of_task in cards_of_tasks(self._provider, tasks)
                for card in of_task.cards
            ),
        )

    def _run(self) -> RunRecord | None:
        if self._run_id is not None:
            return self._provider.run(self.flow, self._run_id)
        return next(iter(self._provider.runs(RunQuery(self.flow, self._tags, limit=1))), None)


def _of(cards: tuple[ShownCard, ...], pathspec: str, wanted: CardFilter) -> ShownCard | None:
    return next((each for each in cards if each.task.pathspec == pathspec and wanted.wants(each.card.name)), None)
