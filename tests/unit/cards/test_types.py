"""Types of cards, by name: ours, the program's, other packages'."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from metaflow import registry
from metaflow.cards import MetaflowCard
from metaflow.cards.exception import CardClassFoundException
from metaflow.cards.extensions import cards_of_extensions
from metaflow.cards.types import card_class, find_card_class
from metaflow.exception import TimeoutException
from metaflow.packaging.extensions import extensions


class OfTheProgram(MetaflowCard):
    type = "of_the_program"


class Below(OfTheProgram):
    type = "below_that"


def test_built_in_types_can_all_be_imported() -> None:
    for name in registry.BUILT_IN["cards"]:
        assert find_card_class(name).type == name


def test_subclasses_of_the_program_are_found_at_any_depth() -> None:
    assert card_class("of_the_program") is OfTheProgram
    assert card_class("below_that") is Below


def test_the_latest_definition_counts_as_in_a_notebook() -> None:
    first = type("Again", (MetaflowCard,), {"type": "defined_twice"})
    second = type("Again", (MetaflowCard,), {"type": "defined_twice"})
    assert first is not second
    assert card_class("defined_twice") is second


def test_a_type_that_there_is_not_is_told_with_similar_ones() -> None:
    with pytest.raises(CardClassFoundException, match="'of_the_progam'. Did you mean 'of_the_program'") as caught:
        find_card_class("of_the_progam")
    assert "test_error_card" not in caught.value.message, "types for tests are no help"
    assert card_class("of_the_progam") is None


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "metaflow_extensions"]:
        del sys.modules[name]


def extension(root: Path, path: str, code: str) -> None:
    file = root / "metaflow_extensions" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("from metaflow.cards import MetaflowCard\n" + code)


CARD = "class Card(MetaflowCard):\n    type = {name!r}\nCARDS = [Card]\n"


def test_extensions_of_other_packages(packages: Path) -> None:
    extension(packages, "acme/plugins/cards/first/__init__.py", CARD.format(name="acme_first"))
    extension(packages, "acme/plugins/cards/mfextinit_acme.py", CARD.format(name="acme_second"))
    extension(packages, "other/plugins/cards/group/third/__init__.py", CARD.format(name="other_third"))
    extension(packages, "other/plugins/cards/group/not_one.py", "raise RuntimeError('imported without need')\n")
    for name in ("acme_first", "acme_second", "other_third"):
        assert find_card_class(name).type == name
    assert extensions(str(packages / "flow")).modules == ("metaflow_extensions.acme", "metaflow_extensions.other")
    assert extensions(str(packages)).modules == (), "what is in the flow's directory goes along anyway"


def test_extensions_in_an_archive_are_left_out(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ZipFile(packages / "archive.zip", "w") as archive:
        archive.writestr("metaflow_extensions/acme/plugins/cards/first/__init__.py", CARD.format(name="acme_first"))
        archive.writestr("metaflow_extensions/__init__.py", "")
    monkeypatch.syspath_prepend(str(packages / "archive.zip"))
    assert cards_of_extensions() == ({}, [])
    assert extensions(str(packages / "flow")).modules == ()


def test_a_broken_extension_hurts_nobody_and_is_named(packages: Path) -> None:
    extension(packages, "acme/plugins/cards/a_broken/__init__.py", "import there_is_no_such_module\n")
    extension(packages, "acme/plugins/cards/b_exits/__init__.py", "raise SystemExit\n")
    extension(packages, "acme/plugins/cards/c_no_list/__init__.py", "CARDS = [int]\n")
    extension(packages, "acme/plugins/cards/d_good/__init__.py", CARD.format(name="acme_good"))
    found, problems = cards_of_extensions()
    assert list(found) == ["acme_good"]
    assert [problem.split()[0].rpartition(".")[2] for problem in problems] == ["a_broken", "b_exits", "c_no_list"]
    assert find_card_class("acme_good").type == "acme_good"
    with pytest.raises(CardClassFoundException, match="a_broken cannot be used: ModuleNotFoundError"):
        find_card_class("acme_missing")


def test_other_packages_are_not_looked_at_without_need(packages: Path) -> None:
    extension(packages, "acme/plugins/cards/broken/__init__.py", "raise AssertionError('imported without need')\n")
    find_card_class("test_error_card")
    find_card_class("of_the_program")
    assert "metaflow_extensions.acme.plugins.cards.broken" not in sys.modules


def test_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    class Point:
        def __init__(self, loaded: object) -> None:
            self._loaded = loaded

        def load(self) -> object:
            if isinstance(self._loaded, BaseException):
                raise self._loaded
            return self._loaded

    points = {
        "pointed_at": Point(OfTheProgram),
        "pointed_astray": Point(ImportError("no such thing")),
        "exits": Point(SystemExit(3)),
        "no_class": Point("a text"),
        "late": Point(TimeoutException("of the step")),
    }
    monkeypatch.setattr(registry, "_entry_points", lambda category: points)
    assert find_card_class("pointed_at") is OfTheProgram
    for name, problem in (("exits", "SystemExit: 3"), ("no_class", "'a text' is no subclass of MetaflowCard")):
        with pytest.raises(CardClassFoundException, match=problem):
            find_card_class(name)
    with pytest.raises(TimeoutException):
        find_card_class("late")
    with pytest.raises(CardClassFoundException, match="ImportError: no such thing"):
        find_card_class("pointed_astray")
