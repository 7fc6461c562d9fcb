from __future__ import annotations

import re

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.dag import dag_element
from metaflow.cards.report.graph import decorators_of, graph_node

GRAPH = {
    "steps": {
        "start": {"type": "split-foreach", "next": ["work"], "foreach_artifact": "xs", "matching_join": "join"},
        "work": {"type": "linear", "next": ["more"], "decorators": [{"name": "retry", "attributes": {"times": 2}}]},
        "more": {"type": "linear", "next": ["join"]},
        "join": {"type": "join", "next": ["choose"]},
        "choose": {
            "type": "split-switch",
            "next": ["choose", "end"],
            "condition": "mode",
            "switch_cases": {"again": "choose", "good": "end"},
            "doc": "Decide.\n\nAt length.",
        },
        "end": {"type": "end", "next": []},
    }
}


def drawn(node):
    return dag_element(node, PageContext())


def test_steps_are_drawn_as_what_they_are():
    node = graph_node(GRAPH, "work")
    assert node["step"] == "work"
    assert [name for name, step in node["data"].items() if step.get("repeated")] == ["work", "more"]
    html = drawn(node)
    assert html.count('<g class="mf-dag-step') == 6 and html.count('class="mf-dag-edge"') == 6
    assert html.count("mf-dag-here") == 1 and "mf-dag-linear mf-dag-here" in html
    assert html.count("<polygon") == 1, "a switch is a hexagon"
    assert html.count('class="mf-dag-bar"') == 1, "a join has a bar"
    assert ">each xs</text>" in html and ">again</text>" in html and ">good</text>" in html


def test_the_graph_is_there_as_a_list_too():
    html = drawn(graph_node(GRAPH, "choose"))
    listed = html.partition("<ol>")[2]
    assert listed.count("<li") == 6
    assert '<li aria-current="step">choose (switch): Decide.' in listed
    assert "choose (again), end (good)" in listed and "work (once for each item) @retry" in listed


def test_of_500_steps_those_around_the_marked_one_are_drawn():
    steps = {f"s{index}": {"type": "linear", "next": [f"s{index + 1}"]} for index in range(499)}
    html = drawn(graph_node({"steps": {**steps, "s499": {"type": "end", "next": []}}}, "s200"))
    assert html.count('<g class="mf-dag-step') == 60 and html.count("<li") == 500
    assert "440 more are in the list" in html and "mf-dag-here" in html


def test_graphs_of_other_versions_are_drawn_as_far_as_they_say_something():
    assert graph_node({}, "start") is None and graph_node({"steps": []}, "start") is None
    assert "not known" in drawn({"type": "dag"}) and "not known" in drawn({"type": "dag", "data": []})
    html = drawn(
        {"type": "dag", "data": {"a": None, "b": {"next": "c", "cases": 3, "decorators": 1}, 5: {"next": [6]}}}
    )
    assert html.count('<g class="mf-dag-step') == 3 and 'class="mf-dag-edge"' not in html


def test_decorators_are_read_with_care():
    assert decorators_of(GRAPH, "work") == {"retry": {"times": 2}}
    assert decorators_of(GRAPH, "end") == {} == decorators_of({}, "x")
    odd = {"steps": {"a": {"decorators": [None, {"name": "x", "attributes": None}]}}}
    assert decorators_of(odd, "a") == {"x": {}}


def test_words_below_the_lowest_line_are_on_the_drawing():
    steps = {"start": {"type": "split-switch", "next": ["a", "end"], "switch_cases": {"go": "a", "skip": "end"}}}
    steps |= {"a": {"next": ["end"]}, "end": {"type": "end", "next": []}}
    html = drawn(graph_node({"steps": steps}, "a"))
    height = float(re.search(r'viewBox="0 0 \S+ (\S+)"', html)[1])
    words = [float(y) for y in re.findall(r'class="mf-dag-label" x="\S+" y="(\S+)"', html)]
    assert len(words) == 2 and max(words) + 4 <= height
