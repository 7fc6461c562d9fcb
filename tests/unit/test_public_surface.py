"""What ``import metaflow`` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import metaflow

NAMES = {
    "Config ConfigValue DataArtifact DeployedFlow Deployer Flow FlowMutator FlowSpec IncludeFile Inputs JSONType "
    "JSONTypeClass Metaflow NBDeployer NBRunner Parameter Run Runner S3 Step StepMutator Task "
    "TorchrunSingleNodeMultiGPU USER_SKIP_STEP UserStepDecorator __version__ batch card catch "
    "conda_environment_yml_parser config_expr current deepspeed default_metadata default_namespace environment "
    "exit_hook get_metadata get_namespace inspect_spin kubernetes metadata metaflow_ray mpi namespace "
    "namespaced_event_name parallel parallel_imap_unordered parallel_map profile project pyproject_toml_parser "
    "pytorch_parallel ray_parallel ray_step requirements_txt_parser resources retry schedule secrets slurm step "
    "tensorflow timeout torchrun trigger trigger_on_finish user_step_decorator yaml_parser"
}


def names_for_type_checkers(module: ModuleType) -> dict[str, str]:
    """What a lazy module imports for type checkers: name -> module."""
    assert module.__file__ is not None
    found = {}
    for block in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            for statement in block.body:
                if isinstance(statement, ast.ImportFrom) and statement.level == 1:
                    for name in statement.names:
                        assert name.name == name.asname, f"{name.name} is not exported without `as {name.name}`"
                        found[name.name] = f"{module.__name__}.{statement.module}"
    return found


@pytest.mark.parametrize("name", ["metaflow", "metaflow.testing"])
def test_type_checkers_are_told_of_every_name(name: str) -> None:
    module = import_module(name)
    assert names_for_type_checkers(module) == module._WHERE


def modules_after(code: str) -> set[str]:
    listed = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def test_public_names() -> None:
    assert set(metaflow.__all__) == set(" ".join(NAMES).split())
    for name in metaflow.__all__:
        assert getattr(metaflow, name) is not None
    assert set(metaflow.__all__) <= set(dir(metaflow))


def test_an_unknown_name_is_an_attribute_error() -> None:
    try:
        metaflow.nope  # noqa: B018
    except AttributeError as error:
        assert "nope" in str(error)
    else:
        raise AssertionError("it should not exist")


def test_importing_the_language_imports_little() -> None:
    """A heavy module that creeps in would slow down every start of every flow."""
    bare = modules_after("")
    added = modules_after("from metaflow import FlowSpec, step, Parameter, current, retry") - bare
    foreign = {name.split(".")[0] for name in added} - {"metaflow"}
    assert not foreign & {
        "asyncio",
        "click",
        "json",
        "sqlite3",
        "blake3",
        "zstandard",
        "inspect",
        "dataclasses",
        "numpy",
    }
    lean = modules_after("from metaflow import FlowSpec, step") - bare
    assert not {"typing", "re", "collections"} & lean - bare
    assert len(lean) < 40, sorted(lean)


def test_what_a_flow_does_not_use_is_not_imported() -> None:
    loaded = modules_after("from metaflow import FlowSpec, Parameter, retry, step\nimport metaflow.runtime.fork_loop")
    assert not {f"metaflow.flow.{name}" for name in ("configs", "config_value", "deferred", "resolution")} & loaded
    with_config = modules_after("from metaflow import Config, config_expr")
    assert not {"inspect", "json", "datetime", "click", "yaml", "tomllib"} & (with_config - modules_after(""))


def test_a_plain_flow_costs_nothing_for_what_it_does_not_use() -> None:
    flow = """
from metaflow import FlowSpec, step

class Plain(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

import metaflow.runtime.fork_loop
from metaflow.flow.declaration import FlowDeclaration

declaration = FlowDeclaration(Plain)
declaration.configure({})
declaration.complete()
"""
    unused = ("decorators", "flow_decorators", "mutators", "parameters", "user_decorators", "configs", "deferred")
    assert not {*(f"metaflow.flow.{name}" for name in unused), "metaflow.runtime.gang"} & modules_after(flow)


def test_a_task_process_imports_neither_the_command_line_nor_the_index() -> None:
    loaded = modules_after("import metaflow.runtime.fork_loop")
    assert not {"click", "sqlite3", "asyncio", "subprocess", "metaflow.flow.lint"} & loaded


def test_the_client_imports_no_data_library() -> None:
    loaded = modules_after("from metaflow import Flow")
    assert not {"numpy", "pandas", "click", "asyncio"} & loaded
