"""Reading what happened: flows, runs, steps, tasks and their artifacts."""

from __future__ import annotations

from metaflow.client.artifact import DataArtifact, MetaflowData
from metaflow.client.code import MetaflowCode
from metaflow.client.flow import Flow, Metaflow
from metaflow.client.namespaces import default_namespace, get_namespace, namespace
from metaflow.client.object import MetaflowObject
from metaflow.client.provider_choice import default_metadata, get_metadata, inspect_spin, metadata
from metaflow.client.run import Run
from metaflow.client.step import Step
from metaflow.client.task import Task

__all__ = [
    "DataArtifact",
    "Flow",
    "Metaflow",
    "MetaflowCode",
    "MetaflowData",
    "MetaflowObject",
    "Run",
    "Step",
    "Task",
    "default_metadata",
    "default_namespace",
    "get_metadata",
    "get_namespace",
    "inspect_spin",
    "metadata",
    "namespace",
]
