"""``ConfigValue``: a dictionary in all but that it cannot be changed."""

from __future__ import annotations

import copy
import json
import pickle
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given, strategies as st

from metaflow import ConfigValue
from metaflow.flow.config_value import adopt, to_plain

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
CONTENT = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        ATOMS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            | st.tuples(inner, inner)
        ),
        max_leaves=12,
    ),
    max_size=4,
)


def every_dictionary_is(kind: type, value: object) -> bool:
    if isinstance(value, dict):
        return type(value) is kind and all(every_dictionary_is(kind, item) for item in value.values())
    return not isinstance(value, list | tuple) or all(every_dictionary_is(kind, item) for item in value)


@given(CONTENT)
def test_it_equals_what_it_was_made_of_in_every_form(content: dict) -> None:
    before = copy.deepcopy(content)
    value = ConfigValue(content)
    assert every_dictionary_is(ConfigValue, value)
    assert value == content == before
    assert every_dictionary_is(dict, value.to_dict())
    assert value.to_dict() == content
    for same in (value.copy(), copy.deepcopy(value), pickle.loads(pickle.dumps(value)), adopt(copy.deepcopy(content))):
        assert same == content
        assert every_dictionary_is(ConfigValue, same)
    assert json.loads(json.dumps(value)) == json.loads(json.dumps(content))


def test_items_are_read_as_attributes_too() -> None:
    value = ConfigValue({"model": {"rate": 0.1, "layers": [{"size": 3}], "pair": ({"a": 1}, 2)}, "items": "taken"})
    assert value.model.rate == value["model"]["rate"] == 0.1
    assert value.model.layers[0].size == 3
    assert value.model.pair[0].a == 1
    assert value["items"] == "taken"
    assert callable(value.items)
    assert isinstance(value, Mapping)
    assert isinstance(value, dict)
    assert dict(**value.model)["layers"][0].size == 3
    assert {**value, "more": 1}["model"].rate == 0.1
    assert dict(value.model) == value.model
    assert "model" in dir(value)
    assert ConfigValue.fromkeys(["a", "b"], {"x": 1}).b.x == 1


def test_what_is_missing_is_a_key_error_or_an_attribute_error_that_says_what_there_is() -> None:
    value = ConfigValue({"rate": 1, "rounds": 2})
    with pytest.raises(KeyError):
        value["rat"]
    with pytest.raises(AttributeError, match=r"no 'rat'.*it has: rate, rounds\. Did you mean 'rate'\?"):
        _ = value.rat
    with pytest.raises(AttributeError, match="it is empty"):
        _ = ConfigValue({}).x
    assert not hasattr(value, "__array__")


CHANGES = {
    "item": lambda value: value.__setitem__("a", 1),
    "attribute": lambda value: setattr(value, "a", 1),
    "delete item": lambda value: value.__delitem__("a"),
    "delete attribute": lambda value: delattr(value, "a"),
    "update": lambda value: value.update(a=1),
    "setdefault": lambda value: value.setdefault("b", 1),
    "pop": lambda value: value.pop("a"),
    "popitem": lambda value: value.popitem(),
    "clear": lambda value: value.clear(),
    "or": lambda value: value.__ior__({"a": 1}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_it_cannot_be_changed(change) -> None:
    value = ConfigValue({"a": 0})
    with pytest.raises(TypeError, match="ConfigValue is immutable"):
        change(value)
    assert value == {"a": 0}
    assert (value | {"a": 1}) == {"a": 1}


def test_changing_the_source_later_changes_nothing() -> None:
    source = {"a": {"b": 1}, "c": [{"d": 1}]}
    value = ConfigValue(source)
    source["a"]["b"] = 2
    source["c"][0]["d"] = 2
    source["c"].append(3)
    assert value == {"a": {"b": 1}, "c": [{"d": 1}]}


@pytest.mark.parametrize("make", [ConfigValue, adopt])
def test_a_part_in_several_places_or_inside_itself_stays_one(make) -> None:
    shared = {"x": 1}
    content = {"a": shared, "b": [shared], "itself": None}
    content["itself"] = content
    value = make(content)
    assert value.a is value.b[0]
    assert value.itself.itself.a.x == 1
    plain = to_plain(value)
    assert plain["itself"]["a"] is plain["b"][0]
    assert type(plain["a"]) is dict


def test_other_mappings_are_taken_in_and_other_objects_left_alone() -> None:
    point = namedtuple("point", "x y")
    marker = object()
    value = ConfigValue(
        MappingProxyType({"o": OrderedDict(z=1, a={"b": 2}), "p": MappingProxyType({"q": 1}), "r": point({"s": 1}, 2)})
    )
    assert list(value.o) == ["z", "a"]
    assert value.o.a.b == 2
    assert value.p.q == 1
    assert value.r.x.s == 1
    assert ConfigValue(object=marker)["object"] is marker
    assert ConfigValue([("a", 1)]).a == 1
