"""Whether an object has the shape that the published OpenAPI schema of its kind asks for."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from . import problems
from .problems import Cause
from .resources import JOB_SETS, JOBS, Resource

#: The version of Kubernetes whose schemas are used.
KUBERNETES = "1.32"


def check(resource: Resource, value: dict[str, Any]) -> None:
    """Refuse what the schema does not allow, unknown fields among it.

    Raises
    ------
    Problem
        400 for a field that is unknown or of a wrong type, 422 for one that is missing or has a value that is not
        allowed.
    """
    if resource is not JOB_SETS:
        _check_published(resource, value)
        return
    _refuse(resource, value, next(iter(_job_set_validator().iter_errors(value)), None))
    for index, replicated in enumerate(value["spec"].get("replicatedJobs") or ()):
        job = {"apiVersion": JOBS.api_version, "kind": JOBS.kind, **replicated["template"]}
        _check_published(JOBS, job, f"spec.replicatedJobs[{index}].template.")


def without_nulls(value: Any) -> Any:
    """Without members of null, which mean the same as none."""
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_nulls(member) for member in value]
    return value


def _check_published(resource: Resource, value: dict[str, Any], prefix: str = "") -> None:
    import kubernetes_validate

    problem = None
    try:
        kubernetes_validate.validate(value, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        problem = error
    # Not while it is handled, since it would print all of the schema.
    _refuse(resource, value, problem, prefix)


def _refuse(resource: Resource, value: dict[str, Any], error: Any, prefix: str = "") -> None:
    if error is None:
        return
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path]
    path = prefix + "".join(parts).lstrip(".") or "(root)"
    if error.validator in ("type", "additionalProperties"):
        kind = resource.kind
        raise problems.bad_request(
            f'{kind} in version "{resource.version}" cannot be handled as a {kind}: '
            f"strict decoding error: {path}: {error.message}"
        )
    name = (value.get("metadata") or {}).get("name", "")
    reason = "FieldValueRequired" if error.validator == "required" else "FieldValueNotSupported"
    raise problems.invalid(resource, name, [Cause(path, reason, error.message)])


@cache
def _job_set_validator() -> Any:
    import jsonschema

    schema = json.loads((Path(__file__).parent / "jobset_schema.json").read_text())
    return jsonschema.Draft202012Validator(schema)
