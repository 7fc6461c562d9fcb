"""The static graph: its steps, its ends, how splits and joins pair up."""

from __future__ import annotations

import pytest

from metaflow.exception import LintWarn
from metaflow.flow.graph import FlowGraph
from metaflow.flow.lint import check

from .conftest import STEP, Decorator, define, flow, graph_of

SWITCH = "self.next({1: self.a, 2: self.b}, condition='kind')"
IF = "if self.x:\n    self.next(self.a)\nelse:\n    self.next(self.b)"


def linear(count: int) -> FlowGraph:
    steps = {f"s{n}": f"self.next(self.s{n + 1})" for n in range(count - 1)}
    return graph_of(start="self.next(self.s0)", **steps, **{f"s{count - 1}": "self.next(self.end)"}, end="pass")


def test_facts_of_the_flow_and_of_a_step():
    graph = FlowGraph(
        define(
            STEP
            + '''
class F:
    """A flow.

    With a docstring.
    """
    helper = 3

    @Decorator("retry", times=2)
    @step(node_info={"colour": "red"})
    async def start(self):
        """First.

        Second.
        """
        self.next(self.end)

    def method(self):
        pass

    @step
    def end(self):
        pass
''',
            Decorator=Decorator,
        )
    )
    assert (graph.name, graph.doc) == ("F", "A flow.\n\nWith a docstring.")
    assert list(graph.nodes) == ["start", "end"]
    assert [node.name for node in graph] == ["start", "end"]
    assert "start" in graph and "method" not in graph and len(graph) == 2
    start = graph["start"]
    assert (start.type, start.line, start.doc) == ("start", 12, "First.\n\nSecond.")
    assert start.source_file == graph.source_file
    assert start.is_async and not graph["end"].is_async
    assert [decorator.name for decorator in start.decorators] == ["retry"]
    assert start.node_info == {"colour": "red"} and graph["end"].node_info == {}
    assert (start.targets, start.incoming, graph["end"].incoming) == (("end",), (), ("start",))


def test_types_of_nodes():
    graph = graph_of(
        start="self.next(self.fan)",
        fan="self.next(self.a, self.b)",
        a="self.next(self.work, foreach='xs')",
        work="self.next(self.j1)",
        j1="self.next(self.j2)",
        b="self.next({1: self.c, 2: self.d}, condition='kind')",
        c="self.next(self.d)",
        d="self.next(self.j2)",
        j2="self.next(self.end)",
        end="pass",
    )
    check(graph)
    assert {node.name: node.type for node in graph} == {
        "start": "start",
        "fan": "split",
        "a": "foreach",
        "work": "linear",
        "j1": "join",
        "b": "split-switch",
        "c": "linear",
        "d": "linear",
        "j2": "join",
        "end": "end",
    }
    assert {node.name: node.matching_join for node in graph if node.matching_join} == {"fan": "j2", "a": "j1"}
    assert {node.name: node.closes for node in graph if node.closes} == {"j2": "fan", "j1": "a"}
    assert graph["work"].split_parents == ("fan", "a")
    assert graph["j1"].split_parents == ("fan",)
    assert graph["j2"].split_parents == graph["start"].split_parents == ()
    assert (graph["a"].foreach, graph["b"].condition) == ("xs", "kind")
    assert graph["b"].cases == {"1": "c", "2": "d"}


def test_a_start_that_splits_has_the_type_of_the_split():
    graph = graph_of(
        start="self.next(self.a, foreach='xs')", a="self.next(self.j)", j="self.next(self.end)", end="pass"
    )
    assert (graph["start"].type, graph.start_step) == ("foreach", "start")


def test_steps_of_bases_are_inherited_and_can_be_replaced_or_removed():
    classes = """
from metaflow.flow.step import step
class Base:
    @step
    def start(self):
        self.next(self.middle)
    @step
    def middle(self):
        self.next(self.end)
    @step
    def unwanted(self):
        pass
    @step
    def end(self):
        pass
"""
    base = define(classes, "Base")
    derived = define(
        STEP
        + """
class F(Base):
    unwanted = None
    @step
    def extra(self):
        self.next(self.end)
    @step
    def middle(self):
        self.next(self.extra)
""",
        Base=base,
    )
    graph = FlowGraph(derived)
    check(graph)
    assert list(graph.nodes) == ["extra", "middle", "start", "end"]
    assert graph["middle"].targets == ("extra",)
    assert graph["start"].source_file != graph["middle"].source_file


def test_classes_of_one_file_are_ordered_by_line():
    source = flow(start="self.next(self.end)", end="pass") + (
        "class G(F):\n    @step\n    def start(self):\n        self.next(self.more)\n"
        "    @step\n    def more(self):\n        self.next(self.end)\n"
    )
    assert list(FlowGraph(define(source, "G")).nodes) == ["end", "start", "more"]


@pytest.mark.parametrize("first", ["begin", "start"])
def test_the_only_source_starts(first):
    graph = graph_of(**{first: "self.next(self.middle)", "middle": "self.next(self.end)", "end": "pass"})
    check(graph)
    assert (graph.start_step, graph.end_step) == (first, "end")
    assert graph[first].is_start and graph["end"].is_end
    assert (graph[first].type, graph["end"].type) == ("start", "end")


def test_a_step_that_forgot_self_next_does_not_end_the_flow():
    graph = graph_of(start="self.next(self.middle)", middle="pass")
    with pytest.raises(LintWarn, match=r"exactly one end step.*no self.next\(\): \*middle\*"):
        check(graph)


def test_a_mark_beats_the_name_and_a_name_beats_the_shape():
    marked = STEP + (
        "class F:\n    @step(start=True)\n    def first(self):\n        self.next(self.last)\n"
        "    @step(end=True)\n    def last(self):\n        pass\n"
        "    @step\n    def stray(self):\n        pass\n"
    )
    graph = FlowGraph(define(marked))
    assert (graph.start_step, graph.end_step) == ("first", "last")
    graph = graph_of(start="self.next(self.end)", other="self.next(self.end)", end="pass")
    assert graph.start_step == "start"


def test_a_flow_of_one_step():
    graph = graph_of(only="pass")
    check(graph)
    assert graph.start_step == graph.end_step == "only"
    assert graph["only"].type == "end"
    assert graph.structure() == ["only"]


def test_without_a_single_start_asking_for_it_is_an_error():
    graph = graph_of(a="self.next(self.end)", b="self.next(self.end)", end="pass")
    with pytest.raises(LintWarn, match=r"exactly one start step.*\*a\*, \*b\*"):
        _ = graph.start_step


@pytest.mark.parametrize("choose", [SWITCH, IF])
def test_a_switch_inside_a_split_may_reach_the_join_by_several_ways(choose):
    graph = graph_of(
        start="self.next(self.choose, self.other)",
        choose=choose,
        other="self.next(self.j)",
        a="self.next(self.j)",
        b="self.next(self.j)",
        j="self.next(self.end)",
        end="pass",
    )
    check(graph)
    assert graph["start"].matching_join == "j"
    assert graph["a"].split_parents == ("start",)


def test_a_switch_that_chooses_itself_is_recursive():
    graph = graph_of(
        start="self.next(self.loop)",
        loop="self.next({1: self.loop, 2: self.end}, condition='more')",
        end="pass",
    )
    check(graph)
    assert graph["loop"].is_recursive and not graph["start"].is_recursive
    assert graph["loop"].incoming == ("start", "loop")


def test_branches_of_an_if_may_meet_in_a_step_with_inputs():
    graph = graph_of(
        start=IF,
        a="self.next(self.j)",
        b="self.next(self.c)",
        c="self.next(self.j)",
        j="self.next(self.end)",
        end="pass",
    )
    check(graph)
    merge = graph["j"]
    assert (merge.merges_switch, merge.is_join, merge.takes_inputs, merge.type) == (
        True,
        False,
        True,
        "linear",
    )


def test_a_merge_of_an_if_may_split_again():
    graph = graph_of(
        start=IF,
        a="self.next(self.jm)",
        b="self.next(self.jm)",
        jm="self.next(self.w, foreach='xs')",
        w="self.next(self.j)",
        j="self.next(self.end)",
        end="pass",
    )
    check(graph)
    assert (graph["jm"].merges_switch, graph["jm"].matching_join) == (True, "j")


def test_an_if_inside_a_branch_of_a_split_may_merge_with_inputs_before_the_join():
    graph = graph_of(
        start="self.next(self.choose, self.other)",
        choose=IF,
        other="self.next(self.j)",
        a="self.next(self.jm)",
        b="self.next(self.jm)",
        jm="self.next(self.j)",
        j="self.next(self.end)",
        end="pass",
    )
    check(graph)
    assert graph["jm"].merges_switch and not graph["j"].merges_switch
    assert graph["start"].matching_join == "j"


def test_right_inside_a_foreach_a_step_with_inputs_is_the_join():
    graph = graph_of(
        start="self.next(self.choose, foreach='xs')",
        choose=IF,
        a="self.next(self.j)",
        b="self.next(self.j)",
        j="self.next(self.end)",
        end="pass",
    )
    check(graph)
    assert graph["j"].is_join and graph["start"].matching_join == "j"


def test_structure_nests_branches():
    graph = graph_of(
        start="self.next(self.fan)",
        fan="self.next(self.a, self.b)",
        a="self.next(self.w, foreach='xs')",
        w="self.next(self.j1)",
        j1="self.next(self.j2)",
        b="self.next({1: self.c, 2: self.d}, condition='kind')",
        c="self.next(self.d)",
        d="self.next(self.loop)",
        loop="self.next({1: self.loop, 2: self.f}, condition='more')",
        f="self.next(self.j2)",
        j2="self.next(self.end)",
        end="pass",
    )
    check(graph)
    branch_a = ["a", [["w"]], "j1"]
    branch_b = ["b", [["c"], []], "d", "loop", "f"]
    assert graph.structure() == ["start", "fan", [branch_a, branch_b], "j2", "end"]


def test_structure_of_interwoven_switches_lists_every_step_once():
    count = 40
    steps = {f"s{n}": f"self.next({{1: self.s{n + 1}, 2: self.s{n + 2}}}, condition='k')" for n in range(count)}
    graph = graph_of(
        start="self.next(self.s0)",
        **steps,
        **{f"s{count}": "self.next(self.end)", f"s{count + 1}": "self.next(self.end)"},
        end="pass",
    )
    check(graph)
    names = []
    pending = [graph.structure()]
    while pending:
        for item in pending.pop():
            names.append(item) if isinstance(item, str) else pending.append(item)
    assert sorted(names) == sorted(graph.nodes)


def test_plain_form():
    graph = FlowGraph(
        define(
            flow(
                start="self.next(self.a, self.b)",
                a="self.next(self.w, foreach='xs')",
                w="self.next(self.j1)",
                j1="self.next(self.j2)",
                b="self.next({1: self.c, self.config.mode: self.d}, condition='kind')",
                c="self.next(self.e)",
                d="self.next(self.e)",
                e="self.next(self.p, num_parallel=2)",
            )
            + "    @Decorator('parallel', nodes=2)\n"
            + flow(p="self.next(self.j3)", j3="self.next(self.j2)", j2="self.next(self.end)", end="pass").split(
                "\n", 2
            )[2],
            Decorator=Decorator,
        )
    )
    check(graph)
    record = graph.to_dict()
    steps = record["steps"]
    assert (record["start_step"], record["end_step"], record["doc"]) == ("start", "end", "")
    assert record["graph_structure"] == graph.structure()
    assert {name: step["type"] for name, step in steps.items() if step["type"].startswith("split")} == {
        "start": "split-static",
        "a": "split-foreach",
        "b": "split-switch",
        "e": "split-parallel",
    }
    assert set(steps["w"]) == {
        "name",
        "type",
        "line",
        "source_file",
        "doc",
        "decorators",
        "next",
        "node_info",
    }
    assert (steps["a"]["foreach_artifact"], steps["a"]["matching_join"]) == ("xs", "j1")
    assert (steps["e"]["num_parallel"], steps["e"]["matching_join"]) == (2, "j3")
    assert steps["b"]["condition"] == "kind" and "matching_join" not in steps["b"]
    assert steps["b"]["switch_cases"] == {"1": "c", "config:config.mode": "d"}
    assert steps["b"]["next"] == ["c", "d"]
    assert steps["p"]["decorators"] == [
        {"name": "parallel", "attributes": {"nodes": 2}, "statically_defined": True, "inserted_by": None}
    ]


def test_thousands_of_steps_in_a_row_need_no_recursion():
    graph = linear(5000)
    check(graph)
    assert len(graph.order) == 5002
    assert len(graph.structure()) == 5002


def test_deep_nesting_needs_no_recursion():
    depth = 1500
    steps = {"start": "self.next(self.f0)"}
    for level in range(depth):
        steps[f"f{level}"] = f"self.next(self.{'body' if level == depth - 1 else f'f{level + 1}'}, foreach='xs')"
    steps["body"] = f"self.next(self.j{depth - 1})"
    for level in reversed(range(depth)):
        steps[f"j{level}"] = f"self.next(self.{f'j{level - 1}' if level else 'end'})"
    graph = graph_of(**steps, end="pass")
    check(graph)
    assert graph["f7"].matching_join == "j7"
    assert len(graph["body"].split_parents) == depth
    graph.structure()
