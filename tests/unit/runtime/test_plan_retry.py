"""Which attempt follows a failed one."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.flow.retries import MAX_ATTEMPTS, Retries
from metaflow.runtime.plan_retry import Retry, RetryPolicy


def attempts(policy: RetryPolicy) -> list[Retry]:
    """All that follows a first attempt if everything fails."""
    following = []
    while (retry := policy.after(len(following))) is not None:
        following.append(retry)
    return following


def test_users_attempts_first_then_those_that_record_the_failure():
    assert attempts(RetryPolicy(2, 1, 30.0)) == [(1, 30.0, False), (2, 30.0, False), (3, 0.0, True)]
    assert attempts(RetryPolicy()) == []


def test_attempts_of_a_task_are_limited_whatever_was_asked_for():
    # @retry(times=4) with @catch asks for eight.
    assert [retry.fallback for retry in attempts(RetryPolicy(4, 3))] == [False] * 4 + [True]


@given(st.integers(0, 10), st.integers(0, 10))
def test_attempts_are_numbered_without_gaps(user, error):
    following = attempts(RetryPolicy(user, error))
    assert [retry.attempt for retry in following] == list(range(1, 1 + min(user + error, MAX_ATTEMPTS - 1)))
    assert [retry.fallback for retry in following] == [number >= user for number in range(len(following))]


def test_policy_of_a_step_is_the_largest_demand_of_its_decorators():
    declared = [Retries(), Retries(user=3, delay_seconds=60.0), Retries(fallback=2), Retries(user=1)]
    assert RetryPolicy.combine(declared) == RetryPolicy(3, 2, 60.0)
    assert RetryPolicy.combine([]) == RetryPolicy()
