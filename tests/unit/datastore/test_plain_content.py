"""Plain values are read from pickles; nothing else is, and nothing is ever called."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.plain_content import NotPlain, read_plain

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))
_PLAIN = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner) | st.tuples(inner),
    max_leaves=30,
)


@given(_PLAIN, st.sampled_from([2, 3, 4, 5]))
def test_plain_values_come_out_as_they_were(value: Any, protocol: int) -> None:
    assert read_plain(pickle.dumps(value, protocol)) == value


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.path.write_text, ("attacked",))


def test_nothing_is_called_for_what_a_pickle_names(tmp_path: Path) -> None:
    target = tmp_path / "proof"
    for value in (Attack(target), {"a": [1, Attack(target)]}):
        with pytest.raises(NotPlain, match="more than plain values"):
            read_plain(pickle.dumps(value))
    assert not target.exists()


@pytest.mark.parametrize("value", [date(2024, 1, 1), OrderedDict(a=1), b"bytes", {1, 2}, 1j])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(NotPlain):
        read_plain(pickle.dumps(value))


def test_a_few_bytes_that_stand_for_very_much_are_refused() -> None:
    nested: Any = ["x"]
    for _ in range(60):
        nested = [nested, nested]
    holds_itself: list[Any] = []
    holds_itself.append(holds_itself)
    # Two to the power of sixty; a text of half a megabyte a thousand times; without end; more digits than are written.
    for value in (nested, ["y" * 500_000] * 1000, holds_itself, {"a": {"b": holds_itself}}, 10**5000, [-(10**5000)]):
        with pytest.raises(NotPlain):
            read_plain(pickle.dumps(value))
    key = b"K\x01K\x02\x86\x94" + b"".join(b"h%c\x86\x94" % index for index in range(60))
    with pytest.raises(NotPlain):
        read_plain(b"\x80\x05}" + key + b"K\x01s.")
    assert read_plain(pickle.dumps({(1, "a", (2.5, None)): ["z" * 1000] * 100})) == {
        (1, "a", (2.5, None)): ["z" * 1000] * 100
    }


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_refusal(data: bytes) -> None:
    for stream in (data, b"\x80\x05" + data + b".", pickle.dumps({"a": [1, "b"]})[: len(data)]):
        try:
            read_plain(stream)
        except NotPlain:
            pass
