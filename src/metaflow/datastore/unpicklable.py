"""Which part of a value cannot be pickled.

Pickle says only what kind of object it failed on, not where it is. A second, traced attempt shows the objects
that it visited last; the one at fault is then looked up in the value, over containers, attributes and pickled
state.
"""

from __future__ import annotations

import pickle
from collections import deque
from itertools import islice

from metaflow.datastore.preview import preview
from metaflow.exception import UnpicklableArtifactException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# The object at fault can be a temporary one that pickling made; then one of those before it is the nearest
# that has a name. More than these is not worth keeping alive.
_REMEMBERED = 256
_MAXIMUM_VISITED = 200_000
# In a container of more items than these, the one at fault is found by pickling half of them, a quarter, and so on.
_LARGE = 5_000
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
_ADVICE = (
    "Artifacts are stored as pickles. Hold such an object in a local variable instead of on `self`, "
    "create it anew in the step that needs it, remove it before the step ends (`del`), "
    "or give its class a `__getstate__` that leaves it out."
)


def unpicklable(value: object, name: str, error: Exception) -> UnpicklableArtifactException:
    """Build the error that says which part of a value cannot be pickled.

    Parameters
    ----------
    value : object
        The value that pickle refused.
    name : str
        What the message calls the value, as in ``self.model``.
    error : Exception
        What pickle raised.

    Returns
    -------
    UnpicklableArtifactException
        The error to raise.
    """
    reason = str(error) or type(error).__name__
    if isinstance(error, RecursionError):
        return UnpicklableArtifactException(
            f"`{name}` cannot be pickled: it is nested too deeply ({reason}). Store it in a flatter form, "
            "or raise the limit with sys.setrecursionlimit()."
        )
    path = _path_of_culprit(value)
    if path is None:
        return UnpicklableArtifactException(f"Something in `{name}` cannot be pickled: {reason}. {_ADVICE}")
    return UnpicklableArtifactException(f"`{name}{path}` cannot be pickled: {reason}. {_ADVICE}")


class _NullFile:
    def write(self, data: object) -> int:
        return 0


def _require_contiguous(buffer: pickle.PickleBuffer) -> None:
    buffer.raw().release()


class _Pickler(pickle.Pickler):
    """Pickles into nothing."""

    def __init__(self) -> None:
        super().__init__(_NullFile(), 5, buffer_callback=_require_contiguous)


class _TracingPickler(_Pickler):
    """Pickles into nothing and remembers the objects that it came upon last."""

    def __init__(self) -> None:
        super().__init__()
        self.visited: deque[object] = deque(maxlen=_REMEMBERED)

    def persistent_id(self, obj: object) -> None:
        self.visited.append(obj)


def _path_of_culprit(value: object) -> str | None:
    """Return the way from `value` to the part at fault, as in ``.session._lock``; None if it is not found."""
    pickler = _TracingPickler()
    if _pickles(value, pickler):
        return None
    parents = _parents(value)
    for candidate in reversed(pickler.visited):
        if id(candidate) in parents and not _pickles(candidate, _Pickler()):
            return _path(parents, id(candidate))
    return None


def _pickles(value: object, pickler: _Pickler) -> bool:
    try:
        pickler.dump(value)
    except Exception:
        return False
    return True


def _parents(value: object) -> dict[int, tuple[object, int | None, str, object]]:
    """Map the id of each part of `value` to the part itself, its parent's id and the step from there (see `_parts`)."""
    # The parts are kept in the map so that no id is used twice.
    parents: dict[int, tuple[object, int | None, str, object]] = {id(value): (value, None, "", None)}
    queue = deque([value])
    while queue and len(parents) < _MAXIMUM_VISITED:
        whole = queue.popleft()
        for step, key, part in islice(_parts(whole), _MAXIMUM_VISITED):
            if type(part) not in _ATOMS and id(part) not in parents:
                parents[id(part)] = (part, id(whole), step, key)
                queue.append(part)
    return parents


def _path(parents: dict[int, tuple[object, int | None, str, object]], identity: int) -> str:
    steps = []
    current: int | None = identity
    while current is not None:
        _, current, step, key = parents[current]
        steps.append(step.replace("{}", key if step.startswith(".") and isinstance(key, str) else preview(key)))
    return "".join(reversed(steps))


def _parts(value: object) -> Iterator[tuple[str, object, object]]:
    """Yield what `value` holds: how the step that leads there is written, what stands for {} in it, and the part.

    The step is not made into a text here, because few of a million parts are on the way to the one at fault.
    """
    if isinstance(value, type):
        return
    if isinstance(value, dict):
        for _, (key, item) in _narrowed(list(dict.items(value))):
            yield "[{}]", key, item
            yield " (its key {})", key, key
    elif isinstance(value, tuple):
        names = getattr(type(value), "_fields", None)
        for index, item in _narrowed(list(tuple.__iter__(value))):
            yield (".{}", names[index], item) if names else ("[{}]", index, item)
    elif isinstance(value, list):
        for index, item in _narrowed(list(list.__iter__(value))):
            yield "[{}]", index, item
    elif isinstance(value, set | frozenset):
        for _, item in _narrowed(list(value)):
            yield " (its item {})", item, item
    if type(value).__module__ != "builtins":
        yield from _attributes(value)
    yield from _pickled_state(value)


def _narrowed(items: list[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the items with their numbers; if they are many and one cannot be pickled, the first such one only."""
    first, end = 0, len(items)
    if end > _LARGE and not _pickles(items, _Pickler()):
        while end - first > 1:
            middle = (first + end) // 2
            if _pickles(items[first:middle], _Pickler()):
                first = middle
            else:
                end = middle
    for index in range(first, end):
        yield index, items[index]


def _attributes(value: object) -> Iterator[tuple[str, object, object]]:
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        attributes = {}
    for name, item in attributes.items():
        yield ".{}", name, item
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            # A name that begins with two underscores is another one to Python.
            private = slot.startswith("__") and not slot.endswith("__")
            name = f"_{cls.__name__.lstrip('_')}{slot}" if private else slot
            try:
                yield ".{}", name, object.__getattribute__(value, name)
            except AttributeError:
                continue


def _pickled_state(value: object) -> Iterator[tuple[str, object, object]]:
    """Yield what the class itself chose to pickle, which need not be among its attributes."""
    if type(value) in (dict, list, tuple, set, frozenset):
        return
    try:
        reduced = value.__reduce_ex__(5)
    except Exception:
        # That is the failure being looked for; whoever holds `value` is on the way to it.
        return
    if not isinstance(reduced, tuple):
        return
    _, arguments, state, items, pairs = (*reduced, None, None, None, None)[:5]
    for index, argument in enumerate(arguments if isinstance(arguments, tuple) else ()):
        yield " (argument {} of its reconstruction)", index, argument
    if isinstance(state, dict):
        for name, item in state.items():
            yield ".{}", name, item
    elif state is not None:
        yield " (its pickled state)", None, state
    for index, item in enumerate(items or ()):
        yield "[{}]", index, item
    for key, item in pairs or ():
        yield "[{}]", key, item
