"""The plan, construct by construct."""

from __future__ import annotations

import pytest

from metaflow.exception import MetaflowInternalError
from metaflow.flow.transition import PARALLEL_ITERATOR, Transition
from metaflow.runtime.plan import Frame, Plan, PlanGraph, PlannedTask, PlanStep, RetryPolicy, TaskRef
from metaflow.runtime.plan_task import Foreach


def graph(*lines: str, start: str = "start", end: str = "end") -> PlanGraph:
    """A graph from lines like ``start foreach body``: name, kind, targets."""
    words = [line.split() for line in lines]
    return PlanGraph([PlanStep(name, tuple(targets), kind) for name, kind, *targets in words], start, end)


def take(plan: Plan, step: str) -> PlannedTask:
    """The next task, which has to be one of `step`."""
    task = plan.take()
    assert task is not None, f"expected a task of {step} to be ready, but nothing is"
    assert task.step == step
    return task


def go(plan: Plan, task: PlannedTask, *targets: str, splits: int | None = None, nodes: int | None = None) -> TaskRef:
    """Finish a task; returns how later ones refer to it."""
    variable = PARALLEL_ITERATOR if nodes else "items" if splits else None
    plan.finished(task, Transition(targets, variable, nodes or splits))
    return task.ref


LINEAR = graph("start linear a", "a linear end", "end end")
FOREACH = graph("start foreach body", "body linear join", "join join end", "end end")
GANG = graph("start parallel node", "node linear join", "join join end", "end end")
SPLIT = graph("start split a b", "a linear join", "b linear join", "join join end", "end end")
RECURSION = graph("start linear loop", "loop switch loop end", "end end")


def test_linear_flow_runs_in_order_and_is_done_with_its_end():
    plan = Plan(LINEAR)
    start = take(plan, "start")
    assert list(start.inputs) == [] and start.frames is None and start.split_index is None
    assert plan.take() is None, "a cannot be ready before start has finished"
    ref = go(plan, start, "a")
    a = take(plan, "a")
    assert list(a.inputs) == [ref] == [TaskRef("start", 1, 0)]
    go(plan, a, "end")
    end = take(plan, "end")
    assert not plan.done
    go(plan, end)
    assert plan.done and not plan.has_ready and plan.active == 0
    assert [start.task_id, a.task_id, end.task_id] == [1, 2, 3]


def test_flow_of_one_step():
    plan = Plan(graph("only end", start="only", end="only"))
    go(plan, take(plan, "only"))
    assert plan.done


def test_static_join_waits_for_all_and_sees_branches_in_order_of_the_split():
    plan = Plan(SPLIT)
    go(plan, take(plan, "start"), "a", "b")
    a, b = take(plan, "a"), take(plan, "b")
    assert a.inputs == b.inputs == (TaskRef("start", 1, 0),)
    ref_b = go(plan, b, "join")
    assert not plan.has_ready, "the join cannot be ready before a has arrived"
    ref_a = go(plan, a, "join")
    join = take(plan, "join")
    assert list(join.inputs) == [ref_a, ref_b]
    assert join.scope is None and join.frames is None


def test_branch_that_goes_straight_to_the_join():
    plan = Plan(graph("start split a join", "a linear join", "join join end", "end end"))
    ref_start = go(plan, take(plan, "start"), "a", "join")
    ref_a = go(plan, take(plan, "a"), "join")
    assert list(take(plan, "join").inputs) == [ref_a, ref_start]


def test_foreach_gives_one_task_for_each_split_and_joins_them_by_index():
    plan = Plan(FOREACH)
    ref_start = go(plan, take(plan, "start"), "body", splits=3)
    tasks = [take(plan, "body") for _ in range(3)]
    assert [task.split_index for task in tasks] == [0, 1, 2]
    assert [task.index_path for task in tasks] == [(("start", index),) for index in range(3)]
    assert all(task.frames.num_splits == 3 and task.frames.parent is None for task in tasks)
    assert all(task.inputs == (ref_start,) for task in tasks)
    refs = {index: go(plan, tasks[index], "join") for index in (2, 0, 1)}
    join = take(plan, "join")
    assert list(join.inputs) == [refs[0], refs[1], refs[2]]
    assert join.frames is None


def test_join_inputs_are_a_sequence():
    plan = Plan(FOREACH)
    go(plan, take(plan, "start"), "body", splits=4)
    refs = [go(plan, take(plan, "body"), "join") for _ in range(4)]
    inputs = take(plan, "join").inputs
    assert len(inputs) == 4 and inputs[0] == refs[0] and inputs[-1] == refs[-1]
    assert inputs[1:3] == tuple(refs[1:3]) and refs[2] in inputs
    with pytest.raises(IndexError):
        inputs[4]


def test_nested_foreach_positions_and_inputs():
    plan = Plan(
        graph(
            "start foreach a",
            "a foreach b",
            "b linear inner",
            "inner join outer",
            "outer join end",
            "end end",
        )
    )
    go(plan, take(plan, "start"), "a", splits=2)
    first, second = take(plan, "a"), take(plan, "a")
    go(plan, second, "b", splits=1)
    go(plan, first, "b", splits=2)
    b = [take(plan, "b") for _ in range(3)]
    paths = [task.index_path for task in b]
    assert paths == [(("start", 1), ("a", 0)), (("start", 0), ("a", 0)), (("start", 0), ("a", 1))]
    refs = [go(plan, task, "inner") for task in b]
    inner_of_second, inner_of_first = take(plan, "inner"), take(plan, "inner")
    assert list(inner_of_second.inputs) == refs[:1] and inner_of_second.index_path == (("start", 1),)
    assert list(inner_of_first.inputs) == refs[1:] and inner_of_first.index_path == (("start", 0),)
    late = go(plan, inner_of_second, "outer")
    early = go(plan, inner_of_first, "outer")
    assert list(take(plan, "outer").inputs) == [early, late]


def test_foreach_whose_branches_reach_the_join_separately_is_joined_by_parent_then_index():
    # y stands before x in the graph, so its tasks come first.
    plan = Plan(
        graph(
            "start foreach pick",
            "pick switch x y",
            "y linear join",
            "x linear join",
            "join join end",
            "end end",
        )
    )
    go(plan, take(plan, "start"), "pick", splits=4)
    for choice in ("x", "y", "x", "y"):
        go(plan, take(plan, "pick"), choice)
    tasks = [take(plan, step) for step in ("x", "y", "x", "y")]
    refs = [go(plan, task, "join") for task in tasks]
    assert list(take(plan, "join").inputs) == [refs[1], refs[3], refs[0], refs[2]]


def test_switch_takes_one_way_and_the_meeting_step_has_one_input():
    plan = Plan(graph("start switch a b", "a linear meet", "b linear meet", "meet linear end", "end end"))
    go(plan, take(plan, "start"), "b")
    ref = go(plan, take(plan, "b"), "meet")
    meet = take(plan, "meet")
    assert list(meet.inputs) == [ref]
    assert plan.counts["a"].total == 0


def test_recursion_counts_iterations():
    plan = Plan(RECURSION)
    go(plan, take(plan, "start"), "loop")
    keys = []
    for target in ("loop", "loop", "end"):
        task = take(plan, "loop")
        keys.append(task.key)
        go(plan, task, target)
    assert keys == [("loop", (), 0), ("loop", (), 1), ("loop", (), 2)]
    end = take(plan, "end")
    assert end.iteration == 0 and list(end.inputs) == [TaskRef("loop", 4, 0)]


def test_tasks_come_in_the_order_in_which_they_became_ready():
    plan = Plan(
        graph("start split a b", "a foreach c", "c linear j", "j join join", "b linear d", "d linear join",
              "join join end", "end end")
    )  # fmt: skip
    go(plan, take(plan, "start"), "a", "b")
    a, b = take(plan, "a"), take(plan, "b")
    go(plan, a, "c", splits=3)
    go(plan, b, "d")
    assert [plan.take().step for _ in range(4)] == ["c", "c", "c", "d"]
    assert plan.take() is None


def test_foreach_is_lazy():
    plan = Plan(FOREACH)
    go(plan, take(plan, "start"), "body", splits=10**15)
    assert take(plan, "body").split_index == 0
    assert plan.counts["body"].total == 10**15


def test_depth_has_no_limit():
    depth = 3000
    lines = [f"s{i} foreach s{i + 1}" for i in range(depth)] + [f"s{depth} linear j{depth - 1}"]
    lines += [f"j{i} join {f'j{i - 1}' if i else 'end'}" for i in reversed(range(depth))] + ["end end"]
    deep = graph(*lines, start="s0")
    plan = Plan(deep)
    while (task := plan.take()) is not None:
        step = deep.steps[task.step]
        if task.step == f"s{depth}":
            assert len(task.index_path) == depth and repr(task.frames)
        go(plan, task, *step.targets, splits=1 if step.kind == "foreach" else None)
    assert plan.done


@pytest.mark.parametrize(
    ("flow", "targets", "splits", "expected"),
    [
        (LINEAR, ("end",), None, r"\*start\* went to end, but the graph expects it to go to a"),
        (LINEAR, (), None, r"did not call self.next.* expects it to go to a"),
        (LINEAR, ("a",), 2, r"went to a with 2 splits.* without foreach"),
        (FOREACH, ("body",), None, r"went to body, but .* to body with at least 1 split"),
        (FOREACH, ("body",), 0, r"went to body with 0 splits"),
        (FOREACH, ("join",), 3, r"went to join with 3 splits"),
        (SPLIT, ("a",), None, r"went to a, but the graph expects it to go to a, b"),
        (SPLIT, ("a", "b", "b"), None, r"went to a, b, b"),
        (SPLIT, ("a", "b"), 2, r"went to a, b with 2 splits"),
        (graph("start switch a end", "a linear end", "end end"), ("a", "end"), None, "exactly one of a, end"),
        (graph("start switch a end", "a linear end", "end end"), ("start",), None, "exactly one of a, end"),
        (graph("start switch a end", "a linear end", "end end"), ("a",), 2, "exactly one of a, end"),
        (graph("start end", end="start"), ("start",), None, "expects to be the last step"),
    ],
)
def test_transition_that_the_graph_does_not_have_is_refused_and_changes_nothing(flow, targets, splits, expected):
    plan = Plan(flow)
    task = take(plan, "start")
    with pytest.raises(MetaflowInternalError, match=expected):
        plan.finished(task, Transition(targets, None, splits))
    assert not plan.has_ready and not plan.done and plan.active == 1
    step = flow.steps["start"]
    right = step.targets[:1] if step.kind == "switch" else step.targets
    go(plan, task, *right, splits=2 if step.kind == "foreach" else None)
    assert plan.has_ready or plan.done, "the right transition is still accepted"


def test_static_split_is_accepted_in_any_order_but_keeps_that_of_the_graph():
    plan = Plan(SPLIT)
    go(plan, take(plan, "start"), "b", "a")
    refs = [go(plan, take(plan, step), "join") for step in ("a", "b")]
    assert list(take(plan, "join").inputs) == refs


def test_graph_that_was_never_checked_fails_with_a_reason():
    plan = Plan(graph("start linear join", "join join end", "end end"))
    with pytest.raises(MetaflowInternalError, match=r"join \*join\*, but no split is open"):
        go(plan, take(plan, "start"), "join")

    plan = Plan(graph("start foreach a", "a linear end", "end end"))
    go(plan, take(plan, "start"), "a", splits=2)
    go(plan, take(plan, "a"), "end")
    take(plan, "a")
    with pytest.raises(MetaflowInternalError, match=r"ends the flow, but the split of step \*start\*"):
        go(plan, take(plan, "end"))

    plan = Plan(graph("start split a b", "a linear j", "b linear k", "j join k", "k join end", "end end"))
    go(plan, take(plan, "start"), "a", "b")
    go(plan, take(plan, "a"), "j")
    with pytest.raises(MetaflowInternalError, match=r"joined at \*j\*.*arrived at \*k\*"):
        go(plan, take(plan, "b"), "k")

    plan = Plan(graph("start foreach a", "a split b c", "b linear j", "c linear j", "j join end", "end end"))
    with pytest.raises(MetaflowInternalError, match=r"ends the flow"):
        go(plan, take(plan, "start"), "a", splits=1)
        go(plan, take(plan, "a"), "b", "c")
        go(plan, take(plan, "b"), "j")
        go(plan, take(plan, "c"), "j")
        go(plan, take(plan, "j"), "end")
        go(plan, take(plan, "end"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["start linear nowhere", "end end"], r"goes to \*nowhere\*"),
        (["start linear", "end end"], "linear step, which cannot have 0 targets"),
        (["start foreach end end", "end end"], "foreach step, which cannot have 2 targets"),
        (["start split end", "end end"], "split step, which cannot have 1 targets"),
        (["start linear end", "end end end"], "end step, which cannot have 1 targets"),
        (["start foreach j", "j join end", "end end"], "straight to the join"),
        (["start end"], r"no step \*end\*"),
        (["start parallel a", "a linear b", "b linear end", "end end"], r"\*a\* does not lead straight to a join"),
    ],
)
def test_graph_that_cannot_be_planned_is_refused(lines, expected):
    with pytest.raises(MetaflowInternalError, match=expected):
        graph(*lines)


class TestRetries:
    def test_task_keeps_its_id_over_attempts_and_comes_before_everything_else(self):
        plan = Plan(FOREACH, {"body": RetryPolicy(user_retries=2, delay_seconds=5)})
        go(plan, take(plan, "start"), "body", splits=3)
        task = take(plan, "body")
        retry = plan.failed(task)
        assert retry == (1, 5, False)
        assert plan.active == 1, "the scheduler still has to call again()"
        assert take(plan, "body").split_index == 1, "others go on while the task waits"
        plan.again(task)
        assert plan.take() is task
        assert (task.task_id, task.attempt, task.fallback) == (2, 1, False)
        go(plan, task, "join")
        assert task.ref == TaskRef("body", 2, 1)

    def test_inputs_name_the_attempt_that_succeeded(self):
        plan = Plan(LINEAR, {"start": RetryPolicy(1)})
        start = take(plan, "start")
        assert plan.failed(start)
        plan.again(start)
        plan.take()
        go(plan, start, "a")
        assert list(take(plan, "a").inputs) == [TaskRef("start", 1, 1)]

    def test_join_inputs_name_the_attempt_that_succeeded(self):
        plan = Plan(FOREACH, {"body": RetryPolicy(1)})
        go(plan, take(plan, "start"), "body", splits=2)
        first = take(plan, "body")
        assert plan.failed(first)
        plan.again(first)
        assert plan.take() is first
        go(plan, first, "join")
        go(plan, take(plan, "body"), "join")
        assert [ref.attempt for ref in take(plan, "join").inputs] == [1, 0]

    def test_fallback_attempts_follow_user_attempts_without_delay(self):
        plan = Plan(LINEAR, {"start": RetryPolicy(user_retries=1, error_retries=1, delay_seconds=60)})
        task = take(plan, "start")
        assert plan.failed(task) == (1, 60, False)
        plan.again(task)
        plan.take()
        assert plan.failed(task) == (2, 0, True)
        plan.again(task)
        assert plan.take().fallback
        assert plan.failed(task) is None

    def test_giving_up_leaves_the_rest_running_but_never_done(self):
        plan = Plan(SPLIT)
        go(plan, take(plan, "start"), "a", "b")
        a, b = take(plan, "a"), take(plan, "b")
        assert plan.failed(a) is None
        go(plan, b, "join")
        assert not plan.has_ready and not plan.done and plan.active == 0
        assert plan.counts["a"].failed == 1

    def test_failure_that_disallows_retries_is_final(self):
        plan = Plan(LINEAR, {"start": RetryPolicy(4, 3)})
        assert plan.failed(take(plan, "start"), retriable=False) is None
        assert plan.active == 0


class TestGangs:
    def test_nodes_are_taken_together_and_joined_in_order(self):
        plan = Plan(GANG)
        ref_start = go(plan, take(plan, "start"), "node", nodes=3)
        gang = take(plan, "node")
        assert (gang.gang, gang.width, gang.task_id) == (3, 3, 2)
        assert gang.frames.num_splits == 3 and gang.inputs == (ref_start,)
        assert plan.take() is None, "a gang is handed out once"
        go(plan, gang, "join")
        join = take(plan, "join")
        assert list(join.inputs) == [TaskRef("node", 2, 0, node) for node in range(3)]
        assert [ref.key for ref in join.inputs] == ["node/2/0", "node/2_node_1/0", "node/2_node_2/0"]
        assert join.inputs[-1].node == 2 and len(join.inputs) == 3 and join.inputs[1:] == tuple(join.inputs)[1:]
        assert join.task_id == 3 and join.frames is None and join.gang is None

    def test_keys_of_nodes_are_their_positions_in_the_foreaches(self):
        plan = Plan(graph("start foreach each", "each parallel node", "node linear join", "join join all",
                          "all join end", "end end"))  # fmt: skip
        go(plan, take(plan, "start"), "each", splits=2)
        take(plan, "each")
        go(plan, take(plan, "each"), "node", nodes=2)
        gang = take(plan, "node")
        assert gang.key == gang.node_key(0) == ("node", (("start", 1), ("each", 0)), 0)
        assert gang.node_key(1) == ("node", (("start", 1), ("each", 1)), 0)
        go(plan, gang, "join")
        assert take(plan, "join").index_path == (("start", 1),)

    def test_gang_of_one(self):
        plan = Plan(GANG)
        go(plan, take(plan, "start"), "node", nodes=1)
        ref = go(plan, take(plan, "node"), "join")
        assert list(take(plan, "join").inputs) == [ref]

    def test_gang_costs_no_more_the_more_nodes_it_has(self):
        plan = Plan(GANG)
        go(plan, take(plan, "start"), "node", nodes=10**15)
        go(plan, take(plan, "node"), "join")
        assert take(plan, "join").inputs[10**14] == TaskRef("node", 2, 0, 10**14)

    def test_gang_is_tried_again_as_a_whole(self):
        plan = Plan(GANG, {"node": RetryPolicy(user_retries=1)})
        go(plan, take(plan, "start"), "node", nodes=3)
        gang = take(plan, "node")
        counts = plan.counts["node"]
        assert (counts.waiting, counts.running, plan.active) == (0, 3, 1)
        assert plan.failed(gang)
        assert (counts.waiting, counts.running, plan.active) == (3, 0, 1)
        plan.again(gang)
        assert plan.take() is gang
        go(plan, gang, "join")
        assert (counts.done, counts.total) == (3, 3)
        assert {ref.attempt for ref in take(plan, "join").inputs} == {1}

    def test_gang_that_was_put_back_comes_next(self):
        plan = Plan(GANG)
        go(plan, take(plan, "start"), "node", nodes=3)
        gang = take(plan, "node")
        plan.put_back([gang])
        assert plan.counts["node"].waiting == 3 and plan.take() is gang

    def test_foreach_and_num_parallel_are_not_taken_for_each_other(self):
        with pytest.raises(MetaflowInternalError, match="with 2 splits.* expects it to go to node with num_parallel"):
            plan = Plan(GANG)
            go(plan, take(plan, "start"), "node", splits=2)
        with pytest.raises(MetaflowInternalError, match="with 2 nodes.* expects it to go to body with at least 1"):
            plan = Plan(FOREACH)
            go(plan, take(plan, "start"), "body", nodes=2)


def test_counts_follow_a_task_through_its_states():
    plan = Plan(FOREACH, {"body": RetryPolicy(1)})
    go(plan, take(plan, "start"), "body", splits=4)
    counts = plan.counts["body"]

    def now() -> tuple[int, ...]:
        assert counts.total == 4
        return (counts.waiting, counts.running, counts.done, counts.cloned, counts.failed)

    assert now() == (4, 0, 0, 0, 0)
    tasks = [take(plan, "body") for _ in range(3)]
    assert now() == (1, 3, 0, 0, 0)
    go(plan, tasks[0], "join")
    plan.finished(tasks[1], Transition(("join",)), cloned=True)
    plan.failed(tasks[2])
    assert now() == (2, 0, 1, 1, 0)
    plan.again(tasks[2])
    assert now() == (2, 0, 1, 1, 0)
    plan.take()
    plan.failed(tasks[2])
    assert now() == (1, 0, 1, 1, 1)


def test_tasks_put_back_come_next_in_order_with_their_ids():
    plan = Plan(FOREACH)
    go(plan, take(plan, "start"), "body", splits=4)
    tasks = [take(plan, "body") for _ in range(3)]
    go(plan, tasks[1], "join")
    plan.put_back([tasks[0], tasks[2]])
    assert plan.active == 0
    assert [plan.take() for _ in range(2)] == [tasks[0], tasks[2]]
    assert [tasks[0].task_id, tasks[2].task_id, take(plan, "body").task_id] == [2, 4, 5]


@pytest.mark.parametrize("state", ["ready", "retry", "over"])
def test_every_operation_is_refused_in_a_state_that_does_not_allow_it(state):
    plan = Plan(LINEAR, {"start": RetryPolicy(1)})
    task = take(plan, "start")
    allowed = []
    if state == "ready":
        plan.put_back([task])
    elif state == "retry":
        plan.failed(task)
        allowed = ["again"]
    else:
        go(plan, task, "a")
    operations = {
        "finished": lambda: plan.finished(task, Transition(("a",))),
        "failed": lambda: plan.failed(task),
        "again": lambda: plan.again(task),
        "put_back": lambda: plan.put_back([task]),
    }
    before = plan.active
    for name, operation in operations.items():
        if name not in allowed:
            with pytest.raises(MetaflowInternalError, match=r"task 1 of step \*start\*: it is"):
                operation()
    assert plan.active == before


def test_running_task_cannot_be_retried():
    plan = Plan(LINEAR, {"start": RetryPolicy(1)})
    task = take(plan, "start")
    with pytest.raises(MetaflowInternalError, match=r"Cannot retry task 1 of step \*start\*: it is running"):
        plan.again(task)


def test_frames_link_outwards():
    outer = Frame(Foreach(TaskRef("a", 1, 0), 3), 1, None)
    inner = Frame(Foreach(TaskRef("b", 3, 0), 2), 0, outer)
    task = PlannedTask("x", inner, (), None, 0)
    assert task.index_path == (("a", 1), ("b", 0))
    assert task.split_index == 0
    assert inner.parent is outer and (outer.step, outer.num_splits) == ("a", 3)


def test_key_does_not_depend_on_ids_or_sizes():
    def task(opener_id: int, num_splits: int) -> PlannedTask:
        return PlannedTask("x", Frame(Foreach(TaskRef("a", opener_id, 0), num_splits), 1, None), (), None, 0)

    assert task(1, 3).key == task(7, 9).key == ("x", (("a", 1),), 0)
    assert {task(1, 3).key: "clone"}[task(7, 9).key] == "clone"


def test_tasks_of_a_foreach_know_what_opened_it():
    plan = Plan(FOREACH, {"start": RetryPolicy(1)})
    start = take(plan, "start")
    assert plan.failed(start)
    plan.again(start)
    assert plan.take() is start
    plan.finished(start, Transition(("body",), "items", 2, ["x", "y"]))
    tasks = [take(plan, "body") for _ in range(2)]
    foreach = tasks[0].frames.foreach
    assert foreach == Foreach(TaskRef("start", 1, 1), 2, "items", ["x", "y"])
    assert tasks[1].frames.foreach is foreach, "shared, whatever the number of splits"
