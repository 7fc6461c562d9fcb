"""Conditions on a parameter or an artifact, as they are written on a command line: ``alpha=0.1``, ``accuracy>0.9``."""

from __future__ import annotations

import json
import operator
import re
from typing import Any, NamedTuple

import click

#: The longer ones first, so that they are not taken for the shorter ones.
_OPERATORS = {
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_PATTERN = re.compile(rf"\s*(?P<name>[^\W\d][\w-]*)\s*(?P<operator>{'|'.join(_OPERATORS)})\s*(?P<value>.*)", re.DOTALL)


class Condition(NamedTuple):
    """What a value must be.

    Attributes
    ----------
    name : str
        Name of the parameter or artifact.
    operator : str
        Such as ``=`` or ``>``.
    value : str
        What it is compared with, as it was written.
    """

    name: str
    operator: str
    value: str


class ConditionType(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions of click
    """An option that is a :class:`Condition`."""

    name = "condition"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Condition:
        """The condition that an argument states."""
        if isinstance(value, Condition):
            return value
        found = _PATTERN.fullmatch(value)
        # `x>>1` is a slip: nobody looks for a text that begins so, and for one there are quotation marks.
        if found is None or (found["operator"] in "<>" and found["value"].startswith(("<", ">", "="))):
            self.fail(
                f"'{value}' is no condition. Write a name, one of {' '.join(_OPERATORS)}, and a value: 'alpha>0.1'.",
                param,
                ctx,
            )
        return Condition(found["name"].replace("-", "_"), found["operator"], found["value"].strip())


def holds(condition: Condition, value: Any) -> bool:
    """Tell whether a value meets a condition.

    Numbers are compared as numbers, texts as texts. A value of another kind than the one that was written is not
    equal to it, and neither larger nor smaller.

    Parameters
    ----------
    condition : Condition
    value : None, bool, int, float or str
    """
    compare = _OPERATORS[condition.operator]
    written = _written(condition.value)
    if isinstance(value, str):
        # A text may look like a number: `version=3` finds the text "3" too.
        return bool(compare(value, written if isinstance(written, str) else condition.value))
    if _is_number(value) and _is_number(written):
        return bool(compare(value, written))
    same = type(value) is type(written) and value == written
    return same if compare is operator.eq else not same if compare is operator.ne else False


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _written(text: str) -> Any:
    """What a text on the command line stands for: JSON's or Python's words for simple values, else the text itself."""
    words = {"true": True, "false": False, "null": None, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) or _is_number(value) else text
