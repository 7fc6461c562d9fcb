from __future__ import annotations

from metaflow.flow.transition import _labels_of, element


class CountingSet(set):
    """A set that counts how often it is stepped through."""

    times = 0

    def __iter__(self):
        self.times += 1
        return super().__iter__()


def test_labels_of_what_has_no_positions_are_made_in_one_pass() -> None:
    items = CountingSet(range(1000))
    labels = _labels_of(items, 1000, str)
    assert items.times == 1
    assert labels == [str(element(items, index)) for index in range(1000)]


def test_labels_agree_with_the_elements() -> None:
    for items in ([3, 4], (5,), "ab", range(3), {"k": 1, "l": 2}, {0: "zero", 1: "one"}):
        assert _labels_of(items, len(items), str) == [str(element(items, i)) for i in range(len(items))]
