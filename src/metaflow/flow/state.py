"""What a flow object knows while one of its steps runs: inherited artifacts, foreach position, inputs of a join."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol

from .transition import PARALLEL_ITERATOR, element

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .parameters import Parameter
    from .spec import FlowSpec

    #: The flow that a join is in.
    F_co = TypeVar("F_co", bound=FlowSpec, covariant=True, default=Any)
else:
    from typing import TypeVar

    F_co = TypeVar("F_co", covariant=True)


class ArtifactSource(Protocol):
    """Artifacts of a finished task, read when they are asked for."""

    def __contains__(self, name: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def entry(self, name: str) -> Any: ...
    def load(self, name: str) -> Any: ...


class Frame(NamedTuple):
    """Position in one foreach.

    Attributes
    ----------
    step : str
        Step that split.
    variable : str
        Attribute that it iterates over.
    index, num_splits : int
    label : str or None
        Short text of the element.
    task : str
        The task that split, as ``step/task/attempt``: the element is read from its artifacts, so it stays right when a
        later step assigns something else to the same attribute.
    """

    step: str
    variable: str
    index: int  # type: ignore[assignment]  # a tuple has a method of that name, which nobody needs here
    num_splits: int
    label: str | None
    task: str


class StepState:
    """State of a flow object while one step runs, or of one input of a join.

    Parameters
    ----------
    step : str
        Name of the step.
    source : ArtifactSource
        Where inherited artifacts are read from.
    frames : sequence of Frame
        Enclosing foreaches, outermost first.
    open_task : callable
        Gives the :class:`ArtifactSource` of a task named ``step/task/attempt``.
    read_only : mapping
        Attributes that may not be assigned, and what each is ("a parameter").
    is_join : bool
        Whether the step joins branches or tasks.
    takes_inputs : bool
        Whether it received inputs, as a join does, and a step where exclusive branches meet.
    parameters : mapping
        The flow's parameters by attribute name: they say how their stored values are read.
    """

    __slots__ = (
        "_elements",
        "forwarded",
        "frames",
        "is_join",
        "loaded",
        "open_task",
        "parameters",
        "read_only",
        "source",
        "step",
        "takes_inputs",
    )

    def __init__(
        self,
        step: str,
        source: ArtifactSource,
        frames: Sequence[Frame],
        open_task: Callable[[str], ArtifactSource],
        read_only: Mapping[str, str],
        is_join: bool = False,
        takes_inputs: bool = False,
        parameters: Mapping[str, Parameter] = MappingProxyType({}),
    ) -> None:
        self.step = step
        self.source = source
        self.frames = frames
        self.open_task = open_task
        self.read_only = read_only
        self.is_join = is_join
        self.takes_inputs = takes_inputs
        self.parameters = parameters
        #: Values as they were read, to tell at the end which were replaced.
        self.loaded: dict[str, Any] = {}
        #: Artifacts taken over by reference in a join: name -> (source, entry).
        self.forwarded: dict[str, tuple[ArtifactSource, Any]] = {}
        self._elements: dict[int, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.forwarded or name in self.source

    def load(self, name: str) -> Any:
        """Value of the inherited artifact `name`."""
        forwarded = self.forwarded.get(name)
        return (forwarded[0] if forwarded is not None else self.source).load(name)

    def load_into(self, flow: FlowSpec, name: str) -> Any:
        """Like :meth:`load`; `flow` keeps the value, so that it is read once and may be changed in place."""
        value = self.load(name)
        if name in self.parameters:
            value = self.parameters[name].present(value)
        self.loaded[name] = value
        flow.__dict__[name] = value
        return value

    def element(self, depth: int) -> Any:
        """Element of the foreach at `depth`; None if what it iterated over is no longer to be had."""
        if depth not in self._elements:
            frame = self.frames[depth]
            self._elements[depth] = self._find_element(frame)
        return self._elements[depth]

    def _find_element(self, frame: Frame) -> Any:
        if frame.variable == PARALLEL_ITERATOR:
            return frame.index
        source = self.open_task(frame.task)
        return element(source.load(frame.variable), frame.index) if frame.variable in source else None


#: How many inputs of a join stay in memory, with what was read of them, when nobody refers to them any more.
KEPT_INPUTS = 256


class Inputs(Generic[F_co]):
    """What a join step receives: the flow as each task before it left it.

    Index it, iterate over it, or take the input of a step by the step's name: ``inputs[0].x``, ``inputs.train.x``,
    ``[i.score for i in inputs]``. Artifacts are read when they are asked for. Of a join with very many inputs, those
    that were used last stay in memory, those that the step refers to, and those that it has assigned to.

    For editors and type checkers it is generic in the flow: ``def join(self, inputs: Inputs[TrainFlow])``.
    """

    def __init__(self, steps: Sequence[str], open_input: Callable[[int], F_co]) -> None:
        self._steps = steps
        self._open = open_input
        # Those that stay, the one that was opened first at the beginning; and weak references to others.
        self._opened: dict[int, F_co] = {}
        self._assigned: dict[int, F_co] = {}
        self._others: dict[int, Callable[[], F_co | None]] = {}
        self._plain_attributes = 0

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> F_co:
        if not isinstance(index, int):
            raise TypeError(f"inputs are indexed by number or by step (inputs.train), not by {index!r}")
        if index < 0:
            index += len(self._steps)
        if not 0 <= index < len(self._steps):
            raise IndexError(f"this join has {len(self._steps)} inputs")
        flow = self._opened.get(index)
        return self._enter(index) if flow is None else flow

    def _enter(self, index: int) -> F_co:
        """An input that is not among those that were used last."""
        if index in self._assigned:
            return self._assigned[index]
        other = self._others.pop(index, None)
        flow = None if other is None else other()
        if flow is None:
            flow = self._open(index)
            self._plain_attributes = len(vars(flow))
        self._opened[index] = flow
        if len(self._opened) > KEPT_INPUTS:
            self._let_go(next(iter(self._opened)))
        return flow

    def _let_go(self, index: int) -> None:
        from weakref import ref

        flow = self._opened.pop(index)
        loaded: dict[str, Any] = vars(flow)["_flow_state"].loaded
        attributes = vars(flow)
        if len(attributes) == self._plain_attributes + len(loaded) and all(
            attributes.get(name, loaded) is value for name, value in loaded.items()
        ):
            self._others[index] = ref(flow)
        else:
            self._assigned[index] = flow

    def __iter__(self) -> Iterator[F_co]:
        return (self[index] for index in range(len(self._steps)))

    def __getattr__(self, name: str) -> F_co:
        steps = self.__dict__.get("_steps", ())
        for index in range(len(steps) - 1, -1, -1):
            if steps[index] == name:
                return self[index]
        known = ", ".join(sorted(set(steps)))
        raise AttributeError(f"this join has no input from a step '{name}'; its inputs are from: {known}")

    def __repr__(self) -> str:
        return f"<{len(self._steps)} inputs from {', '.join(sorted(set(self._steps)))}>"

    def __getstate__(self) -> Any:
        from ..exception import MetaflowException

        raise MetaflowException(
            "Flows can't be serialized. Maybe you tried to assign *self* or one of the *inputs* to an attribute? "
            "Store the attributes that you need one by one."
        )


def foreach_label() -> Callable[[object], str]:
    """Function that makes the short text of a foreach element."""
    from ..settings import get

    limit = int(get("MAXIMUM_FOREACH_VALUE_CHARS")) if get("INCLUDE_FOREACH_STACK") else 0

    def label(value: object) -> str:
        if isinstance(value, (str, int, float, bool)):
            return str(value)[:limit]
        import reprlib

        return reprlib.repr(value)[:limit]

    return label
