from __future__ import annotations

import html
import json
import re
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given, strategies as st

from metaflow.cards import Artifact, JSONViewer, YAMLViewer
from metaflow.cards.page.context import PageContext
from metaflow.cards.page.elements.yaml_lines import yaml_html

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Talking:
    def __repr__(self) -> str:
        return "Talking(1)"


class Failing:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Balance(HTMLParser):
    """Notes elements that are closed where they are not open, and those that are never closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[str] = []
        self.feed(source)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attributes: object) -> None:
        self.open.append(tag)
        self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def shown(node: dict[str, object]) -> str:
    source = PageContext().render(node)
    Balance(source)
    return source


def source_of(page: str) -> str:
    return html.unescape(re.search(r'class="mf-data-source" hidden>(.*?)</pre>', page, re.DOTALL)[1])


@given(json_values)
def test_what_is_copied_is_the_data(value: object) -> None:
    viewer = JSONViewer({"value": value})
    assert json.loads(source_of(shown(viewer.render()))) == {"value": value}
    assert "mf-data-source" not in shown(JSONViewer(value, show_copy_button=False).render()), "it may be large"


def test_options_of_a_viewer() -> None:
    node = JSONViewer({"a": 1}, collapsible=False, max_height=300, show_copy_button=False, title="<b>").render()
    assert node == {
        "type": "jsonViewer",
        "data": {"a": 1},
        "collapsible": False,
        "max_height": 300,
        "show_copy_button": False,
        "title": "<b>",
    }
    page = shown(node)
    assert "<details" not in page
    assert "data-copy" not in page
    assert 'data-max-height="300px"' in page
    assert "&lt;b&gt;" in page
    page = shown(JSONViewer({"a": 1}).render())
    assert "<details open" in page
    assert "data-copy" in page


@pytest.mark.parametrize(
    ("height", "written"),
    [
        ("400px", "400px"),
        ("20.5 rem", "20.5rem"),
        (12.5, "12.5px"),
        ("300", "300px"),
        ("1px;color:red", None),
        (-1, None),
    ],
)
def test_heights_are_lengths_and_nothing_else(height: object, written: str | None) -> None:
    found = re.search('data-max-height="(.*?)"', shown(JSONViewer([], max_height=height).render()))
    assert (found and found[1]) == written


def test_a_text_that_is_json_is_read_and_other_texts_are_shown_as_they_are() -> None:
    assert JSONViewer(' {"a": [1]}').render()["data"] == {"a": [1]}
    assert JSONViewer("{no").render()["data"] == "{no"
    assert JSONViewer("[" * 100_000).render()["data"].startswith("[[[")
    assert JSONViewer("12").render()["data"] == "12"
    assert YAMLViewer("a:   1  # as it is\n").render()["data"] == "a:   1  # as it is\n"


def test_a_viewer_has_a_copy_until_it_is_updated() -> None:
    data = {"a": [1]}
    viewers = [JSONViewer(data), YAMLViewer(data)]
    data["a"].append(2)
    assert [viewer.render()["data"] for viewer in viewers] == [{"a": [1]}, "a:\n- 1\n"]
    for viewer in viewers:
        viewer.update(data)
    assert [viewer.render()["data"] for viewer in viewers] == [{"a": [1, 2]}, "a:\n- 1\n- 2\n"]


def test_what_is_missing_is_told() -> None:
    node = JSONViewer(list(range(100_000))).render()
    assert node["notes"] == ["95,000 values were left out"]
    page = shown(node)
    assert "95,000 values were left out." in page
    assert page.count("<details") == 52  # the whole, and parts of a hundred
    text = YAMLViewer("x" * 2_000_000).render()
    assert len(text["data"]) == 1_000_000
    assert text["notes"] == ["only the beginning is shown"]


def test_yaml_without_its_library_is_json_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    node = YAMLViewer({"a": 1}).render()
    assert json.loads(node["data"]) == {"a": 1}
    assert "pip install 'metaflow[yaml]'" in node["notes"][0]


def test_nodes_as_metaflow_writes_them_are_shown() -> None:
    assert '<span class="mf-key">a</span>' in shown({"type": "jsonViewer", "json_string": '{"a": 1}'})
    assert '<span class="mf-key">a</span>' in shown({"type": "yamlViewer", "yaml_string": "a: 1"})


@given(st.text() | st.text(alphabet="a:-# \n'\"|>{}&<"))
def test_no_character_of_a_yaml_text_is_lost(source: str) -> None:
    lines, is_complete = yaml_html(source, True)
    Balance(lines)
    assert is_complete
    flat, _ = yaml_html(source, False)
    read = [
        html.unescape(re.sub("<[^>]*>", "", line))
        for line in re.findall(r'mf-line">(.*?)</(?:div|summary)>', lines, re.DOTALL)
    ]
    assert len(read) == flat.count('class="mf-line"')
    if source.isascii() and source.replace("\n", " ").isprintable():
        assert "\n".join(read) == source.rstrip("\n")


def test_yaml_is_folded_by_what_is_below_what() -> None:
    lines, _ = yaml_html("a:\n- b: 1\n  c: |\n    text: no key\nd: 2.5\ne: true\n# comment\n", True)
    assert lines.count("<details open>") == 3
    assert '<span class="mf-string">    text: no key</span>' in lines
    assert '<span class="mf-numeral">2.5</span>' in lines
    assert '<span class="mf-constant">true</span>' in lines
    assert '<span class="mf-comment"># comment</span>' in lines
    assert '<div class="mf-line"><span class="mf-key">d</span>' in lines


def test_deep_and_long_yaml_is_bounded() -> None:
    deep, _ = yaml_html("\n".join(" " * level + "- a:" for level in range(1000)), True)
    assert deep.count("<details") == 64
    _, is_complete = yaml_html("- 1\n" * 30_000, True)
    assert not is_complete


@pytest.mark.parametrize(
    ("value", "row"),
    [
        (3, {"name": "n", "type": "int", "data": "3"}),
        (Talking(), {"name": "n", "type": f"{__name__}.Talking", "data": "Talking(1)"}),
        ([Talking()], {"name": "n", "type": "list", "data": f"[<{__name__}.Talking>]"}),
    ],
)
def test_an_artifact_is_name_type_and_value(value: object, row: dict[str, str]) -> None:
    assert Artifact(value, "n").render() == {"type": "artifacts", "data": [row]}


def test_artifacts_that_are_long_or_fail() -> None:
    (short,) = Artifact(list(range(1000))).render()["data"]
    (long,) = Artifact(list(range(1000)), compressed=False).render()["data"]
    (failing,) = Artifact(Failing()).render()["data"]
    (nested,) = Artifact({"deep": [[[[Failing(), 10**5000]]]]}, compressed=False).render()["data"]
    assert (short["name"], len(short["data"]) <= 200) == (None, True)
    assert long["data"].startswith("[0, 1, 2")
    assert long["data"].endswith("998, 999]")
    assert "RuntimeError" in failing["data"]
    assert "<int of 16610 bits>" in nested["data"]
    artifact = Artifact(1, "n")
    artifact.update(2)
    assert artifact.render()["data"][0]["data"] == "2"


def test_rows_of_artifacts_of_other_packages() -> None:
    node = {
        "type": "artifacts",
        "data": [
            {"name": "<b>", "type": None, "data": {"type": "text", "text": "a node"}},
            {"name": None, "data": {"a": [1]}},
            {"data": "x" * 500_000},
            "no row",
        ],
    }
    page = shown(node)
    assert "&lt;b&gt;" in page
    assert "a node" in page
    assert "400,000 more characters" in page
    assert page.count("<tr>") == 4
    assert "<thead>" not in shown({"type": "artifacts", "data": [{"type": "int", "data": "1"}]})
    shown({"type": "artifacts"})


@pytest.mark.parametrize("height", [float("inf"), float("nan"), object()])
def test_a_height_that_is_none_is_left_out(height: object) -> None:
    assert "max_height" not in JSONViewer({}, max_height=height).render()  # type: ignore[arg-type]


def test_a_data_frame_is_its_rows():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert JSONViewer(frame).render()["data"] == [{"index": 0, "a": 1, "b": "x"}, {"index": 1, "a": 2, "b": None}]
    assert "b: x" in YAMLViewer(frame).render()["data"]
    long = JSONViewer(pandas.DataFrame({"a": range(9_000)})).render()
    assert long["notes"][0] == "4,000 rows were left out" and long["data"][1] == {"index": 1, "a": 1}
