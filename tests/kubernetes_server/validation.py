"""What objects have to fulfil beyond their schema: names, amounts, and that their parts fit together."""

from __future__ import annotations

import re
from typing import Any

from . import defaults, problems
from .problems import Cause
from .quantities import amount
from .resources import JOB_SETS, JOBS, PODS, Resource
from .storage import clone

Object = dict[str, Any]

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_WORD = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
_VARIABLE = re.compile(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$")
_ANNOTATIONS = 256 * 1024
_MOST_INDEXES = 100_000

# What is allowed, but would not have its effect here: better refused than not done.
_JOB_UNSUPPORTED = ("successPolicy", "managedBy")
_POD_UNSUPPORTED = ("initContainers", "affinity", "topologySpreadConstraints", "schedulingGates", "ephemeralContainers")
_CONTAINER_UNSUPPORTED = ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe")

_INVALID, _REQUIRED, _TWICE = "FieldValueInvalid", "FieldValueRequired", "FieldValueDuplicate"


def check(resource: Resource, value: Object) -> None:
    """Refuse an object, completed with defaults, that cannot be.

    Raises
    ------
    Problem
        422, with all that is wrong.
    """
    causes = _metadata(resource, value["metadata"])
    if resource is PODS:
        causes += _pod(value["spec"], "spec")
    elif resource is JOBS:
        causes += _job(value["metadata"].get("name", ""), value["spec"], "spec")
    elif resource is JOB_SETS:
        causes += _job_set(value)
    if causes:
        raise problems.invalid(resource, value["metadata"].get("name", ""), causes)


def check_unchanged(resource: Resource, before: Object, after: Object) -> None:
    """Refuse a change of what cannot be changed once an object exists."""
    fixed = {JOBS: ("completionMode", "selector", "template", "backoffLimitPerIndex"), PODS: ("containers", "volumes")}
    causes = [
        Cause(f"spec.{name}", _INVALID, "Invalid value: field is immutable")
        for name in fixed.get(resource, ())
        if before["spec"].get(name) != after["spec"].get(name)
    ]
    if resource is JOBS and before["spec"].get("completions") != after["spec"].get("completions"):
        causes.append(Cause("spec.completions", _INVALID, "Invalid value: field is immutable"))
    if resource is JOB_SETS and before["spec"]["replicatedJobs"] != after["spec"]["replicatedJobs"]:
        causes.append(Cause("spec.replicatedJobs", _INVALID, "Invalid value: field is immutable"))
    if causes:
        raise problems.invalid(resource, before["metadata"]["name"], causes)


def _metadata(resource: Resource, metadata: Object) -> list[Cause]:
    name, prefix = metadata.get("name", ""), metadata.get("generateName", "")
    if not name and not prefix:
        return [Cause("metadata.name", _REQUIRED, "Required value: name or generateName is required")]
    causes = []
    if name and (not _SUBDOMAIN.match(name) or len(name) > 253):
        causes.append(
            Cause(
                "metadata.name",
                _INVALID,
                f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric '
                "characters, '-' or '.', and must start and end with an alphanumeric character",
            )
        )
    if prefix and not name and not _SUBDOMAIN.match(prefix + "x"):
        causes.append(Cause("metadata.generateName", _INVALID, f'Invalid value: "{prefix}"'))
    causes += _labels(metadata.get("labels"), "metadata.labels")
    causes += _annotations(metadata.get("annotations"), "metadata.annotations")
    return causes


def _labels(labels: Object | None, path: str) -> list[Cause]:
    causes = []
    for key, value in (labels or {}).items():
        causes += _qualified_name(key, path)
        if len(value) > 63 or (value and not _WORD.match(value)):
            causes.append(
                Cause(
                    path,
                    _INVALID,
                    f'Invalid value: "{value}": a valid label must be an empty string or consist of alphanumeric '
                    "characters, '-', '_' or '.', must start and end with an alphanumeric character, and be no more "
                    "than 63 characters",
                )
            )
    return causes


def _annotations(annotations: Object | None, path: str) -> list[Cause]:
    causes = [cause for key in annotations or {} for cause in _qualified_name(key, path)]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in (annotations or {}).items())
    if size > _ANNOTATIONS:
        causes.append(Cause(path, "FieldValueTooLong", f"Too long: may not be more than {_ANNOTATIONS} bytes"))
    return causes


def _qualified_name(key: str, path: str) -> list[Cause]:
    prefix, slash, name = key.rpartition("/")
    good = len(name) <= 63 and _WORD.match(name) and (not slash or (_SUBDOMAIN.match(prefix) and len(prefix) <= 253))
    return [] if good else [Cause(path, _INVALID, f'Invalid value: "{key}": name part must consist of alphanumerics')]


def _job(name: str, spec: Object, path: str) -> list[Cause]:
    causes = _template(spec["template"], f"{path}.template") + _unsupported(spec, _JOB_UNSUPPORTED, path)
    restart = spec["template"]["spec"].get("restartPolicy")
    if restart not in ("OnFailure", "Never"):
        causes.append(
            Cause(
                f"{path}.template.spec.restartPolicy",
                _REQUIRED if restart == "Always" else _INVALID,
                'Required value: valid values: "OnFailure", "Never"',
            )
        )
    for field in ("completions", "parallelism", "backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex"):
        if spec.get(field, 0) < 0:
            causes.append(
                Cause(f"{path}.{field}", _INVALID, f"Invalid value: {spec[field]}: must be greater than or equal to 0")
            )
    if spec.get("activeDeadlineSeconds", 1) < 1:
        causes.append(Cause(f"{path}.activeDeadlineSeconds", _INVALID, "Invalid value: must be greater than 0"))
    if spec["completionMode"] == "Indexed":
        causes += _indexed(name, spec, path)
    elif "backoffLimitPerIndex" in spec:
        message = "Invalid value: requires indexed completion mode"
        causes.append(Cause(f"{path}.backoffLimitPerIndex", _INVALID, message))
    if "podFailurePolicy" in spec and restart != "Never":
        message = 'Invalid value: only "Never" is supported when podFailurePolicy is specified'
        causes.append(Cause(f"{path}.template.spec.restartPolicy", _INVALID, message))
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        message = "Required value: when maxFailedIndexes is specified"
        causes.append(Cause(f"{path}.backoffLimitPerIndex", _REQUIRED, message))
    return causes


def _indexed(name: str, spec: Object, path: str) -> list[Cause]:
    if "completions" not in spec:
        return [Cause(f"{path}.completions", _REQUIRED, "Required value: when completion mode is Indexed")]
    if spec["completions"] > _MOST_INDEXES or spec["parallelism"] > _MOST_INDEXES:
        message = f"Invalid value: must be less than or equal to {_MOST_INDEXES}"
        return [Cause(f"{path}.completions", _INVALID, message)]
    host = f"{name}-{spec['completions'] - 1}"
    if name and len(host) > 63:
        message = f'Invalid value: "{name}": will not be able to create pod with invalid DNS label: {host}'
        return [Cause("metadata.name", _INVALID, message)]
    return []


def _job_set(value: Object) -> list[Cause]:
    causes, names = [], []
    for index, replicated in enumerate(value["spec"]["replicatedJobs"]):
        path = f"spec.replicatedJobs[{index}]"
        names.append(replicated["name"])
        if not _LABEL.match(replicated["name"]):
            causes.append(Cause(f"{path}.name", _INVALID, f'Invalid value: "{replicated["name"]}"'))
        name = f"{value['metadata'].get('name', 'x' * 9)}-{replicated['name']}-{max(replicated['replicas'] - 1, 0)}"
        spec = clone(replicated["template"]["spec"])
        defaults.fill_job(spec)
        causes += _job(name, spec, f"{path}.template.spec")
    causes += [
        Cause("spec.replicatedJobs", _TWICE, f'Duplicate value: "{name}"') for name in names if names.count(name) > 1
    ]
    policies = {"successPolicy": value["spec"]["successPolicy"], "coordinator": value["spec"].get("coordinator", {})}
    for field, policy in policies.items():
        wanted = [*policy.get("targetReplicatedJobs", ()), *filter(None, [policy.get("replicatedJob")])]
        causes += [
            Cause(f"spec.{field}", _INVALID, f'Invalid value: "{name}": no such replicated job')
            for name in wanted
            if name not in names
        ]
    return causes


def _template(template: Object, path: str) -> list[Cause]:
    metadata = template.get("metadata") or {}
    causes = _labels(metadata.get("labels"), f"{path}.labels")
    causes += _annotations(metadata.get("annotations"), f"{path}.annotations")
    return causes + _pod(template["spec"], f"{path}.spec")


def _pod(spec: Object, path: str) -> list[Cause]:
    if not spec.get("containers"):
        return [Cause(f"{path}.containers", _REQUIRED, "Required value")]
    causes = _labels(spec.get("nodeSelector"), f"{path}.nodeSelector") + _unsupported(spec, _POD_UNSUPPORTED, path)
    if len(spec["containers"]) > 1:
        causes.append(_not_here(f"{path}.containers", "more than one"))
    if spec["restartPolicy"] == "OnFailure":
        causes.append(_not_here(f"{path}.restartPolicy", "OnFailure"))
    volumes = [volume["name"] for volume in spec.get("volumes") or ()]
    causes += [
        Cause(f"{path}.volumes", _TWICE, f'Duplicate value: "{name}"') for name in volumes if volumes.count(name) > 1
    ]
    for volume in spec.get("volumes") or ():
        if len(volume) != 2:
            message = "Required value: must specify a volume type"
            causes.append(Cause(f"{path}.volumes[{volume['name']}]", _REQUIRED, message))
    for index, container in enumerate(spec["containers"]):
        causes += _container(container, volumes, f"{path}.containers[{index}]")
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        if not toleration.get("key") and toleration.get("operator") != "Exists":
            message = 'Invalid value: operator must be Exists when `key` is empty, which means "match all values"'
            causes.append(Cause(f"{path}.tolerations[{index}].operator", _INVALID, message))
    return causes


def _unsupported(value: Object, fields: tuple[str, ...], path: str) -> list[Cause]:
    return [_not_here(f"{path}.{field}", "it") for field in fields if field in value]


def _not_here(path: str, what: str) -> Cause:
    return Cause(path, "FieldValueNotSupported", f"Unsupported value: the tests' server does not have {what}")


def _container(container: Object, volumes: list[str], path: str) -> list[Cause]:
    causes = _unsupported(container, _CONTAINER_UNSUPPORTED, path)
    if not _LABEL.match(container.get("name", "")):
        causes.append(Cause(f"{path}.name", _INVALID, f'Invalid value: "{container.get("name", "")}"'))
    if not container.get("image"):
        causes.append(Cause(f"{path}.image", _REQUIRED, "Required value"))
    for variable in container.get("env") or ():
        if not _VARIABLE.match(variable["name"]):
            causes.append(Cause(f"{path}.env", _INVALID, f'Invalid value: "{variable["name"]}"'))
        if variable.get("value") and variable.get("valueFrom"):
            message = "Invalid value: may not be specified when `value` is not empty"
            causes.append(Cause(f"{path}.env.valueFrom", _INVALID, message))
    paths = [mount["mountPath"] for mount in container.get("volumeMounts") or ()]
    for mount in container.get("volumeMounts") or ():
        if mount["name"] not in volumes:
            message = f'Not found: "{mount["name"]}"'
            causes.append(Cause(f"{path}.volumeMounts", "FieldValueNotFound", message))
        if paths.count(mount["mountPath"]) > 1:
            message = f'Invalid value: "{mount["mountPath"]}": must be unique'
            causes.append(Cause(f"{path}.volumeMounts", _INVALID, message))
    return causes + _amounts(container["resources"], f"{path}.resources")


def _amounts(resources: Object, path: str) -> list[Cause]:
    causes, read = [], {}
    for kind in ("limits", "requests"):
        for name, quantity in (resources.get(kind) or {}).items():
            try:
                read[kind, name] = amount(quantity)
            except ValueError as error:
                causes.append(Cause(f"{path}.{kind}[{name}]", _INVALID, f'Invalid value: "{quantity}": {error}'))
                continue
            if read[kind, name] < 0:
                causes.append(Cause(f"{path}.{kind}[{name}]", _INVALID, "Invalid value: must be greater than 0"))
            if "/" in name and read[kind, name] % 1:
                causes.append(Cause(f"{path}.{kind}[{name}]", _INVALID, "Invalid value: must be an integer"))
    for (kind, name), value in read.items():
        limit = read.get(("limits", name))
        if kind == "requests" and limit is not None and value > limit:
            message = f"Invalid value: must be less than or equal to {name} limit"
            causes.append(Cause(f"{path}.requests", _INVALID, message))
        if kind == "requests" and "/" in name and limit != value:
            message = f"Required value: Limit must be set for non overcommitable resources ({name})"
            causes.append(Cause(f"{path}.limits", _REQUIRED, message))
    return causes
