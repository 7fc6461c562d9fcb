"""Images that are files: paths, bytes, streams, texts."""

from __future__ import annotations

import os
import re

from metaflow.cards.images.encoded import Encoded, ImageProblem
from metaflow.cards.images.image_types import damage, hidden_type, image_type, is_svg, svg_start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Bytes that an image file may have.
MOST_BYTES = 32 * 2**20
#: Width in pixels of an SVG that says nothing of its size.
_SVG_WIDTH = 480
_NUMBER = rb"[\s,]+([0-9]*\.?[0-9]+)"
_VIEW_BOX = re.compile(rb"viewBox\s*=\s*[\"']\s*[-+.\w]+[\s,]+[-+.\w]+" + _NUMBER + _NUMBER, re.IGNORECASE)
_WIDTH = re.compile(rb"\swidth\s*=")


def of_file(source: Any) -> Encoded | None:
    """An image that is a file, in whatever form; None if `source` is nothing of that kind.

    Parameters
    ----------
    source : bytes, str, path, or readable
        A text is an SVG image, a ``data:`` address, bytes in base64, or the path of a file.

    Raises
    ------
    ImageProblem
        If there is no such file, or it has no image that can be shown.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return of_bytes(bytes(source))
    if isinstance(source, str):
        return _of_text(source)
    if isinstance(source, os.PathLike):
        return _of_path(os.fspath(source))
    if callable(getattr(source, "read", None)):
        # What has just been written into it is meant, wherever it stands now.
        if getattr(source, "seekable", bool)():
            source.seek(0)
        content = source.read(MOST_BYTES + 1)
        return of_bytes(content.encode() if isinstance(content, str) else bytes(content))
    return None


def of_bytes(data: bytes, name: str = "it") -> Encoded:
    """An image file by its content.

    Parameters
    ----------
    data : bytes
    name : str
        What to call it in an error.

    Raises
    ------
    ImageProblem
        If it is none, or is damaged, or too large.
    """
    _check_size(len(data), name)
    kind = image_type(data)
    if kind is not None:
        wrong = damage(data, kind)
        if wrong is not None:
            raise ImageProblem(f"{name} {wrong}.")
        return Encoded(kind, data)
    if is_svg(data):
        return Encoded("image/svg+xml", _complete_svg(data))
    hidden = hidden_type(data)
    if hidden is not None:
        raise ImageProblem(
            f"{name} is of the kind {hidden}, which browsers do not show. Convert it to PNG; what PIL can open, "
            "Image.from_pil_image(PIL.Image.open(...)) converts."
        )
    if not data:
        raise ImageProblem(f"{name} is empty.")
    raise ImageProblem(
        f"{name} is not parsable as an image: {len(data):,} bytes that begin with {data[:8]!r}. It takes PNG, JPEG, "
        "GIF, WebP, AVIF, BMP and SVG."
    )


def _of_text(text: str) -> Encoded:
    head = text[:64].lstrip().lower()
    if head.startswith("data:"):
        return of_bytes(_of_address(text.strip()))
    if head.startswith("<"):
        return of_bytes(text.encode("utf-8", "replace"))
    if head.startswith(("http://", "https://", "s3://")):
        raise ImageProblem(
            f"{text[:200]} is somewhere else, and cards ask nothing from outside. Download it, and pass its bytes."
        )
    if len(text) < 4096 and "\0" not in text and os.path.exists(text):
        return _of_path(text)
    decoded = _from_base64(text)
    if decoded is not None and (image_type(decoded) or is_svg(decoded)):
        return of_bytes(decoded)
    raise ImageProblem(f"there is no file {text[:200]!r} (looked for from {os.getcwd()}).")


def _of_path(path: str | bytes) -> Encoded:
    name = os.fsdecode(path)
    try:
        _check_size(os.stat(path).st_size, name)
        with open(path, "rb") as file:
            return of_bytes(file.read(), name)
    except OSError as error:
        raise ImageProblem(f"{name} cannot be read: {error.strerror or error}.") from error


def _of_address(address: str) -> bytes:
    head, comma, content = address.partition(",")
    if not comma:
        raise ImageProblem(f"the address {address[:80]!r} has no content: there is no comma in it.")
    if not head.lower().endswith(";base64"):
        from urllib.parse import unquote_to_bytes

        return unquote_to_bytes(content)
    decoded = _from_base64(content)
    if decoded is None:
        raise ImageProblem(f"the address {address[:80]!r} has a content that is not base64.")
    return decoded


def _from_base64(text: str) -> bytes | None:
    from base64 import b64decode

    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        return None


def _check_size(size: int, name: str) -> None:
    if size > MOST_BYTES:
        raise ImageProblem(
            f"{name} is too large: {size:,} bytes, of at most {MOST_BYTES:,}. Make it smaller, or save it as JPEG or "
            "WebP."
        )


def _complete_svg(data: bytes) -> bytes:
    """An SVG with what those that stand in web pages can do without: the name of its language, and its size."""
    start = svg_start(data) or 0
    end = data.find(b">", start)
    tag = data[start : end if end >= 0 else len(data)]
    added = b"" if b"xmlns=" in tag else b' xmlns="http://www.w3.org/2000/svg"'
    box = _VIEW_BOX.search(tag)
    if box is not None and _WIDTH.search(tag) is None:
        width, height = float(box[1]), float(box[2])
        if width > 0 and height > 0:
            added += f' width="{_SVG_WIDTH}" height="{_SVG_WIDTH * height / width:.6g}"'.encode()
    return data[: start + 4] + added + data[start + 4 :]
