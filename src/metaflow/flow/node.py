"""One step as the graph sees it."""

from __future__ import annotations

from typing import NamedTuple

from .source import clean_docstring
from .static_next import read_next

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FunctionType
    from typing import Any, Literal

    from .source import FunctionSource

    NodeType = Literal["start", "linear", "split", "foreach", "split-switch", "join", "end"]

#: Step decorators that make a step run on several nodes at once.
PARALLEL_DECORATORS = frozenset(
    {"parallel", "pytorch_parallel", "torchrun", "deepspeed", "metaflow_ray", "ray_parallel", "mpi", "tensorflow"}
)


class Frame(NamedTuple):
    """A place inside a split. There is one for each branch, so frames are compared by identity.

    Attributes
    ----------
    split : str
        The step that splits.
    branch : str
        First step of the branch.
    outer : Frame or None
        Place of the split itself; None outside of any other split.
    """

    split: str
    branch: str
    outer: Frame | None


class Node:
    """A step in the graph of its flow. Read it; only :class:`FlowGraph` writes it.

    Attributes
    ----------
    name : str
    line : int
        Line of the step's ``def``.
    source_file : str
    doc : str
        Docstring without its indentation; may be empty.
    num_args : int
        Number of positional arguments, `self` included.
    first_argument : str or None
        Name of the first of them.
    is_async : bool
        Whether it is an ``async def``.
    decorators : tuple
        Step decorators, each with `name` and `attributes`.
    node_info : dict
        What ``@step(node_info=...)`` was given.
    marked_start, marked_end : bool
        Whether ``@step`` says that the flow starts (ends) here.
    transition : StaticNext
        Where the step goes, as far as its source tells.
    targets : tuple of str
        Steps it leads to, in the order written. A flow that was not checked may name steps that do not exist.
    incoming : tuple of str
        Steps that lead here, in the order of the graph; includes the step itself if it is recursive.
    is_start, is_end : bool
        Whether the flow starts (ends) here.
    merges_switch : bool
        Whether the step takes `inputs` although it is no join but the place where branches of an
        ``if``/``else`` meet. It receives exactly one input.
    matching_join : str or None
        For a split: the join that closes it.
    closes : str or None
        For a join: the split that it closes.
    frame : Frame or None
        Innermost split around the step. A join is outside of the split that it closes.
    entry_frames : tuple of (Frame or None)
        For each of `incoming` but the step itself, the innermost split on that way in.
    """

    __slots__ = (
        "closes",
        "decorators",
        "doc",
        "entry_frames",
        "first_argument",
        "frame",
        "incoming",
        "is_async",
        "is_end",
        "is_start",
        "line",
        "marked_end",
        "marked_start",
        "matching_join",
        "merges_switch",
        "name",
        "node_info",
        "num_args",
        "source_file",
        "targets",
        "transition",
    )

    def __init__(self, name: str, function: FunctionType, source: FunctionSource) -> None:
        self.name = name
        self.line = source.line
        self.source_file = source.file
        self.doc = clean_docstring(function.__doc__)
        arguments = [*source.node.args.posonlyargs, *source.node.args.args]
        self.num_args = len(arguments)
        self.first_argument = arguments[0].arg if arguments else None
        self.is_async = type(source.node).__name__ == "AsyncFunctionDef"
        self.decorators: tuple[Any, ...] = tuple(getattr(function, "decorators", ()))
        self.node_info: dict[str, Any] = dict(getattr(function, "node_info", None) or {})
        self.marked_start: bool = getattr(function, "is_start", False)
        self.marked_end: bool = getattr(function, "is_end", False)
        self.transition = read_next(source.node)
        self.targets = self.transition.targets
        self.incoming: tuple[str, ...] = ()
        self.is_start = False
        self.is_end = False
        self.merges_switch = False
        self.matching_join: str | None = None
        self.closes: str | None = None
        self.frame: Frame | None = None
        self.entry_frames: tuple[Frame | None, ...] = ()

    @property
    def type(self) -> NodeType:
        """Kind of the step in the graph. The only step of a one-step flow is an ``end``."""
        if self.is_end:
            return "end"
        if self.is_join:
            return "join"
        if self.is_switch:
            return "split-switch"
        if self.is_foreach:
            return "foreach"
        if self.transition.kind == "split":
            return "split"
        return "start" if self.is_start else "linear"

    @property
    def takes_inputs(self) -> bool:
        """Whether the step has a second argument."""
        return self.num_args > 1

    @property
    def is_join(self) -> bool:
        """Whether the step joins parallel branches or the tasks of a foreach."""
        return self.takes_inputs and not self.merges_switch

    @property
    def is_switch(self) -> bool:
        """Whether exactly one of the targets will run."""
        return self.transition.kind == "switch"

    @property
    def is_foreach(self) -> bool:
        """Whether several tasks of the one target will run."""
        return self.transition.kind in ("foreach", "parallel")

    @property
    def is_split(self) -> bool:
        """Whether what follows runs in parallel, and needs a join."""
        return self.transition.kind in ("split", "foreach", "parallel")

    @property
    def is_recursive(self) -> bool:
        """Whether the step is a switch that may choose itself."""
        return self.is_switch and self.name in self.targets

    @property
    def condition(self) -> str | None:
        """Attribute that chooses the branch of a switch; None if the step's own ``if`` or ``match`` does."""
        return self.transition.condition

    @property
    def cases(self) -> Mapping[str, str]:
        """Step for each value of `condition`, by its text."""
        return self.transition.cases

    @property
    def foreach(self) -> str | None:
        """Attribute that a foreach iterates over; None if there is none, or its name is no literal."""
        return self.transition.foreach

    @property
    def num_parallel(self) -> bool:
        """Whether the transition uses ``num_parallel=``."""
        return self.transition.kind == "parallel"

    @property
    def parallel_step(self) -> bool:
        """Whether the step itself runs on several nodes at once."""
        return any(decorator.name in PARALLEL_DECORATORS for decorator in self.decorators)

    @property
    def split_parents(self) -> tuple[str, ...]:
        """Splits around the step, outermost first."""
        names = []
        frame = self.frame
        while frame is not None:
            names.append(frame.split)
            frame = frame.outer
        return tuple(reversed(names))

    def __repr__(self) -> str:
        return f"<Node {self.name} {self.type} -> {', '.join(self.targets) or 'none'}>"
