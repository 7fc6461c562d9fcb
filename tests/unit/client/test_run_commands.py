"""What to type to repeat a run, to go on with it, or to look into it."""

from __future__ import annotations

import shlex

from metaflow.client.run_commands import logs_command, repeat_command, resume_command, spin_command, started_with
from metaflow.metadata_store.records import RunRecord, TaskRecord

RUN = RunRecord("F", "17", "ann", 1.0, script="flow.py")
TASK = TaskRecord("F", "17", "fit", "7", 0, 1.0)


def start(*arguments, program=2):
    return {"arguments": list(arguments), "program": program, "directory": "/home/ann"}


def test_the_command_is_what_was_typed():
    given = start("python", "flow.py", "--with", "retry", "run", "--text", "it's $5 & more", "--run", "run")
    started = started_with(RUN, given)
    assert started.is_recorded and started.directory == "/home/ann"
    assert repeat_command(RUN, started) == "python flow.py --with retry run --text 'it'\"'\"'s $5 & more' --run run"
    assert shlex.split(repeat_command(RUN, started)) == given["arguments"]
    assert resume_command(RUN, started) == "python flow.py --with retry resume --origin-run-id 17"
    assert resume_command(RUN, started, ["fit"]) == "python flow.py --with retry resume fit --origin-run-id 17"
    assert spin_command(TASK, started) == "python flow.py --with retry spin 17/fit/7"
    assert logs_command(TASK) == "metaflow logs F/17/fit/7"
    assert logs_command(TASK, of_attempt=True) == "metaflow logs F/17/fit/7 --attempt 0"


def test_what_programs_add_for_themselves_is_left_out():
    given = start("/opt/env/bin/python", "-u", "flow.py", "run", "--runner-attribute-file=/tmp/x", program=3)
    assert repeat_command(RUN, started_with(RUN, given)) == "/opt/env/bin/python -u flow.py run"
    given = start("/usr/bin/python3", "flow.py", "run", "--run-id-file", "/tmp/x", "--tag", "a")
    assert repeat_command(RUN, started_with(RUN, given)) == "python3 flow.py run --tag a"


def test_a_resume_names_the_run_that_it_resumed():
    run = RUN._replace(origin_run_id="16")
    started = started_with(run, start("python", "flow.py", "resume", "fit"))
    assert repeat_command(run, started) == "python flow.py resume fit --origin-run-id 16"
    named = started_with(run, start("python", "flow.py", "resume", "--origin-run-id=16"))
    assert repeat_command(run, named) == "python flow.py resume --origin-run-id=16"


def test_a_resume_has_the_decorators_that_the_run_was_given_and_none_of_its_parameters():
    given = start(
        "python", "flow.py", "--branch", "b", "run", "--with", "retry", "--rate", "1", "--with=timeout:hours=1"
    )
    command = "python flow.py --branch b resume fit --origin-run-id 17 --with retry --with=timeout:hours=1"
    assert resume_command(RUN, started_with(RUN, given), ["fit"]) == command


def test_of_a_run_that_recorded_nothing_the_usual_command_is_given():
    for nothing in ({}, {"arguments": None}, start("pytest", program=1), start("python", "f.py", "run", program=9)):
        started = started_with(RUN, nothing)
        assert not started.is_recorded
        assert repeat_command(RUN, started) == "python flow.py run"
    assert (
        repeat_command(RUN._replace(script=None), started_with(RUN._replace(script=None), {})) == "python FLOW.py run"
    )
