"""The whole page: one HTML file."""

from __future__ import annotations

import os
import time
import zlib
from functools import cache
from typing import NamedTuple

from metaflow import __version__
from metaflow.cards.card import RELOAD_TOKEN
from metaflow.cards.nodes import Node, Nodes
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.layout import on_panels
from metaflow.cards.page.escaping import label_text, script_code, script_hash, text

#: How the words that say how a task is doing look.
_TONES = {
    "finished": "mf-good",
    "completed": "mf-good",
    "successful": "mf-good",
    "failed": "mf-bad",
    "running": "mf-accent",
}
#: A circle, half of it filled.
_THEME_ICON = (
    '<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="6.25" fill="none" '
    'stroke="currentColor" stroke-width="1.5"/><path d="M8 1.75a6.25 6.25 0 0 1 0 12.5z" fill="currentColor"/></svg>'
)


class PageFacts(NamedTuple):
    """What a page says of itself.

    Attributes
    ----------
    title : str
        For the browser's tab and the top of the page.
    pathspec : str
        The task.
    is_live : bool
        Whether the task still runs, so that a viewer brings updates.
    status : str
        How the task is doing, in a word such as ``Finished`` or ``Failed``; not shown if empty.
    created_on : float or None
        When the page was made, in seconds since the epoch; now, if None.
    """

    title: str
    pathspec: str = ""
    is_live: bool = False
    status: str = ""
    created_on: float | None = None


def render_page(nodes: Nodes, facts: PageFacts) -> str:
    """One HTML file that shows `nodes`.

    Parameters
    ----------
    nodes : sequence of nodes
    facts : PageFacts

    Returns
    -------
    str
    """
    return "".join(page_pieces(nodes, facts))


def page_pieces(nodes: Nodes, facts: PageFacts) -> list[str]:
    """What `render_page` gives, in pieces."""
    page = PageContext(facts.title)
    body = on_panels(nodes, page)
    early, own = own_scripts()
    style = "".join([_asset("css"), *(_asset(f"{name}.css") for name in sorted(page.styles))])
    libraries = [script_code(code) for code in page.libraries.values()]
    policy = _policy([early, own, *libraries], page.frame_scripts)
    live = " data-live" if facts.is_live else ""
    return [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta http-equiv="x-dns-prefetch-control" content="off">\n'
        f'<meta name="generator" content="Metaflow {__version__}">\n'
        f'<meta name="metaflow-reload-token" content="{RELOAD_TOKEN}">\n'
        f"<title>{label_text(facts.title)}</title>\n<style>{style}</style>\n<script>{early}</script>\n</head>\n"
        f'<body data-pathspec="{text(facts.pathspec)}"{live}>\n'
        '<a class="mf-skip" href="#mf-main">Skip to the content</a>\n'
        f'{_top(facts)}<main class="mf-main" id="mf-main" tabindex="-1">',
        *page.in_pieces(body),
        f"</main>\n{_foot(facts)}",
        *(piece for script in (*libraries, own) for piece in ("<script>", script, "</script>\n")),
        "</body>\n</html>\n",
    ]


def own_scripts() -> list[str]:
    """The scripts that every page has: the one in its head, and the one at its end."""
    return [_asset("head.js"), _asset("js")]


def render_fragments(nodes: dict[str, Node]) -> dict[str, list[str]]:
    """HTML of single components, in pieces, by their ids, to be put in the place of what a page shows of them.

    Ids of elements in them are others than those of the page and of other components.
    """
    return {key: _fragment(key, node) for key, node in nodes.items()}


def _fragment(key: str, node: Node) -> list[str]:
    page = PageContext(prefix=f"mf-{zlib.crc32(key.encode(errors='surrogatepass')):08x}")
    return page.in_pieces(page.render(node))


def _top(facts: PageFacts) -> str:
    """The title bar."""
    path = "".join(f"<li><bdi>{text(part)}</bdi></li>" for part in facts.pathspec.split("/") if part)
    badges = ""
    if facts.is_live:
        made = f"As of {_moment(facts)}, while the task runs"
        # Not announced at each update: that would be all that a listener hears. `data-live-news` speaks up rarely.
        badges += (
            f'<span class="mf-badge mf-accent" data-live-badge><span class="mf-dot"></span><span>{made}</span></span>'
        )
        badges += '<span class="mf-visually-hidden" role="status" data-live-news></span>'
    elif facts.status:
        badges += f'<span class="mf-badge {_TONES.get(facts.status.lower(), "")}">{text(facts.status)}</span>'
    return (
        '<header class="mf-top">\n'
        + (f'<div class="mf-path"><ol role="list" aria-label="Task">{path}</ol></div>\n' if path else "")
        + f'<h1 class="mf-page-title" dir="auto">{label_text(facts.title)}</h1>\n'
        + (f'<div class="mf-page-facts">{badges}</div>\n' if badges else "")
        + '<div class="mf-page-tools"><button class="mf-button" type="button" data-theme-button '
        f'hidden aria-pressed="false" aria-label="Dark colours" title="Dark or light">{_THEME_ICON}</button></div>\n'
        "</header>\n"
    )


def _foot(facts: PageFacts) -> str:
    return (
        f'<footer class="mf-foot"><span>Made by Metaflow {__version__}</span><span>{_moment(facts)}</span></footer>\n'
    )


def _moment(facts: PageFacts) -> str:
    """When the page was made; the script writes it in the reader's own time zone and language."""
    moment = time.gmtime(time.time() if facts.created_on is None else facts.created_on)
    exact = time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)
    return f'<time datetime="{exact}">{time.strftime("%Y-%m-%d %H:%M", moment)} UTC</time>'


@cache
def _asset(ending: str) -> str:
    """Text of all parts of the style or of the script, or of the one file whose name `ending` is."""
    # Not by importlib.resources, which takes longer to be imported than a page to be rendered.
    folder = os.path.join(os.path.dirname(__file__), "assets")
    names = sorted(name for name in os.listdir(folder) if name[0].isdigit() and name.endswith(f".{ending}"))
    return "".join([_text_of(os.path.join(folder, name)) for name in names or [ending]])


def _text_of(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _policy(scripts: list[str], of_frames: set[str]) -> str:
    """What the page may do: run these scripts and no others, show what it holds, and never ask anybody for anything.

    Styles need not be ours: frames have the page's policy as well, and what users put into them has styles of its own.
    So scripts of pages in frames are named too, by their hashes.
    """
    hashes = [script_hash(each) for each in scripts]
    allowed = " ".join([*hashes, *sorted(of_frames.difference(hashes))])
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )
