"""Tracebacks taken apart, causes told apart, lines around the one that failed."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given, strategies as st

from attack_strings import ATTACKS
from metaflow.client.recovery import PROCESS_DIED
from metaflow.datastore.logs import LogLine
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.runtime.process import describe_exit
from metaflow.web.run.causes import cause_of_run, cause_of_task
from metaflow.web.run.code_view import excerpt, text_of_file
from metaflow.web.run.failure_groups import failure_groups
from metaflow.web.run.tracebacks import (
    MAXIMUM_FRAMES,
    code_file_of,
    failing_frame,
    frames_of,
    traceback_in_log,
    without_traceback,
)

TEXT = """Traceback (most recent call last):
  File "/home/ann/flow.py", line 19, in fit
    self.loss = features.ratio(self.input)
                ^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/home/ann/lib/features.py", line 3, in ratio
    return numpy.divide(1, x)
  File "/opt/site-packages/numpy/core.py", line 7, in divide
ZeroDivisionError: division by zero
"""


def test_calls_are_told_with_their_source_and_whose_code_they_are():
    frames = frames_of(TEXT, ["flow.py", "features.py", "lib/features.py"])
    assert [(frame.line, frame.function, frame.code_file) for frame in frames] == [
        (19, "fit", "flow.py"),
        (3, "ratio", "lib/features.py"),
        (7, "divide", None),
    ]
    assert [frame.source for frame in frames] == [
        "self.loss = features.ratio(self.input)",
        "return numpy.divide(1, x)",
        "",
    ]
    assert failing_frame(frames) == frames[1]
    assert failing_frame(frames_of(TEXT, ["other.py"])) is None


def test_what_python_prints_is_understood():
    def deep(n):
        return 1 / n if n == 0 else deep(n - 1)

    try:
        try:
            deep(2)
        except ZeroDivisionError as error:
            raise ValueError('outer\n  File "x", line 1, in y') from error
    except ValueError as error:
        text = "".join(traceback.format_exception(error))
    frames = frames_of(text, [__file__.lstrip("/")])
    assert [frame.function for frame in frames if frame.code_file][:1] == ["test_what_python_prints_is_understood"]
    assert "deep" in [frame.function for frame in frames]
    assert len(frames_of("\n".join(['  File "a.py", line 1, in f'] * 1000), [])) == MAXIMUM_FRAMES


@given(st.text() | st.sampled_from(ATTACKS))
def test_any_text_can_be_looked_through(text):
    for frame in frames_of(text, ["a.py"]):
        assert frame.line >= 0
    assert traceback_in_log(text.split("\n")) is None or "failed:" in text


def test_a_file_of_another_machine_is_found_again():
    names = ["flow.py", "lib/flow.py"]
    assert code_file_of("/tmp/job-7/code/lib/flow.py", names) == "lib/flow.py"
    assert code_file_of("/elsewhere/flow.py", names) == "flow.py"
    assert code_file_of("/elsewhere/otherflow.py", names) is None


def line(text, stream="stderr"):
    return LogLine(stream, 0, text.encode(), 0)


def test_the_traceback_is_told_once():
    printed = ["noise", "<flow F step fit[6] (input: 6)> failed:", *(f"    {each}" for each in TEXT.splitlines()), ""]
    lines = [line("hello", "stdout"), *map(line, printed), line("between", "stdout"), line("after all")]
    assert traceback_in_log(printed) == TEXT.rstrip("\n")
    assert [each.text for each in without_traceback(lines)] == [b"hello", b"noise", b"between", b"after all"]
    assert without_traceback(lines[:2]) == lines[:2]
    assert traceback_in_log(["nothing"]) is None


@pytest.mark.parametrize(
    ("kind", "message", "cause"),
    [
        ("builtins.ValueError", "out of memory of what happened", "user_code"),
        ("builtins.MemoryError", "", "out_of_memory"),
        ("torch.OutOfMemoryError", "CUDA", "out_of_memory"),
        ("metaflow.exception.MetaflowException", describe_exit(-9), "out_of_memory"),
        ("metaflow.exception.MetaflowException", describe_exit(-15), "lost"),
        ("metaflow.exception.MetaflowException", describe_exit(-11), "user_code"),
        ("metaflow.exception.MetaflowException", describe_exit(3), "user_code"),
        ("metaflow.exception.MetaflowException", "Its pod was evicted: the node was low on disk", "infrastructure"),
        ("metaflow.exception.TimeoutException", "took too long", "timeout"),
        ("metaflow.exception.StoreUnavailable", "S3 does not answer", "infrastructure"),
        ("metaflow.exception.NoSuchThing", "?", "user_code"),
    ],
)
def test_what_kind_of_thing_ended_a_task(kind, message, cause):
    task = TaskRecord("F", "1", "fit", "7", 0, 1.0, status="failed", error=(kind, message))
    assert cause_of_task(task) == cause


def test_what_kind_of_thing_ended_a_run():
    run = RunRecord("F", "1", "ann", 1.0, status="failed")
    assert cause_of_task(TaskRecord("F", "1", "fit", "7", 0, 1.0, status="killed")) == "lost"
    assert cause_of_run(run._replace(message=PROCESS_DIED)) == "lost"
    assert cause_of_run(run._replace(status="stopped")) == "stopped"
    assert cause_of_run(run) == "infrastructure"


def test_lines_around_the_one_that_failed():
    content = b"\n".join(b"line %d" % number for number in range(1, 41))
    lines = excerpt(content, 20, before=2, after=1)
    assert [(each["number"], each["is_marked"]) for each in lines] == [
        (18, False),
        (19, False),
        (20, True),
        (21, False),
    ]
    assert [each["number"] for each in excerpt(content, 1, 5, 1)] == [1, 2]
    assert excerpt(content, 1000) == [] and excerpt(b"\xff\x00", 1) == []


def test_a_file_is_shown_if_it_is_text_and_no_more_than_a_page_holds():
    assert text_of_file(b"\xff").text is None and text_of_file(b"a\0b").text is None
    assert text_of_file(b"a" * 2_000_000).is_cut


def failed_task(number, message, step="fit", kind="builtins.ValueError"):
    return TaskRecord("F", "1", step, str(number), 0, 1.0, status="failed", finished_at=2.0, error=(kind, message))


def test_failures_that_differ_in_numbers_only_are_one_group():
    shards = [failed_task(n, f"shard {n} at 0x{n:08x} took {n / 2} s\nmore") for n in range(60)]
    found = failure_groups([failed_task(99, "no file"), *shards, failed_task(100, "no file", "other")])
    many, *others = found["groups"]
    assert (many["count"], many["is_alike"], many["search"]) == (60, False, "shard")
    assert many["error"] == "ValueError: shard 0 at 0x00000000 took 0.0 s" and many["tasks"] == list("01234")
    assert [(each["step"], each["count"], each["is_alike"], each["search"]) for each in others] == [
        ("fit", 1, True, "no file"),
        ("other", 1, True, "no file"),
    ]
    assert found["groups_left_out"] == 0
    many_kinds = failure_groups([failed_task(n, "x" * n) for n in range(25)])
    assert len(many_kinds["groups"]) == 20 and many_kinds["groups_left_out"] == 5


@pytest.mark.parametrize("message", ["", "7", "\n", *ATTACKS])
def test_any_error_has_a_group_that_can_be_searched(message):
    (group,) = failure_groups([failed_task(1, message)])["groups"]
    assert group["count"] == 1 and group["search"] in message
