"""What the OpenAPI document says of answers; :mod:`metaflow.server.answers` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.server.models import Error

if TYPE_CHECKING:
    from pydantic import BaseModel

_ERRORS = {
    400: "The request cannot be read.",
    401: "There is no token, or an unknown one.",
    403: "The token does not allow this.",
    404: "What is asked for does not exist.",
    409: "What should be created exists.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The request is not valid.",
    429: "Too many requests; the header Retry-After says how long to wait, in seconds.",
    503: "The service cannot work at the moment; the header Retry-After says how long to wait, in seconds.",
}
_ALWAYS = (401, 422, 429, 503)
# By its name, not as a model: FastAPI would prepare to check each of hundreds of errors, and take as long as all the
# rest of the start.
_ERROR = {"application/json": {"schema": {"$ref": f"#/components/schemas/{Error.__name__}"}}}


def answers(
    model: type[BaseModel], description: str, *errors: int, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """Answers of a route: what it gives, and the errors to be expected besides those that all may give."""
    found: dict[int | str, dict[str, Any]] = {status: {"model": model, "description": description}}
    for code in sorted({*errors, *_ALWAYS}):
        found[code] = {"content": _ERROR, "description": _ERRORS[code]}
    return found


def body_of(model: type[BaseModel], description: str) -> dict[str, Any]:
    """The body of a request, which routes read by themselves."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


def complete(document: dict[str, Any], bodies: list[type[BaseModel]]) -> dict[str, Any]:
    """Add to a document the models of bodies and errors, and how a token is shown."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    models: list[type[BaseModel]] = [*bodies, Error]
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update({name: part for name, part in schema.pop("$defs", {}).items() if name not in schemas})
        schemas[model.__name__] = schema
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    }
    document["security"] = [{"bearer": []}, {"apiKey": []}]
    return document
