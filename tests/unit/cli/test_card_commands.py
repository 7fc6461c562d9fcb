from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from client.stored_flow import StoredRun

from metaflow.cards import MetaflowCard
from metaflow.cli.card_actions import write_file
from metaflow.cli.card_place import full_pathspec
from metaflow.exception import CommandException
from unit.cards.stored_cards import put_card


@pytest.fixture
def cards(runs):
    """F/101: two cards of start, one of each of the three tasks of work; a clone in F/400."""
    run = StoredRun(runs, run_id="400", tags=("resumed",))
    origin = run.finished("start", 1, origin="F/101/start/1")._replace(run_id="101")
    run.ended()
    put_card(run.store, origin, id="a", hash="abcde11111", html="<p>a</p>")
    put_card(run.store, origin, id="b", hash="abcdf11111", html="<p>b</p>")
    for index in range(3):
        work = origin._replace(step="work", task_id=str(2 + index))
        put_card(run.store, work, "default", None, f"fffff{index}", html=f"<p>{index}</p>")
    return runs


def test_listing(command, cards) -> None:
    lines = command.text("card", "list", "F/101").splitlines()
    assert lines[0].split() == ["task", "type", "id", "hash", "state", "written", "size"]
    assert [line.split()[0] for line in lines[1:]] == ["start/1", "start/1", "work/2", "work/3", "work/4"]
    assert lines[1].split()[1:5] == ["blank", "a", "abcde11111", "final"]
    assert command.json("card", "list", "F/101/start") == {
        "pathspec": "F/101/start/1",
        "cards": [
            {"id": "a", "hash": "abcde11111", "type": "blank", "filename": "blank-a-abcde11111.html"},
            {"id": "b", "hash": "abcdf11111", "type": "blank", "filename": "blank-b-abcdf11111.html"},
        ],
    }
    assert [each["pathspec"] for each in command.json("card", "list", "F/101/work")] == [
        f"F/101/work/{task}" for task in (2, 3, 4)
    ]
    assert isinstance(command.json("card", "list", "F/101/work/3"), dict)
    assert command.json("card", "list", "203") == []
    assert "F/203 has no cards." in command("card", "list", "203").stderr


def test_listing_into_a_file(command, cards, tmp_path) -> None:
    command("card", "list", "F/101/start", "--id", "a", "--file", "cards.json")
    assert [each["id"] for each in json.loads((tmp_path / "cards.json").read_text())["cards"]] == ["a"]


def test_one_card_is_printed_or_written(command, cards, tmp_path) -> None:
    assert command.text("card", "get", "F/101/start", "--id", "a") == "<p>a</p>"
    assert command.text("card", "get", "F/101/start/1", "-", "--hash", "abcdf") == "<p>b</p>"
    assert command.text("card", "get", "101/work", "--hash", "fffff2") == "<p>2</p>"
    (tmp_path / "there.html").write_text("before")
    command("card", "get", "F/101/work/3", "there.html")
    assert (tmp_path / "there.html").read_text() == "<p>1</p>"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".there")] == []


def test_several_cards_are_listed_with_what_tells_them_apart(command, cards) -> None:
    message = command.error("card", "get", "F/101/start")
    assert "2 cards of F/101 match" in message and "start/1: type blank, id b, hash abcdf" in message
    assert re.search(r"--hash abcde\b", message) and "--id" in message and "--type" not in message
    message = command.error("card", "view", "F/101/work")
    assert "hash fffff2" in message and "or by the task, as in 101/work/2" in message and "--id" not in message


def test_no_card_says_what_there_is(command, cards) -> None:
    message = command.error("card", "get", "F/101/start", "--type", "html")
    assert "F/101/start/1 has no card with type 'html'" in message and "id a, hash abcde; type blank, id b" in message
    assert "first five characters" in command.error("card", "get", "F/101/start", "--hash", "abc")
    assert "has no cards. Its step has them if @card" in command.error("card", "list", "F/101/end")


def test_clones_show_the_cards_of_their_origin(command, cards) -> None:
    assert [each["id"] for each in command.json("card", "list", "F/400/start")["cards"]] == ["a", "b"]
    assert "F/101/start/1" in command.text("card", "list", "F/400/start")
    assert "has no cards" in command.error("card", "list", "F/400/start", "--no-follow-resumed")


def test_completion_offers_what_there_is(command, cards) -> None:
    from click.shell_completion import ShellComplete

    from metaflow.cli.command import metaflow

    complete = ShellComplete(metaflow, {}, "metaflow", "_METAFLOW_COMPLETE")

    def offered(*arguments, incomplete=""):
        return [item.value for item in complete.get_completions(list(arguments), incomplete)]

    assert offered("card", "get", "F/101/start", "--id") == ["a", "b"]
    assert offered("card", "get", "F/101/start", "--hash", incomplete="abcdf") == ["abcdf11111"]
    assert offered("card", "get", "F/101/work", "--type") == ["default"]
    assert offered("card", "get", "F/101/nosuch", "--type") == []
    assert "F/101/work" in offered("card", "view", incomplete="F/101/")


def test_completion_offers_types_of_cards_to_create() -> None:
    import click
    from click.shell_completion import ShellComplete

    from metaflow.cli.card_create_command import create

    class OfTests(MetaflowCard):
        type = "of_this_program"

    complete = ShellComplete(click.Group(commands={"create": create}), {}, "flow.py", "_FLOW_COMPLETE")

    def offered(incomplete: str) -> list[str]:
        return [item.value for item in complete.get_completions(["create", "--type"], incomplete)]

    assert {"default", "blank", "of_this_program"} <= set(offered(""))
    assert not any(each.startswith("test_") for each in offered("")) and offered("test_e")


@pytest.mark.parametrize(
    ("text", "full"),
    [
        (None, "F/latest"),
        ("start", "F/latest/start"),
        ("latest", "F/latest"),
        ("123", "F/123"),
        ("123/start", "F/123/start"),
        ("123/start/4", "F/123/start/4"),
        ("F/123/start/4", "F/123/start/4"),
        ("F/123/start", "F/123/start"),
        ("F/123", "F/123"),
        ("123/start/", "F/123/start"),
    ],
)
def test_pathspecs_of_a_flow_in_full(text, full) -> None:
    assert full_pathspec("F", text) == full


@pytest.mark.parametrize("text", ["", "/", "1//2", "1/2/3/4", "G/1/start/1", "F/1/2/3/4"])
def test_pathspecs_that_say_nothing(text) -> None:
    with pytest.raises(CommandException, match="STEP for the latest run, RUN/STEP or RUN/STEP/TASK"):
        full_pathspec("F", text)


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch) -> None:
    target = tmp_path / "card.html"
    target.write_text("before")

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CommandException, match=r"card.html cannot be written: No space left on device"):
        write_file(target, b"after")
    monkeypatch.undo()
    assert target.read_text() == "before" and list(tmp_path.iterdir()) == [target]
    write_file(tmp_path / "new" / "folders" / "card.html", b"x")
    assert (tmp_path / "new" / "folders" / "card.html").read_bytes() == b"x"
    with pytest.raises(CommandException, match="cannot be written: (Not a directory|File exists)"):
        write_file(target / "card.html", b"x")
    with pytest.raises(CommandException, match="Is a directory"):
        write_file(tmp_path, b"x")
    with pytest.raises(CommandException, match="No space left on device"):
        write_file(Path("/dev/full"), b"x")
    link = tmp_path / "link.html"
    link.symlink_to(target)
    write_file(link, b"through the link")
    assert link.is_symlink() and target.read_text() == "through the link"
