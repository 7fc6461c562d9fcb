"""Random numbers differ between tasks that never seed, and agree where the flow's module seeds."""

from __future__ import annotations

import pytest

from .conftest import Project
from .test_language import last_run

DRAW = """
{before}
from metaflow import FlowSpec, step
import random
import numpy as np
{after}

class F(FlowSpec):
    @step
    def start(self):
        self.items = range(6)
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.python = random.random()
        self.numpy = np.random.random()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.python = [i.python for i in inputs]
        self.numpy = [i.numpy for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    F()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize(
    ("before", "after", "python_alike", "numpy_alike"),
    [
        ("", "", False, False),
        (
            "",
            "x = random.random(); y = np.random.random(5000); z = [random.random() for _ in range(5000)]",
            False,
            False,
        ),
        ("", "random.seed(7)", True, False),
        ("", "np.random.seed(7)", False, True),
        ("", "random.seed(7); np.random.seed(7); random.random()", True, True),
        ("import random; random.seed(7)", "", True, False),
        ("import numpy; numpy.random.seed(7)", "", False, True),
        ("", "def prepare(): random.seed(7)\nprepare()", True, False),
    ],
)
def test_draws(project: Project, method: str, before: str, after: str, python_alike: bool, numpy_alike: bool) -> None:
    if method == "spawn" and (before or "5000" in after):
        pytest.skip("a new interpreter runs the module's code again; one case each is enough")
    source = DRAW.format(before=before, after=after)
    project.run(source, env={"METAFLOW_START_METHOD": method})
    data = last_run(project).data
    assert len(set(data.python)) == (1 if python_alike else 6)
    assert len(set(data.numpy)) == (1 if numpy_alike else 6)
