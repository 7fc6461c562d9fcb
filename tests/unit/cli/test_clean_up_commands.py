"""``metaflow gc``, ``metaflow runs delete`` and ``metaflow verify``, as a person sees them."""

from __future__ import annotations

import json
import os

import pytest
from client.stored_flow import StoredRun, dead_process

from metaflow.datastore.layout import runs_prefix

RUN_FOLDERS = "mf-store/runs"


def there(root):
    return {"/".join(path.parts[-3:-1]) for path in (root / RUN_FOLDERS).glob("*/*/run.json")}


def test_gc_shows_first_and_deletes_only_with_yes(command, runs):
    everything = {"F/101", "F/102", "F/203", "G/304"}
    shown = command("gc", "--older-than", "1d")
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["run", "status", "user", "started", "duration", "size"]
    assert [line.split()[0] for line in lines[1:]] == ["F/102", "F/101"]
    assert "F/203 is kept: it is the latest successful run of its flow." in shown.stderr
    assert "This would go: 2 runs with 14 files; " in shown.stderr and "Give --yes to do it." in shown.stderr
    assert there(runs) == everything
    assert command("gc", "--older-than", "1d", "--dry-run", "--yes").exit_code == 0 and there(runs) == everything
    done = command("gc", "--older-than", "1d", "--keep-tag", "nightly", "--yes")
    assert "F/101 is kept: it has the tag nightly." in done.stderr and "1 run deleted, " in done.stderr
    assert there(runs) == everything - {"F/102"}
    assert command.json("runs", "list", "-a")[-1]["pathspec"] == "F/101"


def test_gc_by_status_flow_user_and_number(command, runs):
    def going(*options):
        return [run["pathspec"] for run in command.json("gc", *options)["runs"]]

    assert going() == []
    assert going("--status", "failed") == ["F/102"]
    assert going("--keep-last", "1", "--delete-latest") == ["F/102", "F/101"]
    assert going("--older-than", "1d", "--flow", "G", "--delete-latest") == ["G/304"]
    assert going("--older-than", "1d", "--user", "bob", "--delete-latest") == ["F/203"]
    report = command.json("gc", "--older-than", "1d", "--yes")
    assert report["deleted"] == ["F/102", "F/101"] and report["dry_run"] is False and report["bytes_freed"] > 0
    assert command.json("gc", "--older-than", "1d")["kept"][0]["pathspec"] == "G/304"


def test_gc_takes_rules_from_settings(command, runs, monkeypatch):
    monkeypatch.setenv("METAFLOW_GC_OLDER_THAN", "30 days")
    monkeypatch.setenv("METAFLOW_GC_STATUS", '["failed"]')
    assert [run["pathspec"] for run in command.json("gc")["runs"]] == ["F/102"]
    monkeypatch.setenv("METAFLOW_GC_KEEP_TAGS", '["user:ann"]')
    assert command.json("gc")["kept"] == [{"pathspec": "F/102", "reason": "it has the tag user:ann"}]
    monkeypatch.setenv("METAFLOW_GC_OLDER_THAN", "soon")
    assert "METAFLOW_GC_OLDER_THAN is 'soon', which is no age" in command.error("gc")
    monkeypatch.setenv("METAFLOW_GC_KEEP_LAST", "-1")
    monkeypatch.setenv("METAFLOW_GC_OLDER_THAN", "30 days")
    assert "METAFLOW_GC_KEEP_LAST is -1, which is no number of runs" in command.error("gc")
    monkeypatch.delenv("METAFLOW_GC_KEEP_LAST")
    monkeypatch.setenv("METAFLOW_GC_OLDER_THAN", "1d")
    monkeypatch.setenv("METAFLOW_GC_STATUS", '["broken"]')
    assert "METAFLOW_GC_STATUS names 'broken'" in command.error("gc")


def test_a_flow_alone_is_no_reason_to_delete_its_runs(command, runs):
    assert "Say which of these runs are to go" in command("gc", "--flow", "F", code=2).stderr
    assert "Say which runs of F to delete" in command("runs", "delete", "F", code=2).stderr
    assert "Name the runs to delete" in command("runs", "delete", code=2).stderr
    assert (
        "Leave them out where runs are named" in command("runs", "delete", "F/101", "--status", "done", code=2).stderr
    )


def test_runs_are_deleted_by_name_and_by_choice(command, runs):
    shown = command("runs", "delete", "F/101", "F/102", "--dry-run")
    assert "This would go: 2 runs with 14 files" in shown.stderr and len(there(runs)) == 4
    assert "Nothing was deleted. Give --yes to do it." in command("runs", "delete", "F/101", code=1).stderr
    assert "2 runs deleted" in command("runs", "delete", "F/101", "102", "--yes").stderr
    assert there(runs) == {"F/203", "G/304"}
    assert "There is no run F/101" in command.error("runs", "delete", "F/101", "--yes")
    assert "There are no runs like that" in command("runs", "delete", "F", "--status", "failed").stderr
    report = command("runs", "delete", "--user", "bob", "--yes", "--json")
    assert '"deleted": [\n        "F/203"' in report.stdout and there(runs) == {"G/304"}


def test_a_running_run_cannot_be_deleted_by_name_and_is_passed_over_by_choice(command, runs):
    StoredRun(runs, run_id="900").finished("start", 1)
    assert "Run F/900 cannot be deleted: it is still running" in command.error("runs", "delete", "F/900", "--yes")
    done = command("runs", "delete", "F", "--since", "1970-01-01", "--yes")
    assert "F/900 is kept: it is still running" in done.stderr
    assert there(runs) == {"F/900", "F/203", "G/304"}
    StoredRun(runs, run_id="901", **dead_process()).finished("start", 1)
    command("runs", "delete", "F/901", "--yes")
    assert "F/901" not in there(runs)


def test_verify_says_what_is_lost_and_whom_it_affects(command, runs):
    assert "All is well: 4 runs with " in command("verify").stderr
    manifest = runs / runs_prefix("G", "304") / "finish/1.0.manifest"
    manifest.write_bytes(manifest.read_bytes()[:-3])
    found = command("verify", code=1)
    lines = found.stdout.splitlines()
    assert lines[0].startswith("LOST: mf-store/runs/G/304/finish/1.0.manifest: cannot be read. ")
    assert lines[1] == "    affects G/304/finish/1"
    assert lines[2] == "    run it again: python flow.py resume finish --origin-run-id 304"
    assert found.stderr.endswith(": 1 lost.\n")
    assert command("verify", "F").exit_code == 0 and command("verify", "G/304", code=1)
    (finding,) = json.loads(command("verify", "304", "--json", code=1).stdout)["findings"]
    assert finding["severity"] == "lost" and finding["affected"] == ["G/304/finish/1"]


def test_verify_repairs_what_can_be(command, runs):
    path = runs / runs_prefix("F", "101") / ".tmp-1"
    path.write_bytes(b"x")
    os.utime(path, (1000, 1000))
    assert command("verify").stdout.startswith("litter: 1 files: of 1 bytes")
    assert command("verify", "--repair").stdout.startswith("repaired: 1 files")
    assert "All is well" in command("verify", "--hashes").stderr


@pytest.mark.parametrize("name", ["Ff", "F/999", "F/101/start"])
def test_verify_of_what_is_not_there(command, runs, name):
    assert command.error("verify", name)
