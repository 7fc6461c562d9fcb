"""What Slurm's commands print, read."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow.compute.backend import SubmittedJob, TaskState
from metaflow.compute.slurm.states import (
    Line,
    ending,
    format_indices,
    parse_exit_codes,
    parse_indices,
    parse_sacct,
    parse_squeue,
    why_hopeless,
    why_waiting,
)
from metaflow.compute.slurm.watch import Watch

QUEUE = """\
Welcome to the cluster | today is Monday
mf|12|0|COMPLETED|n1|mf-a|metaflow?flow=F|None
mf|12|3-5,9%2|PENDING||mf-a|metaflow?flow=F|JobArrayTaskLimit
mf|7|N/A|RUNNING|n[1-3]|mf-b|(null)|None
mf|8|N/A|PENDING|(null)|mf-c|(null)|ReqNodeNotAvail, UnavailableNodes:n3|n4
mf|half a line
"""


def test_lines_of_the_queue() -> None:
    ended, waiting, gang, odd = parse_squeue(QUEUE)
    assert (ended.job, ended.indices, ended.state, ended.nodes) == ("12", (range(1),), "COMPLETED", "n1")
    assert waiting.indices == (range(3, 6), range(9, 10))
    assert (gang.indices, gang.comment, gang.nodes) == (None, "", "n[1-3]")
    assert odd.reason == "ReqNodeNotAvail, UnavailableNodes:n3|n4"


def test_lines_of_the_accounting() -> None:
    output = (
        "12_0|COMPLETED|0:0|n1\n12_[3-5,9%2]|CANCELLED by 1000|0:0|None assigned\n"
        "7|NODE_FAIL|1:0|n2\n7.batch|FAILED|1:0|n2\n8|OUT_OF_MEMORY|0:125|n1\n"
    )
    ended, cancelled, failed, memory = parse_sacct(output)
    assert (ended.indices, ended.exit_code) == ((range(1),), (0, 0))
    assert (cancelled.state, cancelled.reason, cancelled.indices) == (
        "CANCELLED",
        "by 1000",
        (range(3, 6), range(9, 10)),
    )
    assert ending(cancelled, "/f") == (None, "its Slurm job was cancelled by user 1000")
    assert (failed.indices, failed.state) == (None, "NODE_FAIL")
    assert "more memory" in (ending(memory, "/f")[1] or "")


def test_exit_codes_of_single_jobs_and_of_arrays() -> None:
    output = (
        "JobId=9 ArrayJobId=7 ArrayTaskId=2 JobName=x ExitCode=3:0 Comment=a=b\n"
        "JobId=7 ArrayJobId=7 ArrayTaskId=3-9%2 JobName=x ExitCode=0:0\n"
        "JobId=8 JobName=x ExitCode=0:9\n"
    )
    assert parse_exit_codes(output) == {("7", 2): (3, 0), ("8", 0): (0, 9)}


@given(st.sets(st.integers(0, 2000), min_size=1))
def test_indices_are_read_as_they_were_written(indices: set[int]) -> None:
    parsed = parse_indices(format_indices(list(indices)) + "%7")
    assert parsed is not None
    assert [index for span in parsed for index in span] == sorted(indices)


def test_indices_with_steps() -> None:
    assert parse_indices("0-8:4,11") == (range(0, 9, 4), range(11, 12))
    assert parse_indices("N/A") is None


@pytest.mark.parametrize(
    ("line", "status", "words"),
    [
        (Line("1", None, "FAILED", exit_code=(3, 0), reason="NonZeroExitCode"), 3, None),
        (Line("1", None, "FAILED", exit_code=(0, 9), reason="RaisedSignal:9(Killed)"), -9, None),
        (Line("1", None, "FAILED", "n4", exit_code=(0, 53)), None, "could not write its output to /f on node n4"),
        (Line("1", None, "FAILED", exit_code=(0, 1), reason="BadConstraints"), None, "no node of the cluster"),
        (Line("1", None, "COMPLETED"), 0, None),
        (Line("1", None, "TIMEOUT", exit_code=(0, 15)), -15, "time limit"),
        (Line("1", None, "PREEMPTED"), None, "make room"),
        (Line("1", None, "A_NEW_STATE"), None, "A_NEW_STATE"),
    ],
)
def test_how_tasks_end(line: Line, status: int | None, words: str | None) -> None:
    found, reason = ending(line, "/f")
    assert found == status
    assert reason is None if words is None else words in (reason or "")


def test_reasons_to_wait_and_to_give_up() -> None:
    for reason in ("BadConstraints", "QOSMaxCpuPerJobLimit", "AssocMaxWallDurationPerJobLimit", "QOSMinGRES"):
        assert (why_hopeless(reason) is None) == (reason == "QOSMinGRES")
    for reason in ("Resources", "Priority", "QOSMaxJobsPerUserLimit", "AssocGrpCpuLimit", "ReqNodeNotAvail"):
        assert why_hopeless(reason) is None
        assert why_waiting(reason)
    assert why_waiting("None") == ""


def watch(lines: list[list[Line]], tasks: int = 3, is_gang: bool = False) -> list[list[tuple[str, str]]]:
    """What is new at each look, as (task, phase)."""
    following = Watch(lambda name: f"/files/{name}")
    job = SubmittedJob("mf-a", "5", tuple(f"s/{n}/0" for n in range(tasks)), is_gang)
    looks = []
    for look in lines:
        following.begin([job], look)
        looks.append([(state.task, state.phase) for state in following.changes()])
    return looks


def array(state: str, *indices: int, reason: str = "", name: str = "mf-a") -> Line:
    return Line("5", tuple(range(index, index + 1) for index in indices), state, name=name, reason=reason)


def test_only_what_is_new_is_told() -> None:
    looks = watch(
        [
            [array("PENDING", 0, 1, 2, reason="Priority")],
            [array("PENDING", 1, 2, reason="Priority"), array("RUNNING", 0)],
            [array("PENDING", 2, reason="Priority"), array("RUNNING", 1), array("COMPLETED", 0)],
            [array("RUNNING", 2), array("COMPLETING", 1)],
            [],
        ]
    )
    assert looks == [
        [(f"s/{n}/0", "pending") for n in range(3)],
        [("s/0/0", "running")],
        [("s/0/0", "ended"), ("s/1/0", "running")],
        [("s/2/0", "running")],
        [("s/1/0", "ended"), ("s/2/0", "ended")],
    ]


def test_a_job_that_seems_hopeless_is_given_up_at_the_second_look() -> None:
    hopeless = [array("PENDING", 0, 1, 2, reason="BadConstraints")]
    assert watch([hopeless, hopeless])[1] == [(f"s/{n}/0", "ended") for n in range(3)]
    assert watch([hopeless, [array("PENDING", 0, 1, 2, reason="Priority")]])[1] == [
        (f"s/{n}/0", "pending") for n in range(3)
    ]


def test_the_nodes_of_a_gang_share_their_state_and_exit_code() -> None:
    following = Watch(lambda name: "/f")
    job = SubmittedJob("mf-a", "5", ("s/1/0", "s/1_node_1/0"), True)
    following.begin([job], [Line("5", None, "FAILED", "n[1-2]", "mf-a")])
    assert following.without_exit_codes() == ["5"]
    following.add_exit_codes({("5", 0): (3, 0)})
    assert [state.status for state in following.changes()] == [3, 3]


def test_a_number_that_was_given_out_anew_is_not_taken_for_the_job() -> None:
    assert watch([[array("RUNNING", 0, 1, 2, name="somebody-elses")]]) == [[(f"s/{n}/0", "ended") for n in range(3)]]


def test_accounting_tells_of_tasks_that_have_left_the_queue() -> None:
    following = Watch(lambda name: "/f")
    following.begin([SubmittedJob("mf-a", "5", ("s/0/0", "s/1/0"))], [array("COMPLETED", 0)])
    assert following.with_missing_tasks() == ["5"]
    following.add([Line("5", (range(1, 2),), "FAILED", exit_code=(2, 0))])
    assert following.changes() == [
        TaskState("s/0/0", "ended", status=0, engine_id="5_0"),
        TaskState("s/1/0", "ended", status=2, engine_id="5_1"),
    ]
    assert following.with_missing_tasks() == []
