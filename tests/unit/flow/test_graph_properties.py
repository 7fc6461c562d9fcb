"""Random graphs: valid ones are recognised for what they are, damaged ones are refused or really run."""

from __future__ import annotations

import random

from hypothesis import given, settings, strategies as st

from graph_strategies import flows, lay_out, mutated, render
from metaflow.exception import LintWarn
from metaflow.flow.graph import FlowGraph
from metaflow.flow.graph_output import describe, to_dot
from metaflow.flow.lint import check

from .conftest import STEP, Decorator, define


def graph_from(steps) -> FlowGraph:
    source = render(steps, base="object", header=STEP)
    return FlowGraph(define(source, "RandomFlow", parallel=Decorator("parallel")))


def run(graph: FlowGraph, choice: random.Random) -> dict[str, int]:
    """How often each step runs if tasks are tokens; fails if a join waits for ever or a task is left over.

    A token carries the splits that it is inside of, each as the identity of the split's task and the number
    of tokens that the split made.
    """
    counts = dict.fromkeys(graph.nodes, 0)
    waiting: dict[tuple, int] = {}
    tokens = [(graph.start_step, ())]
    while tokens:
        name, inside = tokens.pop(choice.randrange(len(tokens)))
        node = graph[name]
        if node.is_join:
            *outer, (_, count) = inside
            waiting[name, inside] = waiting.get((name, inside), 0) + 1
            if waiting[name, inside] < count:
                continue
            del waiting[name, inside]
            inside = tuple(outer)
        counts[name] += 1
        if node.is_end:
            assert not inside, "the end runs inside a split"
        elif node.is_foreach or len(node.targets) > 1 and not node.is_switch:
            targets = node.targets * 2 if node.is_foreach else node.targets
            inside = (*inside, ((name, counts[name]), len(targets)))
            tokens += [(target, inside) for target in targets]
        else:
            tokens.append((choice.choice(node.targets), inside))
    assert not waiting, f"joins wait for ever: {waiting}"
    return counts


@settings(max_examples=150, deadline=None)
@given(flows(), st.randoms(use_true_random=False))
def test_valid_flows_are_valid_and_understood(blocks, choice):
    layout = lay_out(blocks)
    graph = graph_from(layout.steps)
    check(graph)
    assert list(graph.nodes) == [step.name for step in layout.steps]
    assert {node.name: node.matching_join for node in graph if node.is_split} == layout.matching_join
    assert {node.name: node.split_parents for node in graph} == layout.split_parents
    assert {node.name for node in graph if node.merges_switch} == layout.merges
    assert run(graph, choice)["end"] == 1


@settings(max_examples=150, deadline=None)
@given(mutated(), st.randoms(use_true_random=False))
def test_damaged_flows_are_refused_or_run_to_the_end(steps, choice):
    graph = graph_from(steps)
    to_dot(graph)
    describe(graph)
    try:
        check(graph)
    except LintWarn as error:
        assert error.message.endswith((".", "?")), error.message
        return
    assert run(graph, choice)[graph.end_step] == 1
    assert set(graph.to_dict()["steps"]) == set(graph.nodes)


@settings(max_examples=50, deadline=None)
@given(flows())
def test_structure_lists_every_step_once(blocks):
    graph = graph_from(lay_out(blocks).steps)
    names = []
    pending = [graph.structure()]
    while pending:
        for item in pending.pop():
            names.append(item) if isinstance(item, str) else pending.append(item)
    assert sorted(names) == sorted(graph.nodes)
