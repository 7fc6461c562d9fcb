"""``metaflow configure``: what it shows, and the files that it writes."""

from __future__ import annotations

import json
import os

import pytest
from click.testing import CliRunner

from metaflow.cli.command import metaflow
from metaflow.exception import MetaflowException


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("METAFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("METAFLOW_PROFILE", "")  # so that what the command sets is taken back
    monkeypatch.delenv("METAFLOW_PROFILE")
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def call(*arguments, code=0, answer=None):
    result = CliRunner().invoke(metaflow, ["configure", *arguments], input=answer)
    assert result.exit_code == code, result.output
    return result.output


def error_of(*arguments):
    result = CliRunner().invoke(metaflow, ["configure", *arguments])
    assert isinstance(result.exception, MetaflowException), result.output
    return str(result.exception)


def write(path, **content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({f"METAFLOW_{name}": value for name, value in content.items()}))
    return path


def test_show_tells_every_value_and_where_it_comes_from(home, monkeypatch):
    path = write(home / "config.json", TEMPDIR="/scratch", UI_URL="https://me:pass@host/ui", SERVICE_AUTH_KEY="hush")
    monkeypatch.setenv("METAFLOW_USER", "ann")
    monkeypatch.setenv("METAFLOW_PRODUCTION_TOKEN", "hush")
    rows = {line.split()[0]: line.split()[1:] for line in call("show").splitlines() if line.startswith("METAFLOW_")}
    assert rows["METAFLOW_TEMPDIR"] == ["/scratch", str(path)]
    assert rows["METAFLOW_USER"] == ["ann", "environment"]
    assert rows["METAFLOW_DEFAULT_DATASTORE"] == ["local", "default"]
    assert rows["METAFLOW_PRODUCTION_TOKEN"] == ["********", "environment"]
    assert rows["METAFLOW_UI_URL"] == ["https://********@host/ui", str(path)]
    assert "hush" not in call("show") and "pass" not in call("show")


def test_show_as_json_says_the_same(home, monkeypatch):
    path = write(home / "config_dev.json", MAXIMUM_FOREACH_VALUE_CHARS=7)
    monkeypatch.setenv("METAFLOW_PRODUCTION_TOKEN", "hush")
    shown = json.loads(call("show", "--profile", "dev", "--json"))
    assert shown["files"] == [str(path)]
    row = shown["settings"]["METAFLOW_MAXIMUM_FOREACH_VALUE_CHARS"]
    assert (row["value"], row["source"], row["problem"]) == (7, str(path), None)
    assert shown["settings"]["METAFLOW_PRODUCTION_TOKEN"]["value"] == "********"


def test_show_points_out_what_nothing_reads(home, monkeypatch):
    path = write(home / "config.json", UI_ULR="x", PROFILE="x", SOMETHING_ELSE=1)
    path.write_text(json.dumps({**json.loads(path.read_text()), "UI_URL": "x"}))
    for name in ("DEFALUT_DATASTORE", "SFN_IAM_ROLE", "QUIET", "RUN_ALPHA", "DATASTORE_ROOT", "TAG_ADD_RUN_ID"):
        monkeypatch.setenv(f"METAFLOW_{name}", "1")
    unread = {entry["name"]: entry for entry in json.loads(call("show", "--json"))["unused"]}
    assert set(unread) == {
        *("METAFLOW_UI_ULR", "METAFLOW_PROFILE", "METAFLOW_SOMETHING_ELSE", "UI_URL"),
        *("METAFLOW_DEFALUT_DATASTORE", "METAFLOW_SFN_IAM_ROLE"),
    }
    assert unread["METAFLOW_DEFALUT_DATASTORE"]["hint"] == "Did you mean METAFLOW_DEFAULT_DATASTORE?"
    assert unread["METAFLOW_UI_ULR"] == {
        "name": "METAFLOW_UI_ULR",
        "where": str(path),
        "hint": "Did you mean METAFLOW_UI_URL?",
    }
    assert unread["UI_URL"]["hint"] == "Did you mean METAFLOW_UI_URL?"
    assert "environment only" in unread["METAFLOW_PROFILE"]["hint"]
    assert unread["METAFLOW_SFN_IAM_ROLE"]["hint"] == unread["METAFLOW_SOMETHING_ELSE"]["hint"] == ""
    assert "METAFLOW_DEFALUT_DATASTORE  (environment)  Did you mean METAFLOW_DEFAULT_DATASTORE?" in call("show")


def test_show_goes_on_after_a_value_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("METAFLOW_MAXIMUM_FOREACH_VALUE_CHARS", "many")
    shown = call("show", code=1)
    assert "should be of type int, but it is 'many'" in shown and "METAFLOW_UI_URL" in shown


def test_import_export_reset(home):
    write(home.parent / "given.json", USER="ann", TEMPDIR="/x")
    call("import", "given.json")
    path = home / "config.json"
    assert path.read_text() == '{\n    "METAFLOW_TEMPDIR": "/x",\n    "METAFLOW_USER": "ann"\n}\n'
    assert path.stat().st_mode & 0o077 == 0, "it may hold secrets"
    assert [file.name for file in home.iterdir()] == ["config.json"]
    call("export", "copy.json")
    assert (home.parent / "copy.json").read_text() == path.read_text()
    call("reset", answer="n", code=1)
    assert path.exists()
    call("reset", answer="y")
    assert not path.exists()
    assert "already reset" in call("reset")
    assert "empty one is exported" in call("export", "empty.json")
    assert json.loads((home.parent / "empty.json").read_text()) == {}


def test_nothing_is_overwritten_without_a_yes(home):
    write(home.parent / "new.json", USER="new")
    kept = write(home / "config_dev.json", USER="old").read_text()
    assert "overwrite" in call("import", "new.json", "-p", "dev", answer="n", code=1)
    call("import", "new.json", "-p", "dev", answer="", code=1)
    call("export", "new.json", "-p", "dev", answer="n", code=1)
    assert (home / "config_dev.json").read_text() == kept
    assert json.loads((home.parent / "new.json").read_text()) == {"METAFLOW_USER": "new"}
    call("import", "new.json", "-p", "dev", answer="y")
    assert "new" in (home / "config_dev.json").read_text() and not (home / "config.json").exists()
    call("export", "new.json", "-p", "dev", "--yes")


def test_a_profile_that_does_not_exist_yet_can_be_imported_into(home, monkeypatch):
    monkeypatch.setenv("METAFLOW_PROFILE", "fresh")
    assert "config_fresh.json" in error_of("show")
    write(home.parent / "given.json", UI_ULR="x")
    assert "Nothing reads METAFLOW_UI_ULR. Did you mean METAFLOW_UI_URL?" in call("import", "given.json")
    assert (home / "config_fresh.json").exists()


@pytest.mark.parametrize("content", ["{", "[1]", "METAFLOW_USER=ann"])
def test_a_bad_file_is_named_and_changes_nothing(home, content):
    kept = write(home / "config.json", USER="old").read_text()
    (home.parent / "bad.json").write_text(content)
    assert "bad.json" in error_of("import", "bad.json", "--yes")
    assert (home / "config.json").read_text() == kept
    (home / "config.json").write_text(content)
    assert "config.json" in error_of("show") and "config.json" in error_of("export", "x.json")
    call("reset", "--yes")


def test_files_that_cannot_be(home):
    assert "does not exist" in call("import", "nowhere.json", code=2)
    assert "no profile 'zz'" in error_of("export", "x.json", "-p", "zz")
    write(home / "config.json")
    assert "is a directory" in error_of("export", ".")
    (home.parent / "file").write_text("")
    assert "cannot be written" in error_of("export", "file/x.json")
    assert sorted(os.listdir(home)) == ["config.json"]
