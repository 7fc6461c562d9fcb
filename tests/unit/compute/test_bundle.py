"""What is sent of a run's code, and how it stays usable."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from metaflow.compute import bundle as bundle_module
from metaflow.compute.bundle import program
from metaflow.datastore.location import open_store
from node_doubles import send


def note(store, bundle):
    return json.loads(store.get(bundle._key))


def test_addresses_are_renewed_while_tasks_are_submitted(s3_bucket, monkeypatch):
    store = open_store(s3_bucket.location)
    bundle = send(store, s3_bucket.location)
    now = 1000.0
    monkeypatch.setattr(bundle_module.time, "monotonic", lambda: now)
    first, noted = bundle.variables, note(store, bundle)
    store.delete(bundle._key)
    assert bundle.variables == first and store.stat(bundle._key) is None  # they are still good: nothing was written
    now += 3600
    monkeypatch.setattr(store.remote, "signed_url", lambda key, seconds: f"https://new/{key}")
    second = bundle.variables
    assert json.loads(second["METAFLOW_BUNDLE"])["address"] == f"https://new/{bundle._key}"
    renewed = note(store, bundle)
    assert set(renewed["addresses"]) == set(noted["addresses"]) == set(bundle._objects)
    assert all(address.startswith("https://new/") for address in renewed["addresses"].values())
    # A task that got its variables before reads the new note under the same key, and has to accept it.
    assert renewed["plan"] == noted["plan"]
    hashes = [json.loads(each["METAFLOW_BUNDLE"])["sha256"] for each in (first, second)]
    assert hashes[0] == hashes[1]


def test_credentials_that_cannot_sign_are_no_obstacle(s3_bucket, monkeypatch):
    from metaflow.exception import DataException

    store = open_store(s3_bucket.location)
    bundle = send(store, s3_bucket.location)

    def refuse(key, seconds):
        raise DataException("These credentials cannot sign.")

    monkeypatch.setattr(store.remote, "signed_url", refuse)
    told = json.loads(bundle.variables["METAFLOW_BUNDLE"])
    assert told["why"] == "These credentials cannot sign." and "address" not in told
    assert note(store, bundle)["addresses"] == {}


def test_chunks_are_as_they_were_packed(s3_bucket):
    """A node has only the standard library, which cannot decompress what the datastore compresses."""
    store = open_store(s3_bucket.location)
    zeros = b"\0" * 2_000_000
    bundle = send(store, s3_bucket.location, code=zeros, libraries=zeros)
    assert not any(key.endswith(".zst") for key in bundle._objects)
    assert store.get(bundle._objects[0]) == zeros


def test_chunks_that_are_there_compressed_are_stored_as_they_are_too(tmp_path):
    import io

    from metaflow.datastore.file_content import save_file
    from metaflow.datastore.local import LocalStore

    store, zeros = LocalStore(str(tmp_path)), b"\0" * 2_000_000
    compressed = save_file(store, io.BytesIO(zeros), None).segments[0].chunks
    as_is = save_file(store, io.BytesIO(zeros), None, as_is=True).segments[0].chunks
    assert compressed == (as_is[0] + ".zst",)
    assert save_file(store, io.BytesIO(zeros), None).segments[0].chunks == as_is


@pytest.mark.parametrize("name", ["bootstrap", "unpacking"])
def test_programs_are_the_modules_without_what_only_people_need(name):
    text = program(name)
    assert '"""' not in text and "from ." not in text and "TYPE_CHECKING" not in text and "# " not in text
    whole = Path(bundle_module.__file__).with_name(f"{name}.py").read_text()
    assert statements(text) == statements(whole)


def statements(text):
    """What a text does, however it is written."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if hasattr(node, "body") and isinstance(node.body, list):
            node.body = [each for each in node.body if does_something(each)]
    return ast.dump(tree)


def does_something(node):
    if isinstance(node, ast.ImportFrom):
        return node.level == 0 and node.module != "typing"
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        return node.test.id != "TYPE_CHECKING"
    return not isinstance(node, ast.Pass) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
