"""Keys of values compare as the values do."""

from __future__ import annotations

from hypothesis import example, given, strategies as st

from metaflow.metadata_store.value_key import value_key

numbers = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans())
texts = st.text()


@given(numbers, numbers)
@example(2**53 + 1, float(2**53))
@example(-(2**64 + 1), -(2.0**64))
@example(5e-324, 0.0)
@example(-0.0, 0)
@example(True, 1.0)
@example(float("inf"), 10**400)
@example(2**63 - 1, 2.0**63)
def test_numbers(one, other):
    assert (value_key(one) < value_key(other)) is (one < other)
    assert (value_key(one) == value_key(other)) is (one == other)


@given(texts, texts)
@example("", "\x00")
@example("\uffff", "\U00010000")
def test_texts(one, other):
    one, other = one.replace("\0", "0"), other.replace("\0", "0")  # those are escaped
    assert (value_key(one) < value_key(other)) is (one < other)


@given(numbers, texts)
def test_numbers_are_lower_than_texts(number, text):
    assert value_key(number) < value_key(text)


def test_nothing_has_no_key():
    assert value_key(None) is None
    assert value_key(float("nan")) > value_key(float("inf"))
