"""What back ends of the Deployer fill in, with one that does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from metaflow import DeployedFlow, Deployer, NBDeployer, NBRunner, registry
from metaflow.runner.deployer import DeployerImpl, TriggeredRun
from metaflow.runner.nbdeploy import NBDeployerInitializationError
from metaflow.runner.nbrun import NBRunnerInitializationError

FLOW = """
from metaflow import FlowSpec, step
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.end)
    @step
    def end(self):
        pass
if __name__ == "__main__":
    F()
"""


class PaperRun(TriggeredRun):
    def terminate(self, **kwargs: Any) -> bool:
        return True


class PaperFlow(DeployedFlow):
    production_token = None

    def trigger(self, **kwargs: Any) -> PaperRun:
        return PaperRun(self.deployer, {"name": "one", "pathspec": "F/1", "metadata": kwargs["metadata"]})

    def delete(self, **kwargs: Any) -> bool:
        return True

    @classmethod
    def _list_deployed_flows(cls, flow_name: str | None) -> Iterator[DeployedFlow]:
        yield from ()


class PaperDeployer(DeployerImpl):
    TYPE = "on-paper"

    @classmethod
    def deployed_flow_type(cls) -> type[DeployedFlow]:
        return PaperFlow

    def create(self, **kwargs: Any) -> DeployedFlow:
        self.name = self.deployer_kwargs["name"] or self.flow_name
        return PaperFlow(self)


@pytest.fixture
def flow_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "flow.py"
    path.write_text(FLOW)
    return path


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("paper_deployer")
    module.PaperDeployer = PaperDeployer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "paper_deployer", module)
    monkeypatch.setitem(registry.BUILT_IN, "deployers", {"on-paper": "paper_deployer:PaperDeployer"})


@pytest.mark.usefixtures("paper")
def test_a_back_end_is_a_method_of_the_deployer(flow_file: Path, tmp_path: Path) -> None:
    deployer = Deployer(flow_file)
    assert "on_paper" in dir(deployer)
    with deployer.on_paper(name="mine") as implementation:
        deployed = implementation.create()
    assert (deployed.name, deployed.flow_name) == ("mine", "F")
    assert deployer.on_paper().create().name == "F"
    (tmp_path / ".metaflow").mkdir()
    run = deployed.trigger(metadata=f"local@{tmp_path}")
    assert run.run is None
    with pytest.raises(TimeoutError, match="F/1 has not begun"):
        run.wait_for_run(check_interval=0.001, timeout=0.002)


@pytest.mark.usefixtures("paper")
def test_deployments_are_looked_up_by_back_end() -> None:
    assert list(DeployedFlow.list_deployed_flows(impl="on-paper")) == []
    assert list(DeployedFlow.list_on_paper()) == []
    with pytest.raises(NotImplementedError, match="PaperFlow"):
        DeployedFlow.from_on_paper("mine")
    with pytest.raises(NotImplementedError, match="PaperFlow"):
        DeployedFlow.get_triggered_on_paper_run("mine", "1")
    with pytest.raises(ValueError, match="'argo-workflows' is no orchestrator .* There are: on_paper"):
        DeployedFlow.from_deployment("mine")
    with pytest.raises(AttributeError, match="no 'from_nowhere'. There are: on_paper"):
        DeployedFlow.from_nowhere  # noqa: B018


def test_without_back_ends_the_errors_say_so(flow_file: Path) -> None:
    with pytest.raises(AttributeError, match="cannot be deployed to 'argo_workflows'. None is installed"):
        Deployer(str(flow_file)).argo_workflows()
    with pytest.raises(ValueError, match="'step-functions' is no orchestrator"):
        DeployedFlow.from_deployment("mine", impl="step-functions")


def test_outside_of_a_notebook_the_notebook_classes_say_what_to_use() -> None:
    with pytest.raises(NBDeployerInitializationError, match=r"Deployer\('flow.py'\)"):
        NBDeployer(PaperFlow)
    with pytest.raises(NBRunnerInitializationError, match=r"Runner\('flow.py'\)"):
        NBRunner(PaperFlow)
