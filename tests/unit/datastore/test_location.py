from __future__ import annotations

import pytest

from metaflow.datastore.cached import CachedStore
from metaflow.datastore.local import LocalStore
from metaflow.datastore.location import kind_of, kind_of_root, location_of, name_of_object, open_store
from metaflow.exception import DataException


@pytest.fixture(autouse=True)
def settings_of_nobody(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path))
    for kind in ("S3", "GS", "AZURE"):
        monkeypatch.delenv(f"METAFLOW_DATASTORE_SYSROOT_{kind}", raising=False)
    monkeypatch.delenv("METAFLOW_DEFAULT_DATASTORE", raising=False)


def test_the_kind_is_what_the_root_says():
    assert [kind_of_root(None, root) for root in ("s3://b/p", "gs://b", "az://c/p", "/data", "data:/x", None)] == [
        "s3",
        "gs",
        "azure",
        "local",
        "local",
        "local",
    ]
    assert kind_of("gcs://b/p") == "gs" and kind_of_root("azure", "c/p") == "azure"


@pytest.mark.parametrize("root", ["s3:/bucket/prefix", "gs:bucket", "az:/container"])
def test_an_address_that_lacks_a_slash_is_no_directory(root):
    with pytest.raises(DataException, match="write it as"):
        kind_of_root(None, root)


def test_locations_have_one_form():
    assert location_of("s3", "s3://b/p/q/") == "s3://b/p/q"
    assert location_of("azure", "c/p") == location_of("azure", "azure://c/p") == "azure://c/p"
    for kind, root in (("s3", "gs://b"), ("s3", "b/p"), ("azure", "c//p"), ("azure", "/c"), ("gs", "gs://")):
        with pytest.raises(DataException, match="is not the root"):
            location_of(kind, root)
    with pytest.raises(DataException, match="METAFLOW_DATASTORE_SYSROOT_GS"):
        location_of("gs", None)


def test_what_is_behind_a_network_is_opened_with_a_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METAFLOW_CLIENT_CACHE_PATH", str(tmp_path / "cache"))
    store = open_store("s3://bucket/prefix")
    assert isinstance(store, CachedStore) and store.is_remote and store.cache.directory == str(tmp_path / "cache")
    assert name_of_object(store, "a/b") == "s3://bucket/prefix/a/b"
    local = open_store(str(tmp_path))
    assert isinstance(local, LocalStore) and name_of_object(local, "a/b") == f"{tmp_path}/a/b"
    with pytest.raises(DataException, match="There is no kind of datastore called 'ftp'"):
        open_store("ftp://host/path")
