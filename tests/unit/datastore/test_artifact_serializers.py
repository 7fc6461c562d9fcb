"""Serializers of other packages and of the program: who is asked, what is kept, what is said of what is wrong."""

from __future__ import annotations

import gzip
import pickle
import sys
import textwrap
import warnings

import pytest

from metaflow import registry
from metaflow.datastore.artifacts import (
    ArtifactSerializer,
    SerializationFormat,
    SerializationMetadata,
    SerializedBlob,
    SerializerStore,
    list_serializer_status,
    register_serializer,
)
from metaflow.datastore.artifacts.store import SERIALIZERS
from metaflow.datastore.serializer import deserialize, serialize
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import open_task
from metaflow.exception import DataException, TimeoutException
from metaflow.testing.memory_store import MemoryStore


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    def __reduce__(self):
        raise AssertionError("it should not have been pickled")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No serializers but ours, and none after the test."""
    monkeypatch.setattr(registry, "_entry_points_found", {})
    monkeypatch.setattr(registry, "_looked_at", {})
    SERIALIZERS.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    SERIALIZERS.reset()


def make(name="point", kind=Point, **replaced):
    """A serializer of `kind`, with some of its methods replaced."""

    class Made(ArtifactSerializer):
        TYPE = name
        PRIORITY = replaced.pop("priority", 100)

        @classmethod
        def can_serialize(cls, obj):
            return isinstance(obj, kind)

        @classmethod
        def can_deserialize(cls, metadata):
            return metadata.encoding == f"{name}-v1"

        @classmethod
        def serialize(cls, obj, format=SerializationFormat.STORAGE):
            assert format is SerializationFormat.STORAGE
            data = repr(vars(obj) if isinstance(obj, Point) else obj).encode()
            return [SerializedBlob(data)], SerializationMetadata("a point", len(data), f"{name}-v1", {"unit": "m"})

        @classmethod
        def deserialize(cls, data, metadata=None, format=SerializationFormat.STORAGE):
            assert all(type(part) in (bytes, str) for part in data)
            cls.seen = metadata
            found = eval(data[0])
            return Point(**found) if isinstance(found, dict) else found

    for method, function in replaced.items():
        setattr(Made, method, classmethod(function))
    Made.__qualname__ = f"Made_{name}"
    return Made


def through_a_store(value):
    store = MemoryStore()
    writer = TaskWriter(store, "F", "1", "work", "2", 0)
    writer.save("x", value)
    writer.commit({})
    return open_task(store, "F", "1", "work", "2", 0)


def test_a_value_is_stored_and_read_by_its_serializer():
    made = register_serializer(make())
    reader = through_a_store(Point(1, 2))
    entry = reader.entry("x")
    assert (entry.encoding, entry.type) == ("point-v1", f"<class '{__name__}.Point'>")
    assert entry.serializer["name"] == "point" and entry.serializer["info"] == {"unit": "m", "source": __name__}
    assert reader.load("x") == Point(1, 2)
    assert made.seen == SerializationMetadata("a point", entry.size, "point-v1", {"unit": "m", "source": __name__})
    # All others are pickled as ever.
    assert serialize([1]).encoding == serialize(1).encoding == "pickle-v5"


def test_several_blobs_large_ones_and_references():
    data = bytearray(b"x" * 100_000)

    def dump(cls, obj, format):
        blobs = [SerializedBlob(b""), SerializedBlob(memoryview(data)), SerializedBlob("s3://elsewhere/ä")]
        assert [blob.needs_save for blob in blobs] == [True, True, False]
        return blobs, SerializationMetadata("", 0, "point-v1", {})

    register_serializer(make(serialize=dump, deserialize=lambda cls, data, **_: data))
    assert serialize(Point(1, 2)).buffers[0].obj is data  # not copied
    assert through_a_store(Point(1, 2)).load("x") == [b"", bytes(data), "s3://elsewhere/ä"]


def test_the_lowest_priority_comes_first_and_the_latest_of_equals():
    for name, priority in (("early", 50), ("first", 10), ("second", 10), ("never", 10_000)):
        register_serializer(make(name, priority=priority))
    assert serialize(Point(1, 2)).encoding == "second-v1"
    ordered = [each.TYPE for each in SerializerStore.get_ordered_serializers()]
    assert ordered == ["second", "first", "early", "pickle", "never"]
    assert [row["name"] for row in list_serializer_status()] == ordered


def test_a_program_may_store_even_plain_values_in_its_own_way():
    register_serializer(make("plain", (int, list)))
    reader = through_a_store(5)
    assert reader.entry("x").encoding == "plain-v1" and reader.load("x") == 5
    writer = TaskWriter(MemoryStore(), "F", "1", "work", "2", 0)
    writer.save("x", 5)
    writer.save_by_pickle("y", 5)
    assert writer.values == {"y": 5}  # what an index holds must be readable without that program


def test_a_class_needs_a_type_of_its_own():
    class Shared(ArtifactSerializer):
        PRIORITY = 5

    with pytest.raises(TypeError, match="has no TYPE"):
        register_serializer(Shared)
    made = make()
    with pytest.raises(TypeError, match="TYPE 'point' of the class that it is derived from"):
        type("Derived", (made,), {})
    type("OptedOut", (made,), {"TYPE": None})
    with pytest.raises(TypeError, match="no class that is derived from ArtifactSerializer"):
        register_serializer(int)


def test_names_cannot_be_taken_twice_but_a_class_may_be_defined_again():
    register_serializer(make())
    newer = register_serializer(make())
    assert SerializerStore.get_ordered_serializers()[0] is newer
    other = make()
    other.__qualname__ = "Other"
    with pytest.raises(DataException, match=r"cannot have the TYPE 'point': .*Made_point of"):
        register_serializer(other)
    with pytest.raises(DataException, match="'pickle': this package has it"):
        register_serializer(make("pickle"))
    with pytest.raises(DataException, match="that is ours"):
        SerializerStore.bootstrap_entries([("pickle", "json.loads")])


# -- failures


def test_a_serializer_that_cannot_say_what_it_takes_is_skipped_with_a_warning():
    register_serializer(make("broken", can_serialize=lambda cls, obj: obj.nothing))
    with pytest.warns(RuntimeWarning, match=r"'broken' of .* failed to say whether it takes a <class 'list'>.*nothing"):
        assert serialize([1]).encoding == "pickle-v5"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert serialize([1]).encoding == "pickle-v5"  # told of once
    assert list_serializer_status()[0]["dispatch_error_count"] == 2


def test_a_failure_names_serializer_and_artifact():
    register_serializer(make(serialize=lambda cls, obj, **_: 1 / 0))
    with pytest.raises(DataException, match=r"'point' of .* failed to serialize `self.x`, a .*Point.*division by zero"):
        through_a_store(Point(1, 2))
    SERIALIZERS.reset()
    register_serializer(make(deserialize=lambda cls, data, **_: 1 / 0))
    reader = through_a_store(Point(1, 2))
    with pytest.raises(DataException, match=r"Artifact 'x' of task F/1/work/2 .*'point' of .*division by zero"):
        reader.load("x")


def test_a_timeout_that_strikes_in_a_serializer_stays_a_timeout():
    def late(cls, *_, **__):
        raise TimeoutException("too long")

    for method in ("can_serialize", "serialize", "setup_imports"):
        register_serializer(make(**{method: late}))
        with pytest.raises(TimeoutException):
            serialize(Point(1, 2))


@pytest.mark.parametrize(
    "returned",
    [
        None,
        b"bytes",
        ([], SerializationMetadata("", 0, "e", {})),
        ([b"bytes"], SerializationMetadata("", 0, "e", {})),
        ([SerializedBlob(b"")], None),
        ([SerializedBlob(b"")], SerializationMetadata("", 0, None, {})),
        ([SerializedBlob(b"")], SerializationMetadata("", 0, "e", {"a": object()})),
    ],
)
def test_what_a_serializer_should_not_return_is_refused(returned):
    register_serializer(make(serialize=lambda cls, obj, **_: returned))
    with pytest.raises(DataException, match=r"'point' of .* for `self.x`"):
        serialize(Point(1, 2), "self.x")


def test_blobs_are_bytes_or_texts():
    with pytest.raises(TypeError, match="not of type int"):
        SerializedBlob(5)
    assert SerializedBlob(b"key", is_reference=True).is_reference


def test_what_nobody_reads_names_who_wrote_it():
    register_serializer(make())
    reader = through_a_store(Point(1, 2))
    SERIALIZERS.reset()
    with pytest.raises(DataException, match=f"serializer 'point' of {__name__} as 'point-v1'.* import {__name__}"):
        reader.load("x")
    # Another one that says that it can is asked next; also for artifacts that were imported.
    register_serializer(make("newer", can_deserialize=lambda cls, metadata: metadata.encoding == "point-v1"))
    assert reader.load("x") == Point(1, 2)
    assert deserialize("point-v1", b"{'x': 1, 'y': 2}", []) == Point(1, 2)


def test_pickle_is_a_serializer_like_others():
    (pickle,) = SerializerStore.get_ordered_serializers()
    value = {"a": [1, 2]}
    blobs, metadata = pickle.serialize(value)
    assert (pickle.TYPE, pickle.PRIORITY, metadata.encoding) == ("pickle", 9999, "pickle-v5")
    assert pickle.can_serialize(value) and pickle.can_deserialize(metadata)
    assert pickle.deserialize([bytes(blob.value) for blob in blobs], metadata) == value
    assert pickle.deserialize([b"\x80\x04K\x03."], metadata._replace(encoding="pickle-v4")) == 3
    with pytest.raises(NotImplementedError, match="wire"):
        pickle.serialize(value, SerializationFormat.WIRE)


# -- imports, states and settings


def test_modules_are_imported_as_attributes():
    made = make()
    assert made.lazy_import("os.path") is made.path
    assert made.lazy_import("json", "js") is made.js
    for module, alias in (("json", "serialize"), ("json", "a b"), ("json", "__doc__")):
        with pytest.raises(ValueError, match="Give another alias"):
            made.lazy_import(module, alias)
    with pytest.raises(ModuleNotFoundError):
        made.lazy_import("no_such_module")


def test_a_serializer_waits_for_a_module_that_is_missing(monkeypatch):
    register_serializer(make(setup_imports=lambda cls, context=None: cls.lazy_import("late_library")))
    assert serialize([1]).encoding == "pickle-v5"
    (row, _) = list_serializer_status()
    assert (row["state"], row["awaiting_modules"]) == ("pending_on_imports", ["late_library"])
    monkeypatch.setitem(sys.modules, "late_library", sys)
    assert serialize(Point(1, 2)).encoding == "point-v1"
    assert list_serializer_status()[0]["state"] == "active"


def test_settings_choose_serializers(monkeypatch):
    def states(listed):
        monkeypatch.setenv("METAFLOW_ENABLED_ARTIFACT_SERIALIZER", listed)
        SERIALIZERS.reset()
        register_serializer(make("one", list))
        register_serializer(make("two", list))
        encoding = serialize([1]).encoding
        return encoding, {row["name"]: row["state"] for row in list_serializer_status()}

    assert states('["-two"]') == ("one-v1", {"one": "active", "two": "disabled", "pickle": "active"})
    assert states('["one"]') == ("one-v1", {"one": "active", "two": "disabled", "pickle": "active"})
    assert states('["-one", "-two"]')[0] == "pickle-v5"
    assert states("[]")[0] == "two-v1"


PLUGIN = """
    import sys
    from metaflow.datastore.artifacts import *

    class Serializer(ArtifactSerializer):
        TYPE = "plugged"

        @classmethod
        def setup_imports(cls, context=None):
            cls.lazy_import("decimal", "numbers")

        @classmethod
        def can_serialize(cls, obj):
            assert type(obj) not in (int, str, float, bool, bytes, complex, type(None))
            return isinstance(obj, cls.numbers.Decimal)

        @classmethod
        def can_deserialize(cls, metadata):
            return metadata.encoding == "decimal"

        @classmethod
        def serialize(cls, obj, format):
            data = str(obj).encode()
            return [SerializedBlob(data)], SerializationMetadata("Decimal", len(data), "decimal", {})

        @classmethod
        def deserialize(cls, data, metadata, format):
            return cls.numbers.Decimal(data[0].decode())

    class Misnamed(Serializer):
        TYPE = "other"
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that adds serializers: one that works, and others that do not."""
    information = tmp_path / "their_package-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[metaflow.artifact_serializers]\nplugged = their_plugin:Serializer\nmissing = their_other_plugin:Serializer\n"
        "absent = their_plugin:Nothing\npickle = their_plugin:Serializer\nmisnamed = their_plugin:Misnamed\n"
    )
    (tmp_path / "their_plugin.py").write_text(textwrap.dedent(PLUGIN))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_plugin", None)


def test_packages_add_serializers_that_are_imported_when_they_are_needed(package):
    from decimal import Decimal

    for plain in (1, "a", None, 2.5, b"", 1j, True):
        assert serialize(plain).encoding == "pickle-v5"
    assert {row["name"]: row["state"] for row in list_serializer_status()} == {
        "plugged": "known",
        "missing": "known",
        "absent": "known",
        "misnamed": "known",
        "pickle": "active",
    }
    assert "their_plugin" not in sys.modules
    reader = through_a_store(Decimal("1.5"))
    assert reader.load("x") == Decimal("1.5")
    assert reader.entry("x").serializer["info"] == {"source": "their-package"}
    assert serialize(1).encoding == "pickle-v5"  # not offered now either
    rows = {row["name"]: row for row in list_serializer_status()}
    assert {name: row["state"] for name, row in rows.items()} == {
        "plugged": "active",
        "missing": "pending_on_imports",
        "absent": "broken",
        "misnamed": "broken",
        "pickle": "active",
    }
    assert rows["missing"]["awaiting_modules"] == ["their_other_plugin"]
    assert "TYPE is 'other'" in rows["misnamed"]["last_error"] and rows["plugged"]["source"] == "their-package"


def test_what_a_package_wrote_is_read_in_a_process_that_saved_nothing(package, monkeypatch):
    from decimal import Decimal

    reader = through_a_store(Decimal("1.5"))
    SERIALIZERS.reset()
    assert reader.load("x") == Decimal("1.5")
    monkeypatch.setenv("METAFLOW_ENABLED_ARTIFACT_SERIALIZER", '["-plugged"]')
    SERIALIZERS.reset()
    with pytest.raises(DataException, match=r"'plugged' of their-package.*METAFLOW_ENABLED_ARTIFACT_SERIALIZER"):
        reader.load("x")


def test_a_broken_serializer_of_a_package_is_told_of(package):
    with pytest.warns(RuntimeWarning, match=r"'misnamed' of their-package cannot be used"):
        serialize([1])


def test_serializers_can_be_added_by_lists(package):
    SerializerStore.bootstrap_entries(
        [("plugged", "their_plugin.Serializer"), ("other", "their_plugin.Misnamed")], ["other"], source="extension"
    )
    rows = {row["name"]: row for row in list_serializer_status()}
    assert (rows["plugged"]["source"], rows["other"]["state"]) == ("extension", "disabled")


def test_a_module_that_registers_its_serializer_is_found_again(tmp_path, monkeypatch):
    source = textwrap.dedent(PLUGIN).replace("class Serializer", "@register_serializer\nclass Serializer")
    (tmp_path / "their_module.py").write_text(source.split("class Misnamed")[0])
    monkeypatch.syspath_prepend(tmp_path)
    from decimal import Decimal

    import their_module

    assert their_module.Serializer.TYPE == "plugged"
    reader = through_a_store(Decimal("1.5"))
    SERIALIZERS.reset()
    del sys.modules["their_module"]
    assert reader.load("x") == Decimal("1.5")
    SERIALIZERS.reset()
    del sys.modules["their_module"]
    (tmp_path / "their_module.py").write_text("import a_library_that_is_missing")
    with pytest.raises(DataException, match="their_module of the serializer .* needs a_library_that_is_missing"):
        reader.load("x")
    (tmp_path / "their_module.py").unlink()
    with pytest.raises(DataException, match="of their_module as 'decimal'.* Install the package that has it"):
        reader.load("x")


@pytest.mark.parametrize("encoding", ["pickle-v2", "pickle-v4", "gzip+pickle-v2", "gzip+pickle-v4", ""])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_pickle_reads_what_metaflow_wrote(encoding, pack):
    from metaflow.datastore.artifacts.pickle_serializer import PickleSerializer

    metadata = SerializationMetadata("dict", 1, encoding, {})
    assert PickleSerializer.can_deserialize(metadata)
    assert PickleSerializer.deserialize([pack(pickle.dumps({"a": 1}, 2))], metadata) == {"a": 1}
