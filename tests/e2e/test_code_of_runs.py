"""What a run keeps of the code that it was started with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from metaflow import Run, Task

from .conftest import Project

FLOW = """
    import near


    class F(FlowSpec):
        @step
        def start(self):
            self.limit = near.LIMIT
            self.next(self.end)

        @step
        def end(self):
            import late
            assert late.LIMIT == self.limit
"""


def files_of(thing: Run | Task) -> Mapping[str, bytes]:
    assert thing.code is not None
    return thing.code.files


def test_a_run_keeps_its_code_and_can_be_repeated_from_it(project: Project) -> None:
    (project.path / "near.py").write_text("LIMIT = 3\n")
    (project.path / "late.py").write_text("from near import LIMIT\n" + "#" * 2000)
    (project.path / "unused.py").write_text("")
    first = project.run(FLOW).run_id
    text = (project.path / "flow.py").read_text()
    (project.path / "near.py").write_text("LIMIT = 4\n")
    second = project.call("run").run_id

    project.client()
    code = Run(f"F/{first}").code
    assert code is not None and set(code.files) == {"flow.py", "late.py", "near.py"} and not code.left_out
    assert code.flowspec == text and code.script_name == code.info["script"] == "flow.py"
    assert code.info["username"] == "tester"
    newer = Run(f"F/{second}")["start"].task
    assert newer is not None and newer.code is not None
    assert newer.code.files == {**code.files, "near.py": b"LIMIT = 4\n"} and newer.code.sha != code.sha
    # The code is no artifact of the tasks, and an unchanged file was stored once.
    assert newer.artifact_names(private=True) == ["_graph_info", "limit", "name"]
    assert len(list((project.path / ".metaflow/mf-store/blobs").glob("*/*"))) == 1

    with code.extract() as directory:
        done = subprocess.run([sys.executable, "flow.py", "run"], cwd=directory, env=project.env, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_a_resumed_run_has_its_own_code_and_its_clones_that_of_their_origin(project: Project) -> None:
    failing = FLOW.replace("assert late.LIMIT == self.limit", "assert late.LIMIT == 5")
    for name in ("near.py", "late.py"):
        (project.path / name).write_text("LIMIT = 3\n")
    first = project.run(failing, code=1).run_id
    # Of another length: within a second, Python tells changed files by nothing else.
    (project.path / "late.py").write_text("LIMIT = 5  # corrected\n")
    second = project.call("resume").run_id

    project.client()
    origin, resumed = Run(f"F/{first}"), Run(f"F/{second}")
    assert resumed.successful
    assert files_of(resumed) == {**files_of(origin), "late.py": b"LIMIT = 5  # corrected\n"}
    cloned, executed = resumed["start"].task, resumed["end"].task
    assert cloned is not None and executed is not None
    assert files_of(cloned) == files_of(origin) and files_of(executed) == files_of(resumed)
