"""``metaflow runs``: lists, filters, names of runs, and comparisons."""

from __future__ import annotations

import json

import pytest
from client.stored_flow import StoredRun, dead_process

from metaflow.client.deleted_runs import DeletedRuns
from metaflow.client.provider import Provider
from metaflow.datastore.layout import INDEX_KEY
from metaflow.exception import CorruptedDataException, StoreUnavailable
from metaflow.metadata_store.events import RunForgotten, RunStarted
from metaflow.metadata_store.sqlite import SqliteMetadata


def listed(command, *arguments):
    return [run["pathspec"] for run in command.json("runs", "list", *arguments)]


def test_runs_are_listed_by_what_is_asked_for(command, runs):
    assert listed(command) == ["G/304", "F/102", "F/101"], "one's own"
    assert listed(command, "--all-users") == ["G/304", "F/203", "F/102", "F/101"]
    assert listed(command, "--namespace", "user:bob") == ["F/203"] == listed(command, "--user", "bob")
    assert listed(command, "F", "-a") == ["F/203", "F/102", "F/101"]
    assert listed(command, "--status", "failed") == ["F/102"]
    assert listed(command, "--tag", "nightly") == ["F/101"] and listed(command, "--tag", "weekly") == []
    assert listed(command, "--limit", "1") == ["G/304"] and len(listed(command, "--limit", "0")) == 3
    assert listed(command, "--since", "1970-01-02") == []
    assert listed(command, "-p", "alpha>=0.5") == ["F/102", "F/101"]
    assert listed(command, "-p", "alpha>=0.5", "-p", "note=x") == ["F/102"]
    assert listed(command, "--artifact", "accuracy>0.8") == ["G/304"] and listed(command, "--artifact", "model>0") == []
    assert listed(command, "--order", "started") == ["F/101", "F/102", "G/304"]
    assert listed(command, "--order", "-duration", "-n", "1") == ["F/101"]


def test_what_a_list_shows(command, runs):
    lines = command.text("runs", "list", "--show", "alpha").splitlines()
    assert lines[0].split() == ["run", "status", "user", "started", "duration", "alpha", "tags"]
    assert lines[1].split()[:3] == ["G/304", "done", "ann"] and lines[3].split()[-2:] == ["0.5", "nightly"]
    assert "\x1b" not in "".join(lines)
    (run,) = command.json("runs", "list", "--tag", "nightly", "--show", "alpha", "--show", "total")
    assert run["values"] == {"alpha": 0.5, "total": 5}
    assert run["started_at"] == "1970-01-01T00:18:21.000+00:00" and run["duration_seconds"] > 0
    assert set(run) == {
        *("pathspec", "flow", "id", "status", "user", "started_at", "finished_at", "duration_seconds", "tags"),
        *("system_tags", "message", "script", "origin_run_id", "values"),
    }


def test_an_empty_list_says_why_and_a_short_one_that_there_is_more(command, runs):
    assert (
        "There are no runs of F like that in namespace user:ann." in command("runs", "list", "F", "--tag", "x").stderr
    )
    hint = command("runs", "list", "--namespace", "user:eve").stderr
    assert hint == "There are no runs in namespace user:eve. There are some in others: --all-users lists everybody's.\n"
    assert "There are more runs: --limit 10 lists more" in command("runs", "list", "-n", "1").stderr
    assert "No flow called Ff has run here. Did you mean F?" in command.error("runs", "list", "Ff")


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--since", "soon", "'soon' is no point in time"),
        ("--parameter", "alpha", "is no condition"),
        ("--order", "size", "'size' is none of started"),
        ("--limit", "-1", "range"),
        ("--status", "odd", "'odd' is not one of"),
    ],
)
def test_bad_filters_are_usage_errors(command, runs, option, value, reason):
    assert reason in command("runs", "list", option, value, code=2).stderr


def test_a_run_whose_process_died_is_listed_as_failed(command, runs):
    StoredRun(runs, run_id="401", **dead_process())
    assert listed(command, "--status", "running") == []
    assert listed(command, "--status", "failed") == ["F/401", "F/102"]


@pytest.mark.parametrize(
    ("text", "pathspec"),
    [
        ("F/101", "F/101"),
        ("101", "F/101"),
        ("F/20", "F/203"),
        ("3", "G/304"),  # the end of F/203 too, but that is not one's own
        ("30", "G/304"),
        ("04", "G/304"),
        ("latest", "G/304"),
        ("latest~1", "F/102"),
        ("F/latest", "F/102"),
        ("F/latest~1", "F/101"),
        ("F", "F/102"),
        ("G/", "G/304"),
    ],
)
def test_names_of_runs(command, runs, text, pathspec):
    assert command.json("runs", "show", text)["pathspec"] == pathspec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10", "'10' could be any of 2 runs: F/102, F/101. Give more of the id."),
        ("999", "There is no run 999. The latest runs are G/304, F/203, F/102, F/101."),
        ("G/305", "There is no run G/305. The latest runs are G/304."),
        ("G/1304", "There is no run G/1304. Did you mean G/304?"),
        ("H", "No flow called H has run here. Flows with runs: G, F."),
        ("latest~x", "'latest~x' does not say how many runs before the latest one"),
        ("F/latest~-1", "'latest~-1' does not say how many"),
        ("latest~7", "There are only 3 runs in namespace user:ann. Give --all-users to look at everybody's."),
        ("F/101/start", "names more than a run"),
        ("", "is not of the form FLOW/RUN"),
        ("F//start", "is not of the form FLOW/RUN"),
    ],
)
def test_names_that_no_run_has(command, runs, text, reason):
    assert reason in command.error("runs", "show", text)


def test_what_is_shown_of_a_run_that_failed(command, runs):
    shown = command.text("runs", "show", "F/102")
    assert shown.startswith("run    status\nF/102  failed\n")
    assert (
        "Parameters\n  alpha  0.75\n  note   x\n" in shown and "ended with   Step work (task-id 2) failed.\n" in shown
    )
    assert "F/102/work/2 failed, attempt 1, at apple\n  ValueError: bad value\n" in shown
    assert "  python train.py resume --origin-run-id 102\n" in shown and "secret" not in shown
    plain = command.json("runs", "show", "F/102")
    assert [step["step"] for step in plain["steps"]] == ["start", "work"]
    assert plain["steps"][1]["statuses"] == {"failed": 1} and plain["steps"][1]["retried"] == 1
    assert plain["failures"][0]["error"] == {"type": "builtins.ValueError", "message": "bad value\nand more"}


def test_a_run_is_shown_though_one_of_its_tasks_is_damaged(command, runs):
    (runs / "mf-store/runs/F/101/end/6.0.manifest").write_text("damaged")
    result = command("runs", "show", "F/101")
    assert "alpha  0.5" in result.stdout and "What F/101/end/6 left cannot be read: " in result.stderr


def test_runs_are_compared(command, runs):
    shown = command.text("runs", "compare", "F/101", "F/102")
    assert "(1)  F/101  done" in shown and "(2)  F/102  failed" in shown
    assert "Parameters  (1)  (2)\nalpha       0.5  0.75\nnote        -    'x'\n" in shown
    assert "total" in shown and "runtime" not in shown
    everything = command.text("runs", "compare", "F/101", "F/102", "--all")
    assert "runtime         dev      dev\n" in everything
    plain = command.json("runs", "compare", "F/101", "F/102", "G/304")
    assert [run["id"] for run in plain["runs"]] == ["101", "102", "304"]
    assert {"name": "alpha", "values": [0.5, 0.75, 0.1], "differs": True} in plain["parameters"]
    assert {row["name"] for row in plain["artifacts"]} == {"total", "accuracy"}, "not the list"
    assert command("runs", "compare", "F/101", "101").stderr == "The runs do not differ.\n"
    assert "Name two runs or more" in command("runs", "compare", "F/101", code=2).stderr


def test_no_datastore_is_an_error_that_says_so(command, tmp_path):
    (tmp_path / ".metaflow").rmdir()
    assert "No .metaflow directory was found" in command.error("runs", "list")
    assert "There is no datastore at" in command.error("runs", "list", "--datastore-root", "nowhere")
    assert (
        "--namespace and --all-users exclude each other"
        in command("runs", "list", "-a", "--namespace", "x", code=2).stderr
    )


def test_who_has_no_name_sees_all_runs(command, runs, monkeypatch):
    for name in ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER"):
        monkeypatch.delenv(name, raising=False)
    assert len(listed(command)) == 4


def test_numbers_that_json_does_not_have(command, runs):
    run = StoredRun(runs, run_id="501")
    run.finished("_parameters", 0, artifacts={"alpha": float("nan"), "beta": float("-inf")})
    run.ended()
    text = command.text("runs", "show", "501", "--json")
    assert json.loads(text, parse_constant=pytest.fail)["parameters"] == {"alpha": "nan", "beta": "-inf"}


def test_what_a_run_was_given_is_read_once_for_all_that_is_shown(command, runs, monkeypatch):
    asked = []
    read = Provider.reader

    def reader(self, task):
        asked.append(task.step)
        if task.step == "_parameters":
            raise CorruptedDataException("it is damaged")
        return read(self, task)

    monkeypatch.setattr(Provider, "reader", reader)
    assert command("runs", "show", "F/101").stderr.count("What F/101/_parameters/0 left cannot be read") == 1
    assert sorted(asked) == ["_parameters", "end"]


def test_a_run_is_not_looked_for_where_its_code_cannot_be_read(command, runs, monkeypatch):
    """A store out of reach is waited for once."""
    index = SqliteMetadata(runs / INDEX_KEY)
    run = index.run("F", "101")
    index.apply([RunForgotten("F", "101"), RunStarted(run._replace(datastore="s3://ours"))])

    def out_of_reach(*_):
        raise StoreUnavailable("it does not answer")

    monkeypatch.setattr("metaflow.client.code.code_of_run", out_of_reach)
    monkeypatch.setattr(DeletedRuns, "look", lambda *_: pytest.fail("it was looked for"))
    assert "it does not answer" in command.error("runs", "show", "F/101")
    monkeypatch.setattr("metaflow.client.code.code_of_run", lambda *_: None)
    monkeypatch.setattr(DeletedRuns, "look", lambda *_: True)
    assert "Run F/101 was deleted" in command.error("runs", "show", "F/101"), "where there is no code, it is"
