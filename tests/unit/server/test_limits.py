"""What one client may ask for."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.server.limits import BURST_SECONDS, ClientLimits


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_requests_a_second():
    clock = Clock()
    limits = ClientLimits(10, 0, clock)
    burst = int(10 * BURST_SECONDS)
    assert [limits.begin("ann") for _ in range(burst)] == [0] * burst
    assert 0 < limits.begin("ann") <= 0.1
    assert limits.begin("bob") == 0, "one client is not held up by another"
    clock.now += 0.11
    assert limits.begin("ann") == 0
    assert limits.begin("ann") > 0


def test_requests_at_once():
    limits = ClientLimits(0, 2, Clock())
    assert [limits.begin("ann") for _ in range(3)] == [0, 0, 1]
    limits.end("ann")
    assert limits.begin("ann") == 0


def test_no_limits():
    limits = ClientLimits(0, 0, Clock())
    assert not any(limits.begin("ann") for _ in range(10_000))


def test_a_client_that_is_being_served_is_never_forgotten():
    limits = ClientLimits(0, 1, Clock())
    assert limits.begin("ann") == 0
    for number in range(20_000):
        limits.begin(number)
        limits.end(number)
    assert limits.begin("ann") == 1
    assert len(limits._clients) <= 10_001


@given(st.lists(st.floats(0, 1), max_size=200))
def test_never_more_than_the_rate_and_the_burst(pauses):
    clock = Clock()
    limits = ClientLimits(5, 0, clock)
    begun = 0
    for pause in pauses:
        clock.now += pause
        begun += limits.begin("ann") == 0
    assert begun <= 5 * (BURST_SECONDS + sum(pauses)) + 1e-6
