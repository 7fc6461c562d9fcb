"""Markdown: CommonMark with tables and strikethrough, and without HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.code import code_block
from metaflow.cards.page.elements.image import is_image
from metaflow.cards.page.elements.preformatted import preformatted
from metaflow.cards.page.elements.simple_markdown import simple_blocks
from metaflow.cards.page.escaping import text, text_within

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

#: Characters, apart from images, that are read as Markdown; longer texts are shown as they are.
_MOST_CHARACTERS = 100_000
#: Longer texts are hardly simple.
_MOST_SIMPLE = 10_000
_WEB = re.compile(r"(https?://|mailto:)[^\s]", re.IGNORECASE)
# Images stand in the text itself. To look through them letter by letter would take seconds.
_IMAGE_DATA = re.compile(r"data:image/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]{100,}")
_IMAGE_MARK = re.compile(r"data:mf-image-(\d+)")
_PLAIN_TAGS = frozenset(("blockquote", "em", "strong", "s", "ul", "li", "p", "thead", "tbody", "tr"))


def markdown_element(node: Mapping[str, Any], page: PageContext) -> str:
    """Markdown as HTML."""
    source = str(node.get("source", ""))
    blocks = simple_blocks(source) if len(source) <= _MOST_SIMPLE else None
    inner = _with_parser(source, page) if blocks is None else _simple(blocks, page)
    return f'<div class="mf-markdown" dir="auto">{inner}</div>'


def _simple(blocks: Sequence[tuple[int, str]], page: PageContext) -> str:
    first = min((level for level, _ in blocks if level), default=1)
    return "".join(
        [
            _simple_heading(_heading_tag(page, level, first), level, words) if level else f"<p>{text(words)}</p>"
            for level, words in blocks
        ]
    )


def _simple_heading(tag: str, level: int, words: str) -> str:
    return f'<{tag} class="mf-h{level}">{text(words)}</{tag}>'


def _heading_tag(page: PageContext, level: int, first: int) -> str:
    """Headings of the largest size in a text have the level that is right where it stands."""
    return f"h{min(page.heading_level + level - first, 6)}"


def _with_parser(source: str, page: PageContext) -> str:
    images: list[str] = []

    def mark(found: re.Match[str]) -> str:
        images.append(found[0])
        return f"data:mf-image-{len(images) - 1}"

    marked = _IMAGE_DATA.sub(mark, source)
    if len(marked) > _MOST_CHARACTERS:
        shown, note = text_within(source)
        return f'<p class="mf-note" role="note">Too long to be read as Markdown.</p>{preformatted(shown, "Text")}{note}'
    tokens = _parser().parse(marked)
    return _Writer(page, images, tokens).write(tokens)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # Which addresses become links or images is decided where they are written.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    normalize = parser.normalizeLink
    parser.normalizeLink = (  # type: ignore[method-assign]
        lambda url: url if url.startswith("data:") else normalize(url)
    )
    return parser


class _Writer:
    """HTML of the tokens of one text."""

    def __init__(self, page: PageContext, images: list[str], tokens: Sequence[Token]) -> None:
        self._page = page
        self._images = images
        levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
        self._first_level = min(levels, default=1)
        self._open_links: list[bool] = []

    def write(self, tokens: Sequence[Token]) -> str:
        return "".join([self._one(token) for token in tokens])

    def _one(self, token: Token) -> str:
        if token.hidden:  # paragraphs of tight lists
            return ""
        write = _WRITERS.get(token.type)
        if write is not None:
            return write(self, token)
        if token.nesting and token.tag in _PLAIN_TAGS:
            return f"<{token.tag}>" if token.nesting > 0 else f"</{token.tag}>"
        return self._text(token)

    def _text(self, token: Token) -> str:
        return text(self._restored(token.content))

    def _inline(self, token: Token) -> str:
        return self.write(token.children or ())

    def _code(self, token: Token) -> str:
        return f"<code>{self._text(token)}</code>"

    def _block_of_code(self, token: Token) -> str:
        words = token.info.split()
        return code_block(self._restored(token.content.rstrip("\n")), words[0] if words else "")

    def _heading(self, token: Token) -> str:
        level = int(token.tag[1])
        tag = _heading_tag(self._page, level, self._first_level)
        return f'<{tag} class="mf-h{level}">' if token.nesting > 0 else f"</{tag}>"

    def _list(self, token: Token) -> str:
        if token.nesting < 0:
            return "</ol>"
        start = token.attrGet("start")
        return "<ol>" if start is None else f'<ol start="{text(start)}">'

    def _table(self, token: Token) -> str:
        if token.nesting < 0:
            return "</table></div>"
        return '<div class="mf-scroll" role="group" aria-label="Table" tabindex="0"><table>'

    def _cell(self, token: Token) -> str:
        if token.nesting < 0:
            return f"</{token.tag}>"
        style = str(token.attrGet("style") or "")
        side = next((f' class="mf-{side}"' for side in ("center", "right") if side in style), "")
        return f'<th scope="col"{side}>' if token.tag == "th" else f"<td{side}>"

    def _link(self, token: Token) -> str:
        if token.nesting < 0:
            return "</a>" if self._open_links.pop() else ""
        start = _link_start(str(token.attrGet("href") or ""), str(token.attrGet("title") or ""))
        self._open_links.append(bool(start))
        return start

    def _image(self, token: Token) -> str:
        source = self._restored(str(token.attrGet("src") or ""))
        alt = text(self._restored(_words(token.children or ())))
        if is_image(source):
            return f'<img class="mf-zoomable" src="{text(source)}" alt="{alt or "Image"}">'
        # An image of another place would tell that place who looks at the card.
        start = "" if any(self._open_links) else _link_start(source, str(token.attrGet("title") or ""))
        return f"{start}{alt or 'image'}</a>" if start else alt

    def _restored(self, content: str) -> str:
        if not self._images:
            return content
        return _IMAGE_MARK.sub(self._image_data, content)

    def _image_data(self, found: re.Match[str]) -> str:
        number = int(found[1][:9])
        return self._images[number] if number < len(self._images) else found[0]


_WRITERS: dict[str, Callable[[_Writer, Token], str]] = {
    "inline": _Writer._inline,
    "code_inline": _Writer._code,
    "code_block": _Writer._block_of_code,
    "fence": _Writer._block_of_code,
    "heading_open": _Writer._heading,
    "heading_close": _Writer._heading,
    "ordered_list_open": _Writer._list,
    "ordered_list_close": _Writer._list,
    "table_open": _Writer._table,
    "table_close": _Writer._table,
    "th_open": _Writer._cell,
    "th_close": _Writer._cell,
    "td_open": _Writer._cell,
    "td_close": _Writer._cell,
    "link_open": _Writer._link,
    "link_close": _Writer._link,
    "image": _Writer._image,
    "hr": lambda writer, token: "<hr>",
    "softbreak": lambda writer, token: "\n",
    "hardbreak": lambda writer, token: "<br>\n",
}


def _link_start(address: str, title: str) -> str:
    """The tag of a link to another place; empty if the address is not one of the web or of mail."""
    if not _WEB.match(address):
        return ""
    titled = f' title="{text(title)}"' if title else ""
    return f'<a href="{text(address)}"{titled} target="_blank" rel="noopener noreferrer">'


def _words(tokens: Sequence[Token]) -> str:
    return "".join(_words(token.children) if token.children else token.content for token in tokens)
