"""JSON that is made in pieces."""

from __future__ import annotations

import json
import math
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given, strategies as st

from metaflow.cards.nodes import ComponentNode
from metaflow.cards.running import json_pieces
from metaflow.cards.running.json_pieces import Encoded, LongText


def read(value: Any) -> Any:
    encoded = Encoded(value)
    text = b"".join(encoded.pieces)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(plain)
def test_plain_values_are_what_they_are(value: Any) -> None:
    assert read(value) == value


@pytest.mark.parametrize("size", [0, 1, 2_000, 50_000])
def test_large_values_are_whole(size: int) -> None:
    rows = [[number, number / 3, f"row {number} \N{SNOWMAN}", None] for number in range(size)]
    assert read({"type": "table", "data": rows}) == {"type": "table", "data": rows}
    text = '"\\\N{GRINNING FACE}\ud800' * size
    assert read([text, "x" * size]) == [text, "x" * size]
    assert read([LongText([text, "", "x" * size])]) == [text + "x" * size]


def test_no_piece_is_large() -> None:
    rows = [["a" * 50] * 8] * 20_000
    values = {"rows": rows, "text": "\N{SNOWMAN}" * 1_000_000, "points": [{"x": 1, "y": 2.5}] * 50_000}
    assert max(map(len, Encoded(values).pieces)) < 6 * 17_000  # a character is six in ASCII at most


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (math.nan, None),
        ([math.inf, -math.inf, 1.5], [None, None, 1.5]),
        ({"a": [math.nan]}, {"a": [None]}),
        ({1: 2, None: 3, (1, 2): 4}, {"1": 2, "None": 3, "[1, 2]": 4}),
        ({1, 2}, [1, 2]),
        (b"abc", "<3 bytes>"),
        (numpy.int64(3), 3),
        (numpy.float64("nan"), None),
        (numpy.float32(1.5), 1.5),
        (numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (datetime(2026, 1, 2), "2026-01-02T00:00:00"),
        (Decimal("1.5"), "1.5"),
        (Path("/x"), "/x"),
    ],
)
def test_what_json_does_not_know_is_made_plain(value: Any, plain: Any) -> None:
    assert read(value) == plain
    assert read({"inside": [value]}) == {"inside": [plain]}


def test_an_integer_that_has_no_text_is_described() -> None:
    assert read([10**5000, 1]) == ["<an integer of 16610 bits>", 1]


def test_objects_that_raise_and_loops_hurt_nothing() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError

    loop: list[Any] = [1]
    loop.append({"again": loop})
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    assert "Odd object" in read([Odd()])[0]
    assert read(loop) == [1, {"again": "\N{HORIZONTAL ELLIPSIS}"}]
    assert read(deep)
    shared = [1, [2]]
    assert read([shared, shared]) == [shared, shared], "the same twice is no loop"


def test_a_dictionary_may_change_meanwhile() -> None:
    class Growing(str):
        __slots__ = ()

    values: dict[Any, Any] = {}

    class Grows:
        def __str__(self) -> str:
            values[f"new {len(values)}"] = 1
            return "grown"

    values["a"] = Grows()
    assert read(values) == {"a": "grown"}


def component(id: str, *inner: Any, kind: str = "section", **fields: Any) -> ComponentNode:
    return ComponentNode(type=kind, contents=list(inner), id=id, **fields)


def test_parts_differ_only_where_something_differs() -> None:
    def parts(text: str) -> dict[str, Any]:
        return Encoded(component("outer", component("a", text=text), component("b", [1.5]), title="t")).parts

    before, after = parts("one"), parts("two")
    assert {key for key in before if before[key].digest != after[key].digest} == {"a"}
    assert {key: part.parent for key, part in after.items()} == {"outer": None, "a": "outer", "b": "outer"}
    other_kind = Encoded(component("outer", component("a", kind="table", text="one"), component("b", [1.5]), title="t"))
    assert other_kind.parts["outer"].digest != before["outer"].digest


def test_data_that_looks_like_a_component_is_data() -> None:
    def digest(value: int) -> bytes:
        return Encoded(component("a", data=[{"type": "text", "id": "b", "text": value}])).parts["a"].digest

    assert digest(1) != digest(2)
    assert set(Encoded(component("a", data={"type": "text", "id": "b"})).parts) == {"a"}


def test_an_id_of_two_components_is_ambiguous_unless_they_are_alike() -> None:
    same = component("a", text="x")
    assert not Encoded([same, same]).ambiguous
    assert Encoded([same, component("a", text="y")]).ambiguous == {"a"}


def test_kinds_that_need_libraries_are_noted_at_any_depth() -> None:
    assert Encoded({"tabs": [{"contents": [{"type": "vegaChart", "spec": {}}]}]}).kinds == {"vegaChart"}
    assert not Encoded([{"type": "text", "text": "vegaChart"}]).kinds


def test_hashing_does_not_starve_threads_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Hash:
        def update(self, piece: bytes) -> None:
            sizes.append(len(piece))

        def digest(self) -> bytes:
            return b"the same"

    monkeypatch.setattr(json_pieces, "blake2b", lambda **options: Hash())
    Encoded([["\u20ac" * 50_000], list(range(10_000)), {"key": "x" * 3_000}])
    assert sum(sizes) > 300_000 and max(sizes) < 2048, "from 2,048 bytes on, hashlib gives up the global lock each time"
