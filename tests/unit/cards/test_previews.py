from __future__ import annotations

import base64
import dataclasses
import io
import json
import math
from collections import Counter, namedtuple

import pytest
from hypothesis import given, strategies as st

from metaflow.cards.page.document import PageFacts, render_page
from metaflow.cards.previews import preview_nodes
from metaflow.cards.previews.excerpt import excerpt
from metaflow.cards.previews.facts import shape_text
from metaflow.exception import MetaflowException, MetaflowExceptionWrapper

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
Point = namedtuple("Point", "x y")


def kinds(nodes):
    return [node["type"] for node in nodes]


def facts(nodes):
    return {row["label"]: row["value"] for node in nodes if node["type"] == "facts" for row in node["data"]}


def tables(nodes):
    found = [node for node in nodes if node["type"] == "table"]
    return found + [table for node in nodes if node["type"] == "fold" for table in tables(node["contents"])]


class Hostile:
    """Whatever is asked of it, it raises."""

    def __repr__(self):
        raise ValueError("no text")

    def __getattribute__(self, name):
        raise RuntimeError(f"no {name}")

    def __len__(self):
        raise OSError("no length")

    def __iter__(self):
        raise KeyError("nothing in it")


class Boastful:
    def __repr__(self):
        return "word " * 10_000


class NoText:
    def __repr__(self):
        return 5


# Builtin values


@pytest.mark.parametrize("value", [None, True, 3, 1.5, 2j, "short", b"bytes", (), [], {}, set(), int, object()])
def test_what_a_line_shows_needs_no_more(value):
    assert preview_nodes(value) == []


def test_texts_are_shown_up_to_a_length():
    assert preview_nodes("two\nlines") == [{"type": "log", "data": "two\nlines"}]
    (node,) = preview_nodes("x" * 50_000)
    assert len(node["data"]) < 11_000 and node["data"].endswith("40,000 more characters")
    assert preview_nodes("x" * 50_000, full=True) == [{"type": "log", "data": "x" * 50_000}]


@pytest.mark.parametrize(
    ("data", "kind"),
    [(PNG, "png"), (b"GIF89a....", "gif"), (b"\xff\xd8\xff\xe0", "jpeg"), (b"RIFF\0\0\0\0WEBPVP8 ", "webp")],
)
def test_bytes_of_images_are_images(data, kind):
    for each in (data, bytearray(data), memoryview(data)):
        (node,) = preview_nodes(each)
        assert node["src"] == f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def test_images_that_are_too_large_for_a_page_are_told_of():
    (node,) = preview_nodes(PNG + bytes(4_000_000))
    assert node["type"] == "text" and "3.8 MB" in node["text"]


def test_numbers_in_a_list_are_drawn():
    nodes = preview_nodes([3, 2.5, 2, 1, 0.5])
    assert kinds(nodes) == ["sparkline", "fold"] and nodes[0]["values"] == [3, 2.5, 2, 1, 0.5]
    assert kinds(preview_nodes(list(range(5000)))) == ["sparkline"]
    assert kinds(preview_nodes([1, 2])) == ["jsonViewer"]


def test_dictionaries_with_the_same_keys_are_a_table():
    (node,) = preview_nodes([{"epoch": index, "loss": 1 / (index + 1)} for index in range(50)])
    assert node["columns"] == ["epoch", "loss"] and len(node["data"]) == 12 and node["left_out"] == 38
    assert kinds(preview_nodes([{"a": 1}, {"b": 2}])) == ["jsonViewer"]
    assert kinds(preview_nodes([{"a": [1]}, {"a": [2]}])) == ["jsonViewer"]


def test_rows_of_the_same_length_are_a_table():
    (node,) = preview_nodes([(index, "x") for index in range(20)])
    assert node["columns"] == ["0", "1"] and node["data"][1] == [1, "x"] and node["left_out"] == 8
    (node,) = preview_nodes((Point(1, float("nan")), Point(3, 4)))
    assert node["columns"] == ["x", "y"] and node["data"] == [[1, "NaN"], [3, 4]]
    assert kinds(preview_nodes([[1, 2], [3, 4]])) == ["table"]
    for other in ([(1, 2), (3,)], [(1, 2), [3, 4]], [(1, [2]), (3, [4])], [(), ()], [(1, 2)]):
        assert kinds(preview_nodes(other)) == ["jsonViewer"]
    (node,) = preview_nodes([("x" * 1000, 1)] * 2)
    assert node["data"][0] == ["x" * 300 + "\u2026 (1,000 characters)", 1]
    assert preview_nodes([("x" * 1000, 1)] * 2, full=True)[0]["data"][0] == ["x" * 1000, 1]
    numpy = pytest.importorskip("numpy")
    (node,) = preview_nodes([{"loss": numpy.float64(0.5)}] * 2)
    assert node["data"] == [[0.5], [0.5]]


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"a": 1, 2: None}, {"a": 1, "2": None}),
        (Counter("aab"), {"a": 2, "b": 1}),
        ((1, "x"), [1, "x"]),
        ({5}, [5]),
        (Point(1, 2), {"x": 1, "y": 2}),
    ],
)
def test_containers_are_data(value, data):
    assert [node["data"] for node in preview_nodes(value)] == [data]


def test_a_dataclass_is_shown_by_its_fields():
    @dataclasses.dataclass
    class Settings:
        rate: float
        layers: list

        def __repr__(self):
            raise ValueError

    assert preview_nodes(Settings(0.1, [1, 2]))[0]["data"] == {"rate": 0.1, "layers": [1, 2]}


def test_exceptions_are_errors():
    assert preview_nodes(KeyError("gone")) == [{"type": "error", "headline": "KeyError", "message": "'gone'"}]


def test_what_catch_leaves_is_an_error():
    try:
        raise ValueError("<gone>")
    except ValueError as error:
        (node,) = preview_nodes(MetaflowExceptionWrapper(error))
    assert node["headline"] == "ValueError" and node["message"] == "<gone>" and "Traceback" in node["trace"]


def test_objects_say_what_they_are_themselves():
    (node,) = preview_nodes(Boastful())
    assert node["data"].startswith("word word") and len(node["data"]) < 4100
    for value in (Hostile(), NoText(), object()):
        assert preview_nodes(value) == []


def test_what_is_hostile_inside_of_data_hurts_nobody():
    class List(list):
        def __len__(self):
            raise ValueError

        def __iter__(self):
            raise ValueError

    class Dictionary(dict):
        def items(self):
            raise ValueError

    for value in ([Hostile(), 1], {"a": Hostile(), Hostile: 1}, List([1]), Dictionary(a=1), {"a": Boastful()}):
        page = render_page(preview_nodes(value), PageFacts("x"))
        assert "word word" not in page


def test_the_end_of_the_time_for_a_card_is_not_swallowed():
    class Late:
        def __repr__(self):
            raise MetaflowException("late")

    with pytest.raises(MetaflowException, match="late"):
        preview_nodes(Late())


def test_what_contains_itself_has_an_end():
    around = {"a": []}
    around["a"].append(around)
    shown = json.dumps(excerpt(around))
    assert len(shown) < 1000 and "\\u2026" in shown


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5) | st.integers(), inner) | st.tuples(inner),
    max_leaves=30,
)


@given(_values)
def test_whatever_the_data_it_is_plain_and_can_be_shown(value):
    json.dumps(excerpt(value))
    nodes = preview_nodes(value)
    assert "<main" in render_page(nodes, PageFacts("x"))


def test_excerpts_are_bounded():
    wide = excerpt({str(index): list(range(100)) for index in range(1000)})
    assert len(json.dumps(wide)) < 10_000 and wide["\u2026"].endswith("more items")
    assert excerpt(list(range(41)))[-1] == "\u2026 1 more items"
    assert excerpt("x" * 1000) == "x" * 300 + "\u2026 (1,000 characters)"
    assert excerpt(10**100) == "<int of 333 bits>"


def test_the_extent_of_an_array_is_told():
    assert shape_text([]) == "a single element" and shape_text([1000, 2]) == "1,000 \u00d7 2"


# Libraries


def test_arrays():
    numpy = pytest.importorskip("numpy")
    nodes = preview_nodes(numpy.linspace(0, 1, 1000).reshape(10, 100))
    assert kinds(nodes) == ["facts", "histogram"]
    assert facts(nodes)["shape"] == "10 \u00d7 100" and facts(nodes)["mean"] == "0.5"
    assert facts(nodes)["in memory"] == "7.8 KB"
    assert kinds(preview_nodes(numpy.array([[1, 2], [3, 4]]))) == ["facts", "table"], "a table says it all"
    assert preview_nodes(numpy.float64(1)) == [] == preview_nodes(numpy.array(5))
    structured = numpy.array([(1, "a"), (2, "b")], [("n", "i4"), ("t", "U1")])
    assert tables(preview_nodes(structured))[0]["data"] == [[1, "a"], [2, "b"]]
    odd = numpy.empty((1, 2), dtype=object)
    odd[0, 0] = Hostile()
    assert kinds(preview_nodes(odd)) == ["facts", "table"]
    assert facts(preview_nodes(numpy.ma.masked_array([1.0, 2.0], [True, False])))["dtype"] == "float64"


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": range(100), "b": [None, *["x"] * 99]})
    nodes = preview_nodes(frame)
    table, columns = tables(nodes)
    assert len(table["data"]) == 8 and table["left_out"] == 92
    assert [row[0] for row in columns["data"]] == ["a", "b"] and columns["data"][1][2] == 1, "one is missing"
    assert facts(nodes)["rows"] == "100"
    assert len(tables(preview_nodes(frame, full=True))[0]["data"]) == 100
    wide = preview_nodes(pandas.DataFrame([range(300)]))
    assert len(tables(wide)[0]["columns"]) <= 21 and tables(wide)[1]["left_out"] == 100
    assert tables(preview_nodes(pandas.DataFrame())) is not None
    series = preview_nodes(pandas.Series([1.0, 2.0, math.nan]))
    assert kinds(series) == ["facts", "histogram", "table"] and facts(series)["missing"] == "1"
    assert kinds(preview_nodes(pandas.Series(["a", "b"]))) == ["facts", "table"]
    assert preview_nodes(pandas.DataFrame([[1, 2]], columns=["x", "x"]))


def test_long_texts_in_frames_are_cut():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["x" * 1000]})
    assert preview_nodes(frame)[1]["data"][0][-1] == "x" * 300 + "\u2026 (1,000 characters)"
    assert preview_nodes(frame, full=True)[1]["data"][0][-1] == "x" * 1000


def test_frames_of_polars_and_arrow():
    polars, arrow = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    frame = polars.DataFrame({"a": list(range(20)), "b": ["x"] * 19 + [None]})
    nodes = preview_nodes(frame)
    assert tables(nodes)[0]["left_out"] == 12 and tables(nodes)[1]["data"][1] == ["b", "String", 1]
    assert kinds(preview_nodes(frame["a"])) == ["facts", "histogram", "table"]
    assert "SELECT" in preview_nodes(frame.lazy().select("a"))[0]["data"], "a query is shown, and not run"
    table = arrow.table({"a": list(range(20)), "b": [None] * 20})
    assert tables(preview_nodes(table))[0]["left_out"] == 12
    assert facts(preview_nodes(arrow.array([1, None])))["missing"] == "1"


def test_images_of_pillow_and_figures_of_matplotlib():
    image_module = pytest.importorskip("PIL.Image")
    (node,) = preview_nodes(image_module.new("RGB", (4000, 20), "red"))
    assert node["label"].startswith("4,000 \u00d7 20 pixels")
    shown = image_module.open(io.BytesIO(base64.b64decode(node["src"].partition(",")[2])))
    assert max(shown.size) == 1024
    noise = image_module.effect_noise((900, 900), 90)
    assert preview_nodes(noise)[0]["src"].startswith("data:image/jpeg"), "what PNG cannot make small"
    for mode in ("1", "L", "P", "RGBA", "CMYK", "I;16", "F"):
        assert preview_nodes(image_module.new(mode, (2, 2)))[0]["src"].startswith("data:image/png"), mode
    figure_module = pytest.importorskip("matplotlib.figure")
    figure = figure_module.Figure()
    axes = figure.add_subplot()
    canvas = figure.canvas
    for value in (figure, axes):
        assert preview_nodes(value)[0]["src"].startswith("data:image/png;base64,")
    assert figure.canvas is canvas, "the figure is as it was"
    listed = preview_nodes([figure, "a remark"])
    assert kinds(listed) == ["fold", "text"] and listed[0]["contents"][0]["type"] == "image"
    assert preview_nodes({"loss": figure})[0]["title"] == "loss"


def test_estimators_of_scikit_learn():
    pytest.importorskip("sklearn")
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    data, labels = [[0.0, 1.0], [1.0, 0.0], [0.5, 0.2], [0.9, 0.1]], [0, 1, 0, 1]
    model = LogisticRegression(C=0.5)
    assert kinds(preview_nodes(model)) == ["text", "fold"]
    assert preview_nodes(model)[0]["text"] == "Not fitted."
    nodes = preview_nodes(model.fit(data, labels))
    fitted = {row[0]: row[1] for row in nodes[0]["data"]}
    assert fitted["n_features_in_"] == "2" and "shape=(1, 2)" in fitted["coef_"]
    parameters = nodes[-1]["contents"][0]["data"]
    assert parameters[0] == ["C", "0.5", "set"], "what was set comes first"
    assert nodes[-1]["note"].endswith("of which 1 differ from the defaults")
    pipeline = make_pipeline(StandardScaler(), model)
    assert preview_nodes(pipeline)[0]["data"] == [
        ["standardscaler", "StandardScaler()"],
        ["logisticregression", "LogisticRegression(C=0.5)"],
    ]
    forest = preview_nodes(RandomForestClassifier(n_estimators=3).fit(data, labels))
    assert "Most important features" in [node.get("title") for node in forest]
    assert preview_nodes(LogisticRegression) == []


def test_models_that_say_that_they_are_fitted():
    sklearn = pytest.importorskip("sklearn.base")

    class Boosted(sklearn.BaseEstimator):
        is_trained = False

        def __sklearn_is_fitted__(self):
            return self.is_trained

    model = Boosted()
    assert [node.get("text") for node in preview_nodes(model)] == ["Not fitted."]
    model.is_trained = True
    assert preview_nodes(model) == []


def test_tensors_and_models_of_torch():
    torch = pytest.importorskip("torch")
    nodes = preview_nodes(torch.arange(10.0, requires_grad=True))
    assert facts(nodes)["dtype"] == "float32" and facts(nodes)["device"] == "cpu"
    assert facts(nodes)["requires grad"] == "yes"
    assert facts(preview_nodes(torch.zeros(2, dtype=torch.bfloat16)))["shape"] == "2"
    assert facts(preview_nodes(torch.zeros(2, 3, device="meta")))["device"] == "meta"

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = torch.nn.Linear(4, 3)
            self.out = torch.nn.Linear(3, 1, bias=False)

        def parameters(self, recurse=True):
            raise AssertionError("code of the model's own runs")

    net = Net()
    net.out.weight.requires_grad = False
    nodes = preview_nodes(net)
    assert facts(nodes)["parameters"] == "18" and facts(nodes)["trainable"] == "15"
    assert tables(nodes)[0]["data"] == [
        ["hidden", "Linear", 15, "weight (3, 4), bias (3,)"],
        ["out", "Linear", 3, "weight (1, 3)"],
    ]


def test_no_library_is_imported_for_a_preview():
    import subprocess
    import sys

    code = """
import sys
from metaflow.cards.previews import preview_nodes
for value in ({"a": [1.0] * 9}, "x" * 200, [{"a": 1}, {"a": 2}], b"\\x89PNG\\r\\n\\x1a\\n"):
    assert preview_nodes(value)
print(*{"numpy", "pandas", "torch", "sklearn", "PIL", "matplotlib"} & set(sys.modules))
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == ""
