"""When live cards are rendered."""

from __future__ import annotations

from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from metaflow.cards.running.refresh_plan import RefreshPlan

INTERVAL = 5.0


def test_the_first_request_is_due_at_once_and_the_next_one_after_the_interval() -> None:
    plan = RefreshPlan(INTERVAL)
    assert plan.due_in(100) is None
    plan.request()
    assert plan.due_in(100) == 0
    plan.begin(100)
    plan.request()
    assert plan.due_in(101) is None, "one is in flight"
    plan.end(101)
    assert plan.due_in(101) == 4
    assert plan.due_in(120) == 0


def test_force_skips_the_wait_but_not_what_is_in_flight() -> None:
    plan = RefreshPlan(INTERVAL)
    plan.request()
    plan.begin(0)
    plan.request(at_once=True)
    assert plan.due_in(1) is None
    plan.end(1)
    assert plan.due_in(1) == 0
    plan.begin(1)
    plan.end(2)
    plan.request()
    assert plan.due_in(2) == 4, "it holds for one rendering only"


def test_after_a_slow_rendering_the_step_has_as_much_time_for_itself() -> None:
    plan = RefreshPlan(0)
    plan.request()
    plan.begin(0)
    plan.request()
    plan.end(3)
    assert plan.due_in(3) == 3


class Renderings(RuleBasedStateMachine):
    """Any order of requests, renderings and time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = RefreshPlan(INTERVAL)
        self.now = 0.0
        self.requested = self.rendered = 0
        self.rendering: int | None = None
        self.began: float | None = None
        self.forced = False

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(at_once=st.booleans())
    def request(self, at_once: bool) -> None:
        self.requested += 1
        self.forced = self.forced or at_once
        self.plan.request(at_once)

    @precondition(lambda self: self.plan.due_in(self.now) == 0)
    @rule()
    def begin(self) -> None:
        assert self.rendering is None, "two at a time"
        if self.began is not None and not self.forced:
            assert self.now - self.began >= INTERVAL - 1e-6
        self.rendering, self.began, self.forced = self.requested, self.now, False
        self.plan.begin(self.now)

    @precondition(lambda self: self.rendering is not None)
    @rule()
    def end(self) -> None:
        self.rendered, self.rendering = self.rendering, None
        self.plan.end(self.now)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        latest = self.rendered if self.rendering is None else self.rendering
        assert self.plan.is_wanted == (latest < self.requested)
        assert self.plan.in_flight == (self.rendering is not None)
        if self.plan.is_wanted and self.rendering is None:
            assert self.plan.due_in(self.now) is not None


TestRenderings = Renderings.TestCase


@given(st.lists(st.booleans(), min_size=1))
def test_many_requests_are_one_rendering(requests: list[bool]) -> None:
    plan = RefreshPlan(INTERVAL)
    for at_once in requests:
        plan.request(at_once)
    plan.begin(0)
    plan.end(0)
    assert plan.due_in(1000) is None
