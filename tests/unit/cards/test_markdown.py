"""Markdown as HTML."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import example, given, settings, strategies as st
from markdown_it import MarkdownIt

from attack_strings import ATTACKS
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.simple_markdown import simple_blocks

PIXEL = "data:image/png;base64," + base64.b64encode(b"x" * 200).decode()


def shown(source: str, level: int = 2) -> str:
    page = PageContext()
    page.heading_level = level
    html = page.render({"type": "markdown", "source": source})
    start = '<div class="mf-markdown" dir="auto">'
    assert html.startswith(start) and html.endswith("</div>"), html
    return html[len(start) : -len("</div>")]


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a *b* **c** ~~d~~ `e<`", "<p>a <em>b</em> <strong>c</strong> <s>d</s> <code>e&lt;</code></p>"),
        ("a\nb  \nc", "<p>a\nb<br>\nc</p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("> a", "<blockquote><p>a</p></blockquote>"),
        ("---", "<hr>"),
        ("<b>a</b>", "<p>&lt;b&gt;a&lt;/b&gt;</p>"),
        ("&amp; &#x202e;", "<p>&amp; [U+202E]</p>"),
        ("https://example.org", "<p>https://example.org</p>"),
        ("[a](javascript:b)", "<p>a</p>"),
        ("[a](relative/place)", "<p>a</p>"),
        ("![a](data:text/html,x)", "<p>a</p>"),
        (f"![a]({PIXEL})", f'<p><img class="mf-zoomable" src="{PIXEL}" alt="a"></p>'),
        (f"`{PIXEL}`", f"<p><code>{PIXEL}</code></p>"),
        ("![a](data:mf-image-7)", "<p>a</p>"),
        (
            "[a](http://b/?c=d&e 'f')",
            '<p><a href="http://b/?c=d&amp;e" title="f" target="_blank" rel="noopener noreferrer">a</a></p>',
        ),
        ("![a](http://b/c.png)", '<p><a href="http://b/c.png" target="_blank" rel="noopener noreferrer">a</a></p>'),
        (
            "[![a](http://b/c.png)](http://d)",
            '<p><a href="http://d" target="_blank" rel="noopener noreferrer">a</a></p>',
        ),
    ],
)
def test_what_is_made_of_it(source, html):
    assert shown(source) == html


def test_tables_have_headers():
    html = shown("| a | b |\n|--:|:-:|\n| 1 | 2 |")
    assert (
        '<thead><tr><th scope="col" class="mf-right">a</th><th scope="col" class="mf-center">b</th></tr></thead>'
        in html
    )
    assert '<tbody><tr><td class="mf-right">1</td><td class="mf-center">2</td></tr></tbody></table>' in html


@pytest.mark.parametrize("marks", ["", "`x`"])
@pytest.mark.parametrize(
    ("levels", "page_level", "tags"),
    [((1, 2, 3), 2, (2, 3, 4)), ((3, 4), 2, (2, 3)), ((1, 6), 3, (3, 6)), ((1, 2), 6, (6, 6))],
)
def test_headings_fit_into_the_page(levels, page_level, tags, marks):
    html = shown(f"text {marks}\n\n" + "\n\n".join(f"{'#' * level} heading" for level in levels), page_level)
    expected = [(str(tag), str(level)) for tag, level in zip(tags, levels, strict=True)]
    assert re.findall(r'<h(\d) class="mf-h(\d)">heading</h\1>', html) == expected


def test_code_in_python_has_colours_and_other_code_has_none():
    assert '<span class="mf-py-keyword">def</span>' in shown("```python\ndef a(): pass\n```")
    assert "mf-py" not in shown("```sql\nselect def\n```")


def test_a_text_that_is_too_long_is_shown_as_it_is():
    html = PageContext().render({"type": "markdown", "source": "**a** <b>" * 20_000})
    assert "Too long" in html and "**a** &lt;b&gt;" in html


def test_an_image_does_not_count_as_length():
    source = "data:image/png;base64," + "A" * 400_000
    assert f'src="{source}"' in shown(f"![plot]({source}) *text*")


SIMPLE = st.text(alphabet="aé9 \n#.-)+=\t*1:'\u00a0\r|", max_size=30)


@given(SIMPLE)
@example("a\n---")
@example("# a #")
@example("a  \nb")
@example("a\n\n\nb\n# c\nd")
@settings(max_examples=400)
def test_what_is_read_without_the_parser_is_what_the_parser_reads(source):
    blocks = simple_blocks(source)
    if blocks is not None:
        by_hand = "".join(
            f"<h{level}>{words}</h{level}>\n" if level else f"<p>{words}</p>\n" for level, words in blocks
        )
        assert by_hand.replace("&#x27;", "'") == MarkdownIt("commonmark").enable("table").render(source)


def test_plain_text_needs_no_parser():
    assert simple_blocks("# Training\n\nIt began well.\nIt ended: so\n\n## Then") == [
        (1, "Training"),
        (0, "It began well.\nIt ended: so"),
        (2, "Then"),
    ]


@given(st.text("[]()!*_~`<>#|-:\n &;x\\\"'", max_size=60) | st.sampled_from(ATTACKS))
def test_tags_are_closed_and_none_is_there_that_is_not_ours(source):
    html = PageContext().render({"type": "markdown", "source": source})
    open_tags: list[str] = []
    for end, tag in re.findall(r"<(/?)([a-z0-9]+)[^<>]*>", html):
        if end:
            assert open_tags.pop() == tag, html
        elif tag not in ("br", "hr", "img"):
            open_tags.append(tag)
    assert not open_tags, html
    assert not re.search(
        r"<(?!/?(div|p|em|strong|s|a|ul|ol|li|blockquote|pre|code|span|img|br|hr|h\d|table|t[rhd]|thead|tbody)\b)", html
    )
