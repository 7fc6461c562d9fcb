"""The files of the web app that a browser loads: built from ``ui/``, and part of the package."""

from __future__ import annotations

import hashlib
import logging
import mimetypes
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("metaflow.server")

#: Where the app is below the server's address; its programs and styles are in ``assets/`` there.
PREFIX = "/ui/"
#: What may be read without a token: files that everybody has who has the package.
OPEN_PATHS = ("/", "/ui", PREFIX, "/favicon.ico")
#: Where building the app puts its files.
DIRECTORY = Path(__file__).parent / "static"
#: Why there are no pages, and what to do.
NOT_BUILT = (
    "The pages of the web app have not been built. In a checkout with Node.js 20 or newer, run: make ui. "
    "Installed packages bring them along."
)

#: What the pages may do: run their own programs, and speak to their own server.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self' blob:; worker-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Names of files in there have a hash of the content.
_HASHED = "assets/"
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
#: Encodings that files are there in beside themselves, the smallest first, and what the names of these end with.
_ENCODINGS = {"br": ".br", "gzip": ".gz"}
_INDEX = "index.html"


class File(NamedTuple):
    """A file, ready to be sent.

    Attributes
    ----------
    content : dict of str to bytes
        By encoding; an empty one for the file as it is.
    headers : mapping
        Headers of the answer.
    tag : str
        Changes with the content.
    """

    content: dict[str, bytes]
    headers: Mapping[str, str]
    tag: str


class Pages:
    """The files of a directory, in memory: nothing else can be asked for.

    Parameters
    ----------
    directory : Path
        Where they are. If it is built anew, that is noticed.
    """

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory
        self._files: dict[str, File] = {}
        self._built_at: int | None = None

    def file(self, path: str) -> File | None:
        """What a path stands for: a file, or the page of the app for what the app shows by itself."""
        if not path.startswith(_HASHED) or not self._files:
            self._refresh()
        found = self._files.get(path)
        if found is None and not path.startswith(_HASHED):
            return self._files.get(_INDEX)
        return found

    def _refresh(self) -> None:
        try:
            built_at: int | None = os.stat(self._directory / _INDEX).st_mtime_ns
        except OSError:
            built_at = None
        if built_at == self._built_at:
            return
        # What pages that are open may still ask for stays.
        try:
            self._files = {**self._files, **_read(self._directory)} if built_at is not None else {}
        except OSError as error:
            _log.error("The files of the web app cannot be read: %s", error)
            return
        self._built_at = built_at


def page_routes(pages: Pages) -> APIRouter:
    """Routes of pages and their files."""
    router = APIRouter(include_in_schema=False)
    methods = ["GET", "HEAD"]

    @router.api_route("/", methods=methods)
    @router.api_route("/ui", methods=methods)
    async def root() -> Response:
        return RedirectResponse(PREFIX)

    @router.api_route("/favicon.ico", methods=methods)
    async def icon() -> Response:
        return RedirectResponse(f"{PREFIX}icon.svg")

    @router.api_route("/ui/{path:path}", methods=methods)
    async def page(request: Request, path: str) -> Response:
        file = pages.file(path)
        if file is not None:
            return _answer(request, file)
        if path.startswith(_HASHED):
            # Perhaps the page that asks is of an earlier version.
            return PlainTextResponse("There is no such file. Load the page again.", 404)
        return PlainTextResponse(NOT_BUILT, 503)

    return router


def _answer(request: Request, file: File) -> Response:
    headers = {**file.headers, "ETag": file.tag}
    if file.tag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    accepted = {_accepted(part) for part in request.headers.get("accept-encoding", "").lower().split(",")}
    for encoding in _ENCODINGS:
        if encoding in accepted and encoding in file.content:
            packed = {"Content-Encoding": encoding, "Vary": "Accept-Encoding"}
            return Response(file.content[encoding], headers={**headers, **packed})
    return Response(file.content[""], headers=headers)


def _accepted(part: str) -> str:
    """The encoding that a part of a list names, unless that says that it is not wanted."""
    name, _, weight = part.replace(" ", "").partition(";q=")
    return "" if weight and not weight.strip("0.") else name


def _read(directory: Path) -> dict[str, File]:
    found: dict[str, File] = {}
    for path in sorted(directory.rglob("*")):
        if not path.is_file() or path.suffix in _ENCODINGS.values():
            continue
        content = {"": path.read_bytes()}
        for encoding, ending in _ENCODINGS.items():
            packed = path.with_name(path.name + ending)
            if packed.is_file():
                content[encoding] = packed.read_bytes()
        name = path.relative_to(directory).as_posix()
        headers = {
            **_HEADERS,
            "Content-Type": _media_type(path.name),
            "Cache-Control": _FOR_EVER if name.startswith(_HASHED) else _ASK_AGAIN,
        }
        found[name] = File(content, headers, f'"{hashlib.sha256(content[""]).hexdigest()[:32]}"')
    return found


_MEDIA_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}


def _media_type(name: str) -> str:
    # The system's own table may say anything of what browsers must know for certain.
    guessed = _MEDIA_TYPES.get(os.path.splitext(name)[1]) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_text = guessed.startswith("text/") or guessed in ("application/json", "image/svg+xml")
    return f"{guessed}; charset=utf-8" if is_text else guessed
