"""Which cards of tasks there are in a datastore, told from the names of their files; nothing is read."""

from __future__ import annotations

import json
from typing import NamedTuple

from metaflow.cards.files import CardName, parse_page_name
from metaflow.client.task_metadata import CARD_INFO
from metaflow.datastore.layout import card_key, cards_prefix, parse_card_key
from metaflow.metadata_store.store import TaskQuery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from metaflow.client.provider import Provider
    from metaflow.metadata_store.records import TaskRecord

#: So many characters of a hash are enough to tell which card is meant.
LEAST_OF_HASH = 5
#: From so many tasks of a step on, all that the step has is listed at once instead of each task's cards.
_MANY_TASKS = 4

_TaskKey = tuple[str, str, str, str]


class StoredCard(NamedTuple):
    """A card of a task.

    Attributes
    ----------
    name : CardName
    task : TaskRecord
        The task that has it.
    modified_at : float
        When its page was last written, in seconds since the epoch, by the clock of the store.
    size : int
        Of its page, in bytes.
    """

    name: CardName
    task: TaskRecord
    modified_at: float
    size: int

    @property
    def page_key(self) -> str:
        """Where the datastore has its page."""
        return self._key(self.name.page)

    @property
    def data_key(self) -> str:
        """Where the datastore has what changes on it while its task runs, if there is such a thing."""
        return self._key(self.name.data)

    def _key(self, file: str) -> str:
        return card_key(self.task.flow, self.task.run_id, self.task.step, self.task.task_id, file)


class TaskCards(NamedTuple):
    """The cards of one task.

    Attributes
    ----------
    task : TaskRecord
        The task that was asked about.
    cards : tuple of StoredCard
        In the order in which the step declares them, as far as that is known.
    """

    task: TaskRecord
    cards: tuple[StoredCard, ...]


class CardFilter(NamedTuple):
    """Which cards are wanted.

    Attributes
    ----------
    type, id : str, optional
    hash : str, optional
        The whole hash, or at least five of its first characters.
    """

    type: str | None = None
    id: str | None = None
    hash: str | None = None

    def __bool__(self) -> bool:
        return any(part is not None for part in self)

    def wants(self, name: CardName) -> bool:
        """Whether a card is one of those."""
        return (
            (self.type is None or name.type == self.type)
            and (self.id is None or name.id == self.id)
            and (self.hash is None or _is_hash_of(name, self.hash))
        )

    @property
    def described(self) -> str:
        """The filter in words, such as ``type 'blank' and id 'report'``."""
        return " and ".join(f"{kind} {value!r}" for kind, value in self._asdict().items() if value is not None)


def _is_hash_of(name: CardName, text: str) -> bool:
    return name.hash == text or (len(text) >= LEAST_OF_HASH and name.hash.startswith(text))


def cards_of_tasks(provider: Provider, tasks: Sequence[TaskRecord], follow_resumed: bool = True) -> list[TaskCards]:
    """Find the cards of tasks.

    A task that was taken over from another run has no cards of its own, unless some were made later; those of the task
    that it was cloned from are its cards too, through any number of resumes.

    Parameters
    ----------
    provider : Provider
        Where the tasks are.
    tasks : sequence of TaskRecord
    follow_resumed : bool
        Whether to look also at what tasks were cloned from.

    Returns
    -------
    list of TaskCards
        For each task, in the same order.

    Raises
    ------
    DataException
        If a datastore cannot be listed.
    """
    found: list[list[StoredCard]] = [[] for _ in tasks]
    current: dict[int, TaskRecord] = dict(enumerate(tasks))
    seen: dict[int, set[str]] = {index: {task.pathspec} for index, task in current.items()}
    while current:
        listed = _listed(provider, current.values())
        for index, task in current.items():
            found[index] += listed[_key_of(task)]
        origins = {index: task.origin for index, task in current.items() if follow_resumed and task.origin}
        records = _records(provider, set(origins.values()))
        current = {}
        for index, pathspec in origins.items():
            record = records.get(pathspec)
            if record is not None and pathspec not in seen[index]:
                seen[index].add(pathspec)
                current[index] = record
    return [TaskCards(task, tuple(cards)) for task, cards in zip(tasks, found, strict=True)]


def _key_of(task: TaskRecord) -> _TaskKey:
    return task.flow, task.run_id, task.step, task.task_id


def _listed(provider: Provider, tasks: Iterable[TaskRecord]) -> dict[_TaskKey, list[StoredCard]]:
    """Cards that the datastore has of tasks, in order."""
    found: dict[_TaskKey, list[StoredCard]] = {}
    steps: dict[tuple[str, str, str], dict[str, TaskRecord]] = {}
    for task in tasks:
        found[_key_of(task)] = []
        steps.setdefault((task.flow, task.run_id, task.step), {})[task.task_id] = task
    for (flow, run_id, step), of_step in steps.items():
        store = provider.store_of(flow, run_id)
        singly = len(of_step) < _MANY_TASKS
        prefixes = [cards_prefix(flow, run_id, step, task_id) for task_id in of_step] if singly else []
        for prefix in prefixes or [cards_prefix(flow, run_id, step)]:
            for stored in store.scan(prefix):
                place = parse_card_key(stored.key)
                name = parse_page_name(place[1]) if place is not None else None
                if place is not None and name is not None and place[0] in of_step:
                    task = of_step[place[0]]
                    found[_key_of(task)].append(StoredCard(name, task, stored.modified_at, stored.size))
    return {key: _in_order(cards) for key, cards in found.items()}


def _in_order(cards: list[StoredCard]) -> list[StoredCard]:
    """Cards of one task as they were declared, if its record says so; the others behind them, by their names."""
    places = {digits: place for place, digits in enumerate(_declared(cards[0].task))} if len(cards) > 1 else {}

    def position(card: StoredCard) -> tuple[int, str, str, str]:
        name = card.name
        return places.get(name.hash, len(places)), name.type, name.id or "", name.hash

    return sorted(cards, key=position)


def _declared(task: TaskRecord) -> list[str]:
    """Hashes of the cards that a task has declared, as far as its record says."""
    try:
        return [str(each["card_uuid"]) for each in json.loads(task.metadata.get(CARD_INFO, "[]"))]
    except (ValueError, TypeError, KeyError):
        return []


def _records(provider: Provider, pathspecs: set[str]) -> dict[str, TaskRecord]:
    """Records of tasks, as far as they still exist, by their pathspecs; those of one step together."""
    steps: dict[tuple[str, str, str], set[str]] = {}
    for pathspec in pathspecs:
        flow, run_id, step, task_id = pathspec.split("/")
        steps.setdefault((flow, run_id, step), set()).add(task_id)
    found = {}
    for (flow, run_id, step), task_ids in steps.items():
        one = next(iter(task_ids)) if len(task_ids) == 1 else None
        if provider.run(flow, run_id) is None:
            continue  # it was deleted, and its cards with it
        for record in provider.tasks(TaskQuery(flow, run_id, step, one)):
            if record.task_id in task_ids:
                found[record.pathspec] = record
    return found
