"""Quantities, patches and selectors, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from kubernetes_server.patches import merged
from kubernetes_server.quantities import amount
from kubernetes_server.selectors import by_labels


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), ("4Gi", 4 * 2**30), ("1.5", 1.5), ("2k", 2000), ("1e3", 1000), (7, 7), ("128974848", 128974848)],
)
def test_quantities_are_read(text, number: float) -> None:
    assert amount(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "4 Gi", "4GB", "many", "1..2", "Mi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        amount(text)


_VALUES = st.recursive(
    st.one_of(st.integers(), st.text(max_size=3), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)


@given(_VALUES, _VALUES)
def test_a_patch_applied_twice_is_a_patch_applied_once(value, patch) -> None:
    once = merged(value, patch)
    assert merged(once, patch) == once


@given(st.dictionaries(st.sampled_from("abc"), _VALUES, max_size=3))
def test_null_takes_members_away(value) -> None:
    assert merged(value, dict.fromkeys("abc")) == {}


_LABELS = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=3)


@given(_LABELS, st.sampled_from("xyz"), st.sampled_from("12"))
def test_requirements_and_their_opposites(labels, name: str, value: str) -> None:
    def holds(selector: str) -> bool:
        return by_labels(selector)({"metadata": {"labels": labels}})

    assert holds("") and holds(f"{name}={value}") is (labels.get(name) == value)
    assert holds(f"{name}!={value}") is not holds(f"{name}={value}")
    assert holds(f"{name} notin ({value})") is not holds(f"{name} in ({value})")
    assert holds(f"!{name}") is not holds(name)
    assert holds(f"{name},{name}={value}") is holds(f"{name}={value}")
