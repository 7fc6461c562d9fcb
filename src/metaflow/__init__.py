"""Metaflow: write a flow once, run it anywhere.

Everything that a flow's author needs is importable from here. Names are imported when they are first used (PEP 562),
so that ``import metaflow`` costs about as much as starting the interpreter.
"""

from __future__ import annotations

import sys

from metaflow.lazy_names import lazy_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from .client import (
        DataArtifact as DataArtifact,
        Flow as Flow,
        Metaflow as Metaflow,
        Run as Run,
        Step as Step,
        Task as Task,
        default_metadata as default_metadata,
        default_namespace as default_namespace,
        get_metadata as get_metadata,
        get_namespace as get_namespace,
        inspect_spin as inspect_spin,
        metadata as metadata,
        namespace as namespace,
    )
    from .datatools.s3 import S3 as S3
    from .decorators.batch import batch as batch
    from .decorators.card import card as card
    from .decorators.catch import catch as catch
    from .decorators.deepspeed import deepspeed as deepspeed
    from .decorators.environment import environment as environment
    from .decorators.exit_hook import exit_hook as exit_hook
    from .decorators.kubernetes import kubernetes as kubernetes
    from .decorators.metaflow_ray import metaflow_ray as metaflow_ray, ray_parallel as ray_parallel
    from .decorators.mpi import mpi as mpi
    from .decorators.parallel import parallel as parallel, pytorch_parallel as pytorch_parallel
    from .decorators.project import project as project
    from .decorators.ray_step import ray_step as ray_step
    from .decorators.resources import resources as resources
    from .decorators.retry import retry as retry
    from .decorators.schedule import schedule as schedule
    from .decorators.secrets import secrets as secrets
    from .decorators.slurm import slurm as slurm
    from .decorators.tensorflow import tensorflow as tensorflow
    from .decorators.timeout import timeout as timeout
    from .decorators.torchrun import torchrun as torchrun
    from .decorators.trigger import namespaced_event_name as namespaced_event_name, trigger as trigger
    from .decorators.trigger_on_finish import trigger_on_finish as trigger_on_finish
    from .distributed.torchrun import TorchrunSingleNodeMultiGPU as TorchrunSingleNodeMultiGPU
    from .flow.config_parsers import yaml_parser as yaml_parser
    from .flow.config_value import ConfigValue as ConfigValue
    from .flow.configs import Config as Config
    from .flow.current import current as current
    from .flow.deferred import config_expr as config_expr
    from .flow.include_file import IncludeFile as IncludeFile
    from .flow.mutators import FlowMutator as FlowMutator, StepMutator as StepMutator
    from .flow.parameter_types import JSONType as JSONType, JSONTypeClass as JSONTypeClass
    from .flow.parameters import Parameter as Parameter
    from .flow.requirement_files import (
        conda_environment_yml_parser as conda_environment_yml_parser,
        pyproject_toml_parser as pyproject_toml_parser,
        requirements_txt_parser as requirements_txt_parser,
    )
    from .flow.spec import FlowSpec as FlowSpec
    from .flow.state import Inputs as Inputs
    from .flow.step import step as step
    from .flow.user_step_decorator import (
        USER_SKIP_STEP as USER_SKIP_STEP,
        UserStepDecorator as UserStepDecorator,
        user_step_decorator as user_step_decorator,
    )
    from .multicore import parallel_imap_unordered as parallel_imap_unordered, parallel_map as parallel_map
    from .profiling import profile as profile
    from .runner.deployer import DeployedFlow as DeployedFlow, Deployer as Deployer
    from .runner.metaflow_runner import Runner as Runner
    from .runner.nbdeploy import NBDeployer as NBDeployer
    from .runner.nbrun import NBRunner as NBRunner

__version__ = "0.1.0"

#: Public name -> module that defines it. Kept flat and literal: it is the whole public surface on one page.
_WHERE = {
    "Config": "metaflow.flow.configs",
    "ConfigValue": "metaflow.flow.config_value",
    "DataArtifact": "metaflow.client",
    "DeployedFlow": "metaflow.runner.deployer",
    "Deployer": "metaflow.runner.deployer",
    "Flow": "metaflow.client",
    "FlowMutator": "metaflow.flow.mutators",
    "FlowSpec": "metaflow.flow.spec",
    "IncludeFile": "metaflow.flow.include_file",
    "JSONType": "metaflow.flow.parameter_types",
    "JSONTypeClass": "metaflow.flow.parameter_types",
    "Inputs": "metaflow.flow.state",
    "Metaflow": "metaflow.client",
    "NBDeployer": "metaflow.runner.nbdeploy",
    "NBRunner": "metaflow.runner.nbrun",
    "Parameter": "metaflow.flow.parameters",
    "Run": "metaflow.client",
    "Runner": "metaflow.runner.metaflow_runner",
    "S3": "metaflow.datatools.s3",
    "Step": "metaflow.client",
    "StepMutator": "metaflow.flow.mutators",
    "Task": "metaflow.client",
    "TorchrunSingleNodeMultiGPU": "metaflow.distributed.torchrun",
    "USER_SKIP_STEP": "metaflow.flow.user_step_decorator",
    "UserStepDecorator": "metaflow.flow.user_step_decorator",
    "batch": "metaflow.decorators.batch",
    "card": "metaflow.decorators.card",
    "catch": "metaflow.decorators.catch",
    "conda_environment_yml_parser": "metaflow.flow.requirement_files",
    "config_expr": "metaflow.flow.deferred",
    "current": "metaflow.flow.current",
    "default_metadata": "metaflow.client",
    "default_namespace": "metaflow.client",
    "deepspeed": "metaflow.decorators.deepspeed",
    "environment": "metaflow.decorators.environment",
    "exit_hook": "metaflow.decorators.exit_hook",
    "get_metadata": "metaflow.client",
    "get_namespace": "metaflow.client",
    "inspect_spin": "metaflow.client",
    "kubernetes": "metaflow.decorators.kubernetes",
    "metadata": "metaflow.client",
    "metaflow_ray": "metaflow.decorators.metaflow_ray",
    "mpi": "metaflow.decorators.mpi",
    "namespace": "metaflow.client",
    "namespaced_event_name": "metaflow.decorators.trigger",
    "parallel": "metaflow.decorators.parallel",
    "parallel_imap_unordered": "metaflow.multicore",
    "parallel_map": "metaflow.multicore",
    "profile": "metaflow.profiling",
    "project": "metaflow.decorators.project",
    "pyproject_toml_parser": "metaflow.flow.requirement_files",
    "requirements_txt_parser": "metaflow.flow.requirement_files",
    "pytorch_parallel": "metaflow.decorators.parallel",
    "ray_parallel": "metaflow.decorators.metaflow_ray",
    "ray_step": "metaflow.decorators.ray_step",
    "resources": "metaflow.decorators.resources",
    "retry": "metaflow.decorators.retry",
    "schedule": "metaflow.decorators.schedule",
    "secrets": "metaflow.decorators.secrets",
    "slurm": "metaflow.decorators.slurm",
    "step": "metaflow.flow.step",
    "tensorflow": "metaflow.decorators.tensorflow",
    "timeout": "metaflow.decorators.timeout",
    "torchrun": "metaflow.decorators.torchrun",
    "trigger": "metaflow.decorators.trigger",
    "trigger_on_finish": "metaflow.decorators.trigger_on_finish",
    "user_step_decorator": "metaflow.flow.user_step_decorator",
    "yaml_parser": "metaflow.flow.config_parsers",
}

__all__ = ["__version__", *_WHERE]  # noqa: PLE0604 - the names are literal in _WHERE


if not TYPE_CHECKING:
    # If type checkers knew of this, every misspelt name would be there.
    __getattr__, __dir__ = lazy_names(__name__, _WHERE)


class _Aliases:
    """Finds modules that Metaflow has under other names than we do; asked when every other finder found nothing."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith("metaflow."):
            return None
        from .import_aliases import find_spec

        return find_spec(name)


sys.meta_path.append(_Aliases)
