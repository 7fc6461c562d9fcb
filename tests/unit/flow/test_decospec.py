"""Decorators as text: what is read, and that what is written reads the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, strategies as st

from metaflow.exception import BadStepDecoratorException
from metaflow.flow.decospec import Decospec, parse_decospec, split_decospecs

NAMES = st.from_regex(r"[a-z_][a-z0-9_]*(\.[A-Za-z_]\w*)*", fullmatch=True)
KEYS = st.from_regex(r"[A-Za-z_]\w*", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.text('a=,1"\\ []{}:\n'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def _numbered(text: str) -> str:
    for written, numbered in (("\\\\", "\\u005c"), ('\\"', "\\u0022"), ("=", "\\u003d")):
        text = text.replace(written, numbered)
    return text


def write_decospec(name, args=(), kwargs=()) -> str:
    """All values as JSON, in which an equals sign and a quoted quote have been given their numbers."""
    values = {**{str(position): value for position, value in enumerate(args)}, **dict(kwargs)}
    pieces = [f"{key}={_numbered(json.dumps(value))}" for key, value in values.items()]
    return f"{name}:{','.join(pieces)}" if pieces else name


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("retry", (), {}),
        (" retry : times = 3 ", None, None),
        ("retry:", (), {}),
        ("retry:times=3,minutes_between_retries=0", (), {"times": 3, "minutes_between_retries": 0}),
        (
            "r:a=1.5,b=1e3,c=true,d=null,e=True,f=7",
            (),
            {"a": 1.5, "b": 1000.0, "c": True, "d": None, "e": "True", "f": 7},
        ),
        ("r:a=some text , b= more ", (), {"a": "some text", "b": "more"}),
        ("r:a=1,2,b=x,y", (), {"a": "1,2", "b": "x,y"}),
        ("r:a=[1,2],b=", (), {"a": [1, 2], "b": ""}),
        ("r:a=x=y", (), {"a": "x=y"}),
        ("r:url=http://h:80/p", (), {"url": "http://h:80/p"}),
        ('secrets:sources=["a","b"]', (), {"sources": ["a", "b"]}),
        ('r:a={\\"k\\": 1}', (), {"a": {"k": 1}}),
        ('environment:vars={"A":"b,c=d"}', (), {"vars": {"A": "b,c=d"}}),
        ("r:a=[1,b=2", (), {"a": "[1", "b": 2}),
        ("m.S:0=a,q=3,1=2", ("a", 2), {"q": 3}),
    ],
)
def test_what_is_read(text, args, kwargs) -> None:
    if args is None:  # a space before the equals sign makes no key
        with pytest.raises(BadStepDecoratorException, match="not of the form key=value"):
            parse_decospec(text)
        return
    assert parse_decospec(text) == Decospec(text.partition(":")[0].strip(), args, kwargs)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no decorator"),
        (":a=1", "names no decorator"),
        ("retry:3", "'3' is not of the form key=value.*retry:key=value"),
        ("retry:times=3,times=4", "'times' twice"),
        ("x:1=a", "number its positional arguments"),
        ("x:0=a,00=b", "number its positional arguments"),
    ],
)
def test_what_cannot_be_read(text, says) -> None:
    with pytest.raises(BadStepDecoratorException, match=says):
        parse_decospec(text)


@given(NAMES, st.lists(VALUES, max_size=2), st.dictionaries(KEYS, VALUES, max_size=3))
@example("a", [], {"b": 'x,y="\\"', "c": "\\", "d": [",e=1"]})
def test_what_is_written_reads_the_same(name, args, kwargs) -> None:
    text = write_decospec(name, args, kwargs)
    assert parse_decospec(text) == Decospec(name, tuple(args), kwargs)


@given(st.lists(st.builds(write_decospec, NAMES, kwargs=st.dictionaries(KEYS, VALUES, max_size=2)), max_size=3))
def test_several_are_taken_apart(specs) -> None:
    assert split_decospecs("  ".join(specs)) == specs


def test_what_was_not_closed_is_taken_apart_at_white_space() -> None:
    assert split_decospecs('a:b={"c retry') == ['a:b={"c', "retry"]
