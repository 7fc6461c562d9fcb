from __future__ import annotations

import pickle

import pytest
from blake3 import blake3
from hypothesis import given, settings, strategies as st

from metaflow.datastore.blobs import Segment
from metaflow.datastore.manifest import ArtifactEntry, Manifest
from metaflow.exception import CorruptedDataException, DataException

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
segments = st.builds(Segment, st.integers(0, 2**50), st.lists(st.text("0123456789abcdef", min_size=1)).map(tuple))
entries = st.builds(
    ArtifactEntry,
    st.integers(0, 2**50),
    st.text(),
    st.text(),
    st.text(),
    st.text(st.characters()),
    st.none() | st.binary(),
    st.lists(segments, max_size=3).map(tuple),
)
manifests = st.builds(
    Manifest,
    st.text(),
    st.text(),
    st.text(),
    st.text(),
    st.integers(0, 5),
    st.dictionaries(st.text(), json_values),
    st.dictionaries(st.text(), entries, max_size=5),
)


def example(count: int = 3) -> Manifest:
    artifacts = {
        f"name{n}": ArtifactEntry(4, "<class 'int'>", "pickle-v5", f"{n:064x}", str(n), b"\n%d\n" % n, ())
        for n in range(count)
    }
    return Manifest("Flow", "17", "start", "1", 0, {"ok": True}, artifacts)


@settings(max_examples=60)
@given(manifests)
def test_manifests_come_back(manifest):
    assert Manifest.decode(manifest.encode()) == manifest


def test_ten_thousand_entries_come_back():
    manifest = example(10_000)
    decoded = Manifest.decode(manifest.encode())
    assert decoded == manifest
    assert decoded.artifacts["name9999"].inline == b"\n9999\n"


def test_the_format_is_as_documented():
    first, header, *inline = example(2).encode().split(b"\n", 2)
    assert first.startswith(b"metaflow-manifest 1 ")
    assert len(first.split()[2]) == 64
    assert header.startswith(b'{"flow":"Flow","run_id":"17","step":"start","task_id":"1","attempt":0,')
    assert inline == [b"\n0\n\n1\n"]


def test_equal_manifests_have_equal_bytes():
    assert example().encode() == example().encode()


def test_artifacts_cannot_be_changed_and_manifests_can_be_sent():
    decoded = Manifest.decode(example().encode())
    with pytest.raises(TypeError):
        decoded.artifacts["other"] = decoded.artifacts["name0"]
    with pytest.raises(AttributeError):
        decoded.artifacts["name0"].size = 7
    assert pickle.loads(pickle.dumps(decoded)) == decoded
    assert decoded.pathspec == "Flow/17/start/1"


@settings(max_examples=200)
@given(st.data())
def test_any_changed_byte_and_any_cut_is_found(data):
    encoded = example().encode()
    position = data.draw(st.integers(0, len(encoded) - 1))
    flipped = bytearray(encoded)
    flipped[position] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(flipped), encoded[:position], encoded + b"x"):
        with pytest.raises(DataException, match="runs/x"):
            Manifest.decode(damaged, "runs/x")


def test_other_files_are_no_manifests():
    for data in (b"", b"{}", b"metaflow-manifest ", b"\x80\x05N."):
        with pytest.raises(CorruptedDataException, match="does not begin like a manifest"):
            Manifest.decode(data)


@pytest.mark.parametrize(
    "header", [b"[" * 100_000, b'{"artifacts":{"x":[1,"","","","",0,null,[]]},"facts":[]}', b"[]", b"1"]
)
def test_a_header_of_another_shape_is_called_damaged(header):
    body = header + b"\n"
    data = b"metaflow-manifest 1 %s\n%s" % (blake3(body).hexdigest().encode(), body)
    with pytest.raises(CorruptedDataException, match="makes no sense"):
        Manifest.decode(data)


def test_newer_formats_are_not_called_damaged():
    data = example().encode().replace(b"metaflow-manifest 1 ", b"metaflow-manifest 2 ", 1)
    with pytest.raises(DataException, match="Install a newer one") as caught:
        Manifest.decode(data)
    assert not isinstance(caught.value, CorruptedDataException)
