"""Cards that somebody looks at while their task runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from browser import Browser, expect
from metaflow.datastore.location import open_store
from metaflow.datastore.store import ObjectStore

from .conftest import Project
from .test_remote_runs import Place, use_bucket

T = TypeVar("T")

HEADER = """
    import os, sys, time
    from pathlib import Path
    from metaflow import FlowSpec, Parameter, card, catch, current, retry, step, timeout
    from metaflow.cards import Markdown, MetaflowCard, MetaflowCardComponent, PageComponent, ProgressBar

    def wait_for(path):
        deadline = time.monotonic() + 60
        while not Path(path).exists():
            assert time.monotonic() < deadline, path
            time.sleep(0.01)
"""

FOLLOWED = (
    HEADER
    + """
    class Followed(FlowSpec):
        signals = Parameter("signals", default="")

        @card(type="blank", refresh_interval=0.1)
        @step
        def start(self):
            text, inner = Markdown("first <script>alert(1)</script> words"), Markdown("inner words")
            progress = ProgressBar(max=10, label="Progress")
            current.card.append(text, id="text")
            current.card.append(PageComponent("Inside", contents=[inner]))
            current.card.append(progress)
            current.card.refresh({"epoch": 1})
            wait_for(f"{self.signals}/one")
            text.update("second <img src=x onerror=alert(2)> words")
            inner.update("other inner words")
            progress.update(5)
            current.card.refresh({"epoch": 2, "odd": float("nan")})
            wait_for(f"{self.signals}/two")
            current.card.append("the last words")
            self.next(self.end)

        @step
        def end(self):
            pass
"""
)

HURT = (
    HEADER
    + """
    class Hanging(MetaflowCard):
        type = "hanging"
        RUNTIME_UPDATABLE = ALLOW_USER_COMPONENTS = True

        def render_runtime(self, task, data):
            Path("hangs").touch()
            time.sleep(600)

        def render(self, task):
            return "<p>done</p>"

    class Broken(MetaflowCardComponent):
        def render(self):
            raise ValueError("it is broken")

    def in_child(number):
        current.card["main"].append(f"of child {number}")
        current.card["main"].refresh(force=True)
        return number + 1

    class Hurt(FlowSpec):
        @step
        def start(self):
            self.kinds = ["children", "dies", "hangs", "odd"]
            self.next(self.work, foreach="kinds")

        @card(type="hanging", id="hanging", timeout=0.5)
        @card(type="blank", id="main", refresh_interval=0)
        @catch(var="problem", print_exception=False)
        @step
        def work(self):
            main = current.card["main"]
            main.append(f"about {self.input}", id="about")
            main.refresh()
            if self.input == "children":
                import multiprocessing

                with multiprocessing.get_context("fork").Pool(2) as pool:
                    self.sums = pool.map(in_child, range(20))
            elif self.input == "dies":
                os._exit(5)
            elif self.input == "hangs":
                current.card["hanging"].refresh()
                wait_for("hangs")
            else:
                loop = [1]
                loop.append(loop)
                main.append(Broken())
                main.append(PageComponent("Loop", contents=[{"type": "jsonViewer", "data": loop}]))
                main.append({1: object(), b"a": {2}, "nan": float("nan")})
                main.refresh({"loop": loop, (1, 2): object(), "bytes": b"abc"})
                current.card["unknown"].append("nowhere")
                current.card.components["missing"].update(1)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.problems = {each.input: repr(each.problem) for each in inputs}
            self.sums = next(each.sums for each in inputs if each.input == "children")
            self.next(self.takes_long)

        @card(type="blank", id="main", refresh_interval=0)
        @catch(var="problem", print_exception=False)
        @timeout(seconds=1)
        @step
        def takes_long(self):
            while True:
                current.card["main"].refresh()
            self.next(self.end)

        @step
        def end(self):
            assert self.sums == list(range(1, 21))
            self.problems["takes long"] = repr(self.problem)
            print("problems:", sorted(kind for kind, problem in self.problems.items() if problem != "None"))
"""
)

FAILING = (
    HEADER
    + """
    class Failing(FlowSpec):
        @card(type="blank", refresh_interval=3600)
        @retry(times=1, minutes_between_retries=0)
        @step
        def start(self):
            current.card.append(f"attempt {current.retry_count}", id="which")
            current.card.refresh("first")
            documents = []
            while not any(f"attempt {current.retry_count}" in text for text in documents):
                time.sleep(0.01)
                documents = [path.read_text() for path in Path(".metaflow").rglob("*.data.json")]
            current.card.append("before the end")
            current.card.refresh("last")
            if current.retry_count:
                print("saw", *documents)
            self.empty = [][0]
            self.next(self.end)

        @step
        def end(self):
            pass
"""
)


def waited_for(look: Callable[[], T | None]) -> T:
    """What `look` gives, as soon as it gives something."""
    deadline = time.monotonic() + 60
    while (found := look()) is None:
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
    return found


def card_file(store: ObjectStore, flow: str, ending: str, beginning: str = "") -> str | None:
    """The one file of a card in a datastore that there is by now."""
    for key in store.list(f"mf-store/runs/{flow}/"):
        if ".cards/" in key and key.endswith(ending) and key.rpartition("/")[2].startswith(beginning):
            return store.get(key).decode()
    return None


def document(store: ObjectStore, flow: str, beyond: int = 0) -> dict[str, Any] | None:
    """The document of a card, if it is of a rendering after that number."""
    text = card_file(store, flow, ".data.json")
    found = json.loads(text) if text else None
    return found if found and (found["data"]["render_seq"] == "final" or found["data"]["render_seq"] > beyond) else None


@pytest.fixture(params=["here", "there"])
def place(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "here":
        return Place("local", "", [])
    return use_bucket(project, request.getfixturevalue("s3_bucket"), monkeypatch)


def test_a_card_is_followed_in_a_browser_while_its_task_runs(project: Project, place: Place, browser: Browser) -> None:
    project.write(FOLLOWED, main="Followed")
    with_elsewhere = ["--with", "elsewhere"] if place.location else []
    running = project.start(*place.options, "run", *with_elsewhere, "--signals", str(project.path))
    (project.path / ".metaflow").mkdir(exist_ok=True)
    store = open_store(place.location or str(project.path / ".metaflow"))
    first = waited_for(lambda: document(store, "Followed"))
    assert first["data"]["user"] == {"epoch": 1}
    html = card_file(store, "Followed", ".html")
    assert html is not None
    (project.path / "page.html").write_text(html)
    page = browser.open(project.path / "page.html")
    expect(page.locator("main")).to_contain_text("first <script>alert(1)</script> words")
    assert page.get_attribute("meta[name=metaflow-reload-token]", "content") == first["reload_token"]

    (project.path / "one").touch()
    second = waited_for(lambda: document(store, "Followed", beyond=1))
    assert second["reload_token"] == first["reload_token"], "the page need not be loaded anew"
    assert second["data"]["user"] == {"epoch": 2, "odd": None}
    assert len(second["data"]["fragments"]) == 3
    page.evaluate("data => window.metaflow_card_update(data.components, data.fragments)", second["data"])
    shown = page.inner_text("main")
    assert "second" in shown and "first" not in shown
    assert "other inner words" in shown
    assert page.locator("progress").get_attribute("value") == "5"

    (project.path / "two").touch()
    stdout, stderr = running.communicate(timeout=100)
    assert running.returncode == 0, stdout + stderr
    final = document(store, "Followed")
    assert final is not None
    assert (final["reload_token"], final["data"]["render_seq"]) == ("final", "final")
    assert final["data"]["user"] == {"epoch": 2, "odd": None}
    assert final["data"]["components"], "what was on the card can still be read as data"
    last = card_file(store, "Followed", ".html")
    assert last is not None and "the last words" in last and "data-live" not in last.partition("<body")[2][:200]


def test_nothing_that_goes_wrong_with_live_cards_hurts_the_step(project: Project) -> None:
    outcome = project.run(HURT, env={"METAFLOW_DEFAULT_PYLINT": "0"})
    assert "problems: ['dies', 'takes long']" in outcome.stdout
    log = outcome.stdout + outcome.stderr
    assert log.count("was still being rendered or stored when its step was over") == 1
    assert log.count("no card with the id 'unknown'") == 1
    assert "Traceback" not in log
    folder = project.path / ".metaflow"
    pages = sorted(folder.rglob("*.cards/blank-main-*.html"), key=lambda path: int(path.parent.stem))
    assert len(pages) == 5
    texts = {path.parent.stem: path.read_text() for path in pages}
    for kind in ("children", "hangs", "odd"):
        assert sum(f"about {kind}" in text for text in texts.values()) == 1, "the last page"
    assert not any("of child" in text for text in texts.values())
    assert any("it is broken" in text for text in texts.values())
    assert all(path.read_text() == "<p>done</p>" for path in folder.rglob("blank-hanging-*.html"))


def test_a_failed_task_leaves_what_it_showed_last_and_a_retry_begins_anew(project: Project) -> None:
    outcome = project.run(FAILING, code=1)
    left = json.loads(next((project.path / ".metaflow").rglob("*.data.json")).read_text())
    page = next((project.path / ".metaflow").rglob("*.html")).read_text()
    assert left["data"]["user"] == "last"
    assert "attempt 1" in page and "before the end" in page and "attempt 0" not in page
    before = outcome.stdout.split("saw ")[1].split('"reload_token":"')[1].partition('"')[0]
    assert before.endswith("render-seq-1000001"), "not as any token of the attempt before it"
    assert before != left["reload_token"], "the layout changed"
