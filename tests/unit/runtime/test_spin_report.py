"""What a person reads of a spun step."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from metaflow.flow.transition import PARALLEL_ITERATOR
from metaflow.runtime.spin_report import Described, compare, table, tell_transition


def described(sha, size=5, kind="<class 'int'>"):
    return Described(size, kind, sha, sha)


names = st.sampled_from(["a", "b", "c", "d", "_private"])
artifacts = st.dictionaries(names, st.sampled_from(["1", "2"]).map(described))


@settings(deadline=None)
@given(made=artifacts, before=st.none() | artifacts, inherited=artifacts)
def test_every_difference_is_listed_once_and_nothing_else(made, before, inherited):
    changes = compare(made, before, inherited)
    measure = inherited if before is None else before
    found = {change.name: change.state for change in changes}
    assert len(found) == len(changes)
    for name in {*made, *measure} - {"_private"}:
        if name not in made:
            assert found.pop(name) == "gone"
        elif name not in measure:
            assert found.pop(name) == "new"
        elif made[name] != measure[name]:
            assert found.pop(name) == "changed"
        elif inherited.get(name) != made[name]:
            assert found.pop(name) == "same"
    assert not found, "what was passed on as it was is not worth a line"


def test_the_table_shows_types_sizes_and_values_side_by_side():
    changes = compare(
        {
            "score": described("0.91", 12),
            "model": described("m" * 100, 1_230_000, "<class 'net.Model'>"),
            "same": described("1"),
        },
        {"score": described("0.87", 12), "same": described("1"), "old": described("x")},
        {},
    )
    assert table(changes) == [
        "changed  score  int        12 B    0.91 (was 0.87)",
        f"new      model  net.Model  1.2 MB  {'m' * 57}...",
        "gone     old    int        5 B     x",
        "same     same",
    ]
    assert table([]) == []


def test_transitions_are_told_in_words():
    def tell(targets, variable=None, num_splits=None):
        return tell_transition({"transition": [targets, variable], "num_splits": num_splits})

    assert tell(["a", "b"]) == "The flow would go on to: a, b."
    assert tell(["a"], "rows", 3) == "The flow would go on to: a, with a foreach over rows (3 elements)."
    assert tell(["a"], PARALLEL_ITERATOR, 4) == "The flow would go on to: a, on 4 nodes."
    assert tell([]) == "The flow would end here."
