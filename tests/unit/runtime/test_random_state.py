from __future__ import annotations

import random

import pytest

from metaflow.runtime.random_state import _drawn_from, seeds_python


@pytest.mark.parametrize(
    ("source", "seeds"),
    [
        ("random.seed(1)", True),
        ("if True:\n    random.seed(1)", True),
        ("from helpers import set_seed\nset_seed(3)", True),
        ("np.random.seed(1)", False),
        ("torch.manual_seed(1)", False),
        ("def f():\n    random.seed(1)", False),
        ("class A:\n    def f(self):\n        random.seed(1)", False),
        ("x = 'seed'", False),
        ("syntax error seed(", False),
    ],
)
def test_seeds_in_source(source: str, seeds: bool) -> None:
    assert seeds_python(source) is seeds


@pytest.mark.parametrize("count", [0, 1, 623, 624, 10_000])
def test_drawing_is_told_from_seeding(count: int) -> None:
    generator = random.Random()
    before = generator.getstate()
    for _ in range(count):
        generator.random()
    assert _drawn_from(before, generator.getstate())
    generator.seed(3)
    assert not _drawn_from(before, generator.getstate())
