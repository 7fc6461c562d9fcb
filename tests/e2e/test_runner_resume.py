"""Past runs that are resumed from Python."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from metaflow import Runner

from .conftest import Project

pytestmark = pytest.mark.usefixtures("environment_of_project")

FLOW = """
import os

class F(FlowSpec):
    alpha = Parameter("alpha", default=1)

    @step
    def start(self):
        self.first = self.alpha
        self.next(self.middle)

    @step
    def middle(self):
        if os.path.exists("fails"):
            raise ValueError("it fails")
        self.second = self.alpha + 1
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_resume(project: Project) -> None:
    project.write(FLOW)
    fails = project.path / "fails"
    fails.touch()
    runner = Runner("flow.py", show_output=False)
    failed = runner.run(alpha=5)
    assert failed.status == "failed"
    fails.unlink()

    resumed = runner.resume(tags=["again"])
    assert resumed.status == "successful"
    assert (resumed.run.data.second, resumed.run.user_tags) == (6, {"again"})
    assert resumed.run.origin_pathspec == failed.run.pathspec

    changed = runner.resume(["middle"], origin_run_id=failed.run.id, alpha=8)
    assert (changed.run.data.first, changed.run.data.second) == (5, 9)

    assert list(inspect.signature(runner.resume).parameters)[:2] == ["step_to_rerun", "alpha"]
    with pytest.raises(ValueError, match="Unknown argument: 'origin', possible args are: .*origin_run_id"):
        runner.resume(origin="1")
    with pytest.raises(RuntimeError, match="no step nowhere"):
        runner.resume("nowhere")

    async def main() -> None:
        result = await runner.async_resume("end", origin_run_id=resumed.run.id)
        assert (await result.wait()).status == "successful"

    asyncio.run(main())
