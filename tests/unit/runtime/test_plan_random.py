"""The plan over random graphs, with tasks that finish in random order, fail, and are cloned."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from metaflow.runtime.plan import Plan
from plan_strategies import FLOWS, Driver, random_policies


@settings(deadline=None)
@given(FLOWS, st.randoms(use_true_random=False))
def test_every_task_runs_once_with_the_right_inputs(flow, rng):
    policies = random_policies(flow, rng)
    plan = Plan(flow.graph, policies)
    driver = Driver(flow, plan, rng, policies)
    driver.run()
    assert driver.inputs == flow.expected
    assert plan.done and not plan.has_ready and plan.active == 0
    assert sorted(driver.key_of_id) == list(range(1, len(flow.expected) + 1)), "ids count from 1 without gaps"
    for name, counts in plan.counts.items():
        expected = flow.nodes.get(name) or sum(key[0] == name for key in flow.expected)
        assert counts.done == counts.total == expected, f"counts of {name}"


@settings(deadline=None)
@given(FLOWS, st.randoms(use_true_random=False), st.data())
def test_plan_fed_by_clones_goes_on_to_the_same_tasks(flow, rng, data):
    origin_driver = Driver(flow, Plan(flow.graph), rng, {})
    origin_driver.run()
    # Any beginning of a run, in an order that it could have had, is a set of tasks closed under "reads from".
    origin = dict(origin_driver.completed[: data.draw(st.integers(0, len(flow.expected)), label="cloned")])

    plan = Plan(flow.graph)
    driver = Driver(flow, plan, rng, {})
    rest = []
    while (task := plan.take()) is not None:
        if task.key in origin:
            driver.finish(task, cloned=True)
        else:
            rest.append(task)
    assert set(driver.inputs) == set(origin), "all of the origin's tasks are cloned before anything runs"
    plan.put_back(rest)
    driver.run()

    assert driver.inputs == flow.expected
    assert plan.done
    assert sum(counts.cloned > 0 for counts in plan.counts.values()) == len({step for step, _, _ in origin})
    in_all = len(flow.expected) + sum(flow.nodes.values()) - sum(key[0] in flow.nodes for key in flow.expected)
    assert sum(counts.cloned + counts.done for counts in plan.counts.values()) == in_all


@settings(deadline=None)
@given(FLOWS, st.randoms(use_true_random=False), st.data())
def test_task_that_fails_for_good_stops_what_depends_on_it_and_nothing_else(flow, rng, data):
    culprit = data.draw(st.sampled_from(list(flow.expected)), label="fails")
    blocked = {culprit}
    for key, inputs in flow.expected.items():  # in an order in which inputs come first
        if blocked.intersection(inputs):
            blocked.add(key)
    plan = Plan(flow.graph)
    driver = Driver(flow, plan, rng, {})
    while (task := plan.take()) is not None:
        if task.key == culprit:
            assert plan.failed(task) is None
        else:
            driver.finish(task)
    assert set(driver.inputs) == set(flow.expected) - blocked
    assert not plan.done and plan.active == 0


@settings(deadline=None)
@given(FLOWS, st.randoms(use_true_random=False), st.data())
def test_steps_that_are_held_wait_and_nothing_else_changes(flow, rng, data):
    held = data.draw(st.frozensets(st.sampled_from(sorted(flow.graph.steps))), label="held")
    plan = Plan(flow.graph)
    driver = Driver(flow, plan, rng, {})
    while (task := plan.take(held)) is not None:
        assert task.step not in held
        driver.finish(task)
    assert not held.intersection(step for step, _, _ in driver.inputs)
    assert plan.has_ready == any(step in held for step, _, _ in flow.expected)
    driver.run()
    assert driver.inputs == flow.expected
    assert plan.done
