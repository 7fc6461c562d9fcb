"""Nested data and decorators as flat lists of names and texts."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.web.run.settings_tree import decorators_of, leaves


def test_every_leaf_has_a_name():
    tree = {"model": {"layers": [1, {"kind": "x"}], "empty": {}}, "seeds": [], "none": None}
    assert leaves(tree, "cfg") == {
        "cfg.model.layers[0]": "1",
        "cfg.model.layers[1].kind": '"x"',
        "cfg.model.empty": "{}",
        "cfg.seeds": "[]",
        "cfg.none": "null",
    }
    assert leaves(7, "n") == {"n": "7"}
    assert len(leaves(list(range(100_000)))) == 2000


def test_attributes_of_decorators_are_told_apart():
    retry = {"name": "retry", "attributes": {"times": 3}}
    graph = {
        "steps": {"fit": {"decorators": [retry, {"name": "card", "attributes": None}]}, "end": {}},
        "decorators": [{"name": "schedule", "attributes": {"daily": True}}],
    }
    assert decorators_of(graph) == {
        "fit @retry": "yes",
        "fit @retry times": "3",
        "fit @card": "yes",
        "flow @schedule": "yes",
        "flow @schedule daily": "true",
    }
    assert decorators_of({}) == decorators_of(None) == decorators_of({"steps": []}) == {}


_PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=5)


@given(st.recursive(_PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)))
def test_equal_data_gives_equal_leaves(tree):
    assert leaves(tree) == leaves(tree) and leaves(tree)
