"""What a person asks of runs, checked and put into the terms of the metadata store."""

from __future__ import annotations

from metaflow.client.times import moment
from metaflow.datastore.scalars import MAXIMUM_TEXT, is_scalar
from metaflow.exception import InvalidQueryException
from metaflow.metadata_store.store import RunOrder, RunQuery, ValueCondition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from metaflow.client.times import Moment
    from metaflow.metadata_store.records import Scalar
    from metaflow.metadata_store.store import ValueKind

_STATUSES = ("running", "done", "failed", "stopped")
_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in")
_SYNONYMS = {"==": "="}
_ORDERS = ("started_at", "finished_at", "duration", "user", "status")
_VALUE_ORDERS = ("parameter", "artifact")
# What SQLite takes in one statement is about three times as many.
_MOST_VALUES = 10_000
_NEWEST_FIRST = "-started_at"


def run_query(
    flow: str | None,
    namespace: str | None,
    tags: Sequence[str],
    *,
    status: str | None = None,
    user: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    parameters: Mapping[str, Any] | None = None,
    artifacts: Mapping[str, Any] | None = None,
    order: str = _NEWEST_FIRST,
    limit: int | None = None,
) -> RunQuery:
    """Check the filters of `Flow.runs`, which documents them, and make a query of them.

    Raises
    ------
    InvalidQueryException
        One of them makes no sense; the message says which, and what does.
    """
    for tag in tags:
        if not isinstance(tag, str):
            raise InvalidQueryException(f"A tag is a text, not {tag!r}.")
    if status is not None and status not in _STATUSES:
        raise InvalidQueryException(f"There is no status {status!r} of a run. There are: {_listed(_STATUSES)}.")
    if user is not None and not isinstance(user, str):
        raise InvalidQueryException(f"A user is the text of a name, not {user!r}.")
    if limit is not None and (type(limit) is not int or limit < 0):
        raise InvalidQueryException(f"limit is a number of runs, 0 or more, not {limit!r}.")
    sorting = _order(order)
    return RunQuery(
        flow,
        tuple(tags) if namespace is None else (namespace, *tags),
        status=status,  # type: ignore[arg-type]
        user=user,
        since=None if since is None else moment(since, "since"),
        until=None if until is None else moment(until, "until"),
        limit=limit,
        values=(*_conditions("parameter", parameters), *_conditions("artifact", artifacts)),
        order=sorting,
        with_values=sorting is not None and sorting.name is not None,
    )


def _order(text: str) -> RunOrder | None:
    if text == _NEWEST_FIRST:
        return None
    if isinstance(text, str):
        by, colon, name = text.removeprefix("-").partition(":")
        if (by in _ORDERS and not colon) or (by in _VALUE_ORDERS and name):
            return RunOrder(by, name or None, text.startswith("-"))
    raise InvalidQueryException(
        f"Runs cannot be sorted by {text!r}. They can be by {_listed(_ORDERS)}, 'parameter:NAME' and 'artifact:NAME', "
        "with a minus before it if the highest is to come first."
    )


def _conditions(kind: ValueKind, wanted: Mapping[str, Any] | None) -> list[ValueCondition]:
    found: list[ValueCondition] = []
    if wanted is None:
        return found
    if not hasattr(wanted, "items"):
        raise InvalidQueryException(f"{kind}s={wanted!r} should be a dict of names and values, as in {{'alpha': 0.1}}.")
    for name, given in wanted.items():
        # A list holds several conditions, such as a lower and an upper bound.
        for one in given if isinstance(given, list) else [given]:
            found.append(_condition(kind, name, one))
    return found


def _condition(kind: ValueKind, name: str, given: Any) -> ValueCondition:
    where = f"{kind}s[{name!r}]"
    if not isinstance(name, str):
        raise InvalidQueryException(f"The name of {where} is no text.")
    if not isinstance(given, tuple):
        return ValueCondition(kind, name, "=", _scalar(given, where))
    operator = _SYNONYMS.get(given[0], given[0]) if len(given) == 2 and isinstance(given[0], str) else None
    if operator not in _OPERATORS:
        raise InvalidQueryException(
            f"{where} cannot be compared with {given!r}: give a value, or a pair of an operator and a value, as in "
            f"('>', 0.9) or ('in', [1, 2]). The operators are {_listed(_OPERATORS)}."
        )
    operand = given[1]
    if operator != "in":
        if operand is None and operator not in ("=", "!="):
            raise InvalidQueryException(f"{where}: nothing is less or greater than None. Use '=' or '!=' with it.")
        return ValueCondition(kind, name, operator, _scalar(operand, where))
    if isinstance(operand, str) or not hasattr(operand, "__iter__"):
        raise InvalidQueryException(f"{where}: 'in' is followed by a list of values, not by {operand!r}.")
    values = tuple(_scalar(item, where) for item in operand)
    if len(values) > _MOST_VALUES:
        raise InvalidQueryException(
            f"{where}: 'in' is followed by at most {_MOST_VALUES:,} values, not by {len(values):,}. "
            "Ask for a range with '>=' and '<=', or ask several times."
        )
    return ValueCondition(kind, name, operator, values)


def _scalar(value: Any, where: str) -> Scalar:
    """The value, or what a value of a derived type such as a number of NumPy stands for."""
    if not is_scalar(value):
        for plain in (bool, str, int, float):
            if isinstance(value, plain):
                value = plain(value)
                break
        else:
            value = value.item() if getattr(value, "shape", None) == () else value
    if not is_scalar(value):
        raise InvalidQueryException(
            f"{where} cannot be compared with {type(value).__name__} {str(value)[:60]!r}: what can be searched for is "
            f"None, a bool, an int of 64 bits, a finite float, or a text of at most {MAXIMUM_TEXT} characters."
        )
    return value  # type: ignore[no-any-return]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)
