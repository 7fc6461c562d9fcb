"""Which task read from which, and where each stands in its foreaches: told from where the tasks went. No I/O.

Metaflow does not record what a task read from. But a task is told from every other one of its run by its step, its
place in the foreaches, and the number of its repetition; and each task that finished tells which steps it went on to.
Together they leave one answer.
"""

from __future__ import annotations

from typing import NamedTuple

from metaflow.imports.source import PARAMETERS_STEP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from metaflow.imports.attempts import SourceAttempt, SourceTask, StackFrame

    #: Place in the enclosing foreaches: the step that each leads to, and the index.
    Path = tuple[tuple[str, int], ...]


class Place(NamedTuple):
    """One enclosing foreach of a task, in our terms.

    Attributes
    ----------
    step : str
        Step that split.
    variable : str
    index, num_splits : int
    label : str or None
        Short text of the element.
    task : str
        The task that split, as ``step/task/attempt``.
    """

    step: str
    variable: str
    index: int  # type: ignore[assignment]  # a tuple has a method of that name, which nobody needs here
    num_splits: int
    label: str | None
    task: str


class Origin(NamedTuple):
    """Where an attempt stands in its run.

    Attributes
    ----------
    inputs : tuple of str
        Tasks that it read from, as ``step/task/attempt``, in the order in which a join sees them.
    frames : tuple of Place
        Enclosing foreaches, outermost first.
    iteration : int or None
        Number of the repetition in a recursive step.
    """

    inputs: tuple[str, ...]
    frames: tuple[Place, ...]
    iteration: int | None


class _Finished(NamedTuple):
    """A task that went on to others."""

    task: SourceTask
    attempt: SourceAttempt

    @property
    def key(self) -> str:
        return f"{self.task.step}/{self.task.task_id}/{self.attempt.number}"


class Lineage:
    """What the tasks of a run say of each other.

    Parameters
    ----------
    tasks : iterable of SourceTask
        All of the run.
    steps : mapping of str to sequence of str
        Steps of the flow in order, with those that each leads to; empty if that is not known.
    start_step : str
        The first of them.
    """

    def __init__(self, tasks: Iterable[SourceTask], steps: Mapping[str, Sequence[str]], start_step: str) -> None:
        self._order = {step: number for number, step in enumerate(steps)}
        self._steps = steps
        self._start_step = start_step
        # Of tasks that split, by the step that they went to and their own place.
        self._splits: dict[tuple[str, Path], _Finished] = {}
        # Of the others, by that, and by the repetition that they led to.
        self._ways: dict[tuple[str, Path, int], list[_Finished]] = {}
        # Of those in a foreach, by the step that they went to and the place around that foreach.
        self._joins: dict[tuple[str, Path], list[_Finished]] = {}
        self._repetitions: dict[tuple[str, Path], int] = {}
        for task in tasks:
            if task.attempts:
                self._add(_Finished(task, task.attempts[-1]))

    def _add(self, finished: _Finished) -> None:
        task, attempt = finished
        path = _path(attempt.stack)
        if attempt.iteration is not None:
            place = (task.step, path)
            self._repetitions[place] = max(self._repetitions.get(place, 0), attempt.iteration + 1)
        for target in (self._start_step,) if task.step == PARAMETERS_STEP else attempt.way.targets:
            if attempt.way.foreach is not None:
                self._splits[target, path] = finished
                continue
            repetition = (attempt.iteration or 0) + 1 if target == task.step else 0
            self._ways.setdefault((target, path, repetition), []).append(finished)
            if path:
                self._joins.setdefault((target, path[:-1]), []).append(finished)

    def origin(self, step: str, attempt: SourceAttempt) -> Origin:
        """Where an attempt of a task of `step` stands."""
        path = _path(attempt.stack)
        iteration = attempt.iteration
        if iteration is None and step in self._steps.get(step, ()):
            # It did not live to say which repetition it was. All before it did.
            iteration = self._repetitions.get((step, path), 0)
        parents = self._parents(step, path, iteration or 0)
        frames = tuple([self._frame(attempt, depth) for depth in range(len(path))])
        return Origin(tuple([parent.key for parent in parents]), frames, iteration)

    def _parents(self, step: str, path: Path, repetition: int) -> list[_Finished]:
        if not repetition and path and path[-1][0] == step:
            split = self._splits.get((step, path[:-1]))
            return [] if split is None else [split]
        found = self._ways.get((step, path, repetition))
        if found is None and not repetition:
            found = self._joins.get((step, path))
        return sorted(found or [], key=self._place_in_join)

    def _place_in_join(self, finished: _Finished) -> tuple[int, int, str, int, str]:
        task, attempt = finished
        index = attempt.stack[-1].index if attempt.stack else 0
        return self._order.get(task.step, len(self._order)), index, task.step, len(task.task_id), task.task_id

    def _frame(self, attempt: SourceAttempt, depth: int) -> Place:
        mine = attempt.stack[depth]
        split = self._splits.get((mine.step, _path(attempt.stack[:depth])))
        way = None if split is None else split.attempt.way
        num_splits = mine.num_splits
        if num_splits is None:
            num_splits = way.num_splits if way is not None and way.num_splits is not None else mine.index + 1
        label = mine.value
        if label is None and way is not None:
            labels = way.labels or ()
            label = labels[mine.index] if mine.index < len(labels) else str(mine.index) if not labels else None
        variable = mine.variable or (way.foreach if way is not None else None) or ""
        step = split.task.step if split is not None else self._step_before(mine.step)
        return Place(step, variable, mine.index, num_splits, label, split.key if split is not None else f"{step}/?/0")

    def _step_before(self, target: str) -> str:
        """Step whose foreach leads to `target`, if the task that split cannot be found."""
        return next((step for step, targets in self._steps.items() if target in targets), target)


def _path(stack: Sequence[StackFrame]) -> Path:
    return tuple([(frame.step, frame.index) for frame in stack])
