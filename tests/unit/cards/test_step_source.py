from __future__ import annotations

import ast
import textwrap

import pytest

from metaflow.cards.report.source import dedented, step_lines

SOURCE = '''
class F(FlowSpec):
    @step
    def start(self):
        """Begin

        here."""
        self.text = """
not indented
"""
        # a comment before the end
        self.next(self.a)

    @card(
        type="blank",
    )
    # why it is tried again
    @retry(times=(
        1
    ))
    @step
    def a(
        self,
    ):
        if True:
            pass

        self.next(self.b)
    # of the next one
    @step
    def b(self): self.next(self.end)

    @step
    async def end(self):
        x = [
    1,
        ]
'''.strip().splitlines()


@pytest.mark.parametrize(
    ("step", "first", "last"),
    [
        ("start", "    @step", "        self.next(self.a)"),
        ("a", "    @card(", "        self.next(self.b)"),
        ("b", "    @step", "    def b(self): self.next(self.end)"),
        ("end", "    @step", "        ]"),
    ],
)
def test_a_step_is_found_with_its_decorators(step, first, last):
    start, end = step_lines(SOURCE, step, None)
    assert (SOURCE[start], SOURCE[end - 1]) == (first, last)
    tree = ast.parse(dedented(SOURCE[start:end]))
    assert [each.name for each in tree.body] == [step]
    line = next(index for index, text in enumerate(SOURCE, 1) if f"def {step}(" in text)
    assert step_lines(SOURCE, step, line) == (start, end)
    assert step_lines(SOURCE, step, 3 if step != "start" else 9) == (start, end), "a wrong line does not mislead"


def test_what_cannot_be_told_apart_is_not_shown():
    twice = textwrap.dedent("""
        class A:
            def start(self):
                pass
        class B:
            def start(self):
                pass
    """).splitlines()
    assert step_lines(twice, "start", None) is None and step_lines(twice, "nope", 3) is None
    assert step_lines(twice, "start", 6) == (5, 7)


def test_code_that_is_no_python_is_shown_as_far_as_it_goes():
    lines = ["def start(self):", "    x = (", "    y"]
    assert step_lines(lines, "start", 1)[0] == 0
    assert step_lines(["def start(self):", "  \tx", "\ty"], "start", 1)[0] == 0
