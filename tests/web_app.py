"""The web app as a person starts it: `metaflow ui` as a process, and pages of it in a browser that is signed in."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from browser import Browser

#: Where the built pages are; without them there is only the interface.
PAGES = Path(__file__).parents[1] / "src" / "metaflow" / "web" / "static"
_ADDRESS = re.compile(r"(https?://[^\s/]+)/(?:ui/)?(?:#token=(\S+))?\s")
_START_SECONDS = 60.0
_END_SECONDS = 30.0


class Reply(NamedTuple):
    """What the app answered."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """What it refused with."""
        return self.json["error"]["message"]


class WebApp:
    """An app that runs.

    Attributes
    ----------
    url : str
        Its address, without a slash at the end.
    token : str
        What lets somebody in; empty if it asks for none.
    """

    def __init__(self, process: subprocess.Popen[str], url: str, token: str, reader: threading.Thread) -> None:
        self.process = process
        self._reader = reader
        self.url = url
        self.token = token
        #: What it has printed so far, line by line.
        self.printed: list[str] = []

    def api(self, method: str, path: str, content: Any = None, headers: dict[str, str] | None = None) -> Reply:
        """Ask it as a program does that has the token. Content that is not bytes is sent as JSON."""
        body = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, body, method=method)
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.headers, error.read())

    def get(self, path: str, **headers: str) -> Any:
        """What a path gives, which must be JSON and no refusal."""
        reply = self.api("GET", path, headers=headers)
        assert reply.status == 200, f"{path}: {reply.status} {reply.body[:500]!r}"
        return reply.json

    def page(self, browser: Browser | Page, path: str = "/ui/", **options: Any) -> Page:
        """A page of the app, signed in.

        Parameters
        ----------
        browser : Browser or Page
            The fixture `browser`, to open a page; or a page, to go on in it.
        path : str
            Which page: what follows the app's address.
        **options
            As `Browser.open` takes them, such as ``viewport`` and ``color_scheme``.
        """
        if not (PAGES / "index.html").exists():
            pytest.skip("The pages of the web app have not been built: run `make ui`.")
        page = browser.open("about:blank", **options) if hasattr(browser, "open") else browser
        self.sign_in(page)
        page.goto(self.url + path)
        return page

    def sign_in(self, page: Page) -> None:
        """Give the browser that shows a page the cookie that lets it in."""
        if self.token:
            answer = page.context.request.post(
                f"{self.url}/api/v1/session",
                data={"token": self.token},
                headers={"Origin": self.url, "X-Metaflow-Page": "1"},
            )
            assert answer.ok or answer.status == 404, answer.text()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End it as Ctrl-C does; fails if it does not end, or complained of something that nobody foresaw."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                pytest.fail("The app did not end:\n" + "".join(self.printed))
        self._reader.join(_END_SECONDS)
        text = "".join(self.printed)
        assert "Traceback (most recent call last)" not in text, text
        assert "Internal error" not in text, text


@contextmanager
def running_app(
    project: Path | str, *options: str, env: dict[str, str] | None = None, port: int = 0
) -> Iterator[WebApp]:
    """Run `metaflow ui` in a directory for as long as the block runs.

    Parameters
    ----------
    project : Path
        The directory.
    *options : str
        Further options of the command.
    env : dict, optional
        Further variables of its environment.
    port : int
        Where it listens; 0 for any port that is free.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")}
    environment |= {
        "METAFLOW_USER": "tester",
        "METAFLOW_HOME": str(Path(project) / "home"),
        "XDG_STATE_HOME": str(Path(project) / "home" / "state"),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONUNBUFFERED": "1",
        **(env or {}),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "metaflow", "ui", "--no-open", "--port", str(port), *options],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        app = _announced(process)
        _wait_until_it_answers(app)
        yield app
        app.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _announced(process: subprocess.Popen[str]) -> WebApp:
    """The app, when it has said where it is; what it prints is collected by a thread."""
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    deadline = time.monotonic() + _START_SECONDS
    while True:
        found = _ADDRESS.search("".join(lines))
        if found:
            break
        if not reader.is_alive() or time.monotonic() > deadline:
            pytest.fail("The app did not start:\n" + "".join(lines))
        time.sleep(0.01)
    app = WebApp(process, found[1], found[2] or "", reader)
    app.printed = lines
    return app


def _wait_until_it_answers(app: WebApp) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{app.url}/healthz", timeout=10).close()
            return
        except (urllib.error.URLError, OSError):
            if app.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("The app does not answer:\n" + "".join(app.printed))
            time.sleep(0.05)
