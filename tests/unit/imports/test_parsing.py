"""What is read of single files, without a folder."""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.logs import read_log
from metaflow.exception import CorruptedDataException
from metaflow.imports import documents
from metaflow.imports.logs import converted_log
from metaflow.imports.plain_pickle import NotPlain, Opaque, read_plain, shown
from unit.imports.metaflow_folder import ExceptionWrapper, ForeachFrame, pickled

PARSERS = [
    documents.parse_created,
    documents.parse_field,
    documents.parse_artifacts,
    documents.parse_blob_format,
    documents.parse_started,
    documents.parse_succeeded,
]
KEYS = [
    "ts_epoch",
    "user_name",
    "tags",
    "field_name",
    "value",
    "objects",
    "info",
    "version",
    "time",
    "success",
    "cas_raw",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("1.0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(PARSERS))
def test_whatever_a_file_holds_it_is_read_or_said_to_be_damaged(data, parse):
    try:
        parse(data, "the file x.json")
    except CorruptedDataException as error:
        assert "the file x.json" in error.message


def test_keys_of_blobs_cannot_lead_elsewhere():
    for key in ("../../../etc/passwd", "a" * 39, "A" * 40, 7, None):
        with pytest.raises(CorruptedDataException, match="SHA-1"):
            documents.checked_key(key, "It")


def test_fields():
    content = {
        "field_name": "foreach-stack",
        "type": "x",
        "value": ["a=é"],
        "tags": ["b", "attempt_id:2"],
        "ts_epoch": 1500,
    }
    field = documents.parse_field(json.dumps(content).encode(), "it")
    assert field == ("foreach-stack", "x", '["a=é"]', 1.5, 2)
    assert documents.parse_field(json.dumps({**content, "tags": []}).encode(), "it").attempt is None


def line(time, text, mark=""):
    return f"[{mark}MFLOG|0|2024-05-01T10:00:{time}Z|runtime|0-0]{text}\n".encode()


def test_logs_are_merged_in_order_of_time():
    out = line("01.500000", "one") + line("03.000000", "three") + b"no time\nnone either"
    err = line("00.000001", "zero", "!") + line("02.5", "two [MFLOG|0|x]") + line("99.000000", "odd")
    log = converted_log([("stdout", out), ("stderr", err)], 0.0)
    lines = [(each.stream, each.timestamp_microseconds % 60_000_000, each.text) for each in read_log(log)]
    assert lines == [
        ("stderr", 1, b"zero"),
        ("stdout", 1_500_000, b"one"),
        ("stderr", 2_500_000, b"two [MFLOG|0|x]"),
        ("stderr", 2_500_000, line("99.000000", "odd").rstrip(b"\n")),  # no such time: the line is kept as it is
        ("stdout", 3_000_000, b"three"),
        ("stdout", 3_000_000, b"no time"),
        ("stdout", 3_000_000, b"none either"),
    ]
    assert next(read_log(log)).timestamp_microseconds == 1_714_557_600_000_001
    assert converted_log([("stdout", b""), ("stderr", b"")], 0.0) == b""


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=60))))
def test_no_line_of_a_log_is_lost(files):
    lines = list(read_log(converted_log(files, 5.0)))
    expected = [
        text for _, content in files if content.removesuffix(b"\n") for text in content.removesuffix(b"\n").split(b"\n")
    ]
    assert sorted(each.text for each in lines) == sorted(expected)
    assert all(each.timestamp_microseconds == 5_000_000 for each in lines)


class Trap:
    def __reduce__(self):
        return print, ("this code must not run",)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.frozensets(st.integers()),
    max_leaves=10,
)


@given(PLAIN, st.integers(2, 5))
def test_plain_values_are_read(value, protocol):
    assert read_plain(pickle.dumps(value, protocol)) == value


def test_no_class_is_loaded_and_no_code_runs(capsys):
    value = read_plain(pickle.dumps({"trap": Trap(), "fine": OrderedDict(a=1)}))
    assert isinstance(value["trap"], Opaque) and value["fine"] == {"a": 1}
    frames = read_plain(pickled([ForeachFrame("work", "x", 3, 1, "b")]))
    assert frames[0].arguments == ("work", "x", 3, 1, "b")
    wrapper = read_plain(pickled(ExceptionWrapper("a.B", "text", None)))
    assert wrapper.state == {"exception": "text", "type": "a.B", "stacktrace": None}
    assert capsys.readouterr().out == ""


@given(st.binary(max_size=60))
def test_what_is_no_pickle_says_so(data):
    try:
        read_plain(data)
    except NotPlain:
        pass


def test_previews_show_plain_values_and_name_the_types_of_others():
    assert shown(pickled([1, "a"]), "<class 'list'>") == "[1, 'a']"
    assert shown(pickled(ExceptionWrapper("a.B", "text", None)), "<class 'metaflow.exception.X'>").startswith(
        "<metaflow.ex"
    )
    assert shown(b"garbage", "<class 'a.B'>") == "<a.B>"
    assert shown(pickled(b"x" * 100_000), "<class 'bytes'>") == "<bytes>"
