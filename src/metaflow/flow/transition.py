"""What a step decided with ``self.next``: checked when it is called, recorded as plain data."""

from __future__ import annotations

from itertools import islice

from ..exception import InvalidNextException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .spec import FlowSpec


class Transition:
    """The way that a task took out of its step.

    Attributes
    ----------
    targets : tuple of str
        Steps to run next.
    foreach : str or None
        Attribute that is iterated over; there is one task of the target for each of its elements.
    num_splits : int or None
        Number of those elements.
    labels : list of str or None
        Short text of each element, for people.
    """

    __slots__ = ("foreach", "labels", "num_splits", "targets")

    def __init__(
        self,
        targets: tuple[str, ...],
        foreach: str | None = None,
        num_splits: int | None = None,
        labels: list[str] | None = None,
    ) -> None:
        self.targets = targets
        self.foreach = foreach
        self.num_splits = num_splits
        self.labels = labels

    def __repr__(self) -> str:
        foreach = f", foreach={self.foreach!r}, num_splits={self.num_splits}" if self.foreach else ""
        return f"Transition({', '.join(self.targets)}{foreach})"


#: Name under which the nodes of ``num_parallel`` are iterated over.
PARALLEL_ITERATOR = "_parallel_ubf_iter"

_FORMS = (
    "self.next() takes one of these forms:\n"
    "    self.next(self.a)                                        one step\n"
    "    self.next(self.a, self.b)                                several steps in parallel\n"
    "    self.next(self.a, foreach='items')                       one task for each element of self.items\n"
    "    self.next({'x': self.a, 'y': self.b}, condition='kind')  one of several steps"
)


def resolve(
    flow: FlowSpec,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    where: tuple[str, int, str],
    make_label: Callable[[], Callable[[object], str]],
) -> Transition:
    """Check the arguments of ``self.next`` and turn them into a transition.

    Parameters
    ----------
    flow : FlowSpec
        The object that ``next`` was called on.
    args, kwargs
        The arguments as written.
    where : (str, int, str)
        The step, and the line and file in which the transition is written, for the message of an error.
    make_label : callable
        Gives the function that makes the short text of a foreach element; called only for a foreach.

    Raises
    ------
    InvalidNextException
        If the arguments fit none of the forms.
    RuntimeError
        If the value of the condition has no case.
    """

    def fail(message: str) -> InvalidNextException:
        step, line, file = where
        return InvalidNextException(f"Step *{step}*: {message}", line, file)

    unknown = set(kwargs) - {"foreach", "condition", "num_parallel"}
    if unknown:
        raise fail(f"self.next() got an unknown keyword argument '{min(unknown)}'. {_FORMS}")
    foreach, condition, num_parallel = (kwargs.get(key) for key in ("foreach", "condition", "num_parallel"))
    if condition is not None:
        if foreach is not None or num_parallel is not None:
            raise fail("condition= cannot be combined with foreach= or num_parallel=.")
        return Transition((_switch(flow, args, condition, fail),))
    if args and isinstance(args[0], dict):
        raise fail("a dictionary of steps needs condition='attribute' to choose among them.")
    targets = tuple(_step_name(flow, target, fail) for target in args)
    if not targets:
        raise fail(f"self.next() needs at least one step to go to. {_FORMS}")
    if foreach is not None and num_parallel is not None:
        raise fail("foreach= and num_parallel= cannot be combined.")
    if (foreach is not None or num_parallel is not None) and len(targets) > 1:
        raise fail("foreach= and num_parallel= take exactly one step; put the parallel steps inside it.")
    if foreach is not None:
        return _foreach(flow, targets, foreach, fail, make_label())
    if num_parallel is not None:
        if not hasattr(num_parallel, "__index__") or num_parallel < 1:
            raise fail(f"num_parallel must be a whole number of at least 1, not {num_parallel!r}.")
        return Transition(targets, PARALLEL_ITERATOR, int(num_parallel), None)
    return Transition(targets)


def _step_name(flow: FlowSpec, target: Any, fail: Callable[[str], InvalidNextException]) -> str:
    function = getattr(target, "__func__", None)
    if function is None or not getattr(function, "is_step", False):
        raise fail(
            f"self.next() got {target!r}, which is not a step. Name a step of this flow as self.<step>. {_FORMS}"
        )
    return str(function.__name__)


def _switch(flow: FlowSpec, args: tuple[Any, ...], condition: Any, fail: Callable[[str], InvalidNextException]) -> str:
    if len(args) != 1 or not isinstance(args[0], dict) or not args[0]:
        raise fail("condition= needs exactly one non-empty dictionary of value: self.step pairs.")
    if not isinstance(condition, str):
        raise fail(f"condition= must be the name of an attribute as a string, not {condition!r}.")
    cases = {key: _step_name(flow, target, fail) for key, target in args[0].items()}
    try:
        value = getattr(flow, condition)
    except AttributeError:
        raise fail(f"the condition variable '{condition}' does not exist; assign self.{condition} first.") from None
    try:
        known_value = value in cases
    except TypeError:
        kind = type(value).__name__
        raise fail(f"the condition variable '{condition}' is of type {kind}, which can be no case.") from None
    if not known_value:
        known = ", ".join(repr(case) for case in cases)
        raise RuntimeError(
            f"The switch condition variable '{condition}' has the value {value!r}, for which there is no case. "
            f"Available cases: {known}."
        )
    return cases[value]


def _foreach(
    flow: FlowSpec,
    targets: tuple[str, ...],
    variable: Any,
    fail: Callable[[str], InvalidNextException],
    label: Callable[[object], str],
) -> Transition:
    if not isinstance(variable, str):
        raise fail(f"foreach= must be the name of an attribute as a string, not {type(variable).__name__}.")
    try:
        items = getattr(flow, variable)
    except AttributeError:
        raise fail(f"the foreach variable '{variable}' does not exist; assign self.{variable} first.") from None
    kind = type(items).__name__
    if hasattr(items, "iloc") and hasattr(items, "columns"):
        raise fail(
            f"self.{variable} is a {kind}, of which foreach cannot tell whether you mean rows or columns. "
            f"Give it a list, such as list({variable}.itertuples()) or list({variable}.columns)."
        )
    try:
        iterator = iter(items)
    except TypeError:
        raise fail(f"self.{variable} is of type {kind}, which is not iterable. Make it a list.") from None
    if iterator is items:
        raise fail(
            f"self.{variable} is of type {kind}, which foreach cannot go through more than once. Make it a list."
        )
    num_splits = len(items) if hasattr(items, "__len__") else sum(1 for _ in iterator)
    if num_splits == 0:
        raise fail(f"self.{variable} has no elements; foreach needs at least one. Check it before self.next().")
    return Transition(targets, variable, num_splits, _labels_of(items, num_splits, label))


def _labels_of(items: Any, num_splits: int, label: Callable[[object], str]) -> list[str] | None:
    """Short text of every element, or None where that would cost more than it tells."""
    if num_splits > MAXIMUM_LABELS:
        return None
    try:
        return [label(_by_position(items, index)) for index in range(num_splits)]
    except (TypeError, KeyError):
        # Stepped through once for all of them: `element` would begin anew for each.
        return [label(value) for value in islice(iter(items), num_splits)]


#: Foreaches wider than this are not labelled: the texts would outweigh everything else that is recorded.
MAXIMUM_LABELS = 100_000


def element(items: Any, index: int) -> Any:
    """Element `index` of what a foreach iterates over: ``items[index]``, or by stepping through where that fails.

    Of a pandas Series it is the element at that position, whatever its index says.
    """
    try:
        return _by_position(items, index)
    except (TypeError, KeyError):
        return next(islice(iter(items), index, None), None)


def _by_position(items: Any, index: int) -> Any:
    return items.iloc[index] if hasattr(items, "iloc") else items[index]
