"""Pages in a real browser: Chromium, which no page may make ask anybody for anything.

Its binary is the one of the system, or the one that METAFLOW_TEST_CHROMIUM names. While it runs, an event loop runs in
the thread of the tests: that is why there is one for each file of tests, and no test in such a file can have a loop of
its own in that thread.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser as Chromium, BrowserContext, Page

#: Milliseconds for which `expect` waits.
_PATIENCE = 30_000
_LOCAL = ("file", "data", "blob", "about")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REFUSED = ("csp", "origin")
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-smooth-scrolling",
]
#: How a reader has it, whatever this machine is set to. Nothing moves, so that colours are at once what they will be.
_READER = {"locale": "en-US", "timezone_id": "UTC", "reduced_motion": "reduce"}


def expect(shown: Any) -> Any:
    """Playwright's assertions on a page or a part of it: they wait until they hold.

    What has just been clicked or typed shows a moment later, and on a busy machine much later. So a test waits for what
    it asserts.
    """
    from playwright.sync_api import expect as assertions

    assertions.set_options(timeout=_PATIENCE)
    return assertions(shown)


def chromium() -> str | None:
    """The path of the browser; None if there is none."""
    named = os.environ.get("METAFLOW_TEST_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def started() -> Iterator[Chromium]:
    """A browser, for as long as the block runs; tests that need it are skipped where it is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Pages are looked at with Playwright.")
    path = chromium()
    if path is None:
        pytest.skip("Pages are looked at with Chromium, which is not installed.")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


class Browser:
    """Opens pages for one test, and notes what goes wrong in them.

    Attributes
    ----------
    problems : list of str
        What pages have complained of, asked for, or shown in dialogs; the test fails if there is something at its end
        that it has not foreseen.
    """

    def __init__(self, running: Chromium) -> None:
        self.problems: list[str] = []
        self._foreseen: list[str] = []
        self._running = running
        self._contexts: list[BrowserContext] = []

    def open(self, where: str | Path, *, scripts: bool = True, **options: Any) -> Page:
        """A new page that shows a file or an address.

        Parameters
        ----------
        where : str or Path
            An address, a file, or the text of an HTML document, which then has no address.
        scripts : bool
            Whether scripts can run at all.
        **options
            As Playwright's `Browser.new_context` takes them, such as ``viewport`` and ``color_scheme``.
        """
        context = self._running.new_context(java_script_enabled=scripts, **{**_READER, **options})
        self._contexts.append(context)
        page = context.new_page()
        self._watch(context, page)
        if isinstance(where, Path):
            page.goto(where.resolve().as_uri())
        elif where.lstrip().startswith("<"):
            page.set_content(where)
        else:
            page.goto(where)
        return page

    def foresee(self, *words: str) -> None:
        """Let pages complain of what has one of these words in it; of an answer, these are "status of 404".

        The browser tells of what it refuses when it comes to that, which may be after the test has seen what follows.
        """
        self._foreseen.extend(words)

    def expect_problem(self, page: Page, *words: str) -> None:
        """Wait until pages have complained of what has one of these words in it, which they may."""
        self.foresee(*words)
        end = time.monotonic() + 30
        while not any(word in each for each in self.problems for word in words):
            assert time.monotonic() < end, f"No page has complained of {' or '.join(words)}, but of {self.problems}"
            page.wait_for_timeout(20)

    def close(self) -> None:
        """Close all pages; fails if something went wrong in one of them that was not foreseen."""
        for context in self._contexts:
            context.close()
        unforeseen = [each for each in self.problems if not any(words in each for words in self._foreseen)]
        assert not unforeseen, "\n".join(unforeseen)

    def _watch(self, context: BrowserContext, page: Page) -> None:
        note: Callable[[str], None] = self.problems.append

        def ask(request: Any) -> None:
            address = urlsplit(request.url)
            if address.scheme not in _LOCAL and address.hostname not in _LOOPBACK:
                note(f"A page asked for {request.url}")

        def failed(request: Any) -> None:
            # What the browser itself refuses, as the page's policy wants it to, is told of as if it had been sent.
            said = f"A page asked for {request.url}"
            if request.failure in _REFUSED and said in self.problems:
                self.problems.remove(said)

        def shown(dialog: Any) -> None:
            note(f"A page showed a dialog: {dialog.message}")
            dialog.dismiss()

        context.on("request", ask)
        context.on("requestfailed", failed)
        page.on("dialog", shown)
        page.on("pageerror", lambda error: note(f"A script failed: {error}"))
        page.on(
            "console",
            lambda message: note(f"The console says: {message.text}") if message.type == "error" else None,
        )


def accessibility_problems(page: Page) -> list[str]:
    """What axe-core, a checker of accessibility, says of a page; nothing where it is not installed."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core checks the pages.")
    results = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {node['html'][:200]}"
        for each in results["violations"]
        for node in each["nodes"]
    ]
