from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from client.stored_flow import StoredRun

from metaflow import Task, namespace
from metaflow.cards import get_cards
from metaflow.cards.exception import (
    CardNotPresentException,
    IncorrectArgumentException,
    IncorrectPathspecException,
    TaskNotFoundException,
)
from metaflow.cards.files import CardName
from metaflow.cards.opening import open_copy
from metaflow.datastore.local import LocalStore
from metaflow.exception import DataException, MetaflowNamespaceMismatch, MetaflowNotFound

from .stored_cards import live_data, put_card

# The browser of a test is a program that says what it was given.
_SAYS = '#!/bin/sh\necho "$1" > {}\n'


@pytest.fixture
def run(root):
    return StoredRun(root, run_id="1")


def test_cards_come_as_declared_and_nothing_is_read_before_it_is_asked_for(run, monkeypatch) -> None:
    hashes = ["ccccc00000", "aaaaa00000", "bbbbb00000"]
    info = json.dumps([{"card_uuid": each} for each in hashes])
    task = run.finished("start", 1, metadata={"card-info": info})
    for digits, name in zip(hashes, ("one", None, "three")):
        put_card(run.store, task, id=name, hash=digits, html=f"<p>{digits}</p>")
    reads = []
    get = LocalStore.get
    monkeypatch.setattr(LocalStore, "get", lambda self, key: reads.append(key) or get(self, key))
    cards = get_cards("F/1/start/1")
    assert [(card.hash, card.id, card.type) for card in cards] == [
        ("ccccc00000", "one", "blank"),
        ("aaaaa00000", None, "blank"),
        ("bbbbb00000", "three", "blank"),
    ]
    assert len(cards) == 3 and cards[-1].id == "three" and [c.id for c in cards[:2]] == ["one", None]
    assert not [key for key in reads if ".cards/" in key]
    assert cards[1].get() == "<p>aaaaa00000</p>"
    assert cards[0].path == str(run.root / "mf-store/runs/F/1/start/1.cards/blank-one-ccccc00000.html")
    assert os.path.exists(cards[0].path)
    assert "blank, id='one', hash=ccccc, F/1/start/1" in repr(cards)


def test_cards_of_which_no_order_is_known_come_by_type_and_id(run) -> None:
    task = run.finished("start", 1, metadata={"card-info": "not JSON"})
    for names in (("zeta", None, "1" * 10), ("blank", "b", "2" * 10), ("blank", "a", "3" * 10)):
        put_card(run.store, task, *names)
    run.store.put("mf-store/runs/F/1/start/1.cards/notes.txt", [b"no card"])
    assert [(card.type, card.id) for card in get_cards(Task("F/1/start/1"))] == [
        ("blank", "a"),
        ("blank", "b"),
        ("zeta", None),
    ]


def test_filters_and_what_is_said_when_nothing_is_left(run) -> None:
    task = run.finished("start", 1)
    put_card(run.store, task, "blank", "a", "1" * 10)
    put_card(run.store, task, "html", None, "2" * 10)
    assert [card.type for card in get_cards("F/1/start/1", type="html")] == ["html"]
    assert [card.id for card in get_cards("F/1/start/1", id="a")] == ["a"]
    none = get_cards("F/1/start/1", id="a", type="x")  # as Metaflow has it, programs ask for its length
    assert len(none) == 0 and not none
    with pytest.raises(IndexError, match="no card with type 'x' and id 'a'"):
        none[0]
    assert re.search("no card with type .* and id .*type blank, id a, hash 11111; type html", none._repr_html_())
    run.finished("end", 2)
    with pytest.raises(CardNotPresentException, match="F/1/end/2 has no cards. Its step has them if @card"):
        get_cards("F/1/end/2")
    run.running("work", 3)
    with pytest.raises(CardNotPresentException, match="still running"):
        get_cards("F/1/work/3")


def test_live_data_is_there_while_the_task_runs(run) -> None:
    task = run.running("start", 1)
    put_card(run.store, task, data=live_data("render-seq-1"))
    (card,) = get_cards("F/1/start/1")
    document = card.get_data()
    assert document is not None and document["reload_token"] == "render-seq-1"
    assert "still running" in card._repr_html_()
    run.store.put(card._stored.data_key, [b'{"torn'])
    assert card.get_data() is None
    run.store.delete(card._stored.data_key)
    assert card.get_data() is None


def test_a_clone_has_the_cards_of_its_origin_through_several_resumes(root) -> None:
    first = StoredRun(root, run_id="1")
    origin = first.finished("start", 1)
    put_card(first.store, origin, html="<p>the first</p>")
    first.ended()
    second = StoredRun(root, run_id="2")
    second.finished("start", 1, origin="F/1/start/1")
    second.ended()
    third = StoredRun(root, run_id="3")
    clone = third.finished("start", 7, origin="F/2/start/1")
    third.ended()
    cards = get_cards("F/3/start/7")
    assert cards.from_resumed and cards.origin_pathspec == "F/1/start/1"
    assert cards[0].from_resumed and cards[0].origin_pathspec == "F/1/start/1" and cards[0].get() == "<p>the first</p>"
    with pytest.raises(CardNotPresentException):
        get_cards("F/3/start/7", follow_resumed=False)
    put_card(third.store, clone, id="own", hash="bbbbb00000")
    own, of_origin = get_cards("F/3/start/7")
    assert (own.id, own.from_resumed, own.origin_pathspec) == ("own", False, None)
    assert of_origin.from_resumed
    assert [card.id for card in get_cards("F/3/start/7", follow_resumed=False)] == ["own"]


def test_origins_that_are_gone_or_lead_in_a_circle_end_the_search(root) -> None:
    run = StoredRun(root, run_id="5")
    run.finished("start", 1, origin="F/4/start/1")
    run.finished("work", 2, origin="F/5/work/3")
    run.finished("work", 3, origin="F/5/work/2")
    for pathspec in ("F/5/start/1", "F/5/work/2"):
        with pytest.raises(CardNotPresentException, match="has no cards"):
            get_cards(pathspec)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("F/1/start", IncorrectPathspecException),
        ("F/1/start/1/x", IncorrectPathspecException),
        ("F//start/1", IncorrectPathspecException),
        ("F/1/start/9", TaskNotFoundException),
        ("F/9/start/1", TaskNotFoundException),
        ("F/9/start/1", MetaflowNotFound),  # what Metaflow raises
        (3, IncorrectArgumentException),
        (None, IncorrectArgumentException),
    ],
)
def test_what_is_no_task_is_refused(run, given, error) -> None:
    run.finished("start", 1)
    with pytest.raises(error):
        get_cards(given)


def test_namespaces_hold_as_they_do_for_tasks(root) -> None:
    other = StoredRun(root, run_id="8", user="bob")
    put_card(other.store, other.finished("start", 1))
    with pytest.raises(MetaflowNamespaceMismatch):
        get_cards("F/8/start/1")
    namespace(None)
    assert len(get_cards("F/8/start/1")) == 1


def test_in_a_notebook_a_card_is_in_a_frame_that_cannot_reach_it(run) -> None:
    task = run.finished("start", 1)
    put_card(run.store, task, html='<script>alert("x")</script><p title="a">&amp;</p>')
    put_card(run.store, task, id="b", hash="bbbbb00000", html="x" * 20_000_001)
    shown = get_cards("F/1/start/1")._repr_html_()
    assert 'sandbox="allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox"' in shown
    assert "allow-same-origin" not in shown and "<script>" not in shown
    assert (
        'srcdoc="&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&lt;p title=&quot;a&quot;&gt;&amp;amp;&lt;/p&gt;"'
        in shown
    )
    assert "too many to be kept in a notebook" in shown and len(shown) < 10_000
    card = get_cards("F/1/start/1", id="b")[0]
    os.unlink(card.path)
    assert "not there any more" in card._repr_html_()
    with pytest.raises(CardNotPresentException, match="was deleted"):
        card.get()
    assert "No cards" in get_cards("F/1/start/1")[:0]._repr_html_()


def test_view_gives_the_browser_a_copy(run, tmp_path, monkeypatch) -> None:
    browser, said = tmp_path / "browser", tmp_path / "said"
    browser.write_text(_SAYS.format(said))
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    # Which browsers there are is found out once in a process.
    code = "from metaflow.cards import get_cards; print(get_cards('F/1/start/1')[0].view())"
    put_card(run.store, run.finished("start", 1), html="<p>ü</p>")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    path = shown.stdout.strip()
    assert said.read_text().strip() == f"file://{path}"
    with open(path, encoding="utf-8") as copy:
        assert copy.read() == "<p>ü</p>"
    assert os.stat(os.path.dirname(path)).st_mode & 0o077 == 0, "others can read the copy"


def test_without_a_browser_the_copy_is_there_all_the_same(tmp_path, monkeypatch) -> None:
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    copy = open_copy("<p>x</p>", CardName("blank", None, "abc"))
    assert copy.path.read_text() == "<p>x</p>" and not copy.is_shown
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(DataException, match="TMPDIR"):
        open_copy("<p>x</p>", CardName("blank", None, "abc"))
