from __future__ import annotations

import os

import pytest

from metaflow.client import Run, Task
from metaflow.datastore.layout import SOURCE_ARTIFACT
from metaflow.datastore.source_files import SourceFiles, save_source_files
from metaflow.datastore.task_writer import TaskWriter
from metaflow.exception import CorruptedDataException, MetaflowDataMissing

from .stored_flow import StoredRun

SCRIPT = b"# -*- coding: latin-1 -*-\r\nname = '\xfc'\r\n"
FILES = {"flow.py": SCRIPT, "package/__init__.py": b"", "package/long.py": b"#" * 3000}
INFO = {"platform": "Linux", "script": "flow.py", "commit_sha": None}


def code_of_new_run(root, files=FILES, left_out=None, run_id="1"):
    stored = StoredRun(root, run_id=run_id)
    writer = TaskWriter(stored.store, "F", run_id, "_parameters", "0", 0)
    writer.forward(
        SOURCE_ARTIFACT, save_source_files(stored.store, SourceFiles("flow.py", files, left_out or {}, INFO))
    )
    writer.commit({})
    return Run(f"F/{run_id}").code


def test_all_that_is_known_of_the_code(root):
    code = code_of_new_run(root, left_out={"big.py": "it is too large"})
    assert str(code) == repr(code) == "<MetaflowCode: flow.py>"
    assert code.script_name == "flow.py" and code.info == INFO
    assert code.files == FILES and code.left_out == {"big.py": "it is too large"}
    assert code.flowspec == "# -*- coding: latin-1 -*-\nname = 'ü'\n"
    assert code.path == f"F/1/_parameters/0/{SOURCE_ARTIFACT}"


def test_the_script_can_be_missing(root):
    files = {name: content for name, content in FILES.items() if name != "flow.py"}
    code = code_of_new_run(root, files, {"flow.py": "it has 2000000 bytes, more than 1000000"})
    with pytest.raises(MetaflowDataMissing, match=r"flow\.py: it has 2000000 bytes"):
        code.flowspec  # noqa: B018


def test_equal_code_gives_equal_archives(root):
    first = code_of_new_run(root)
    second = code_of_new_run(root, dict(reversed(FILES.items())), run_id="2")
    assert first.archive() == second.archive()
    assert first.archive() != code_of_new_run(root, {**FILES, "flow.py": b""}, run_id="3").archive()
    with first.tarball as archive:
        assert archive.getnames() == sorted(FILES)
        assert archive.extractfile("package/long.py").read() == b"#" * 3000


def test_extracted_files_are_gone_when_the_directory_is_closed(root):
    with code_of_new_run(root).extract() as directory:
        found = {}
        for place, _, names in os.walk(directory):
            for name in names:
                with open(os.path.join(place, name), "rb") as file:
                    found[os.path.relpath(file.name, directory)] = file.read()
        assert found == FILES
    assert not os.path.exists(directory)


@pytest.mark.parametrize("name", ["../flow.py", "/etc/passwd", "a/../../b.py", "a//b.py", "", ".", "a\0b"])
def test_a_file_outside_the_directory_is_refused(root, name):
    code = code_of_new_run(root, {"flow.py": b"", name: b"x"})
    with pytest.raises(CorruptedDataException, match="outside its directory"):
        code.extract()
    with pytest.raises(CorruptedDataException, match="outside its directory"):
        code.archive()


def test_a_task_has_the_code_of_its_run_or_of_the_run_that_it_was_cloned_from(root):
    code_of_new_run(root, {"flow.py": b"first"})
    code_of_new_run(root, {"flow.py": b"second"}, run_id="2")
    second = StoredRun(root, run_id="3")
    StoredRun(root, run_id="2").finished("start", 1, origin="F/1/start/1")
    StoredRun(root, run_id="2").finished("end", 2)
    second.finished("start", 1)
    assert Task("F/2/start/1").code.files == {"flow.py": b"first"}
    assert Task("F/2/end/2").code.files == {"flow.py": b"second"}
    assert Task("F/3/start/1").code is None


def test_a_run_without_code(root):
    stored = StoredRun(root)
    assert Run("F/1").code is None
    stored.finished("_parameters", 0, artifacts={"alpha": 1})
    assert Run("F/1").code is None
