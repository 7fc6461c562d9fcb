from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.cards.page.graph_layout import MARGIN, Size, lay_out, nearest


@st.composite
def graphs(draw):
    """Steps with edges in any direction, also to themselves, twice, and to steps that do not exist."""
    names = [f"s{index}" for index in range(draw(st.integers(1, 14)))]
    return {name: draw(st.lists(st.sampled_from([*names, "nowhere"]), max_size=4)) for name in names}


@st.composite
def forward_graphs(draw):
    count = draw(st.integers(1, 14))
    names = [f"s{index}" for index in range(count)]
    return {
        name: draw(st.lists(st.sampled_from(names[index + 1 :]), max_size=4)) if index + 1 < count else []
        for index, name in enumerate(names)
    }


def sizes_of(graph):
    return {name: Size(30 + 10 * (index % 5), 20 + 7 * (index % 3)) for index, name in enumerate(graph)}


def overlap(one, other):
    return (
        one.main < other.main + other.size.main
        and other.main < one.main + one.size.main
        and one.cross < other.cross + other.size.cross
        and other.cross < one.cross + one.size.cross
    )


@given(graphs())
def test_boxes_do_not_overlap_and_no_edge_is_missing(graph):
    layout = lay_out(graph, sizes_of(graph), 40)
    assert set(layout.boxes) == set(graph)
    boxes = list(layout.boxes.values())
    assert not [(a, b) for index, a in enumerate(boxes) for b in boxes[index + 1 :] if overlap(a, b)], (
        "boxes lie on each other"
    )
    wanted = {(name, target) for name, targets in graph.items() for target in targets if target in graph}
    assert sorted((edge.source, edge.target) for edge in layout.edges) == sorted(wanted)
    for box in boxes:
        assert box.main >= MARGIN - 1e-6 and box.main + box.size.main <= layout.size.main
        assert box.cross >= MARGIN - 1e-6 and box.cross + box.size.cross <= layout.size.cross


@given(forward_graphs())
def test_a_graph_without_circles_goes_on_in_one_direction(graph):
    layout = lay_out(graph, sizes_of(graph), 40)
    for edge in layout.edges:
        source, target = layout.boxes[edge.source], layout.boxes[edge.target]
        assert not edge.goes_back
        assert source.main + source.size.main < target.main
        assert [point[0] for point in edge.points] == sorted(point[0] for point in edge.points)
        assert edge.points[0] == (source.main + source.size.main, source.middle)
        assert edge.points[-1] == (target.main, target.middle)


def test_edges_are_led_around_boxes_in_their_way():
    graph = {"start": ["a", "end"], "a": ["b"], "b": ["end"], "end": []}
    layout = lay_out(graph, {name: Size(60, 30) for name in graph}, 40)
    (direct,) = [edge for edge in layout.edges if (edge.source, edge.target) == ("start", "end")]
    for name in "ab":
        box = layout.boxes[name]
        passing = [cross for main, cross in direct.points if box.main <= main <= box.main + box.size.main]
        assert len(passing) == 2 and all(not box.cross <= cross <= box.cross + box.size.cross for cross in passing)


def test_a_step_that_repeats_itself_has_a_loop_outside_of_its_box():
    layout = lay_out({"again": ["again", "end"], "end": []}, {"again": Size(60, 30), "end": Size(60, 30)}, 40)
    (loop,) = [edge for edge in layout.edges if edge.goes_back]
    box = layout.boxes["again"]
    assert max(cross for _, cross in loop.points) > box.cross + box.size.cross
    assert {cross for _, cross in loop.points[1:3]} == {max(cross for _, cross in loop.points)}


def test_equal_boxes_in_a_row_are_joined_by_straight_lines():
    graph = {"a": ["b"], "b": ["c"], "c": []}
    layout = lay_out(graph, {name: Size(50, 30) for name in graph}, 40)
    assert len({cross for edge in layout.edges for _, cross in edge.points}) == 1


def test_no_steps_are_an_empty_drawing():
    assert lay_out({}, {}, 40).boxes == {}


@given(graphs(), st.integers(1, 20))
def test_the_nearest_steps_hang_together_and_are_in_order(graph, most):
    centre = list(graph)[-1]
    found = nearest(graph, centre, most)
    assert len(found) == min(most, len(found)) and found == [name for name in graph if name in found]
    if len(graph) > most:
        assert centre in found
    else:
        assert found == list(graph)


def test_of_a_long_chain_what_is_around_the_centre_is_nearest():
    graph = {f"s{index}": [f"s{index + 1}"] for index in range(500)}
    assert nearest(graph, "s250", 5) == ["s248", "s249", "s250", "s251", "s252"]
    assert nearest(graph, None, 2) == ["s0", "s1"] == nearest(graph, "unknown", 2)
