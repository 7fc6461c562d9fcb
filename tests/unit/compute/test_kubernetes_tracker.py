"""What becomes known of tasks, whatever the order in which it is heard. Time passes as the tests say."""

from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.compute.backend import SubmittedJob, TaskState
from metaflow.compute.kubernetes.job_states import JobState
from metaflow.compute.kubernetes.states import PodState
from metaflow.compute.kubernetes.tracker import Tracker
from metaflow.compute.kubernetes.watch import Change

LIMIT = 600.0


def make_job(tasks: int = 1, name: str = "mf-1") -> SubmittedJob:
    return SubmittedJob(name, f"job/{name}", tuple(f"work/{number}/0" for number in range(tasks)))


def pod(process: int = 0, phase: str = "running", name: str = "pod", job: str = "mf-1", **more: object) -> PodState:
    return PodState(job, process, f"{name}-{process}", f"uid-{name}-{process}", phase, **more)  # type: ignore[arg-type]


def following(*jobs: SubmittedJob) -> Tracker:
    tracker = Tracker(LIMIT)
    assert tracker.follow(jobs, 0.0) == []
    return tracker


def told(states: list[TaskState]) -> list[tuple[str, str, str | None]]:
    return [(state.task, state.phase, state.reason or state.text or None) for state in states]


def test_a_task_from_its_pod_to_its_end() -> None:
    tracker = following(make_job())
    assert told(tracker.hear([Change(pod(phase="pending"), True)], 1)) == [("work/0/0", "pending", None)]
    (running,) = tracker.hear([Change(pod(), True)], 2)
    assert (running.phase, running.engine_id) == ("running", "pod-0")
    assert running.metadata == {"kubernetes-pod-name": "pod-0", "kubernetes-pod-id": "uid-pod-0"}
    (ended,) = tracker.hear([Change(pod(phase="ended", status=3), True)], 3)
    assert (ended.phase, ended.status) == ("ended", 3)
    assert tracker.hear([Change(pod(phase="ended", status=3), False)], 4) == [], "it has ended only once"
    assert tracker.due(1000) == [] and tracker.lose_patience(1000) == []


def test_pods_that_are_heard_of_before_their_job() -> None:
    tracker = Tracker(LIMIT)
    assert tracker.hear([Change(pod(1, "ended", status=0), True)], 0) == []
    assert told(tracker.follow([make_job(2)], 1)) == [("work/1/0", "ended", None)]


def test_a_job_that_is_followed_no_longer_is_not_remembered_for_ever() -> None:
    tracker = following(make_job())
    tracker.follow([], 1)
    tracker.hear([Change(pod(phase="ended", status=0), True)], 2)
    assert tracker.follow([make_job()], 3) == [], "what was heard in between is looked up"
    assert [job.name for job in tracker.due(100)] == ["mf-1"]


def test_what_cannot_start_is_given_up_after_a_while_and_said_at_once() -> None:
    tracker = following(make_job(2))
    stuck = pod(phase="pending", text="no image", reason="no image", patience="stuck", retriable=False)
    (first,) = tracker.hear([Change(stuck, True)], 10)
    assert first.text == "no image. It is given up if that lasts for 10 minutes"
    assert tracker.lose_patience(10 + LIMIT - 1) == []
    (ended,) = tracker.lose_patience(10 + LIMIT)
    assert (ended.phase, ended.reason, ended.retriable) == ("ended", "no image. That lasted for 10 minutes", False)
    assert [each.name for each in tracker.given_up()] == ["pod-0"], "it must not start after all"
    assert tracker.given_up() == []


def test_the_time_begins_anew_if_it_got_better_meanwhile() -> None:
    tracker = following(make_job())
    stuck = pod(phase="pending", text="no image", patience="stuck")
    tracker.hear([Change(stuck, True)], 0)
    tracker.hear([Change(pod(phase="pending"), True)], 500)
    tracker.hear([Change(stuck, True)], 550)
    assert tracker.lose_patience(LIMIT + 1) == []
    assert len(tracker.lose_patience(550 + LIMIT)) == 1


def test_a_pod_that_waits_for_a_busy_node_waits_for_ever_one_that_fits_on_none_does_not() -> None:
    tracker = following(make_job())
    waiting = pod(phase="pending", text="no node", reason="no node", patience="unschedulable")
    tracker.hear([Change(waiting, True)], 0)
    assert tracker.lose_patience(10**6) == []
    (said,) = tracker.misfits({waiting.uid: "all are too small"}, 10**6)
    assert said.text == "no node; all are too small. It is given up if that lasts for 10 minutes"
    assert tracker.misfits({waiting.uid: "all are too small"}, 10**6 + 1) == [], "said already"
    assert tracker.lose_patience(10**6 + LIMIT - 1) == []
    (ended,) = tracker.lose_patience(10**6 + LIMIT)
    assert ended.reason == "no node; all are too small. That lasted for 10 minutes"


def test_a_larger_node_may_come() -> None:
    tracker = following(make_job())
    waiting = pod(phase="pending", text="no node", patience="unschedulable")
    tracker.hear([Change(waiting, True)], 0)
    tracker.misfits({waiting.uid: "too small"}, 1)
    (said,) = tracker.misfits({}, 2)
    assert said.text == "no node"
    assert tracker.lose_patience(10**6) == []
    tracker.misfits({waiting.uid: "too small"}, 3)
    (running,) = tracker.hear([Change(pod(), True)], 4)
    assert running.text == "" and tracker.lose_patience(10**6) == []


def test_a_lost_node_gets_a_while_to_end_its_pod() -> None:
    tracker = following(make_job())
    (lost,) = tracker.hear([Change(pod(text="lost", reason="lost", patience="lost"), True)], 0)
    assert (lost.phase, lost.reason) == ("running", None)
    assert tracker.lose_patience(60) == []
    (ended,) = tracker.lose_patience(120)
    assert (ended.phase, ended.reason, ended.retriable) == ("ended", "lost", True)


def test_a_pod_that_vanishes_is_explained_by_its_job_or_was_deleted() -> None:
    job = make_job(3)
    tracker = following(job)
    tracker.hear([Change(pod(process), True) for process in range(3)], 0)
    assert tracker.hear([Change(pod(process), False) for process in range(3)], 10) == []
    assert tracker.due(10) == [job]
    assert tracker.looked([job], {"mf-1": JobState()}, 10) == [], "it may not know yet"
    assert tracker.due(10.5) == []
    assert tracker.due(11.5) == [job]
    states = tracker.looked([job], {"mf-1": JobState(frozenset({0}), frozenset({1}))}, 11.5)
    assert [(state.task, state.status, state.reason) for state in states] == [
        ("work/0/0", 0, None),
        ("work/1/0", None, "its pod was deleted"),
    ]
    assert told(tracker.lose_patience(60)) == [("work/2/0", "ended", "its pod was deleted")]


def test_a_pod_that_is_replaced_is_no_end() -> None:
    tracker = following(make_job())
    tracker.hear([Change(pod(), True)], 0)
    tracker.hear([Change(pod(name="second"), True)], 1)
    tracker.hear([Change(pod(), False)], 2)
    assert tracker.lose_patience(100) == []
    assert tracker.pod_of("mf-1", 0) == "second-0"


def test_a_job_without_pods_is_looked_at_now_and_then() -> None:
    job = make_job(2)
    tracker = following(job)
    assert tracker.due(1) == []
    assert tracker.due(6) == [job]
    assert told(tracker.looked([job], {"mf-1": JobState(text="suspended")}, 6)) == [
        ("work/0/0", "pending", "suspended"),
        ("work/1/0", "pending", "suspended"),
    ]
    assert tracker.due(7) == []
    assert tracker.due(30) == [job]
    assert told(tracker.looked([job], {}, 30)) == [
        ("work/0/0", "ended", "its job is gone: it was deleted"),
        ("work/1/0", "ended", "its job is gone: it was deleted"),
    ]


def test_pods_that_cannot_be_created() -> None:
    job = make_job(2)
    tracker = following(job)
    assert tracker.without_any_pod(1) == []
    assert tracker.without_any_pod(6) == [job]
    (full, _) = tracker.blocked(job, "quota", True, 6)
    assert full.text == "quota" and tracker.lose_patience(10**6) == [], "there may be room again"
    (small, _) = tracker.blocked(job, "quota is too small", False, 6)
    assert small.text == "quota is too small. It is given up if that lasts for 10 minutes"
    tracker.hear([Change(pod(0), True)], 7)
    assert tracker.lose_patience(10**6) == [], "somebody has enlarged it"
    tracker = following(job)
    tracker.blocked(job, "no", False, 6)
    assert [state.reason for state in tracker.lose_patience(6 + LIMIT)] == ["no. That lasted for 10 minutes"] * 2
    assert tracker.lose_patience(10**6) == []
    assert tracker.jobs_given_up() == [job], "its pods must not be created after all"
    assert tracker.jobs_given_up() == []


def test_tasks_that_nobody_wants_any_more() -> None:
    tracker = following(make_job(3))
    tracker.hear([Change(pod(0), True)], 0)
    assert [each.name for each in tracker.unwanted("mf-1", [0, 1])] == ["pod-0"]
    assert not tracker.is_rest("mf-1", [0, 1]) and tracker.is_rest("mf-1", [0, 1, 2])
    tracker.hear([Change(pod(1), True)], 1)
    assert [each.name for each in tracker.given_up()] == ["pod-1"], "it started although it was cancelled"
    (ended, done) = tracker.hear(
        [Change(pod(0, "ended", status=-15), True), Change(pod(1, "ended", status=0), True)], 2
    )
    assert (ended.reason, done.reason) == ("it was cancelled", None)
    (other,) = tracker.hear([Change(pod(2, "ended", status=-15), True)], 3)
    assert other.reason is None


def test_a_job_that_was_cancelled_before_it_was_watched() -> None:
    tracker = Tracker(LIMIT)
    assert tracker.unwanted("mf-1", [0]) == []
    tracker.follow([make_job()], 1)
    tracker.hear([Change(pod(), True)], 2)
    assert [each.name for each in tracker.given_up()] == ["pod-0"]


events = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["pending", "running", "ended"]),
        st.sampled_from(["", "stuck", "lost", "unschedulable"]),
        st.booleans(),
        st.sampled_from(["a", "b"]),
        st.floats(0, 200),
    ),
    max_size=25,
)


@given(events)
def test_every_task_ends_exactly_once_whatever_is_heard(
    events: list[tuple[int, str, str, bool, str, float]],
) -> None:
    job = make_job(3)
    tracker = following(job)
    states: list[TaskState] = []
    now = 0.0
    for process, phase, patience, exists, name, pause in events:
        now += pause
        concern = patience if phase != "ended" else ""
        states += tracker.hear([Change(pod(process, phase, name, patience=concern, text="t", reason="r"), exists)], now)
        states += tracker.lose_patience(now)
        if tracker.due(now):
            states += tracker.looked([job], {"mf-1": JobState()}, now)
    now += 10**6
    states += tracker.hear([Change(pod(process, name=each), False) for process in range(3) for each in "ab"], now)
    states += tracker.looked([job], {}, now) if tracker.due(now + 100) else []
    ended = sorted(state.task for state in states if state.phase == "ended")
    assert ended == list(job.tasks)
    last = {state.task: state.phase for state in states}
    assert set(last.values()) == {"ended"}, "nothing is said of a task after its end"
