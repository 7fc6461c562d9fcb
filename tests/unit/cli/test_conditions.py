"""Conditions on parameters and artifacts, as they are written on a command line."""

from __future__ import annotations

import click
import pytest
from hypothesis import given, strategies as st

from metaflow.cli.conditions import Condition, ConditionType, holds


def condition(text):
    return ConditionType().convert(text, None, None)


def test_how_conditions_are_written():
    assert condition("alpha=0.1") == ("alpha", "=", "0.1")
    assert condition("learning-rate >= 1e-3") == ("learning_rate", ">=", "1e-3")
    assert condition("name==a=b") == ("name", "==", "a=b")
    assert condition('mark>">"') == ("mark", ">", '">"')
    assert condition("note=") == ("note", "=", "")
    for text in ("alpha", "=1", "0x=1", "alpha~1", "", "alpha>>1", "alpha<>1", "alpha> =1"):
        with pytest.raises(click.BadParameter, match="is no condition"):
            condition(text)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("x=1", 1, True),
        ("x=1", 1.0, True),
        ("x=1", True, False),
        ("x=true", True, True),
        ("x=True", 1, False),
        ("x=none", None, True),
        ("x=1", "1", True),
        ("x=1.0", "1", False),
        ("x=abc", "abc", True),
        ('x="abc"', "abc", True),
        ("x!=abc", "abd", True),
        ("x!=1", None, True),
        ("x>0.5", 0.6, True),
        ("x>0.5", 0.5, False),
        ("x>=0.5", 0.5, True),
        ("x<b", "a", True),
        ("x<1", "a", False),
        ("x<1", None, False),
        ("x>0", float("nan"), False),
        ("x=[1]", "[1]", True),
    ],
)
def test_what_meets_a_condition(text, value, expected):
    assert holds(condition(text), value) is expected


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)


@given(scalars)
def test_a_value_is_equal_to_what_it_is_written_as(value):
    assert holds(Condition("x", "=", str(value)), value)
    assert not holds(Condition("x", "!=", str(value)), value)
    assert not holds(Condition("x", "<", str(value)), value)
