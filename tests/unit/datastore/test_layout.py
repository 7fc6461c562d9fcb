from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from metaflow.datastore import layout
from metaflow.exception import DataException

names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,40}", fullmatch=True)


@given(names, names, names, names, st.integers(0, 99))
def test_manifest_keys_are_parsed_back(flow, run_id, step, task_id, attempt):
    key = layout.manifest_key(flow, run_id, step, task_id, attempt)
    assert layout.parse_manifest_key(key) == (flow, run_id, step, task_id, attempt)


@given(names, names, names, names, names)
def test_card_keys_are_parsed_back(flow, run_id, step, task_id, name):
    key = layout.card_key(flow, run_id, step, task_id, name)
    assert layout.parse_card_key(key) == (task_id, name)
    assert key.startswith(layout.cards_prefix(flow, run_id, step, task_id))
    assert key.startswith(layout.cards_prefix(flow, run_id, step))
    assert layout.parse_card_key(layout.log_key(flow, run_id, step, task_id, 0)) is None


def test_keys_are_as_documented():
    assert layout.run_key("Flow", "17") == "mf-store/runs/Flow/17/run.json"
    assert layout.manifest_key("Flow", "17", "start", "1", 0) == "mf-store/runs/Flow/17/start/1.0.manifest"
    assert layout.log_key("Flow", "17", "start", "1_node_2", 3) == "mf-store/runs/Flow/17/start/1_node_2.3.log"
    assert layout.blob_key("ab" * 32) == f"mf-store/blobs/ab/{'ab' * 32}"
    assert layout.blob_key("ab" * 32 + ".zst") == f"mf-store/blobs/ab/{'ab' * 32}.zst"
    assert layout.runs_prefix() == "mf-store/runs/"
    assert layout.runs_prefix("Flow") == "mf-store/runs/Flow/"
    assert layout.runs_prefix("Flow", "17") == "mf-store/runs/Flow/17/"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "/", "a\0", "a\nb", ".hidden", "x" * 201, "é" * 101]
)
def test_names_that_would_leave_their_place_are_refused(name):
    good = ["F", "1", "s", "2"]
    for position in range(4):
        parts = [*good[:position], name, *good[position + 1 :]]
        with pytest.raises(DataException, match="cannot be the name or id"):
            layout.manifest_key(*parts, 0)


def test_negative_attempts_are_refused():
    with pytest.raises(DataException, match="-1"):
        layout.log_key("F", "1", "s", "2", -1)


@pytest.mark.parametrize("reference", ["", "ab", "../" * 22, "AB" * 32, "zz" * 32, "ab" * 32 + ".gz", "ab" * 33])
def test_what_is_no_hash_is_no_blob(reference):
    with pytest.raises(DataException, match="not the reference of a blob"):
        layout.blob_key(reference)


@pytest.mark.parametrize(
    "key",
    [
        "mf-store/runs/F/1/run.json",
        "mf-store/runs/F/1/s/2.0.log",
        "mf-store/runs/F/1/s/2.manifest",
        "mf-store/runs/F/1/s/2.00.manifest",
        "mf-store/runs/F/1/s/2.-1.manifest",
        "mf-store/runs/F/1/s/2.².manifest",
        "mf-store/runs/F/1/s/.0.manifest",
        "mf-store/runs/F/1/2.0.manifest",
        "mf-store/runs/F/../s/2.0.manifest",
        "mf-store/blobs/F/1/s/2.0.manifest",
    ],
)
def test_other_keys_are_not_manifests(key):
    assert layout.parse_manifest_key(key) is None
