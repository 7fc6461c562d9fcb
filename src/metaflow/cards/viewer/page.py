"""The viewer's page: one HTML file, which asks its own server and nobody else."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache
from importlib import resources
from typing import NamedTuple


class ViewerPage(NamedTuple):
    """The page, and the rules under which it is shown.

    Attributes
    ----------
    html : bytes
    policy : str
        Its content security policy.
    """

    html: bytes
    policy: str


@cache
def viewer_page(flow: str) -> ViewerPage:
    """The page that shows cards of a flow.

    Parameters
    ----------
    flow : str
        Name of the flow.
    """
    style, script = _asset("viewer.css"), _asset("viewer.js")
    page = _asset("viewer.html")
    for place, content in (("FLOW", html.escape(flow)), ("STYLE", style), ("SCRIPT", script)):
        page = page.replace(f"[{place}]", content)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; connect-src 'self'; "
        "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    )
    return ViewerPage(page.encode(), policy)


def _asset(name: str) -> str:
    return (resources.files("metaflow.cards.viewer") / "assets" / name).read_text("utf-8")


def _hash(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
