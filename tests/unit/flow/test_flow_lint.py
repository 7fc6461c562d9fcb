"""Every rule with a flow that breaks it and a neighbour that does not."""

from __future__ import annotations

import re

import pytest

from metaflow.exception import LintWarn
from metaflow.flow.graph import FlowGraph
from metaflow.flow.lint import RULES, check
from metaflow.flow.lint_rules_paths import foreaches_are_not_nested

from .conftest import STEP, Decorator, define, flow, graph_of


def problem(source: str, rules=RULES) -> LintWarn:
    with pytest.raises(LintWarn) as caught:
        check(FlowGraph(define(source, Decorator=Decorator)), rules)
    assert caught.value.headline == "Validity checker found an issue"
    return caught.value


def breaks(expected: str, line: int | None, **steps: str) -> None:
    """The flow of `steps` is refused, with a message that matches, for the right line."""
    error = problem(flow(**steps))
    assert re.search(expected, error.message), error.message
    assert error.line_no == line, error
    assert error.source_file


def passes(**steps: str) -> None:
    check(graph_of(**steps))


def gang(**steps: str) -> str:
    """Like flow(), the step `p` having a @parallel decorator."""
    return flow(**steps).replace("    @step\n    def p(", "    @Decorator('parallel')\n    @step\n    def p(")


END = {"end": "pass"}
TO_END = "self.next(self.end)"
TO_J = "self.next(self.j)"
JOIN = {"j": TO_END, "end": "pass"}
SWITCH = "self.next({1: self.a, 2: self.b}, condition='kind')"
IF = "if self.x:\n    self.next(self.a)\nelse:\n    self.next(self.b)"
FOREACH = "self.next(self.w, foreach='xs')"


@pytest.mark.parametrize("name", ["name", "next", "input", "index", "cmd", "foreach_stack", "merge_artifacts"])
def test_1_reserved_names(name):
    breaks(
        rf"Step name \*{name}\* is a reserved word.*Choose another name",
        7,
        start=f"self.next(self.{name})",
        **{name: TO_END},
        **END,
    )
    passes(start=f"self.next(self.{name}_)", **{f"{name}_": TO_END}, **END)


def test_2_several_possible_starts_or_ends():
    breaks(
        r"exactly one start step\. Either name a step 'start' or use @step\(start=True\)\. "
        r"It could be any of \*a\*, \*b\*",
        None,
        a=TO_END,
        b=TO_END,
        **END,
    )
    breaks(
        r"exactly one end step.*These have no self.next\(\): \*x\*, \*y\*",
        None,
        start="self.next(self.x, self.y)",
        x="pass",
        y="pass",
    )
    passes(a=TO_END, **END)


def test_2_no_start_no_end_no_steps():
    breaks("exactly one start step", None, a="self.next(self.b)", b="self.next(self.a)")
    breaks("exactly one end step", None, start="self.next(self.a)", a="with x:\n    self.next(self.a)")
    error = problem(STEP + "class F:\n    def start(self):\n        pass\n")
    assert "has no steps at all: mark its methods with @step" in error.message


def test_2_several_marked_starts():
    source = flow(a=TO_END, b=TO_END, **END).replace("@step", "@step(start=True)", 2)
    error = problem(source)
    assert "Multiple steps annotated with @step(start=True): *a*, *b*. Exactly one is allowed." in error.message
    assert error.line_no == 7


@pytest.mark.parametrize("word", ["start", "end"])
def test_3_marked_step_beside_one_of_the_name(word):
    source = flow(start="self.next(self.a)", a=TO_END, **END)
    marked = source.replace("    @step\n    def a(", f"    @step({word}=True)\n    def a(")
    error = problem(marked)
    assert f"Ambiguous {word} step: step *a* is annotated with @step({word}=True)" in error.message
    assert error.line_no == 7


def test_4_start_with_incoming_edges():
    breaks(
        r"start step \*start\* has incoming transitions from \*a\*",
        4,
        start="self.next(self.a)",
        a="self.next(self.start)",
        **END,
    )
    breaks("incoming transitions from", 4, start="self.next({1: self.start, 2: self.end}, condition='c')", **END)


def test_4_end_with_outgoing_edges():
    breaks(
        r"end step \*end\* has outgoing transitions to \*a\*",
        11,
        start="self.next(self.a)",
        a=TO_END,
        end="self.next(self.a)",
    )


def test_5_end_with_a_malformed_next():
    breaks(r"terminal step \*end\* should not have a self.next\(\)", 8, start=TO_END, end="self.next()")


def test_6_end_that_joins():
    source = flow(start="self.next(self.a, self.b)", a="self.next(self.jend)", b="self.next(self.jend)", jend="pass")
    error = problem(source.replace("@step\n    def jend", "@step(end=True)\n    def jend"))
    assert "terminal step *jend* should not be a join step" in error.message
    assert error.line_no == 13


@pytest.mark.parametrize("name", ["Step", "_private", "stäp"])
def test_7_names(name):
    breaks(
        rf"\*{name}\* has an invalid name\. Only lowercase ascii",
        7,
        start=f"self.next(self.{name})",
        **{name: TO_END},
        **END,
    )


def test_7_digits_and_underscores_are_fine():
    passes(start="self.next(self.s_1)", s_1=TO_END, **END)


def test_8_too_many_arguments():
    error = problem(flow(start="self.next(self.a)", a=TO_END, **END).replace("def a(self)", "def a(self, x, y)"))
    assert "Step *a* has too many arguments" in error.message
    assert error.line_no == 7


@pytest.mark.parametrize(
    "after",
    [
        "self.next(self.c, self.d)",
        "self.next(self.c, foreach='x')",
        "self.next({1: self.c, 2: self.d}, condition='x')",
    ],
)
def test_9_join_that_also_splits(after):
    steps = {"start": "self.next(self.a, self.b)", "a": TO_J, "b": TO_J}
    tail = {"c": "self.next(self.j2)", "d": "self.next(self.j2)", "j2": TO_END, "end": "pass"}
    if "foreach" in after:
        del tail["d"]
    breaks(r"Step \*j\* is both a join step .* and a split step", 13, **steps, j=after, **tail)


@pytest.mark.parametrize("arguments", ["", "this"])
def test_10_no_self(arguments):
    error = problem(flow(start="pass", **END).replace("def start(self)", f"def start({arguments})"))
    assert "Step *start* is missing the 'self' argument" in error.message


def test_11_no_next():
    breaks(
        r"Step \*a\* is missing a self.next\(\) transition.*as the last line in the function\.$",
        7,
        start="self.next(self.a)",
        a="pass",
        **END,
    )
    breaks(r"line 5 as a statement of its own, without `return`", 4, start="return self.next(self.end)", **END)
    breaks(r"line 5 is not the last statement", 4, start="self.next(self.end)\nprint()", **END)
    breaks(r"line 6 is inside another statement", 4, start="with x:\n    self.next(self.end)", **END)


def test_12_malformed_next():
    breaks(
        r"(?s)Step \*start\* specifies an invalid self.next\(\) transition: `end` is not of the form"
        r".*Linear: .*Fan-out: .*Foreach: .*Switch: "
        r".*keys must be string literals, numbers or config expressions",
        5,
        start="self.next(end)",
        **END,
    )
    breaks("the key `k` is not a literal", 5, start="self.next({k: self.end, 2: self.end}, condition='c')", **END)


def test_12_if_that_leaves_a_way_without_next():
    rest = {"a": TO_END, "b": TO_END, **END}
    breaks("has no `else`", 7, start="if x:\n    self.next(self.a)\nelif y:\n    self.next(self.b)", **rest)
    breaks("ends without self.next", 8, start="if x:\n    self.next(self.a)\nelse:\n    print()", **rest)
    breaks("one step only", 8, start="if x:\n    self.next(self.a)\nelse:\n    self.next(self.a, self.b)", **rest)
    passes(start=IF, **rest)


def test_13_unknown_target():
    breaks(
        r"transition to an unknown step, \*trian\*\. Did you mean \*train\*\?",
        5,
        start="self.next(self.trian)",
        train=TO_END,
        **END,
    )
    breaks(
        r"unknown step, \*zzz\*\. If there is a method of that name, mark it with @step",
        5,
        start="self.next(self.zzz)",
        **END,
    )
    breaks("unknown step", 7, start="self.next({\n  1: self.end,\n  2: self.gone}, condition='c')", **END)
    breaks("unknown step", 8, start="if x:\n    self.next(self.end)\nelse:\n    self.next(self.gone)", **END)


def test_a_step_named_twice_in_one_split():
    breaks(
        r"names \*a\* more than once.*foreach='variable'",
        5,
        start="self.next(self.a, self.b, self.a)",
        a=TO_J,
        b=TO_J,
        **JOIN,
    )
    passes(start="self.next({1: self.a, 2: self.a, 3: self.end}, condition='c')", a=TO_END, **END)


def test_14_loop():
    breaks(
        r"There is a loop in your flow: \*a->b->a\*",
        11,
        start="self.next(self.a)",
        a="self.next(self.b)",
        b="self.next(self.a)",
        **END,
    )
    breaks(r"loop in your flow: \*a->a\*", 8, start="self.next(self.a)", a="self.next(self.a)", **END)
    breaks(
        r"\*a->b->a\*",
        11,
        start="self.next(self.a)",
        a="self.next({1: self.a, 2: self.b}, condition='c')",
        b="self.next(self.a)",
        **END,
    )
    passes(start="self.next(self.a)", a="self.next({1: self.a, 2: self.end}, condition='c')", **END)
    passes(start="self.next(self.a)", a="if x:\n    self.next(self.a)\nelse:\n    self.next(self.end)", **END)


def test_15_unreachable():
    breaks(
        r"Step \*a\* is unreachable from the entry step \*start\*\. Add self\.next\(self\.a\)",
        7,
        start=TO_END,
        a=TO_END,
        **END,
    )


def test_16_end_before_join():
    breaks(
        r"terminal step \*end\* was reached before a split started at step\(s\) \*start\* were joined\. "
        r"Add a join step",
        13,
        start="self.next(self.a, self.b)",
        a=TO_END,
        b=TO_END,
        **END,
    )
    breaks(
        r"reached before a split started at step\(s\) \*start\*.*meet at step \*m\*.*`def m\(self, inputs\)`",
        16,
        start="self.next(self.a, self.b)",
        a="self.next(self.m)",
        b="self.next(self.m)",
        m=TO_END,
        **END,
    )
    breaks("reached before a split", 10, start=FOREACH, w=TO_END, **END)


def test_16_wrong_number_of_paths():
    breaks(
        r"Step \*j\* seems like a join step .* but an incorrect number of steps \(\*a\*, \*b\*\) "
        r"lead to it\. This join was expecting 3 incoming paths, "
        r"starting from split step\(s\) \*a\*, \*b\*, \*c\*\. "
        r"No path leads here from \*c\*",
        16,
        start="self.next(self.a, self.b, self.c)",
        a=TO_J,
        b=TO_J,
        c="self.next(self.j2)",
        j="self.next(self.j2)",
        j2=TO_END,
        **END,
    )


def test_16_join_without_split():
    breaks(r"\*j\* seems like a join step .* but it is not preceded by a split", 7, start=TO_J, **JOIN)
    breaks("exclusive and need no join: remove the extra argument", 13, start=SWITCH, a=TO_J, b=TO_J, **JOIN)


def test_16_unrelated_splits():
    breaks(
        r"\*j\* seems .* but it joins steps from unrelated splits.*\*b\* \(inside the split of \*start\*\)",
        19,
        start="self.next(self.a, self.b)",
        a="self.next(self.c, self.d)",
        b=TO_J,
        c=TO_J,
        d="self.next(self.j2)",
        j="self.next(self.j2)",
        j2=TO_END,
        **END,
    )


def test_16_one_split_joined_in_two_places():
    breaks(
        r"its split \*start\* is already joined by \*j1\*",
        19,
        start="self.next(self.pick, foreach='xs')",
        pick="self.next({1: self.a, 2: self.b}, condition='c')",
        a="self.next(self.j1)",
        b="self.next(self.j2)",
        j1=TO_END,
        j2=TO_END,
        **END,
    )


def test_16_parallel_branches_that_meet_with_an_exclusive_one():
    breaks(
        r"Parallel branches are not joined\..*through \*a\*, \*q\* .* meet at step \*m\*",
        19,
        start="self.next({1: self.p, 2: self.q}, condition='c')",
        p="self.next(self.a, self.b)",
        a="self.next(self.m)",
        q="self.next(self.m)",
        b=TO_J,
        m=TO_J,
        j=TO_END,
        **END,
    )


def test_16_merge_of_an_if_that_closed_the_foreach():
    breaks(
        r"not preceded by a split.*foreach of \*start\* was already joined by \*j1\*.*"
        r"remove the extra argument from it",
        22,
        start="self.next(self.pick, foreach='xs')",
        pick=IF,
        a="self.next(self.j1)",
        b="self.next(self.j1)",
        j1=TO_J,
        j=TO_END,
        **END,
    )


def test_16_nested_splits_are_fine():
    passes(
        start="self.next(self.a, self.b)",
        a="self.next(self.c, self.d)",
        b="self.next(self.j)",
        c="self.next(self.j1)",
        d="self.next(self.j1)",
        j1=TO_J,
        **JOIN,
    )


def test_17_switch_with_one_case():
    breaks(
        r"Step \*start\* is a switch split but defines 1 transitions",
        5,
        start="self.next({1: self.end}, condition='c')",
        **END,
    )
    passes(start="self.next({1: self.end, 2: self.end}, condition='c')", **END)


def test_18_split_directly_into_its_join():
    breaks(
        r"Foreach split step \*start\* is followed directly by the join step \*j\*",
        5,
        start="self.next(self.j, foreach='xs')",
        **JOIN,
    )
    breaks(
        r"Split step \*start\* is followed directly by the join step \*j\*",
        5,
        start="self.next(self.a, self.j)",
        a=TO_J,
        **JOIN,
    )
    passes(start=FOREACH, w=TO_J, **JOIN)


GANG = {"start": "self.next(self.p, num_parallel=2)", "p": TO_J, **JOIN}


def test_19_gang_without_parallel():
    error = problem(flow(**GANG))
    assert "Step *p* is called as a parallel step with self.next(num_parallel=..)" in error.message
    assert "does not have a @parallel decorator" in error.message
    check(FlowGraph(define(gang(**GANG), Decorator=Decorator)))


@pytest.mark.parametrize("name", ["pytorch_parallel", "torchrun", "metaflow_ray"])
def test_19_other_decorators_make_a_step_parallel_too(name):
    check(FlowGraph(define(gang(**GANG).replace("'parallel'", f"'{name}'"), Decorator=Decorator)))


def test_20_gang_without_join():
    error = problem(gang(**{**GANG, "p": "self.next(self.x)", "x": TO_J}))
    assert "An @parallel step should be followed by a join step. Step *x*" in error.message


@pytest.mark.parametrize(
    "choose",
    [
        "self.next({1: self.a, 2: self.b}, condition='c')",
        "if x:\n    self.next(self.a)\nelse:\n    self.next(self.b)",
    ],
)
def test_20_parallel_step_that_is_a_switch(choose):
    error = problem(gang(**{**GANG, "p": choose, "a": TO_J, "b": TO_J}))
    assert "Step *p* has a @parallel decorator, but chooses among *a*, *b*" in error.message
    assert "a @parallel step cannot be a switch" in error.message
    assert error.line_no == 9


def test_21_parallel_step_that_is_not_called_as_a_gang():
    error = problem(gang(**{**GANG, "start": "self.next(self.p, foreach='xs')"}))
    assert "Step *p* has a @parallel decorator, but is not called with num_parallel" in error.message


def test_22_nested_foreach_is_refused_only_where_it_is_asked_for():
    steps = {
        "start": FOREACH,
        "w": "self.next(self.v, foreach='ys')",
        "v": "self.next(self.j1)",
        "j1": TO_J,
        **JOIN,
    }
    passes(**steps)
    error = problem(flow(**steps), (*RULES, foreaches_are_not_nested))
    assert "Step *w* is a foreach inside the foreach of *start*" in error.message
    assert error.line_no == 8
    split = {**steps, "w": "self.next(self.v, self.u)", "u": "self.next(self.j1)"}
    check(graph_of(**split), (*RULES, foreaches_are_not_nested))


@pytest.mark.parametrize(
    "choose",
    [
        "self.next({1: self.a, 2: self.j}, condition='c')",
        "if x:\n    self.next(self.a)\nelse:\n    self.next(self.j)",
    ],
)
def test_23_switch_directly_into_a_join(choose):
    error = problem(flow(start="self.next(self.w, foreach='xs')", w=choose, a=TO_J, **JOIN))
    assert "A conditional path cannot lead directly to a join step. In the conditional step *w*" in error.message
    assert "introduce an intermediate, unconditional step" in error.message
    assert error.line_no == 8


def test_the_first_broken_rule_is_reported():
    breaks("reserved word", 7, start="self.next(self.gone)", input="pass", **END)


def test_a_merge_with_inputs_is_not_mistaken_for_a_join_while_its_branches_are_broken():
    error = problem(
        flow(
            start=IF,
            a="self.next(self.jm)",
            b="self.next(self.gone)",
            jm="self.next({1: self.c, 2: self.end}, condition='x')",
            c=TO_END,
            **END,
        )
    )
    assert "unknown step, *gone*" in error.message
