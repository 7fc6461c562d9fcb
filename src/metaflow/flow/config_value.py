"""``ConfigValue``: what a config's content looks like in a flow."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

    from typing_extensions import Self

    _Dict = dict[Any, Any]
    #: By the id of a container: itself, which keeps the id from being given to another, and what it becomes.
    _Seen = dict[int, tuple[Any, Any]]
else:
    _Dict = dict

_ATOMS = frozenset({str, int, float, bool, type(None)})


class ConfigValue(_Dict):
    """A dictionary that cannot be changed, and whose items can be read as attributes.

    Dictionaries in it, also those in lists and tuples, are of this class too. A key that is also the name of a method
    of dictionaries, such as ``items``, is read as an item: ``cfg["items"]``.

    Parameters
    ----------
    data : mapping
        Copied, so that changing it later changes nothing here.

    Examples
    --------
    >>> cfg = ConfigValue({"model": {"rate": 0.1}})
    >>> cfg.model.rate
    0.1
    >>> {**cfg.model, "rounds": 3}
    {'rate': 0.1, 'rounds': 3}
    """

    __slots__ = ()

    def __init__(self, data: Any = (), /, **items: Any) -> None:
        _fill(self, dict(data, **items), {id(data): (data, self)})

    @classmethod
    def fromkeys(cls, iterable: Iterable[Any], value: Any = None, /) -> Self:
        """One with the given keys, all with the same value."""
        return cls(dict.fromkeys(iterable, value))

    def to_dict(self) -> dict[Any, Any]:
        """A plain dictionary, all the way down, that can be changed."""
        plain: dict[Any, Any] = to_plain(self)
        return plain

    def copy(self) -> Self:
        """One of equal content; for one that can be changed, use :meth:`to_dict`."""
        return type(self)(self)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(missing_key(self, name)) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.to_dict(),))

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(key for key in self if isinstance(key, str))]

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("ConfigValue is immutable; make a dictionary of it to change it: to_dict()")

    __setitem__ = __delitem__ = __setattr__ = __delattr__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse


def missing_key(value: dict[Any, Any], name: object) -> str:
    """What to tell somebody who asked for a key that is not there."""
    from difflib import get_close_matches

    keys = [str(key) for key in value]
    close = get_close_matches(str(name), keys, n=1)
    known = ", ".join(keys[:20]) + (", ..." if len(keys) > 20 else "")
    text = f"there is no '{name}' in this config; it has: {known}" if keys else f"there is no '{name}': it is empty"
    return f"{text}. Did you mean '{close[0]}'?" if close else text


def adopt(data: dict[Any, Any]) -> ConfigValue:
    """Like ``ConfigValue(data)``, of data that nobody else has.

    It is taken apart on the way, so that what a large config takes of memory does not grow: the process that holds it
    is the one that all tasks are forked from, and what it holds makes every fork slower.
    """
    if not _is_tree(data):
        return ConfigValue(data)
    value: ConfigValue = _take_apart(data)
    return value


def to_plain(value: Any) -> Any:
    """`value` with a plain dictionary in place of every :class:`ConfigValue`, also in lists and tuples."""
    return _plain(value, {})


def _is_tree(value: Any) -> bool:
    """Whether nothing in `value` is in it twice, as YAML's anchors make possible."""
    seen: set[int] = set()
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, (dict, list, tuple)):
            if id(part) in seen:
                return False
            seen.add(id(part))
            pending.extend(part.values() if isinstance(part, dict) else part)
    return True


def _take_apart(value: Any) -> Any:
    if isinstance(value, dict):
        section = dict.__new__(ConfigValue)
        dict.update(section, value)
        value.clear()
        for key, item in dict.items(section):
            if type(item) not in _ATOMS:
                dict.__setitem__(section, key, _take_apart(item))
        return section
    if isinstance(value, list):
        for index, item in enumerate(value):
            if type(item) not in _ATOMS:
                value[index] = _take_apart(item)
        return value
    return _same_tuple(value, [_take_apart(item) for item in value]) if isinstance(value, tuple) else value


# In the two below, `seen` is for what is there twice, or inside itself: it is made once.


def _convert(value: Any, seen: _Seen) -> Any:
    """A part of a config, with dictionaries made into config values."""
    if type(value) in _ATOMS or isinstance(value, ConfigValue):
        return value
    if id(value) in seen:
        return seen[id(value)][1]
    if isinstance(value, dict) or _is_mapping(value):
        section = dict.__new__(ConfigValue)
        seen[id(value)] = (value, section)
        _fill(section, value, seen)
        return section
    if isinstance(value, list):
        items = list(value)
        seen[id(value)] = (value, items)
        items[:] = [_convert(item, seen) for item in value]
        return items
    return _same_tuple(value, [_convert(item, seen) for item in value]) if isinstance(value, tuple) else value


def _fill(section: ConfigValue, data: Any, seen: _Seen) -> None:
    dict.update(section, data)
    for key, item in dict.items(section):
        if type(item) not in _ATOMS:
            dict.__setitem__(section, key, _convert(item, seen))


def _plain(value: Any, seen: _Seen) -> Any:
    if type(value) in _ATOMS:
        return value
    if id(value) in seen:
        return seen[id(value)][1]
    if isinstance(value, ConfigValue) or type(value) is dict:
        section = dict(value)
        seen[id(value)] = (value, section)
        section.update((key, _plain(item, seen)) for key, item in value.items() if type(item) not in _ATOMS)
        return section
    if type(value) is list:
        items = list(value)
        seen[id(value)] = (value, items)
        items[:] = [_plain(item, seen) for item in value]
        return items
    return _same_tuple(value, [_plain(item, seen) for item in value]) if isinstance(value, tuple) else value


def _same_tuple(value: tuple[Any, ...], items: list[Any]) -> tuple[Any, ...]:
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


def _is_mapping(value: object) -> bool:
    """Whether a parser returned a mapping of its own kind here; asked of what is no dictionary."""
    from collections.abc import Mapping

    return isinstance(value, Mapping)
