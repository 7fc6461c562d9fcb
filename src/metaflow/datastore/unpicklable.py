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

# The object at fault can be a temporary one that pickling made; then one of those before it is the nearest
# that has a name. More than these is not worth keeping alive.
_REMEMBERED = 256
_MAXIMUM_VISITED = 200_000
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


class _TracingPickler(pickle.Pickler):
    """Pickles into nothing and remembers the objects that it came upon last."""

    def __init__(self) -> None:
        super().__init__(_NullFile(), 5, buffer_callback=_require_contiguous)
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
        if id(candidate) in parents and not _pickles(candidate, _TracingPickler()):
            return _path(parents, id(candidate))
    return None


def _pickles(value: object, pickler: _TracingPickler) -> bool:
    try:
        pickler.dump(value)
    except Exception:
        return False
    return True


def _parents(value: object) -> dict[int, tuple[object, int | None, str]]:
    """Map the id of each part of `value` to the part itself, its parent's id and the step from there."""
    # The parts are kept in the map so that no id is used twice.
    parents: dict[int, tuple[object, int | None, str]] = {id(value): (value, None, "")}
    queue = deque([value])
    while queue and len(parents) < _MAXIMUM_VISITED:
        whole = queue.popleft()
        for step, part in islice(_parts(whole), _MAXIMUM_VISITED):
            if type(part) not in _ATOMS and id(part) not in parents:
                parents[id(part)] = (part, id(whole), step)
                queue.append(part)
    return parents


def _path(parents: dict[int, tuple[object, int | None, str]], identity: int) -> str:
    steps = []
    current: int | None = identity
    while current is not None:
        _, current, step = parents[current]
        steps.append(step)
    return "".join(reversed(steps))


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield what `value` holds, each with the step that leads there."""
    if isinstance(value, type):
        return
    if isinstance(value, dict):
        for key, item in dict.items(value):
            yield f"[{preview(key)}]", item
            yield f" (its key {preview(key)})", key
    elif isinstance(value, tuple):
        names = getattr(type(value), "_fields", None)
        for index, item in enumerate(tuple.__iter__(value)):
            yield (f".{names[index]}" if names else f"[{index}]"), item
    elif isinstance(value, list):
        for index, item in enumerate(list.__iter__(value)):
            yield f"[{index}]", item
    elif isinstance(value, set | frozenset):
        for item in value:
            yield f" (its item {preview(item)})", item
    if type(value).__module__ != "builtins":
        yield from _attributes(value)
    yield from _pickled_state(value)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        attributes = {}
    for name, item in attributes.items():
        yield f".{name}", item
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            try:
                yield f".{name}", object.__getattribute__(value, name)
            except AttributeError:
                continue


def _pickled_state(value: object) -> Iterator[tuple[str, object]]:
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
        yield f" (argument {index} of its reconstruction)", argument
    if isinstance(state, dict):
        for name, item in state.items():
            yield f".{name}", item
    elif state is not None:
        yield " (its pickled state)", state
    for index, item in enumerate(items or ()):
        yield f"[{index}]", item
    for key, item in pairs or ():
        yield f"[{preview(key)}]", item
