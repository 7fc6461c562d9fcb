"""Content of files as artifacts."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.blobs import CHUNK_BYTES
from metaflow.datastore.file_content import save_file
from metaflow.datastore.local import LocalStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import open_task


def read_back(store: LocalStore, content: bytes, encoding: str | None) -> object:
    writer = TaskWriter(store, "F", str(read_back.__dict__.setdefault("runs", 0)), "_parameters", "0", 0)
    read_back.__dict__["runs"] += 1
    entry = save_file(store, io.BytesIO(content), encoding)
    assert entry.size == len(content)
    writer.forward("file", entry)
    manifest = writer.commit({})
    return open_task(store, "F", manifest.run_id, "_parameters", "0", 0).load("file")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return LocalStore(tmp_path_factory.mktemp("store"))


@given(content=st.binary(max_size=100) | st.binary(min_size=4000, max_size=5000))
def test_bytes_come_back(store: LocalStore, content: bytes) -> None:
    found = read_back(store, content, None)
    assert type(found) is bytes and found == content


@given(text=st.text(), encoding=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]), repeat=st.sampled_from([1, 3000]))
def test_text_comes_back_as_python_reads_it(store: LocalStore, text: str, encoding: str, repeat: int) -> None:
    content = (text * repeat).encode(encoding)
    expected = io.TextIOWrapper(io.BytesIO(content), encoding=encoding).read()
    assert read_back(store, content, encoding) == expected


def test_a_character_cut_in_two_by_a_chunk(store: LocalStore) -> None:
    text = "x" * (CHUNK_BYTES - 1) + "ö" + "y" * 10
    assert read_back(store, text.encode(), "utf-8") == text
    exactly = "x" * CHUNK_BYTES
    assert read_back(store, exactly.encode(), "utf-8") == exactly


@pytest.mark.parametrize("place", [0, 5000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 7])
def test_what_is_no_text_is_told_with_its_place(store: LocalStore, place: int) -> None:
    content = bytearray(b"x" * (CHUNK_BYTES + 10))
    content[place] = 0xFF
    with pytest.raises(UnicodeDecodeError) as raised:
        save_file(store, io.BytesIO(content), "utf-8")
    assert raised.value.start == place


def test_a_character_that_the_end_cuts_in_two(store: LocalStore) -> None:
    with pytest.raises(UnicodeDecodeError) as raised:
        save_file(store, io.BytesIO("abö".encode()[:-1]), "utf-8")
    assert raised.value.start == 2


class Pipe(io.RawIOBase):
    """Gives little at a time, and much in all."""

    def __init__(self, size: int, step: int) -> None:
        self._left = size
        self._step = step

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        count = min(self._left, self._step, len(target))
        self._left -= count
        return count


def test_a_pipe_is_read_to_its_end(store: LocalStore) -> None:
    entry = save_file(store, Pipe(20_000, 777), None)
    assert entry.size == 20_000


def test_a_large_file_is_never_in_memory_as_a_whole(store: LocalStore) -> None:
    size = 30 * CHUNK_BYTES + 5
    tracemalloc.start()
    try:
        entry = save_file(store, Pipe(size, CHUNK_BYTES), None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert entry.size == size
    assert peak < size / 2


def test_what_is_shown_and_compared(store: LocalStore) -> None:
    one = save_file(store, io.BytesIO(b"hello\n" * 1000), "utf-8")
    again = save_file(store, io.BytesIO(b"hello\n" * 1000), "utf-8")
    other = save_file(store, io.BytesIO(b"hello\n" * 1001), "utf-8")
    assert one == again and one.sha != other.sha
    assert one.type == "<class 'str'>" and one.preview.startswith("'hello\\nhello")
    assert one.inline is not None and len(one.inline) < 100  # the content is by reference
    assert save_file(store, io.BytesIO(b"\xff"), None).preview == "b'\\xff'"
