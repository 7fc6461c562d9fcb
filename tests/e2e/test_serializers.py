"""Artifacts that are stored in a way of their own, that cannot be stored, and what is told of them."""

from __future__ import annotations

import json
import textwrap

SERIALIZER = """
from metaflow.datastore.artifacts import (
    ArtifactSerializer, SerializationFormat, SerializationMetadata, SerializedBlob, register_serializer
)


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __reduce__(self):
        raise TypeError("a point is not pickled")


@register_serializer
class PointSerializer(ArtifactSerializer):
    TYPE = "point"

    @classmethod
    def setup_imports(cls, context=None):
        cls.lazy_import("json")

    @classmethod
    def can_serialize(cls, obj):
        return isinstance(obj, Point)

    @classmethod
    def can_deserialize(cls, metadata):
        return metadata.encoding == "point-json"

    @classmethod
    def serialize(cls, obj, format=SerializationFormat.STORAGE):
        data = cls.json.dumps([obj.x, obj.y]).encode()
        return [SerializedBlob(data)], SerializationMetadata("Point", len(data), "point-json", {"version": 1})

    @classmethod
    def deserialize(cls, data, metadata=None, format=SerializationFormat.STORAGE):
        assert metadata.serializer_info["version"] == 1
        return Point(*cls.json.loads(data[0]))
"""

FLOW = """
import threading
from points import Point


class PointFlow(FlowSpec):
    origin = Point(0, 0)

    @step
    def start(self):
        self.items = [1, 2]
        self.point = Point(1, 2)
        self.engine = {"pool": [threading.Lock()]}
        self.next(self.work, foreach="items")

    @step
    def work(self):
        assert not hasattr(self, "engine") and getattr(self, "engine", None) is None
        try:
            self.engine
        except AttributeError as error:
            print(error)
        self.moved = Point(self.point.x + self.origin.x, self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ys = [each.moved.y for each in inputs]
        self.merge_artifacts(inputs, exclude=["moved"])
        self.next(self.end)

    @step
    def end(self):
        print(self.point.x, self.ys)
"""


def test_serializers_of_the_program_and_artifacts_that_are_left_out(project):
    (project.path / "points.py").write_text(SERIALIZER)
    failed = project.run(FLOW, code=1)
    assert "`self.engine['pool'][0]` cannot be pickled" in failed.stderr + failed.stdout

    project.env["METAFLOW_SKIP_UNPICKLABLE_ARTIFACTS"] = "1"
    done = project.call("run")
    assert done.code == 0, done
    told = done.stdout + done.stderr
    assert "1 [1, 2]" in told
    # Each task that inherits it can say why it is not there; the one that made it warned.
    assert told.count("The artifact engine is not stored. `self.engine['pool'][0]` cannot be pickled") == 1
    assert told.count("METAFLOW_SKIP_UNPICKLABLE_ARTIFACTS is set): `self.engine['pool'][0]`") == 2

    # A program that knows nothing of the serializer finds it by its module.
    script = f"""
        import sys
        from metaflow import Flow, namespace
        namespace(None)
        task = Flow('PointFlow')['{done.run_id}']['end'].task
        assert 'points' not in sys.modules
        print(task.data.point.y, repr(task['ys']), 'engine' in task.data, [each.id for each in task])
        print(task['engine'].preview)
        for read in (lambda: task.data.engine, lambda: task['engine'].data):
            try:
                read()
            except Exception as error:
                print(type(error).__name__, error)
    """
    reading = project.call("-c", textwrap.dedent(script), flow="-B")
    assert reading.code == 0, reading
    first, preview, attribute, artifact = reading.stdout.splitlines()
    assert first.startswith("2 DataArtifact(") and "= [1, 2]" in first and "engine" not in first
    assert " False " in first
    assert preview.startswith("not stored: `self.engine['pool'][0]` cannot be pickled")
    assert attribute.startswith("AttributeError Artifact 'engine' of task PointFlow/")
    assert artifact.startswith("SkippedArtifactException Artifact 'engine' of task PointFlow/")

    listed = json.loads(project.call("metaflow", "artifacts", f"PointFlow/{done.run_id}", "--json", flow="-m").stdout)
    by_name = {each["name"]: each for each in listed}
    assert by_name["ys"]["facts"] == {"length": 2} and by_name["engine"]["value"].startswith("not stored")


def test_a_serializer_in_the_file_of_a_flow(project):
    source = (
        SERIALIZER
        + """
from metaflow import FlowSpec, step


class OwnFlow(FlowSpec):
    @step
    def start(self):
        import numpy as np

        self.point = Point(1, 2)
        self.table = np.arange(6.0).reshape(2, 3)
        self.next(self.end)

    @step
    def end(self):
        print("at", self.point.x, self.point.y)
"""
    )
    done = project.run(source, env={"METAFLOW_START_METHOD": "spawn"})
    assert "at 1 2" in done.stdout, done
    reading = project.call("-c", f"import metaflow; metaflow.Run('OwnFlow/{done.run_id}').data.point", flow="-B")
    assert "serializer 'point' of " in reading.stderr and "flow.py as 'point-json'" in reading.stderr
    shown = project.call("metaflow", "artifacts", f"OwnFlow/{done.run_id}/end/2/table", flow="-m").stdout
    assert "2 x 3" in shown and "float64" in shown and "mean" in shown and "2.5" in shown
