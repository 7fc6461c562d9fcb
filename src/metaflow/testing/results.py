"""What a step or a flow left behind in a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..client import Run
    from ..datastore.tasks import TaskReader


class TransitionTaken(NamedTuple):
    """Where a step went on.

    Attributes
    ----------
    targets : tuple of str
        Names of the next steps: the one that was chosen, if there was a choice.
    foreach : str or None
        Attribute that is iterated over.
    num_splits : int or None
        Number of its elements, or of the nodes of ``num_parallel``.
    condition : str or None
        Attribute by which one of several steps was chosen.
    """

    targets: tuple[str, ...]
    foreach: str | None = None
    num_splits: int | None = None
    condition: str | None = None


class CardPage(NamedTuple):
    """A card of a task.

    Attributes
    ----------
    type : str
    id : str or None
    html : str
        The page; what is wrong, if it could not be rendered.
    """

    type: str
    id: str | None
    html: str


class Artifacts:
    """Artifacts of a task, by attribute and by item, each loaded when it is first asked for.

    ``dict(result)`` gives all of them, ``name in result`` tells whether there is one. Those whose names begin with an
    underscore are not listed, but can be asked for. An artifact that has the name of one of the attributes documented
    here is to be had by item only. This is no full mapping, so that ``result.items`` and ``result.values`` are
    artifacts of those names.
    """

    def __init__(self, reader: TaskReader | None, absent: str = "") -> None:
        self._reader = reader
        self._absent = absent
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            if self._reader is None or name not in self._reader:
                raise KeyError(name)
            self._values[name] = self._reader.load(name)
        return self._values[name]

    def keys(self) -> list[str]:
        """Names of the artifacts."""
        return list(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self) or "none"
            reason = self._absent or f"there is no artifact '{name}'; those there are: {known}"
            raise AttributeError(f"{reason[0].upper()}{reason[1:]}.") from None

    def __iter__(self) -> Iterator[str]:
        return iter(() if self._reader is None else [name for name in self._reader if _is_listed(name)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return self._reader is not None and name in self._reader


def _is_listed(name: str) -> bool:
    # `name` is the flow's own name, which every task has.
    return not name.startswith("_") and name != "name"


class StepResult(Artifacts):
    """What came of one task: its artifacts as attributes and items, and how it went.

    Attributes
    ----------
    step, task_id : str
    attempt : int
        Which attempt this is the result of, from 0.
    ok : bool
        Whether the flow could go on from here.
    transition : TransitionTaken or None
        Where it would go; None at the end of the flow, and after a failure.
    exception : BaseException or None
        What the step raised, unless ``@catch`` caught it.
    stdout, stderr : str
        What was printed to ``sys.stdout`` and ``sys.stderr``.
    cards : tuple of CardPage
        The cards of the task, in the order in which they stand above the step.
    """

    def __init__(
        self,
        step: str,
        task_id: str,
        attempt: int,
        ok: bool,
        reader: TaskReader | None,
        transition: TransitionTaken | None,
        exception: BaseException | None,
        stdout: str,
        stderr: str,
        cards: tuple[CardPage, ...] = (),
    ) -> None:
        super().__init__(reader)
        self.step = step
        self.task_id = task_id
        self.attempt = attempt
        self.ok = ok
        self.transition = transition
        self.exception = exception
        self.stdout = stdout
        self.stderr = stderr
        self.cards = cards

    def __repr__(self) -> str:
        how = "" if self.ok else f", failed with {self.exception!r}"
        return f"<StepResult {self.step}/{self.task_id}: {', '.join(self) or 'no artifacts'}{how}>"


class FlowResult(Artifacts):
    """What came of a run: the artifacts of its last step as attributes and items, and how it went.

    Attributes
    ----------
    run : Run
        The run as the client shows it. It lives as long as this object, if it is kept in memory only.
    ok : bool
        Whether the last step finished.
    steps : dict of str to list of StepResult
        The tasks of each step in the order in which they ran; of those that were tried again, the last attempt.
    exception : BaseException or None
        What the step raised that the run failed of.
    """

    def __init__(
        self,
        run: Run,
        steps: dict[str, list[StepResult]],
        end: StepResult | None,
        failed: StepResult | None,
    ) -> None:
        absent = "" if failed is None else f"the run failed in step {failed.step}, so it has no artifacts"
        super().__init__(None if end is None else end._reader, absent)
        self.run = run
        self.ok = end is not None
        self.steps = steps
        self.exception = None if failed is None else failed.exception

    @property
    def stdout(self) -> str:
        """What all tasks printed to ``sys.stdout``, one task after the other."""
        return "".join(result.stdout for results in self.steps.values() for result in results)

    def __repr__(self) -> str:
        how = ", ".join(self) or "no artifacts" if self.ok else f"failed with {self.exception!r}"
        return f"<FlowResult {self.run.pathspec}: {how}>"
