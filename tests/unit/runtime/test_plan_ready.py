"""Ready tasks keep their order over all steps, whichever steps are passed over."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.runtime.plan_ready import ReadyTasks
from metaflow.runtime.plan_scope import ForeachCursor, Scope
from metaflow.runtime.plan_task import Foreach, PlannedTask, TaskRef

STEPS = st.sampled_from("abc")
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), STEPS),
        st.tuples(st.just("add_first"), STEPS),
        st.tuples(st.just("foreach"), STEPS, st.integers(1, 3)),
        st.tuples(st.just("take"), st.frozensets(STEPS)),
        st.tuples(st.just("take"), st.just(frozenset())),
    ),
    max_size=60,
)


def task_of(step: str) -> PlannedTask:
    return PlannedTask(step, None, (), None, 0)


def cursor_of(step: str, width: int) -> ForeachCursor:
    opener = task_of("opener")
    foreach = Foreach(TaskRef("opener", 1, 0), width, "items", None)
    return ForeachCursor(step, foreach, Scope(opener, width, is_foreach=True), ())


class Counting(frozenset):
    """Steps that are held, which count how often they are asked for."""

    asked = 0

    def __contains__(self, step: object) -> bool:
        Counting.asked += 1
        return super().__contains__(step)


@given(ACTIONS)
def test_the_first_task_of_a_step_that_is_not_held_is_taken(actions):
    ready = ReadyTasks()
    model: list[tuple[str, int | None, PlannedTask | None]] = []  # step, index in its foreach, or the task itself
    for action, argument, *rest in actions:
        if action == "add":
            task = task_of(argument)
            ready.add(argument, task)
            model.append((argument, None, task))
        elif action == "add_first":
            task = task_of(argument)
            ready.add_first(argument, task)
            model.insert(0, (argument, None, task))
        elif action == "foreach":
            ready.add(argument, cursor_of(argument, *rest))
            model += [(argument, index, None) for index in range(*rest)]
        else:
            expected = next((entry for entry in model if entry[0] not in argument), None)
            taken = ready.take(argument)
            if expected is None:
                assert taken is None
                continue
            model.remove(expected)
            assert taken is not None and taken.step == expected[0]
            assert taken is expected[2] or (expected[2] is None and taken.frames.index == expected[1])
        assert bool(ready) == bool(model)


def test_passing_over_a_step_costs_the_same_however_many_tasks_of_it_wait():
    ready = ReadyTasks()
    for _ in range(1000):
        ready.add("full", task_of("full"))
        ready.add_first("full", task_of("full"))
    ready.add("free", task_of("free"))
    full = Counting({"full"})

    assert ready.take(full).step == "free"
    assert ready.take(full) is None
    assert Counting.asked <= 5, "every waiting task was looked at"
