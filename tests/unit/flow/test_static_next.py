"""Transitions read from the source of a step."""

from __future__ import annotations

import ast
import re
import textwrap

import pytest

from metaflow.flow.static_next import read_next


def read(body: str):
    text = "def s(self):\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return read_next(ast.parse(text).body[0])


@pytest.mark.parametrize(
    ("call", "kind", "targets"),
    [
        ("self.next(self.a)", "linear", ("a",)),
        ("self.next(self.b, self.a)", "split", ("b", "a")),
        ("self.next(self.a, foreach='xs')", "foreach", ("a",)),
        ("self.next(self.a, foreach=NAME)", "foreach", ("a",)),
        ("self.next(self.a, num_parallel=4)", "parallel", ("a",)),
        ("self.next(self.a, num_parallel=self.n)", "parallel", ("a",)),
        ("self.next({'x': self.b, 'y': self.a}, condition='c')", "switch", ("b", "a")),
        ("self.next({'x': self.a, 'y': self.a}, condition='c')", "switch", ("a",)),
    ],
)
def test_supported_forms(call, kind, targets):
    transition = read(f"x = 1\n{call}")
    assert (transition.kind, transition.targets) == (kind, targets)
    assert transition.target_lines == (3,) * len(targets)


def test_details_of_a_foreach_and_of_a_gang():
    assert read("self.next(self.a, foreach='xs')").foreach == "xs"
    assert read("self.next(self.a, foreach=NAME)").foreach is None
    assert read("self.next(self.a, num_parallel=4)").num_nodes == 4
    assert read("self.next(self.a, num_parallel=self.n)").num_nodes is None


def test_keys_of_a_switch_are_literals_or_config_values():
    transition = read(
        """
        self.next(
            {
                'x': self.a,
                1: self.b,
                -2.5: self.c,
                True: self.d,
                None: self.e,
                self.config.mode: self.a,
            },
            condition='c',
        )
        """
    )
    assert transition.condition == "c"
    assert transition.cases == {
        "x": "a",
        "1": "b",
        "-2.5": "c",
        "True": "d",
        "None": "e",
        "config:config.mode": "a",
    }
    assert transition.targets == ("a", "b", "c", "d", "e")
    assert transition.target_lines == (4, 5, 6, 7, 8)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("self.next()", "names no step"),
        ("self.next('a')", "`'a'` is not of the form self.step_name"),
        ("self.next(a)", "`a` is not of the form"),
        ("self.next(*steps)", r"`\*steps` is not of the form"),
        ("self.next(self.a.b)", "`self.a.b` is not of the form"),
        ("self.next(self.a, when='x')", "cannot take the keyword `when`"),
        ("self.next(self.a, **options)", r"cannot take \*\*"),
        ("self.next(self.a, foreach='x', num_parallel=2)", "only one of foreach="),
        ("self.next(self.a, self.b, foreach='x')", "foreach= takes exactly one step"),
        ("self.next(self.a, self.b, num_parallel=2)", "num_parallel= takes exactly one step"),
        ("self.next({'x': self.a, 'y': self.b})", "needs condition='attribute'"),
        ("self.next({'x': self.a, 'y': self.b}, condition=name)", "in quotes"),
        ("self.next({}, condition='c')", "at least one case"),
        ("self.next(self.a, condition='c')", "exactly one dictionary"),
        ("self.next({'x': self.a}, {'y': self.b}, condition='c')", "exactly one dictionary"),
        ("self.next({name: self.a, 'y': self.b}, condition='c')", "the key `name` is not a literal"),
        (
            "self.next({self.config.a.b: self.a, 'y': self.b}, condition='c')",
            "`self.config.a.b` is not a literal",
        ),
        ("self.next({**cases}, condition='c')", r"\*\* in the dictionary is not a literal"),
        ("self.next({'x': 'a', 'y': self.b}, condition='c')", "`'a'` is not of the form"),
    ],
)
def test_other_forms_are_malformed_and_say_why(call, problem):
    transition = read(f"x = 1\n{call}")
    assert (transition.kind, transition.targets, transition.line) == ("malformed", (), 3)
    assert re.search(problem, transition.problem), transition.problem


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("pass", ""),
        ("if self.x:\n    print()", ""),
        ("other.next(self.a)", ""),
        ("return self.next(self.a)", "without `return`"),
        ("self.next(self.a)\nprint()", "on line 2 is not the last statement"),
        ("with x:\n    self.next(self.a)", "inside another statement"),
        ("try:\n    self.next(self.a)\nfinally:\n    pass", "inside another statement"),
        ("for x in y:\n    self.next(self.a)", "inside another statement"),
    ],
)
def test_a_step_without_a_transition_at_its_end(body, hint):
    transition = read(body)
    assert transition.kind == "missing"
    assert transition.mentions_next == bool(hint)
    assert hint in transition.problem


def test_branches_that_each_go_to_one_step_are_a_switch():
    transition = read(
        """
        if self.x > 2:
            print()
            self.next(self.a)
        elif self.x > 1:
            if self.y:
                self.next(self.b)
            else:
                match self.z:
                    case 1:
                        self.next(self.c)
                    case _:
                        raise ValueError
        else:
            self.next(self.a)
        """
    )
    assert (transition.kind, transition.condition, transition.cases) == ("switch", None, {})
    assert transition.targets == ("a", "b", "c")
    assert transition.target_lines == (4, 7, 11)


def test_match_with_a_final_wildcard_is_a_switch():
    body = "match self.x:\n    case 1:\n        self.next(self.a)\n    case other:\n        self.next(self.b)"
    assert read(body).kind == "switch"
    assert read(body).targets == ("a", "b")


@pytest.mark.parametrize("other", ["self.next(self.a)", "raise ValueError"])
def test_branches_that_all_go_to_the_same_step_are_linear(other):
    transition = read(f"if self.x:\n    self.next(self.a)\nelse:\n    {other}")
    assert (transition.kind, transition.targets) == ("linear", ("a",))


@pytest.mark.parametrize(
    ("body", "line", "problem"),
    [
        ("if x:\n    self.next(self.a)", 2, "no `else`"),
        ("if x:\n    self.next(self.a)\nelif y:\n    self.next(self.b)", 4, "no `else`"),
        ("if x:\n    self.next(self.a)\nelse:\n    print()", 5, "ends without self.next"),
        ("if x:\n    pass\nelse:\n    self.next(self.a)", 3, "ends without self.next"),
        ("if x:\n    self.next(self.a)\nelse:\n    self.next(self.a, self.b)", 5, "one step only"),
        ("if x:\n    self.next(self.a)\nelse:\n    self.next(self.a, foreach='x')", 5, "one step only"),
        ("if x:\n    self.next(self.a)\nelse:\n    self.next('b')", 5, "not of the form"),
        (
            "if x:\n    self.next(self.a)\nelse:\n    with y:\n        self.next(self.b)",
            5,
            "ends without self.next",
        ),
        ("match x:\n    case 1:\n        self.next(self.a)", 2, "no final `case _`"),
        ("match x:\n    case _ if y:\n        self.next(self.a)", 2, "no final `case _`"),
    ],
)
def test_incomplete_branches_are_malformed_at_the_line_of_the_branch(body, line, problem):
    transition = read(body)
    assert (transition.kind, transition.line) == ("malformed", line)
    assert problem in transition.problem


def test_a_long_chain_of_elif_is_read_without_recursion():
    chain = "if x:\n    self.next(self.a)\n"
    chain += "".join(f"elif x == {n}:\n    self.next(self.s{n})\n" for n in range(80))
    assert len(read(chain + "else:\n    self.next(self.b)").targets) == 82
