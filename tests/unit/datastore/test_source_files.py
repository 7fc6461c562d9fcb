from __future__ import annotations

from hypothesis import given, strategies as st

from metaflow.datastore.layout import SOURCE_ARTIFACT
from metaflow.datastore.serializer import deserialize
from metaflow.datastore.source_files import SourceFiles, dump_source_files, save_source_files
from metaflow.datastore.task_writer import TaskWriter
from metaflow.datastore.tasks import open_task
from metaflow.testing.memory_store import MemoryStore

names = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20)
contents = st.one_of(st.binary(max_size=50), st.binary(min_size=1000, max_size=1100))


@given(st.dictionaries(names, contents, max_size=8), st.dictionaries(names, st.text()), names)
def test_what_was_serialized_comes_back(files: dict[str, bytes], left_out: dict[str, str], script: str) -> None:
    source = SourceFiles(script, files, left_out, {"platform": "Linux", "commit_sha": None})
    done = dump_source_files(source)
    assert deserialize(done.encoding, done.stream, [bytearray(buffer) for buffer in done.buffers]) == source


def test_a_file_that_did_not_change_is_stored_once() -> None:
    store = MemoryStore()
    large, small = b"#" * 5000, b"import this"
    for run_id, script in (("1", b"a" * 3000), ("2", b"b" * 3000)):
        writer = TaskWriter(store, "F", run_id, "_parameters", "0", 0)
        files = {"flow.py": script, "large.py": large, "small.py": small}
        writer.forward(SOURCE_ARTIFACT, save_source_files(store, SourceFiles("flow.py", files, {}, {})))
        writer.commit({})
        reader = open_task(store, "F", run_id, "_parameters", "0", 0)
        assert reader.load(SOURCE_ARTIFACT).files == files
        assert reader.entry(SOURCE_ARTIFACT).preview == "flow.py: 3 files"
    assert len([key for key in store.list("") if "/blobs/" in key]) == 3
