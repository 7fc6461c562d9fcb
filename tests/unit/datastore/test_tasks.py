from __future__ import annotations

import sys
import threading
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from metaflow.datastore import compression
from metaflow.datastore.layout import manifest_key
from metaflow.datastore.local import LocalStore
from metaflow.datastore.manifest import INLINE_BYTES
from metaflow.datastore.task_writer import TaskWriter, clone_task
from metaflow.datastore.tasks import TaskReader, list_attempts, open_task
from metaflow.exception import (
    CorruptedDataException,
    DataException,
    MetaflowDataMissing,
    MetaflowInternalError,
    TimeoutException,
    UnpicklableArtifactException,
)
from metaflow.testing.memory_store import MemoryStore

TASK = ("Flow", "17", "start", "1")


@pytest.fixture(params=["local", "memory"])
def any_store(request, tmp_path):
    return LocalStore(tmp_path) if request.param == "local" else MemoryStore()


def write(store, task=TASK, attempt=0, record=None, **values):
    writer = TaskWriter(store, *task, attempt)
    for name, value in values.items():
        writer.save(name, value)
    return writer.commit(record or {})


def damage_blobs(root) -> None:
    for path in root.rglob("*"):
        if path.is_file() and "blobs" in path.parts:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)


def test_values_come_back(any_store):
    values = {
        "number": 17,
        "text": "ä" * 10_000,
        "nothing": None,
        "array": np.arange(300_000.0),
        "noise": np.random.default_rng(0).bytes(3_000_000),
        "mixed": {"small": [1, 2], "large": np.random.default_rng(1).random((500, 500))},
        "frame": pd.DataFrame({"a": np.arange(50_000), "b": "x"}),
    }
    write(any_store, record={"ok": [True]}, **values)
    reader = open_task(any_store, *TASK, 0)
    assert list(reader) == list(values)
    assert len(reader) == len(values)
    assert "number" in reader
    assert "absent" not in reader
    assert reader.manifest.record == {"ok": [True]}
    for name in ("number", "text", "nothing", "noise"):
        assert reader.load(name) == values[name]
    assert np.array_equal(reader.load("array"), values["array"])
    assert np.array_equal(reader.load("mixed")["large"], values["mixed"]["large"])
    pd.testing.assert_frame_equal(reader.load("frame"), values["frame"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(-60, 60), st.sampled_from([0, INLINE_BYTES, 65_536, 1_048_576]), st.booleans())
def test_bytes_around_the_thresholds_come_back(any_store, shift, size, compressible):
    size = max(0, size + shift)
    value = b"a" * size if compressible else np.random.default_rng(size).bytes(size)
    task = ("Flow", "17", "start", f"{size}{compressible}")
    if any_store.stat(manifest_key(*task, 0)) is None:
        write(any_store, task, value=value, array=np.frombuffer(value, np.uint8))
    reader = open_task(any_store, *task, 0)
    assert reader.load("value") == value
    assert reader.load("array").tobytes() == value


def test_small_values_live_in_the_manifest_alone(store, tmp_path):
    manifest = write(store, number=17, text="x" * (INLINE_BYTES - 100))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["1.0.manifest"]
    assert manifest.artifacts["number"].segments == ()


def test_an_array_costs_one_blob_and_no_file_for_its_stream(store, tmp_path):
    write(store, array=np.random.default_rng(0).random(100_000))
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_entries_say_what_a_page_shows(any_store):
    entry = write(any_store, array=np.zeros((100, 1000))).artifacts["array"]
    assert entry.type == "<class 'numpy.ndarray'>"
    assert entry.encoding == "pickle-v5"
    assert entry.preview == "ndarray shape=(100, 1000) dtype=float64 min=0 max=0 mean=0"
    assert entry.facts == {"shape": [100, 1000], "dtype": "float64", "min": 0.0, "max": 0.0, "mean": 0.0}
    assert 800_000 < entry.size < 801_000
    assert len(entry.sha) == 64


def test_equal_content_has_equal_hashes_and_other_content_does_not(any_store):
    large = np.arange(100_000.0)
    values = [
        1,
        2,
        True,
        "1",
        "x" * 5000,
        "x" * 5001,
        large,
        large[::-1].copy(),
        large.astype("float32"),
        [large],
    ]
    first = write(any_store, **{f"v{n}": value for n, value in enumerate(values)})
    second = write(any_store, attempt=1, **{f"v{n}": value for n, value in enumerate(values)})
    hashes = [entry.sha for entry in first.artifacts.values()]
    assert len(set(hashes)) == len(values)
    assert [entry.sha for entry in second.artifacts.values()] == hashes


def test_hashes_do_not_depend_on_compression(store, monkeypatch):
    packed = write(store, x="abc" * 10_000, y=np.zeros(100_000)).artifacts
    monkeypatch.setattr(compression, "compress", lambda data: None)
    plain = write(MemoryStore(), x="abc" * 10_000, y=np.zeros(100_000)).artifacts
    for name in "xy":
        assert plain[name].segments != packed[name].segments
        assert plain[name].sha == packed[name].sha


def test_loaded_arrays_can_be_written_to_without_changing_what_is_stored(store):
    array = np.random.default_rng(0).random(400_000)
    write(store, array=array)
    reader = open_task(store, *TASK, 0)
    loaded = reader.load("array")
    assert loaded.flags.writeable
    loaded += 1
    assert np.array_equal(reader.load("array"), array)


def test_forwarding_moves_no_bytes(any_store, monkeypatch):
    array = np.random.default_rng(0).random(100_000)
    first = write(any_store, array=array, number=3)
    writer = TaskWriter(any_store, "Flow", "17", "next", "2", 0)
    with monkeypatch.context() as forbidden:
        for method in ("get", "put", "put_new", "stat"):
            forbidden.setattr(type(any_store), method, lambda *_: pytest.fail("the store was used"))
        for name, entry in first.artifacts.items():
            writer.forward(name, entry)
    assert writer.commit({}).artifacts == first.artifacts
    reader = open_task(any_store, "Flow", "17", "next", "2", 0)
    assert np.array_equal(reader.load("array"), array)
    assert reader.load("number") == 3


def test_a_second_value_of_a_name_takes_its_place(any_store):
    writer = TaskWriter(any_store, *TASK, 0)
    writer.save("x", 1)
    writer.save("x", 2)
    assert list(writer.entries) == ["x"]
    writer.commit({})
    assert open_task(any_store, *TASK, 0).load("x") == 2


# -- the commit point


def test_nothing_is_seen_before_the_commit(any_store):
    writer = TaskWriter(any_store, *TASK, 0)
    writer.save("x", np.zeros(100_000))
    with pytest.raises(MetaflowDataMissing, match="Attempt 0 of task Flow/17/start/1 has no data"):
        open_task(any_store, *TASK, 0)
    assert list(list_attempts(any_store, "Flow", "17")) == []


def test_an_attempt_is_committed_once(any_store):
    write(any_store, x=1)
    with pytest.raises(DataException, match="Flow/17/start/1 was committed already"):
        write(any_store, x=2)
    assert open_task(any_store, *TASK, 0).load("x") == 1


def test_nothing_is_added_after_the_commit(any_store):
    writer = TaskWriter(any_store, *TASK, 0)
    entry = writer.save("x", 1)
    manifest = writer.commit({})
    for use in (lambda: writer.save("y", 1), lambda: writer.forward("y", entry), lambda: writer.commit({})):
        with pytest.raises(MetaflowInternalError):
            use()
    assert list(manifest.artifacts) == ["x"]


def test_attempts_are_listed(any_store):
    write(any_store, x=1)
    write(any_store, attempt=1, x=1)
    write(any_store, ("Flow", "17", "join", "5_node_1"), x=1)
    write(any_store, ("Flow", "171", "start", "1"), x=1)
    any_store.put("mf-store/runs/Flow/17/run.json", [b"{}"])
    any_store.put("mf-store/runs/Flow/17/start/1.0.log", [b""])
    assert sorted(list_attempts(any_store, "Flow", "17")) == [
        ("join", "5_node_1", 0),
        ("start", "1", 0),
        ("start", "1", 1),
    ]


# -- errors name the artifact and the task


def test_unpicklable_values_are_named(any_store):
    with pytest.raises(UnpicklableArtifactException, match=r"`self\.x\['lock'\]` cannot be pickled"):
        TaskWriter(any_store, *TASK, 0).save("x", {"lock": threading.Lock()})


def test_a_store_that_fails_names_the_artifact(tmp_path):
    store = LocalStore(tmp_path / "gone")
    with pytest.raises(DataException, match="Artifact 'x' cannot be stored.*gone"):
        TaskWriter(store, *TASK, 0).save("x", "x" * 10_000)


def test_absent_artifacts_are_named(any_store):
    write(any_store, x=1)
    reader = open_task(any_store, *TASK, 0)
    for ask in (reader.load, reader.entry):
        with pytest.raises(MetaflowDataMissing, match="Flow/17/start/1 has no artifact 'y'"):
            ask("y")


@pytest.mark.parametrize("value", ["x" * 10_000, np.arange(300_000.0), np.random.default_rng(0).random(300_000)])
def test_damaged_artifacts_are_named(store, tmp_path, value):
    write(store, broken=value)
    reader = open_task(store, *TASK, 0)
    damage_blobs(tmp_path)
    with pytest.raises(CorruptedDataException, match="Artifact 'broken' of task Flow/17/start/1 cannot be loaded"):
        reader.load("broken")


def test_a_damaged_manifest_is_named(store):
    write(store, x=1)
    path = store.local_path(manifest_key(*TASK, 0))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CorruptedDataException, match=str(path)):
        open_task(store, *TASK, 0)


@pytest.fixture
def passing_module():
    """A module that a test can take away again."""
    module = types.ModuleType("passing_module")
    exec("class Thing:\n    pass", module.__dict__)
    sys.modules["passing_module"] = module
    yield module
    sys.modules.pop("passing_module", None)


def test_a_module_that_is_gone_is_named(any_store, passing_module):
    write(any_store, x=passing_module.Thing())
    del sys.modules["passing_module"]
    with pytest.raises(DataException, match=r"'x' of task Flow/17/start/1.*module 'passing_module'.*[Ii]nstall"):
        open_task(any_store, *TASK, 0).load("x")


def test_a_class_that_is_gone_is_named(any_store, passing_module):
    write(any_store, x=passing_module.Thing())
    del passing_module.Thing
    with pytest.raises(DataException, match="'x' of task Flow/17/start/1.*Thing.*define the class"):
        open_task(any_store, *TASK, 0).load("x")


class Touchy:
    failure: Exception = ValueError("not today")

    def __setstate__(self, state):
        raise self.failure

    def __getstate__(self):
        return {"some": "state"}


def test_a_class_that_fails_to_load_is_named(any_store, monkeypatch):
    write(any_store, x=Touchy())
    reader = open_task(any_store, *TASK, 0)
    with pytest.raises(DataException, match=r"'x' of task Flow/17/start/1.*ValueError: not today"):
        reader.load("x")
    monkeypatch.setattr(Touchy, "failure", TimeoutException("too slow"))
    with pytest.raises(TimeoutException):
        reader.load("x")


def test_an_entry_without_bytes_is_damage(any_store):
    manifest = write(any_store, x=1)
    hollow = manifest._replace(artifacts={"x": manifest.artifacts["x"]._replace(inline=None)})
    with pytest.raises(CorruptedDataException, match="nothing of where its bytes are"):
        TaskReader(any_store, hollow).load("x")


def test_a_clone_has_the_same_values_and_writes_no_blob(tmp_path):
    store = LocalStore(tmp_path)
    values = {"small": [1, 2], "large": np.random.default_rng(1).random((500, 500))}
    origin = write(store, attempt=3, record={"ok": True}, **values)
    blobs = sorted(path for path in tmp_path.rglob("*") if "blobs" in path.parts)
    clone_task(store, origin, "18", "7", {"origin": origin.pathspec})
    assert sorted(path for path in tmp_path.rglob("*") if "blobs" in path.parts) == blobs
    reader = open_task(store, "Flow", "18", "start", "7", 0)
    assert reader.manifest.record == {"origin": "Flow/17/start/1"}
    assert reader.manifest.artifacts == origin.artifacts
    assert np.array_equal(reader.load("large"), values["large"])
    assert open_task(store, *TASK, 3).manifest == origin, "the origin stays as it is"
