"""The ``metaflow`` command as a whole: its commands, what settings let be used, and what completes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from metaflow.cli.command import is_enabled, metaflow


def words_of(group, prefix=()):
    """The words of every command of a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*prefix, name)
        if isinstance(command, click.Group):
            yield from words_of(command, (*prefix, name))


@pytest.mark.parametrize("words", list(words_of(metaflow)), ids=" ".join)
def test_every_command_has_help(command, words):
    shown = command.text(*words, "--help") if words[-1] != "help" else command.text(*words)
    assert shown.startswith("Usage: metaflow") and len(shown.splitlines()) > 4


def test_the_bare_command(command, monkeypatch):
    monkeypatch.setenv("METAFLOW_CONTACT_INFO", json.dumps({"help@example.org": "ask here"}))
    shown = command.text()
    assert shown.startswith("Metaflow (0.1.0)\n\nhelp@example.org - ask here\n\nUsage: metaflow")
    assert "tutorials" not in shown and "examples" in shown


@pytest.mark.parametrize(
    ("enabled", "toggled", "names"),
    [
        ([], [], {"runs", "code", "status"}),
        (["runs", "code"], [], {"runs", "code"}),
        (["runs"], ["+code"], {"runs", "code"}),
        ([], ["-code"], {"runs", "status"}),
        (["-status", "-code"], [], {"runs"}),
        (["runs"], ["-runs"], set()),
    ],
)
def test_settings_say_which_commands_there_are(command, monkeypatch, enabled, toggled, names):
    monkeypatch.setenv("METAFLOW_ENABLED_CMD", json.dumps(enabled))
    monkeypatch.setenv("METAFLOW_TOGGLE_CMD", json.dumps(toggled))
    assert {name for name in ("runs", "code", "status") if is_enabled(name)} == names
    assert "Usage" in command.text("help")
    if "code" not in names:
        assert "No such command 'code'" in command("code", "pull", "x", code=2).stderr


def test_a_wrong_name_is_corrected(command):
    assert "Did you mean 'runs'?" in command("rnus", code=2).stderr
    assert "Did you mean 'compare'?" in command("runs", "compair", code=2).stderr


@pytest.mark.parametrize(
    ("line", "word", "found"),
    [
        ("", "ru", ["runs"]),
        ("runs", "", ["list", "show", "compare", "export", "cancel", "delete"]),
        ("runs list", "", ["G", "F"]),
        ("runs list --status", "f", ["failed"]),
        ("runs show", "", ["G/", "F/"]),
        ("runs show", "F/1", ["F/102", "F/101"]),
        ("runs show", "10", ["102", "101"]),
        ("runs show", "F/101/", []),
        ("tasks show", "F/101/w", ["F/101/work"]),
        ("tasks show", "F/101/work/", ["F/101/work/2", "F/101/work/3", "F/101/work/4"]),
        ("logs", "Nope/", []),
        ("code pull", "G/3", ["G/304"]),
        ("examples show", "w", ["word_count"]),
    ],
)
def test_words_are_completed(command, runs, line, word, found):
    completer = ShellComplete(metaflow, {}, "metaflow", "_METAFLOW_COMPLETE")
    assert [item.value for item in completer.get_completions(line.split(), word)] == found


def test_status_for_programs(command, runs):
    status = command.json("status")
    assert status["is_good"] and status["runs"] == 4
    assert status["flows"][0] == {"flow": "G", "latest_run": "304", "latest_status": "done"}


def test_the_installation_is_checked(command):
    found = command.json("develop", "check")
    assert {package["name"] for package in found["packages"]} >= {"click", "blake3"}
    assert found["identity"] == "user:ann" and found["datastore"].endswith("/.metaflow")
    assert "user:ann" in command.text("develop", "check")
    assert "part of metaflow" in command("develop", "stubs", "install").stderr


ROOT = Path(__file__).parents[3]
SHOWN = sorted(
    {
        re.split(r" (?:\||>>?) ", line.removeprefix("$ "))[0]
        for path in (ROOT / "docs").glob("*.md")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("$ metaflow ")
    }
)


@pytest.mark.parametrize("line", SHOWN)
def test_commands_that_the_documents_show_exist(line, runs):
    group, (_, *words) = metaflow, shlex.split(line)
    while isinstance(group, click.Group) and not words[0].startswith("-"):
        group = group.get_command(click.Context(group), words.pop(0))
        assert group is not None, line
    group.make_context(line, words)
