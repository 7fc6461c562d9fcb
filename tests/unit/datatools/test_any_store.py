"""What holds in every kind of store."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import pytest

from metaflow.datatools import (
    DataClient,
    MetaflowS3Exception,
    MetaflowS3InvalidObject,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
    MetaflowS3URLException,
    RangeInfo,
    S3GetObject,
    S3PutObject,
    open_data,
)

ODD_NAMES = ["plain", "ü/é 中", "a b+c%20d#e?f=g&h", "~!$'()*,;@", "dots.and..more", '[x]{y}|`^<>"', "a=b/c=d.parquet"]


def test_what_is_put_is_got(data: DataClient, root: str) -> None:
    assert data.put("text", "grüße") == f"{root}/text"
    data.put("bytes", b"\x00\xff", content_type="image/x-odd", metadata={"n": 1, "ü": ["中"], "x": None})
    stream = io.BytesIO(b"streamed")
    stream.seek(3)
    data.put("stream", stream)
    data.put("empty", "")
    text, odd, streamed, empty = data.get_many(["text", "bytes", "stream", "empty"])
    assert (text.text, text.blob, text.size, text.key, text.prefix) == ("grüße", "grüße".encode(), 7, "text", root)
    assert (odd.blob, odd.content_type, odd.text) == (b"\x00\xff", "image/x-odd", "\x00�")
    assert odd.metadata == {"n": 1, "ü": ["中"], "x": None} and text.metadata is None
    assert (streamed.blob, empty.blob, empty.size) == (b"streamed", b"", 0)
    assert odd.range_info == RangeInfo(2, 0, 2) and odd.exists and odd.downloaded and odd.has_info
    assert abs((odd.last_modified or 0) - os.stat(text.path or "").st_mtime) < 60


def test_files_are_there_until_the_client_is_closed(data: DataClient, tmp_path: Path) -> None:
    data.put("folder/table.parquet", b"1" * 5000)
    found = data.get("folder/table.parquet")
    assert not (tmp_path / "temporary").exists(), "what nobody looks at as a file is not written"
    assert found.path is not None and found.path == found.path
    path = Path(found.path)
    assert path.suffix == ".parquet" and path.read_bytes() == found.blob == b"1" * 5000
    assert path.parent.parent == tmp_path / "temporary" and path.parent.name.startswith("metaflow.s3.")
    sent = pickle.loads(pickle.dumps(found))
    assert (sent.blob, sent.size, sent.url) == (found.blob, found.size, found.url)
    data.close()
    assert list((tmp_path / "temporary").iterdir()) == []
    with pytest.raises(MetaflowS3Exception, match="client is closed"):
        _ = found.blob
    with pytest.raises(MetaflowS3Exception, match="folder/table.parquet"):
        _ = found.path
    assert data.get("folder/table.parquet").size == 5000, "a client can be used again"


def test_what_does_not_fit_into_memory_is_in_files(root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metaflow.datatools.scratch._LEAST_MEMORY", 0)
    monkeypatch.setattr("metaflow.datatools.scratch._MOST_MEMORY", 2_500_000)
    with open_data(root) as data:
        blobs = {f"{number}.bin": bytes([number]) * 1_100_000 for number in range(4)}
        data.put_many(blobs.items())
        found = data.get_many(list(blobs))
        assert len(list((tmp_path / "temporary").glob("*/*"))) == 2
        assert [each.blob for each in found] == list(blobs.values())
        del found
        assert len(data.get_many(["0.bin", "1.bin"])) == 2
        assert len(list((tmp_path / "temporary").glob("*/*"))) == 2, "memory that is let go can be used again"


@pytest.mark.parametrize(
    ("offset", "length", "expected", "info"),
    [
        (0, None, b"abcdef", (0, 6)),
        (0, 2, b"ab", (0, 2)),
        (1, None, b"bcdef", (1, 5)),
        (2, 100, b"cdef", (2, 4)),
        (5, -3, b"def", (3, 3)),
        (-7, -3, b"def", (3, 3)),
        (0, -100, b"abcdef", (0, 6)),
        (5, None, b"f", (5, 1)),
        (3, 0, b"", (3, 0)),
    ],
)
def test_ranges(data: DataClient, offset: int, length: int | None, expected: bytes, info: tuple[int, int]) -> None:
    data.put("x", b"abcdef")
    found = data.get(S3GetObject("x", offset, length))
    assert (found.blob, found.size, found.range_info) == (expected, len(expected), RangeInfo(6, *info))


def test_ranges_that_are_not_there(data: DataClient) -> None:
    data.put_many([("x", b"abcdef"), ("empty", b"")])
    for wanted in (S3GetObject("x", 6, None), S3GetObject("x", 100, 2), S3GetObject("empty", 0, 5)):
        with pytest.raises(MetaflowS3InvalidRange, match=r"There are no .*bytes"):
            data.get(wanted)
    with pytest.raises(MetaflowS3InvalidRange):
        data.get(S3GetObject("x", -2, 1))
    assert data.get(S3GetObject("empty", 0, -5)).blob == b""
    assert not data.get(S3GetObject("none", 1, 2), return_missing=True).exists
    first, last, whole = data.get_many([S3GetObject("x", 0, 2), S3GetObject("x", 4, 2), "x"])
    assert (first.blob, last.blob, whole.blob) == (b"ab", b"ef", b"abcdef")
    assert first.path != last.path


def test_what_is_not_there(data: DataClient, root: str) -> None:
    data.put("there", "x")
    for ask in (data.get, data.info):
        with pytest.raises(MetaflowS3NotFound, match=f"{root}/none"):
            ask("none")
        missing = ask("none", return_missing=True)
        assert (missing.exists, missing.downloaded, missing.size, missing.has_info) == (False, False, None, False)
        assert (missing.path, missing.blob, missing.text, missing.metadata) == (None, None, None, None)
        assert (missing.key, missing.url, missing.range_info) == ("none", f"{root}/none", None)
        assert "does not exist" in str(missing)
    for ask_many in (data.get_many, data.info_many):
        with pytest.raises(MetaflowS3NotFound, match=f"{root}/none"):
            ask_many(["there", "none"])
        assert [each.exists for each in ask_many(["none", "there"], return_missing=True)] == [False, True]
    assert data.list_paths(["none"]) == data.list_recursive(["none"]) == data.get_recursive(["none"]) == []
    assert data.get_many([]) == data.put_many([]) == data.list_paths([]) == []


def test_info_downloads_nothing(data: DataClient) -> None:
    data.put("x", b"abc", metadata={"a": 1})
    found = data.info(S3GetObject("x", 1, 1))
    assert (found.size, found.metadata, found.has_info, found.downloaded) == (3, {"a": 1}, True, False)
    assert (found.blob, found.path, found.range_info) == (None, None, None)
    bare = data.get("x", return_info=False)
    assert (bare.blob, bare.has_info, bare.metadata, bare.content_type, bare.range_info) == (
        b"abc",
        False,
        None,
        None,
        None,
    )


def test_order_and_duplicates(data: DataClient, root: str) -> None:
    pairs = [(f"k{number}", str(number)) for number in range(40)]
    assert data.put_many([*pairs, ("k3", "last")]) == [(key, f"{root}/{key}") for key, _ in [*pairs, ("k3", "")]]
    keys = [key for key, _ in reversed(pairs)]
    found = data.get_many([*keys, "k3", "k3"])
    assert [each.key for each in found] == [*keys, "k3", "k3"]
    assert [each.text for each in found[-3:]] == ["0", "last", "last"]
    assert data.put_many(iter([("k3", "later"), ("k50", "1"), ("k50", "2")])) == [
        (key, f"{root}/{key}") for key in ("k3", "k50", "k50")
    ]
    assert [each.text for each in data.get_many(key for key in ("k3", "k50"))] == ["later", "2"]


def test_nothing_is_overwritten_unless_asked_for(data: DataClient, root: str) -> None:
    data.put("x", "first", metadata={"a": 1})
    assert data.put("x", "second", overwrite=False) == f"{root}/x"
    assert data.put_many([("x", "third"), ("y", "new"), ("y", "newer")], overwrite=False) == [("y", f"{root}/y")]
    assert [(each.text, each.metadata) for each in data.get_many(["x", "y"])] == [("first", {"a": 1}), ("new", None)]
    data.put("x", "fourth")
    assert (data.get("x").text, data.get("x").metadata) == ("fourth", None)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_of_all_kinds(data: DataClient, root: str, name: str) -> None:
    assert data.put(name, "x", metadata={"name": name}) == f"{root}/{name}"
    assert data.get(name).metadata == {"name": name}
    assert [each.key for each in data.list_recursive()] == [name]
    assert [each.url for each in data.get_all()] == [f"{root}/{name}"]
    folder, slash, rest = name.partition("/")
    assert [each.key for each in data.list_paths()] == [folder]
    if slash:
        assert [each.key for each in data.list_paths([folder])] == [rest]


def test_lists(data: DataClient, root: str) -> None:
    data.put_many((key, key) for key in ("b", "a/x", "a/y/z", "ab/q", "a.txt", "e"))
    level = data.list_paths()
    assert [(each.key, each.exists, each.size) for each in level] == [
        ("a.txt", True, 5),
        ("b", True, 1),
        ("e", True, 1),
        ("a", False, None),
        ("ab", False, None),
    ]
    assert {each.prefix for each in level} == {f"{root}/"} and level[3].url == f"{root}/a/"
    assert not any(each.downloaded or each.has_info for each in level)
    below = data.list_paths(["a", "ab/"])
    assert [(each.prefix, each.key) for each in below] == [
        (f"{root}/a/", "x"),
        (f"{root}/a/", "y"),
        (f"{root}/ab/", "q"),
    ]
    everything = data.list_recursive()
    assert [(each.key, each.size) for each in everything] == [
        (key, len(key)) for key in ("a.txt", "a/x", "a/y/z", "ab/q", "b", "e")
    ]
    assert [(each.prefix, each.key) for each in data.list_recursive(["a", "b", "a/y"])] == [
        (f"{root}/a", "x"),
        (f"{root}/a", "y/z"),
        (f"{root}/a/y", "z"),
    ]
    got = data.get_recursive(["a"])
    assert [(each.key, each.text, each.has_info) for each in got] == [("x", "a/x", False), ("y/z", "a/y/z", False)]
    assert [(each.text, each.has_info) for each in data.get_all(return_info=True)][:2] == [
        ("a.txt", True),
        ("a/x", True),
    ]


def test_files_are_put(data: DataClient, root: str, tmp_path: Path) -> None:
    small, large = tmp_path / "small.txt", tmp_path / "large.bin"
    small.write_text("small")
    large.write_bytes(os.urandom(9_000_000))
    done = data.put_files([("s", str(small)), ("l", str(large)), S3PutObject("m", path=str(small), metadata={"a": 1})])
    assert done == [(key, f"{root}/{key}") for key in ("s", "l", "m")]
    assert data.get("l").blob == large.read_bytes() and data.get("m").metadata == {"a": 1}
    with pytest.raises(MetaflowS3NotFound, match="Local file not found: .*none"):
        data.put_files([("new", str(small)), ("x", str(tmp_path / "none"))])
    with pytest.raises(MetaflowS3NotFound, match="it is a directory"):
        data.put_files([("x", str(tmp_path))])
    assert not data.info("new", return_missing=True).exists, "all is checked before anything is stored"
    assert data.put_files([("s", str(small)), ("t", str(small))], overwrite=False) == [("t", f"{root}/t")]


def test_open_files_are_put_from_their_beginning(data: DataClient, tmp_path: Path) -> None:
    import gzip
    import tempfile

    path = tmp_path / "x.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"unpacked")
    with path.open("rb") as raw, gzip.open(path) as unpacked, tempfile.TemporaryFile() as unnamed:
        raw.seek(3)
        unnamed.write(b"written and not flushed")
        data.put_many([("raw", raw), ("unpacked", unpacked), ("unnamed", unnamed)])
    found = [each.blob for each in data.get_many(["raw", "unpacked", "unnamed"])]
    assert found == [path.read_bytes(), b"unpacked", b"written and not flushed"]
    with pytest.raises(MetaflowS3InvalidObject), path.open("ab") as only_written:
        data.put("x", only_written)


@pytest.mark.parametrize("value", [5, None, io.StringIO("text"), ["x"], object])
def test_what_cannot_be_stored(data: DataClient, value: object) -> None:
    with pytest.raises(MetaflowS3InvalidObject, match="the key 'bad'"):
        data.put("bad", value)
    with pytest.raises(MetaflowS3InvalidObject):
        data.put_many([("good", "x"), ("bad", value)])
    assert not data.info("good", return_missing=True).exists
    with pytest.raises(MetaflowS3InvalidObject, match="pairs of a key and a value"):
        data.put_many(["xyz"])
    with pytest.raises(MetaflowS3Exception, match="JSON"):
        data.put("bad", "x", metadata={"x": object()})
    with pytest.raises(MetaflowS3Exception, match="dictionary"):
        data.put("bad", "x", metadata="x")  # type: ignore[arg-type]
    with pytest.raises(MetaflowS3InvalidObject, match="pairs of a key and a value"):
        data.put_many(["kv"])  # type: ignore[list-item]
    with pytest.raises(MetaflowS3InvalidObject, match="cannot be expressed in UTF-8"):
        data.put("bad", "\ud800")
    with pytest.raises(MetaflowS3URLException, match="surrogates"):
        data.put("bad\ud800", "x")
    for kind in ("a\nb", "é/é", 5):
        with pytest.raises(MetaflowS3Exception, match="MIME type"):
            data.put("bad", "x", content_type=kind)  # type: ignore[arg-type]
    for part in (S3GetObject("x", "1", 2), S3GetObject("x", 0, 1.5)):  # type: ignore[arg-type]
        with pytest.raises(MetaflowS3InvalidRange, match="whole numbers"):
            data.get(part)
    assert data.list_recursive() == []


def test_a_dictionary_is_put_by_its_items(data: DataClient, root: str) -> None:
    assert data.put_many({"ab": "x", "c": "y"}) == [("ab", f"{root}/ab"), ("c", f"{root}/c")]
    assert data.get("ab").text == "x"


def test_keys_are_relative_to_the_root(data: DataClient, root: str) -> None:
    data.put("/a/x", "x")
    assert data.get("a/x").text == "x"
    for call in (data.get, data.info, lambda key: data.put(key, "x"), lambda key: data.list_paths([key])):
        with pytest.raises(MetaflowS3URLException, match="absolute"):
            call(f"{root}/a/x")
    for bad in (5, None):
        with pytest.raises(MetaflowS3URLException):
            data.get_many([bad] if bad else "key")  # type: ignore[list-item]
    with open_data(f"{root}/a/x") as one:
        found = one.get()
        assert (found.text, found.key, found.prefix) == ("x", f"{root}/a/x", None)
        assert one.info().size == 1


def test_complete_addresses_without_a_root(data: DataClient, root: str) -> None:
    url = data.put("a/x", "x")
    with type(data)() as free:
        found = free.get_many([url])[0]
        assert (found.text, found.key, found.prefix, found.url) == ("x", url, None, url)
        assert [each.key for each in free.get_recursive([f"{root}/a"])] == ["x"]
        assert [each.key for each in free.list_paths([root])] == ["a"]
        for call in (free.get, free.list_paths, free.list_recursive, free.info):
            with pytest.raises(MetaflowS3URLException, match="full"):
                call()
        with pytest.raises(MetaflowS3URLException, match="if you don't want to specify full"):
            free.get("a/x")
        with pytest.raises(MetaflowS3URLException, match="without a prefix"):
            free.get_all()


def test_failures_that_are_injected_are_overcome(root: str) -> None:
    with open_data(root, inject_failure_rate=60) as data:
        pairs = [(f"k{number}", str(number)) for number in range(20)]
        assert len(data.put_many(pairs)) == 20
        assert [each.text for each in data.get_many([key for key, _ in pairs])] == [text for _, text in pairs]
    with open_data(root, inject_failure_rate=100) as data:
        assert len(data.list_paths()) == 20, "listing is exempt"
        with pytest.raises(MetaflowS3Exception, match="made to fail 21 times"):
            data.get("k1")
