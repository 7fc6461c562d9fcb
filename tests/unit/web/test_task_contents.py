"""Artifacts as texts, pictures and files, without unpickling them."""

from __future__ import annotations

import pickle
import struct
import zlib

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.datastore.blob_reading import read_part
from metaflow.datastore.layout import blob_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.exception import CorruptedDataException
from metaflow.server.errors import Refusal
from metaflow.web.task import contents
from metaflow.web.task.contents import content_kinds, image_bytes, plain_content, stored_file, text_piece


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    store = LocalStore(tmp_path_factory.mktemp("store"))
    writer = TaskWriter(store, "F", "1", "a", "1", 0)

    def save_value(value):
        return store, writer.save("x", value)

    return save_value


def _whole(found) -> bytes:
    return b"".join(found.pieces)


@given(value=st.text(max_size=2000))
@settings(max_examples=60)
def test_a_text_is_read_piece_by_piece(save, value):
    store, entry = save(value)
    if plain_content(store, entry) is None:
        assert any("\ud800" <= each <= "\udfff" for each in value), "a text is not known as one"
        return
    offset: object = 0
    pieces = []
    while offset is not None:
        piece = text_piece(store, entry, offset, 16)
        pieces.append(piece["text"])
        offset = piece["next"]
    shown = "".join(pieces)
    assert shown == value.encode("utf-8", "replace").decode() or "?" in shown or "\ufffd" in shown
    assert _whole(stored_file(store, entry)).decode("utf-8", "surrogatepass") == value


@pytest.mark.parametrize("size", [0, 10, 255, 256, 65_536, 300_000, 20_000_000])
def test_texts_and_bytes_of_all_sizes_are_known(save, size):
    for value in ("a" * size, b"\xff" * size, bytearray(size)):
        store, entry = save(value)
        found = plain_content(store, entry)
        assert found is not None and found.size == size and found.is_text == isinstance(value, str)
        assert _whole(stored_file(store, entry)) == (value.encode() if isinstance(value, str) else bytes(value))


def test_other_values_are_no_texts(save):
    class Text(str):
        pass

    Text.__module__, Text.__qualname__ = "collections", "UserString"
    for value in (["a"], {"a": 1}, 5, None):
        store, entry = save(value)
        assert plain_content(store, entry) is None and content_kinds(store, entry) == (None, None)
        with pytest.raises(Refusal, match="no text"):
            text_piece(store, entry, 0, 100)
        assert pickle.loads(_whole(stored_file(store, entry))) == value


def test_a_file_has_the_buffers_that_are_stored_beside_the_stream(save):
    np = pytest.importorskip("numpy")
    value = {
        "a": np.arange(100_000.0).reshape(100, 1000),
        "b": [np.ones((300, 300), order="F"), "text"],
        "c": b"x" * 99,
    }
    store, entry = save(value)
    assert len(entry.segments) >= 2, "the test needs a value in several parts"
    file = stored_file(store, entry)
    loaded = pickle.loads(_whole(file))
    assert file.ending == "pkl"
    assert (loaded["a"] == value["a"]).all() and (loaded["b"][0] == value["b"][0]).all() and loaded["c"] == value["c"]
    loaded["a"][0, 0] = 7  # and it can be written to


def test_a_stream_too_large_to_be_put_together_is_refused(save, monkeypatch):
    np = pytest.importorskip("numpy")
    monkeypatch.setattr(contents, "_LARGEST_STREAM", 10)
    store, entry = save(np.zeros(100_000))
    with pytest.raises(Refusal, match="Load it in Python"):
        stored_file(store, entry)


def test_pictures_are_told_by_their_bytes_and_svg_is_none(save):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
    store, entry = save(png)
    assert image_bytes(store, entry) == (png, "image/png") and stored_file(store, entry).ending == "png"
    for other in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html><script>", "text", b""):
        store, entry = save(other)
        with pytest.raises(Refusal, match="no picture"):
            image_bytes(store, entry)


def test_bytes_that_are_cut_short_are_no_text(save):
    store, entry = save("a" * 100)
    for end in (1, 3, 20, 50):
        cut = entry._replace(inline=(entry.inline or b"")[:end])
        assert plain_content(store, cut) is None


def test_of_what_is_large_little_is_read(save, monkeypatch):
    store, entry = save("ä" * 20_000_000)
    asked = []

    def counted(store, segment, begin, end):
        asked.append(end - begin)
        return read_part(store, segment, begin, end)

    monkeypatch.setattr(contents, "read_part", counted)
    piece = text_piece(store, entry, 20_000_001, 1000)
    assert set(piece["text"]) == {"ä"} and piece["total"] == 40_000_000
    assert content_kinds(store, entry).text_bytes == 40_000_000
    next(iter(stored_file(store, entry).pieces))
    assert sum(asked[:-1]) < 5000 and len(asked) > 3
    assert sum(part.nbytes for part in read_part(store, entry.segments[0], 16_777_210, 16_777_220)) == 10


def test_reading_on_ends_also_if_a_text_is_none(save):
    store, entry = save("a" * 40)
    broken = entry._replace(inline=(entry.inline or b"").replace(b"a" * 40, b"\x80" * 40))
    offset, seen = 0, 0
    while offset is not None:
        piece = text_piece(store, broken, offset, 16)
        assert piece["next"] is None or piece["next"] > offset
        offset, seen = piece["next"], seen + 1
    assert seen == 3


def test_what_is_missing_is_told_before_a_file_begins(save):
    store, entry = save([bytes([number % 251]) * 3_000_000 for number in range(2)])
    for reference in {chunk for segment in entry.segments for chunk in segment.chunks}:
        store.local_path(blob_key(reference)).unlink()
    with pytest.raises(CorruptedDataException):
        stored_file(store, entry)
