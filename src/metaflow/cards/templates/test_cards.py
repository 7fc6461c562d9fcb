"""Types of cards for tests, of this package and of programs that make cards: each does one thing only."""

from __future__ import annotations

import json
import time

from metaflow.cards.card import RELOAD_TOKEN, MetaflowCard
from metaflow.cards.component import MetaflowCardComponent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    from metaflow.client import Task

#: An image of one transparent pixel.
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII="


class TestStringComponent(MetaflowCardComponent):
    """A text."""

    REALTIME_UPDATABLE: ClassVar[bool] = True

    def __init__(self, text: str) -> None:
        self._text = text

    def render(self) -> str:
        """The text itself."""
        return str(self._text)

    def update(self, text: str) -> None:
        """Show another text."""
        self._text = text


class TestJSONComponent(MetaflowCardComponent):
    """Data, as they are."""

    REALTIME_UPDATABLE: ClassVar[bool] = True

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def render(self) -> dict[str, Any]:
        """The data."""
        return self._data

    def update(self, data: dict[str, Any]) -> None:
        """Show other data."""
        self._data = data


class TestPathSpecCard(MetaflowCard):
    """Shows which task it is of."""

    type: ClassVar[str] = "test_pathspec_card"

    def render(self, task: Task) -> str:
        """The pathspec, and what differs with each rendering."""
        return f"{task.pathspec} {time.time_ns():x}"


class _WithOptions(MetaflowCard):
    """Keeps what it is made with."""

    def __init__(
        self,
        options: Mapping[str, Any] | None = None,
        components: Sequence[Any] = (),
        graph: Mapping[str, Any] | None = None,
        flow: Any = None,
    ) -> None:
        self._options = dict(options or {})
        self._components = list(components)


class TestMockCard(_WithOptions):
    """Shows an artifact as text: that of the option ``key``."""

    type: ClassVar[str] = "test_mock_card"

    def render(self, task: Task) -> str:
        """The artifact."""
        return str(task[self._options.get("key", "dummy_key")].data)


class TestErrorCard(MetaflowCard):
    """Cannot be rendered."""

    type: ClassVar[str] = "test_error_card"

    def render(self, task: Task) -> str:
        """Raises."""
        raise Exception("Unknown Things Happened")


class TestTimeoutCard(_WithOptions):
    """Takes long to render: as many seconds as the option ``timeout`` says."""

    type: ClassVar[str] = "test_timeout_card"

    def render(self, task: Task) -> str:
        """The pathspec, after a while."""
        time.sleep(float(self._options.get("timeout", 10)))
        return str(task.pathspec)


class TestEditableCard(_WithOptions):
    """Shows what the step has put on it, as text."""

    type: ClassVar[str] = "test_editable_card"
    ALLOW_USER_COMPONENTS: ClassVar[bool] = True

    def render(self, task: Task) -> str:
        """The components, one after the other."""
        return "".join([str(component) for component in self._components])


class TestEditableCard2(TestEditableCard):
    """The same under another name, for steps with several cards."""

    type: ClassVar[str] = "test_editable_card_2"


class TestNonEditableCard(_WithOptions):
    """Shows what is put on it, which nobody can do."""

    type: ClassVar[str] = "test_non_editable_card"

    def render(self, task: Task) -> str:
        """Nothing."""
        return "".join([str(component) for component in self._components])


class TestImageCard(MetaflowCard):
    """Shows an image."""

    type: ClassVar[str] = "test_image_card"

    def render(self, task: Task) -> str:
        """A page with the image."""
        return f"<html><img src='data:image/png;base64,{_PIXEL}' /></html>"


class TestRefreshCard(_WithOptions):
    """Shows what the step passes to ``current.card.refresh``; viewers load it anew each time."""

    type: ClassVar[str] = "test_refresh_card"
    ALLOW_USER_COMPONENTS: ClassVar[bool] = True
    RUNTIME_UPDATABLE: ClassVar[bool] = True
    RELOAD_POLICY: ClassVar[str] = MetaflowCard.RELOAD_POLICY_ALWAYS

    def render(self, task: Task) -> str:
        """A page with the components."""
        return _live_page(task, self._components)

    def render_runtime(self, task: Task, data: Mapping[str, Any]) -> str:
        """A page with the data."""
        return _live_page(task, data["user"])

    def refresh(self, task: Task, data: Mapping[str, Any]) -> dict[str, Any]:
        """All of the data."""
        return dict(data)


class TestRefreshComponentCard(_WithOptions):
    """Shows its components; viewers load it anew when these are others, or others of them."""

    type: ClassVar[str] = "test_component_refresh_card"
    ALLOW_USER_COMPONENTS: ClassVar[bool] = True
    RUNTIME_UPDATABLE: ClassVar[bool] = True
    RELOAD_POLICY: ClassVar[str] = MetaflowCard.RELOAD_POLICY_ONCHANGE

    def render(self, task: Task) -> str:
        """A page with the components."""
        return _live_page(task, self._components)

    def render_runtime(self, task: Task, data: Mapping[str, Any]) -> str:
        """A page with the components."""
        return _live_page(task, self._components)

    def refresh(self, task: Task, data: Mapping[str, Any]) -> dict[str, Any]:
        """The components, by their ids."""
        return dict(data["components"])

    def reload_content_token(self, task: Task, data: Mapping[str, Any]) -> str:
        """What tells one set of components from another; ``final`` at the end."""
        if task.finished:
            return "final"
        return f"runtime-{'-'.join(sorted(data['components']))}"


def _live_page(task: Task, shown: Any) -> str:
    """A page whose script shows what a viewer tells it."""
    # Within a script, "<" could end it.
    text = json.dumps(shown, default=str).replace("<", "\\u003c")
    return (
        "<html>\n<body>\n"
        f"<h1>{task.pathspec}</h1>\n<pre></pre>\n"
        f'<script>\nvar METAFLOW_RELOAD_TOKEN = "{RELOAD_TOKEN}"\n'
        'const shown = document.querySelector("pre")\n'
        "window.metaflow_card_update = (data) => { shown.textContent = JSON.stringify(data) }\n"
        f"shown.textContent = JSON.stringify({text})\n</script>\n</body>\n</html>\n"
    )
