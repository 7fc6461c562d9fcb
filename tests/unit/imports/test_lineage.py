from __future__ import annotations

import pytest

from metaflow.imports.attempts import SourceAttempt, SourceTask, StackFrame, Way
from metaflow.imports.lineage import Lineage


def task(step, task_id, targets=(), *, foreach=None, splits=None, labels=None, path=(), iteration=None):
    """A finished task; `path` has (step that the foreach leads to, index) of each foreach."""
    stack = tuple(StackFrame(name, "items", None, index, None) for name, index in path)
    attempt = SourceAttempt(
        number=0,
        status="done",
        ok=True,
        success=True,
        started_at=0.0,
        finished_at=1.0,
        artifacts={},
        fields={},
        stack=stack,
        iteration=iteration,
        way=Way(tuple(targets), foreach, splits, labels),
        error=None,
        logs=(),
    )
    return SourceTask(step, task_id, (attempt,), ())


def origins(tasks, steps=None):
    lineage = Lineage(tasks, steps or {}, "start")
    return {f"{each.step}/{each.task_id}": lineage.origin(each.step, each.attempts[-1]) for each in tasks}


def inputs(tasks, steps=None):
    return {name: list(origin.inputs) for name, origin in origins(tasks, steps).items()}


def test_a_static_join_has_its_branches_in_the_order_of_the_graph():
    tasks = [
        task("_parameters", "0"),
        task("start", "1", ["zebra", "ant"]),
        task("zebra", "2", ["join"]),
        task("ant", "3", ["join"]),
        task("join", "4", ["end"]),
        task("end", "5"),
    ]
    steps = {"start": ["zebra", "ant"], "zebra": ["join"], "ant": ["join"], "join": ["end"], "end": []}
    found = inputs(tasks, steps)
    assert found["join/4"] == ["zebra/2/0", "ant/3/0"]
    assert (found["start/1"], found["end/5"], found["_parameters/0"]) == (["_parameters/0/0"], ["join/4/0"], [])
    assert inputs(tasks)["join/4"] == ["ant/3/0", "zebra/2/0"], "without a graph, by name"


@pytest.mark.parametrize("size", [1, 3, 12])
def test_nested_foreaches(size):
    tasks = [task("start", "1", ["outer"], foreach="items", splits=size, labels=tuple(f"l{i}" for i in range(size)))]
    for i in range(size):
        tasks.append(task("outer", f"o{i}", ["inner"], foreach="items", splits=2, path=[("outer", i)]))
        for j in range(2):
            tasks.append(task("inner", f"n{i}.{j}", ["gather"], path=[("outer", i), ("inner", j)]))
        tasks.append(task("gather", f"g{i}", ["join"], path=[("outer", i)]))
    tasks.append(task("join", "9", ["end"]))
    found = origins(tasks)
    assert list(found["join/9"].inputs) == [f"gather/g{i}/0" for i in range(size)]
    last = size - 1
    assert list(found[f"gather/g{last}"].inputs) == [f"inner/n{last}.0/0", f"inner/n{last}.1/0"]
    assert list(found[f"inner/n{last}.1"].inputs) == [f"outer/o{last}/0"]
    outer, inner = found[f"inner/n{last}.1"].frames
    assert outer == ("start", "items", last, size, f"l{last}", "start/1/0")
    assert inner == ("outer", "items", 1, 2, "1", f"outer/o{last}/0")


def test_branches_inside_of_a_foreach_join_there():
    tasks = [task("start", "1", ["split"], foreach="items", splits=2)]
    for i in range(2):
        path = [("split", i)]
        tasks += [
            task("split", f"s{i}", ["a", "b"], path=path),
            task("a", f"a{i}", ["merge"], path=path),
            task("b", f"b{i}", ["merge"], path=path),
            task("merge", f"m{i}", ["join"], path=path),
        ]
    tasks.append(task("join", "9", ["end"]))
    found = inputs(tasks)
    assert found["merge/m1"] == ["a/a1/0", "b/b1/0"]
    assert found["join/9"] == ["merge/m0/0", "merge/m1/0"]


def test_a_recursive_step_that_a_foreach_leads_to():
    tasks = [task("start", "1", ["loop"], foreach="items", splits=2)]
    for i in range(2):
        path = [("loop", i)]
        tasks += [
            task("loop", f"x{i}", ["loop"], path=path, iteration=0),
            task("loop", f"y{i}", ["out"], path=path, iteration=1),
            task("out", f"o{i}", ["join"], path=path),
        ]
    found = inputs([*tasks, task("join", "9", ["end"])])
    assert (found["loop/x1"], found["loop/y1"], found["out/o1"]) == (["start/1/0"], ["loop/x1/0"], ["loop/y1/0"])
    assert found["join/9"] == ["out/o0/0", "out/o1/0"]


def test_of_exclusive_ways_only_the_taken_one_counts():
    tasks = [
        task("start", "1", ["one"]),
        task("one", "2", ["meet"]),
        task("meet", "3", ["end"]),
    ]
    assert inputs(tasks, {"start": ["one", "two"], "one": ["meet"], "two": ["meet"]})["meet/3"] == ["one/2/0"]


def test_a_task_whose_foreach_was_lost_still_has_its_place():
    (lost,) = [task("work", "2", ["join"], path=[("work", 4)])]
    found = origins([lost], {"start": ["work"], "work": ["join"]})["work/2"]
    assert found.inputs == () and found.frames == (("start", "items", 4, 5, None, "start/?/0"),)
