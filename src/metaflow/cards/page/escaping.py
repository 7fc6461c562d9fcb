"""Text that comes from a flow, made harmless for HTML. Whatever gets into a page goes through here."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: Characters of one text that a page shows, unless an element says otherwise: more would make it hard to open.
MOST_CHARACTERS = 1_000_000
#: Characters of a label that are shown.
_MOST_OF_LABEL = 2_000

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
# What HTML gives a meaning to; characters that it does not allow; and those that change the direction of the text
# around them, with which a text can be made to read other than it is.
_SPECIAL = re.compile(
    "[&<>\"'\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
# Characters, and values, that one call into C handles: such a call halts the step, which works while its card is made.
_PIECE = 65_536
_PIECE_VALUES = 4_096
_CONTROL_PICTURES = 0x2400
_END_OF_SCRIPT = re.compile("</(?=script)", re.IGNORECASE)
#: Values may hold values; deeper than this they are not written.
_MOST_LEVELS = 200
#: Of data whose parts hold each other, not more values than these are written.
_MOST_VALUES = 100_000
# What browsers connect to another place for in spite of the page's policy (which then stops what they ask there), or
# what leads the page away.
_REACHING_OUT = re.compile(r"<(/?)(?=(?:applet|base|embed|fencedframe|frame|iframe|link|meta|object|portal)\b)", re.I)
#: Characters, at least, of the longest that it finds, with the one behind it, which says whether the name is over.
_LONGEST_TAG = 16


def text(value: object) -> str:
    """`value` as text, safe between tags and in quoted attributes.

    Control characters are shown by symbols, characters that change the direction of text by their numbers.
    """
    string = value if type(value) is str else str(value)
    if len(string) > _PIECE:
        return "".join(text_pieces(string))
    if string.isascii() and string.isprintable():
        return html.escape(string)
    return _SPECIAL.sub(_replacement, string)


def text_pieces(string: str) -> Iterator[str]:
    """What `text` gives, piece by piece."""
    return (text(string[at : at + _PIECE]) for at in range(0, len(string), _PIECE))


def label_text(value: object) -> str:
    """`value` as `text` has it, of which the beginning is enough: a label, a title, a name."""
    string = value if type(value) is str else str(value)
    if len(string) <= _MOST_OF_LABEL:
        return text(string)
    return f"{text(string[:_MOST_OF_LABEL])}… ({len(string):,} characters)"


def text_within(value: object, most: int = MOST_CHARACTERS) -> tuple[str, str]:
    """`value` as `text` has it, of which a part in the middle is left out if it is too long.

    Parameters
    ----------
    value : object
    most : int
        Number of characters.

    Returns
    -------
    tuple of str and str
        The text, and HTML of a note that says what is missing, which is empty if nothing is.
    """
    string = str(value)
    if len(string) <= most:
        return text(string), ""
    head, tail = string[: most - most // 2], string[len(string) - most // 2 :]
    return text(f"{head}\n…\n{tail}"), left_out_note(len(string) - most, "characters")


def left_out_note(count: int, what: str) -> str:
    """HTML that says that a part is not shown."""
    return f'<p class="mf-note" role="note">{count:,} {what} in the middle are left out.</p>'


def script_data(value: Any) -> str:
    """`value` as JSON, safe inside of ``<script type="application/json">``.

    NaN and infinities become null, and what JSON cannot hold becomes text.
    """
    return "".join(script_data_pieces(value))


def script_data_pieces(value: Any) -> Iterator[str]:
    """What `script_data` gives, piece by piece."""
    if type(value) is not dict or not all(type(key) is str for key in value):
        yield from _in_pieces(value)
        return
    before = "{"
    for key, each in value.items():
        yield f"{before}{_written(key)}:"
        yield from _in_pieces(each)
        before = ","
    yield "}" if value else "{}"


def _in_pieces(value: Any) -> Iterator[str]:
    if type(value) is not list or len(value) <= 1:
        yield _written(value)
        return
    widest = max([len(each) if isinstance(each, (list, tuple, str)) else 1 for each in value])
    step = max(1, _PIECE_VALUES // max(1, widest))
    before = "["
    for at in range(0, len(value), step):
        yield before
        yield _written(value[at : at + step])[1:-1]
        before = ","
    yield "]"


def _written(value: Any) -> str:
    try:
        written = json.dumps(value, separators=(",", ":"), default=str, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        written = json.dumps(_plain(value, (), iter(range(_MOST_VALUES))), separators=(",", ":"), allow_nan=False)
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def without_reach(html: str) -> Iterator[str]:
    """HTML of others in which nothing reaches out: frames, links and the like get names that browsers do not know.

    Piece by piece.
    """
    held = ""
    for at in range(0, len(html), _PIECE):
        held += html[at : at + _PIECE].replace("\x00", "")
        # Not within a tag's name: before it, if it may go on in the next piece.
        tag = held.rfind("<", max(0, len(held) - _LONGEST_TAG))
        end = tag if tag >= 0 else len(held)
        yield _REACHING_OUT.sub(r"<\1x-", held[:end])
        held = held[end:]
    yield _REACHING_OUT.sub(r"<\1x-", held)


def script_code(code: str) -> str:
    """The code of a library as it can stand between ``<script>`` and ``</script>``, as a browser reads it."""
    code = code.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    return _END_OF_SCRIPT.sub("<\\\\/", code).replace("<!--", "\\x3c!--")


def _replacement(found: re.Match[str]) -> str:
    character = found[0]
    entity = _ENTITIES.get(character)
    if entity is not None:
        return entity
    number = ord(character)
    if number < 0x20:
        return chr(_CONTROL_PICTURES + number)
    if 0x202A <= number <= 0x2069:
        return f"[U+{number:04X}]"
    return "\N{REPLACEMENT CHARACTER}"


def _plain(value: Any, around: tuple[int, ...], left: Iterator[int]) -> Any:
    """`value` as JSON has it; `around` are the identities of what holds it, of which none is written again."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if not isinstance(value, (Mapping, list, tuple)):
        return str(value)
    if len(around) >= _MOST_LEVELS or id(value) in around or (around and next(left, None) is None):
        return "…"
    within = (*around, id(value))
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): _plain(each, within, left) for key, each in value.items()}
    return [_plain(each, within, left) for each in value]


def script_hash(code: str) -> str:
    """A script, as a page's policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
