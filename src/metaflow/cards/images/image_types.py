"""Which kind of image some bytes are, told by how they begin, and whether they are all there."""

from __future__ import annotations

#: Kinds of images that browsers show -> what they are called.
NAMES = {
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/jpeg": "JPEG",
    "image/webp": "WebP",
    "image/avif": "AVIF",
    "image/bmp": "BMP",
    "image/svg+xml": "SVG",
}

#: How files of kinds begin that browsers do not show.
_NOT_SHOWN = {
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"8BPS": "Photoshop",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xffO\xffQ": "JPEG 2000",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
}
_HEIF_BRANDS = (b"heic", b"heix", b"mif1", b"heim", b"hevc")
#: Bytes within which the first element of an SVG stands, below licences and the like.
_SVG_HEAD = 65536


def image_type(data: bytes) -> str | None:
    """Kind of an image of pixels.

    Parameters
    ----------
    data : bytes
        The image; its first 32 bytes are enough.

    Returns
    -------
    str or None
        One of the keys of `NAMES` but for ``"image/svg+xml"``, which is text (see `is_svg`); None if it is none of
        them.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "image/avif"
    if data.startswith(b"BM") and data[6:10] == b"\0\0\0\0" and len(data) >= 26:
        return "image/bmp"
    return None


def is_svg(data: bytes) -> bool:
    """Whether `data` is the text of an SVG image."""
    return svg_start(data) is not None


def svg_start(data: bytes) -> int | None:
    """Where the first element of an SVG image begins; None if `data` is none."""
    rest = data[:_SVG_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    while rest.startswith((b"<?", b"<!")):
        end = _end_of_preamble(rest)
        if end < 0:
            return None
        rest = rest[end:].lstrip()
    is_svg = rest[:4].lower() == b"<svg" and rest[4:5] in (b">", b"/", b" ", b"\n", b"\r", b"\t")
    return min(len(data), _SVG_HEAD) - len(rest) if is_svg else None


def _end_of_preamble(head: bytes) -> int:
    """Where a declaration or comment ends that stands before the first element; negative if it does not end."""
    if head.startswith(b"<!--"):
        found, ending = head.find(b"-->", 4), 3
    elif head.startswith(b"<?"):
        found, ending = head.find(b"?>"), 2
    else:
        found, ending = head.find(b">"), 1
        if 0 <= head.find(b"[") < found:  # a document type with entities of its own
            found, ending = head.find(b"]>"), 2
    return found + ending if found >= 0 else -1


def hidden_type(data: bytes) -> str | None:
    """What kind of picture `data` is, of those that browsers do not show; None if it is none that is known."""
    for beginning, name in _NOT_SHOWN.items():
        if data.startswith(beginning):
            return name
    return "HEIC" if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS else None


def damage(data: bytes, kind: str) -> str | None:
    """What is wrong with the bytes of an image: those of one that was cut short, for example.

    Parameters
    ----------
    data : bytes
        The whole image.
    kind : str
        As `image_type` gives it.

    Returns
    -------
    str or None
        A sentence without its subject, such as "is cut short"; None if nothing is known to be wrong.
    """
    if kind == "image/png":
        return _damage_of_png(data)
    if kind == "image/webp":
        promised = int.from_bytes(data[4:8], "little") + 8
        return _cut(len(data), promised) if len(data) < promised else None
    if (kind == "image/jpeg" and b"\xff\xd9" not in data[2:]) or (
        kind == "image/gif" and b"\x00\x3b" not in data[-1024:]
    ):
        return f"is cut short: it has no end, after {len(data):,} bytes"
    return None


def _damage_of_png(data: bytes) -> str | None:
    if data[12:16] != b"IHDR":
        return "is damaged: a PNG begins with its size, and this one does not"
    position = 8
    while position + 8 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IEND":
            return None
        if end > len(data):
            return _cut(len(data), end)
        position = end
    return f"is cut short: it has no end, after {len(data):,} bytes"


def _cut(there: int, promised: int) -> str:
    return f"is cut short: {there:,} bytes, of at least {promised:,}"
