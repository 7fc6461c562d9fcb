"""Which request gets which answer, and what a browser is told to do with it. No sockets here."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from metaflow.cards.notebook import SANDBOX
from metaflow.cards.viewer.documents import data_document, run_document
from metaflow.cards.viewer.page import viewer_page
from metaflow.datastore.layout import is_name
from metaflow.exception import MetaflowException
from metaflow.server.session_cookie import session_cookie

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.cards.viewer.run_watch import RunWatch, ShownCard

#: Names under which the browser of this machine reaches it. A page from elsewhere that made its own name point here
#: comes with that name, and gets nothing.
_OWN_NAMES = {"localhost", "127.0.0.1", "[::1]"}
#: A card is a stranger to the viewer: also if it is opened by itself, it is in an origin of its own.
_CARD_POLICY = f"sandbox {SANDBOX}; frame-ancestors 'self'"
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_TEXT = {"Content-Type": "text/plain; charset=utf-8", "Content-Security-Policy": _DATA_POLICY}
#: What the cookie is for; its name has the port as well.
COOKIE_APP = "card viewer"
_WHO = "Nobody is signed in here (any more). Open the whole address that `card server` has printed, with its token."
_PARTS_OF_CARD = 5
_JSON = "application/json"


class Request(NamedTuple):
    """What is asked for; nothing can be changed here.

    Attributes
    ----------
    target : str
        Path and query, as the browser sent them.
    host : str
        Whom the browser thinks it is asking.
    etag : str
        What it has already.
    tokens : tuple of str
        What its cookies, or a header, show.
    """

    target: str
    host: str
    etag: str = ""
    tokens: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What is answered.

    Attributes
    ----------
    code : int
    body : bytes
    headers : dict of str to str
        Beside those that every answer has.
    """

    code: int
    body: bytes
    headers: dict[str, str]


class ViewerSettings(NamedTuple):
    """How a viewer was started.

    Attributes
    ----------
    poll_interval : float
        Seconds between two questions of a page.
    max_cards : int
        How many cards a page lists at most.
    token : str
        What whoever asks has to show. The address with ``?token=`` signs a browser in.
    """

    poll_interval: float
    max_cards: int
    token: str


def answer(request: Request, watch: RunWatch, settings: ViewerSettings) -> Answer:
    """Answer a request.

    Parameters
    ----------
    request : Request
    watch : RunWatch
        The run that is shown.
    settings : ViewerSettings
    """
    if _name_in(request.host) not in _OWN_NAMES:
        return _failure(403, "This viewer answers to http://localhost and http://127.0.0.1 only.")
    try:
        split = urlsplit(request.target)
    except ValueError:
        return _not_found()
    shown = parse_qs(split.query).get("token", [""])[0]
    if split.path == "/" and _is(shown, settings.token):
        cookie = session_cookie(
            {"scheme": "http", "headers": [(b"host", request.host.encode())]}, COOKIE_APP, settings.token
        )
        return Answer(303, b"", {"Location": "/", "Set-Cookie": cookie})
    if not any(_is(each, settings.token) for each in (shown, *request.tokens)):
        return _failure(401, _WHO) if split.path != "/" else Answer(401, f"{_WHO}\n".encode(), _TEXT)
    try:
        found = _routed(split, watch, settings)
    except MetaflowException as error:
        return _failure(503, f"{error.headline}: {error.message}")
    etag = '"' + hashlib.sha256(found.body).hexdigest()[:32] + '"'
    headers = {**found.headers, "ETag": etag}
    return Answer(304, b"", headers) if found.code == 200 and request.etag == etag else found._replace(headers=headers)


def _is(shown: str, token: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), token.encode())


def _routed(split: SplitResult, watch: RunWatch, settings: ViewerSettings) -> Answer:
    path = split.path
    if path == "/":
        page = viewer_page(watch.flow)
        return Answer(
            200, page.html, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": page.policy}
        )
    if path == "/runinfo":
        search = parse_qs(split.query).get("search", [""])[0]
        return _json(
            run_document(
                watch.snapshot(), watch.flow, watch.follows, settings.poll_interval, settings.max_cards, search
            )
        )
    kind, _, rest = path.removeprefix("/").partition("/")
    if kind not in ("card", "data"):
        return _not_found()
    shown = _card(rest, watch)
    if shown is None:
        return _not_found()
    if kind == "data":
        return _json(data_document(shown, watch.data(shown)))
    page_content = watch.page(shown)
    if page_content is None:
        return _not_found()
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _CARD_POLICY}
    return Answer(200, page_content, headers)


def _card(path: str, watch: RunWatch) -> ShownCard | None:
    """The card that ``<flow>/<run>/<step>/<task>/<hash>`` names."""
    parts = [unquote(part) for part in path.split("/")]
    if len(parts) != _PARTS_OF_CARD or not all(is_name(part) for part in parts):
        return None
    return watch.find("/".join(parts[:-1]), parts[-1])


def _name_in(host: str) -> str:
    """The name in a Host header, without the port, whatever that is: it may be that of a tunnel."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()


def _json(document: dict[str, Any]) -> Answer:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Answer(200, body, {"Content-Type": _JSON, "Content-Security-Policy": _DATA_POLICY})


def _not_found() -> Answer:
    return _failure(404, "There is no such card.")


def _failure(code: int, message: str) -> Answer:
    body = json.dumps({"status": "error", "message": message}).encode()
    return Answer(code, body, {"Content-Type": _JSON, "Content-Security-Policy": _DATA_POLICY})
