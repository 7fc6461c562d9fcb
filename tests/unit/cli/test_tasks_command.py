"""``metaflow tasks``, ``artifacts`` and ``logs``."""

from __future__ import annotations

import pytest


def test_tasks_are_listed(command, runs):
    lines = command.text("tasks", "list", "101/work").splitlines()
    assert lines[0].split() == ["task", "status", "foreach", "started", "duration", "attempts"]
    assert [line.split()[0] for line in lines[1:]] == ["work/4", "work/3", "work/2"] and "value 2" in lines[1]
    assert len(command.json("tasks", "list", "F/101")) == 6
    (task,) = command.json("tasks", "list", "F", "--status", "failed")
    assert task["pathspec"] == "F/102/work/2" and task["attempt"] == 1 and task["status"] == "failed"
    assert task["foreach"] == [{"variable": "xs", "value": "apple", "index": 0, "splits": 2}]
    assert "ValueError: bad value\n" in command.text("tasks", "list", "102")
    assert "There are more tasks" in command("tasks", "list", "101", "-n", "2").stderr
    assert command("tasks", "list", "101", "--status", "running").stderr == "F/101 has no tasks that are running.\n"


def test_a_task_is_shown(command, runs):
    shown = command.text("tasks", "show", "F/102/work/2")
    assert "Attempts\n  attempt  status" in shown and "foreach   apple\n" in shown and "ValueError: bad value" in shown
    plain = command.json("tasks", "show", "101/work/3")
    assert plain["artifacts"]["x"] | {"sha": ""} == {"value": 1, "type": "int", "size": 5, "sha": ""}
    assert plain["parents"] == ["F/101/start/1"] and plain["children"] == ["F/101/join/5"]
    assert command.json("tasks", "show", "101/join")["id"] == "5", "the only task of its step"


@pytest.mark.parametrize(
    ("pathspec", "reason"),
    [
        ("101", "F/101 is a run. Name one of its steps or tasks too: F/101/start"),
        ("101/work", "Step F/101/work has 3 tasks. Name one of them, such as F/101/work/2"),
        ("101/wrok", "Run F/101 has no step wrok. Did you mean work? Its steps are: start, work, join, end."),
        ("102/end", "Step end of F/102 has no tasks: the run did not reach it."),
        ("101/work/9", "Step F/101/work has no task 9. Its tasks are: 2, 3, 4."),
        ("101/work/2/x", "is not of the form FLOW/RUN/STEP/TASK."),
    ],
)
def test_names_that_no_task_has(command, runs, pathspec, reason):
    assert reason in command.error("tasks", "show", pathspec)


def test_artifacts(command, runs):
    assert command.text("artifacts", "G").splitlines()[1].split() == ["accuracy", "float", *_size(command), "0.9"]
    assert [each["name"] for each in command.json("artifacts", "101/work/2")] == ["name", "x"], "no private ones"
    shown = command.text("artifacts", "G/304/finish/1/model")
    assert "artifact  G/304/finish/1/model\ntype      list\n" in shown and "value     [1, 2]\n" in shown
    assert command.text("artifacts", "G/304/finish/1/model", "--load") == "[1, 2]\n"
    assert command.json("artifacts", "101/work/2/_hidden")["value"] == "h"
    assert "Did you mean model?" in command.error("artifacts", "G/304/finish/1/modle")
    assert "--load loads one artifact" in command("artifacts", "G", "--load", code=2).stderr


def _size(command):
    return [str(command.json("artifacts", "G/304/finish/1/accuracy")["size"])]


def test_logs(command, runs):
    result = command("logs", "102")
    assert result.stdout == "it went wrong\n"
    assert result.stderr == "Contents of stdout:\nContents of stderr:\n[F/102/work/2]\n"
    assert command.text("logs", "102/work/2", "--attempt", "0") == ""
    assert command("logs", "102", "--failed", "--stderr").stdout == "it went wrong\n"
    assert command.text("logs", "102/work", "--stdout") == ""
    assert command.text("logs", "102/work", "--follow") == "it went wrong\n"
    assert command.text("logs", "101", "--failed") == ""
    assert "has no step x" in command.error("logs", "101/x", "--follow")
    assert "exclude each other" in command("logs", "101", "--follow", "--failed", code=2).stderr
