"""What live cards work with, without a task: classes of cards, a store that can be held up, components."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from metaflow.cards.card import RELOAD_TOKEN, MetaflowCard
from metaflow.cards.component import MetaflowCardComponent
from metaflow.cards.page.document import PageFacts, render_fragments, render_page
from metaflow.cards.running.card_files import CardFiles
from metaflow.cards.running.making import CardMaker, node_of
from metaflow.cards.running.running_card import CardDeclaration, RunningCard

LONG = 60.0


class PageCard(MetaflowCard):
    """Shows its components on our page."""

    type = "page"
    ALLOW_USER_COMPONENTS = True
    RUNTIME_UPDATABLE = True

    def __init__(self, options=None, components=(), graph=None, flow=None):
        self.components = components

    def render_runtime(self, task, data):
        return render_page(list(self.components), PageFacts("title", "F/1/start/1", True))

    def refresh(self, task, data):
        return data


class Shown(MetaflowCardComponent):
    """A component that shows a value."""

    REALTIME_UPDATABLE = True

    def __init__(self, value: Any = "", kind: str = "text") -> None:
        self.value = value
        self.kind = kind

    def render(self):
        return {"type": self.kind, "text": self.value}

    def update(self, value):
        self.value = value


class Around(MetaflowCardComponent):
    """A component with others in it."""

    def __init__(self, *components: MetaflowCardComponent, title: str = "around") -> None:
        self.components = list(components)
        self.title = title

    def render(self):
        return {"type": "section", "title": self.title, "contents": [node_of(each) for each in self.components]}


class Task:
    """All that pages ask of a task."""

    pathspec = "F/1/start/1"


class Files:
    """Files of cards. `hold` makes the next writes wait for `let_go`; `fail` has them raise."""

    def __init__(self) -> None:
        self.written: list[tuple[str, bytes]] = []
        self.fail: Exception | None = None
        self.reached = threading.Event()
        self._gate = threading.Event()
        self._gate.set()
        self._news = threading.Condition()

    def put(self, name: str, parts: Sequence[bytes]) -> None:
        self.reached.set()
        assert self._gate.wait(LONG), "nobody has let go of the files"
        if self.fail is not None:
            raise self.fail
        with self._news:
            self.written.append((name, b"".join(parts)))
            self._news.notify_all()

    def hold(self) -> None:
        self.reached.clear()
        self._gate.clear()

    def let_go(self) -> None:
        self._gate.set()

    def wait(self, documents: int) -> dict[str, Any]:
        """The last document, when there were that many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.documents) >= documents, LONG), self.names
        return self.documents[documents - 1]

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(content) for name, content in self.written if name.endswith(".data.json")]

    @property
    def pages(self) -> list[str]:
        return [content.decode() for name, content in self.written if name.endswith(".html")]

    @property
    def names(self) -> list[str]:
        return [name.rpartition("-")[2].partition(".")[2] for name, _ in self.written]


def running_card(card_class: type[MetaflowCard] | None = PageCard, **declared: Any) -> RunningCard:
    values: dict[str, Any] = {
        "type": card_class.type if card_class else "none",
        "id": None,
        "options": {},
        "timeout": 45.0,
        "save_errors": True,
        "customize": False,
        "refresh_interval": 0.0,
    }
    return RunningCard(CardDeclaration(**{**values, **declared}), card_class, "", "ab12")


def maker(files: Files, attempt: int = 0) -> CardMaker:
    graph: Mapping[str, Any] = {}
    return CardMaker("F/1/start/1", attempt, object(), lambda: graph, Task, CardFiles(files.put))  # type: ignore[arg-type, return-value]


def fragments_of(nodes: dict[str, Any]) -> dict[str, str]:
    """HTML of components, as viewers get it."""
    return {key: "".join(pieces) for key, pieces in render_fragments(nodes).items()}


def token_of(page: str) -> str:
    assert RELOAD_TOKEN not in page
    return page.split('metaflow-reload-token" content="')[1].split('"', maxsplit=1)[0]
