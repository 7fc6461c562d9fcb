"""Which runs may go by rules: against the rules written down once more, run by run."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

from metaflow.client.upkeep.retention import Candidate, Rules, choose

NOW = 1000.0

candidates = st.lists(
    st.builds(
        Candidate,
        flow=st.sampled_from(["F", "G"]),
        run_id=st.integers(0, 999).map(str),
        user=st.sampled_from(["ann", "bob"]),
        status=st.sampled_from(["done", "done", "failed", "stopped", "running"]),
        started_at=st.integers(0, 900).map(float),
        ended_at=st.integers(0, 1000).map(float),
        tags=st.frozensets(st.sampled_from(["keep", "nightly", "x"]), max_size=2),
        has_unreadable_tags=st.booleans(),
    ),
    max_size=20,
    unique_by=lambda run: (run.flow, run.run_id),
)
rules = st.builds(
    Rules,
    older_than=st.none() | st.integers(0, 1000).map(float),
    keep_last=st.none() | st.integers(1, 5),
    statuses=st.lists(st.sampled_from(["done", "failed", "stopped"]), max_size=2, unique=True).map(tuple),
    flows=st.lists(st.sampled_from(["F", "G"]), max_size=1).map(tuple),
    user=st.none() | st.just("ann"),
    keep_tags=st.just(()) | st.just(("keep", "x")),
    keep_latest_successful=st.booleans(),
)


def newer(run, other):
    return (run.started_at, run.flow, run.run_id) > (other.started_at, other.flow, other.run_id)


@settings(max_examples=300)
@given(candidates, rules)
def test_a_run_goes_exactly_if_all_rules_say_so(runs, given_rules):
    r = given_rules

    def is_meant(run):
        return (
            run.status != "running"
            and run.flow in (r.flows or ("F", "G"))
            and r.user in (None, run.user)
            and (not r.statuses or run.status in r.statuses)
        )

    def goes(run):
        if not is_meant(run) or (r.older_than is None and r.keep_last is None and not r.statuses):
            return False
        rank = sum(is_meant(other) and other.flow == run.flow and newer(other, run) for other in runs)
        if r.keep_last is not None and rank < r.keep_last:
            return False
        if r.older_than is not None and run.ended_at >= r.older_than:
            return False
        if r.keep_tags and (run.tags & set(r.keep_tags) or run.has_unreadable_tags):
            return False
        is_latest = run.status == "done" and not any(
            other.status == "done" and other.flow == run.flow and newer(other, run) for other in runs
        )
        return not (r.keep_latest_successful and is_latest)

    choice = choose(runs, r)
    assert set(choice.go) == {run for run in runs if goes(run)}
    assert list(choice.go) == sorted(choice.go, key=lambda run: (run.started_at, run.flow, run.run_id), reverse=True)
    assert not {run for run, _ in choice.kept} & set(choice.go)


def test_what_keeps_a_run_is_told():
    old = Candidate("F", "1", "ann", "done", 1.0, 2.0, frozenset({"keep"}))
    latest = Candidate("F", "2", "ann", "done", 3.0, 4.0)
    broken = Candidate("F", "0", "ann", "failed", 0.0, 1.0, has_unreadable_tags=True)
    choice = choose([old, latest, broken], Rules(older_than=NOW, keep_tags=("keep",)))
    assert choice.go == ()
    assert {run.run_id: reason for run, reason in choice.kept} == {
        "2": "it is the latest successful run of its flow",
        "1": "it has the tag keep",
        "0": "a change of its tags cannot be read, so it may have a tag that keeps it",
    }
