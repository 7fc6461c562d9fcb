"""The functions that other programs import from ``metaflow.util`` and ``metaflow.metaflow_version``."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow import __version__, util
from metaflow.exception import MetaflowInternalError
from metaflow.metaflow_version import format_git_describe, get_version, make_public_version


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["x"], "x"),
        (["a", "b"], "a,b"),
        (["run/s/1", "run/s/2"], "run/s/:1,2"),
        (["a", "a"], "a:,"),
    ],
)
def test_lists_as_texts(items, text):
    assert util.compress_list(items) == text and util.decompress_list(text) == items


@given(st.lists(st.text(st.characters(exclude_characters=",:!", exclude_categories=["Cs"]), min_size=1), max_size=60))
def test_a_list_comes_back(items):
    text = util.compress_list(items)
    assert util.decompress_list(text) == items
    assert text.startswith("!") or len(text) < 500


def test_a_long_list_becomes_short():
    items = [f"run/step/{i}" for i in range(1000)]
    text = util.compress_list(items)
    assert text.startswith("!") and len(text) < 3000 and util.decompress_list(text) == items


@pytest.mark.parametrize("item", ["a,b", "a:b", "!a"])
def test_an_item_with_a_delimiter(item):
    with pytest.raises(MetaflowInternalError, match="delimiter"):
        util.compress_list(["x", item])


def test_conversions():
    assert (util.to_bytes("é"), util.to_bytes(b"x"), util.to_bytes(3)) == (b"\xc3\xa9", b"x", b"3")
    assert (util.to_unicode(b"\xc3\xa9"), util.to_unicode("x"), util.to_unicode(3)) == ("é", "x", "3")
    assert util.is_stringish("x") and util.is_stringish(b"x") and not util.is_stringish(1)
    assert util.to_pod({"a": (1, 2.5), "b": {3}, "c": object, "d": None}) == {
        "a": [1, 2.5],
        "b": [3],
        "c": "object",
        "d": None,
    }
    assert util.url_quote("a b/c?:é") == b"a%20b/c%3F:%C3%A9" and util.url_unquote(b"a%20b%C3%A9") == "a bé"
    assert util.unicode_type is str


@pytest.mark.parametrize(
    ("described", "version", "public"),
    [
        ("2.1.0-0-gabc123", "2.1.0", "2.1.0"),
        ("2.1.0-5-gabc123", "2.1.0.post5-gitabc123", "2.1.0.post5"),
        ("2.1.0-5-gabc123-dirty", "2.1.0.post5-gitabc123-dirty", "2.1.0.post5"),
        ("2.1.0-0-gabc-dirty", "2.1.0-dirty", "2.1.0"),
        ("junk", None, None),
    ],
)
def test_versions_of_commits(described, version, public):
    assert format_git_describe(described) == version
    assert format_git_describe(described, public=True) == public
    if version is not None:
        assert make_public_version(version) == public


def test_our_version():
    assert get_version() == __version__
    assert get_version(public=True) == make_public_version(__version__ + "+local")
