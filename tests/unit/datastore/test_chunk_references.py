"""Which chunks a manifest refers to is found without decoding it: all that decoding finds, whatever stands there."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore.blobs import Segment
from metaflow.datastore.chunk_references import chunk_references
from metaflow.datastore.manifest import ArtifactEntry, Manifest
from metaflow.exception import CorruptedDataException, DataException

REFERENCES = st.builds(
    lambda digits, ending: digits + ending,
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.sampled_from(["", ".zst"]),
)
# What looks like references in other places, and what may hide them.
TEXTS = (
    st.text() | REFERENCES | st.builds('[1,"{}"]'.format, REFERENCES) | st.sampled_from(['"', "\\", '\\"', "]", "[["])
)
PLAIN = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
SEGMENTS = st.lists(
    st.builds(Segment, st.integers(0, 10**9), st.lists(REFERENCES | TEXTS, max_size=3).map(tuple)), max_size=3
).map(tuple)
ENTRIES = st.builds(
    ArtifactEntry,
    st.integers(0, 10**9),
    TEXTS,
    TEXTS,
    REFERENCES,
    TEXTS,
    st.none() | st.binary(max_size=20),
    SEGMENTS,
    st.dictionaries(TEXTS, PLAIN, max_size=2),
)
MANIFESTS = st.builds(
    Manifest,
    *(st.just("F"), st.just("1"), TEXTS, TEXTS, st.integers(0, 3)),
    st.dictionaries(TEXTS, PLAIN, max_size=3),
    st.dictionaries(TEXTS, ENTRIES, max_size=3),
)


@given(MANIFESTS)
def test_nothing_that_decoding_finds_is_missing(manifest):
    exactly = {each for entry in manifest.artifacts.values() for segment in entry.segments for each in segment.chunks}
    assert exactly <= set(chunk_references(manifest.encode()))


def test_what_is_not_whole_is_refused():
    data = Manifest("F", "1", "start", "1", 0, {}, {}).encode()
    assert list(chunk_references(data)) == []
    for damaged in (b"", data[:-1], data.replace(b"start", b"stark")):
        with pytest.raises(CorruptedDataException):
            list(chunk_references(damaged))
    with pytest.raises(DataException, match="newer"):
        list(chunk_references(data.replace(b"manifest 1", b"manifest 2")))
