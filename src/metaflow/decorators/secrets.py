"""``@secrets``: environment variables whose values are kept elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ..exception import MetaflowException, SecretsException
from ..flow.decorators import StepDecorator, attach
from ..flow.hooks import TaskContext, TaskHook
from ..flow.plain_data import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..flow.graph import FlowGraph

F = TypeVar("F", bound="Callable[..., Any]")

#: What is recorded in the place of what may be secret.
REDACTED = "<redacted>"
#: Keys of a source that hold nothing secret.
_OPEN_KEYS = ("type", "id", "role")


class SecretsDecorator(StepDecorator):
    """Declaration of ``@secrets``."""

    name: ClassVar[str] = "secrets"
    defaults: ClassVar[dict[str, Any]] = {"sources": [], "role": None, "allow_override": False}

    def validate(self, graph: FlowGraph, step: str) -> None:
        """Check the attributes, and that the back ends exist; nothing is fetched."""
        from ..secret_store.source import parse_source

        sources, role, allow_override = (self.attributes[name] for name in self.defaults)

        def error(message: str) -> MetaflowException:
            return self.error(f"Step *{step}*: {message}")

        if not isinstance(sources, (list, tuple)):
            hint = f"; write [{sources!r}]" if isinstance(sources, str) else ""
            raise error(f"@secrets(sources=...) should be a list of sources, not {type(sources).__name__}{hint}.")
        if role is not None and not isinstance(role, str):
            raise error(f"@secrets(role=...) should be a text, not {type(role).__name__}.")
        if allow_override not in (True, False):
            raise error(f"@secrets(allow_override={allow_override!r}) should be True or False.")
        for number, source in enumerate(sources, 1):
            try:
                parse_source(source, role).provider()
            except SecretsException as failure:
                message = failure.message.rstrip(".")
                raise error(f"@secrets cannot use source number {number}: {message}.") from failure.__cause__

    def recorded_attributes(self) -> dict[str, Any]:
        """The attributes without what may be secret: of the options of a source, only their names."""
        recorded = {name: plain(value) for name, value in self.attributes.items() if name != "sources"}
        sources = self.attributes["sources"]
        return {
            "sources": [_redacted(s) for s in sources] if isinstance(sources, (list, tuple)) else REDACTED,
            **recorded,
        }

    def hook(self) -> TaskHook:
        """Fetches the secrets in the task's process."""
        return _SetSecrets(self.attributes["sources"], self.attributes["role"], self.attributes["allow_override"])


def _redacted(source: Any) -> Any:
    if isinstance(source, str):
        return source
    if not isinstance(source, Mapping):
        return REDACTED
    return {key: plain(value) if key in _OPEN_KEYS else _names(value) for key, value in source.items()}


def _names(value: Any) -> Any:
    """The keys of nested dictionaries, without the values."""
    return {str(key): _names(item) for key, item in value.items()} if isinstance(value, Mapping) else REDACTED


class _SetSecrets(TaskHook):
    def __init__(self, sources: Sequence[Any], role: str | None, allow_override: bool) -> None:
        self._sources = sources
        self._role = role
        self._allow_override = allow_override

    def before(self, task: TaskContext) -> None:
        if task.fallback:
            return
        from ..secret_store.fetch import fetch_all
        from ..secret_store.source import parse_source

        sources = [parse_source(source, self._role) for source in self._sources]
        os.environ.update(fetch_all(sources, os.environ, self._allow_override))


@overload
def secrets(f: F, /) -> F: ...
@overload
def secrets(
    *, sources: Sequence[str | dict[str, Any]] = ..., role: str | None = ..., allow_override: bool = ...
) -> Callable[[F], F]: ...
def secrets(f: Any = None, **attributes: Any) -> Any:
    """Fetch secrets and set them as environment variables, just before the step's code runs.

    Their values are in no artifact, log or record, unless the step's code puts them there.

    Parameters
    ----------
    sources : list of str or dict
        Where the secrets are: ``"backend.id"``; ``"id"`` for the back end that the setting
        ``DEFAULT_SECRETS_BACKEND_TYPE`` names; or ``{"type": ..., "id": ..., "options": {...}, "role": ...}``.
    role : str, optional
        With whose rights to fetch them, for sources that do not say that. Otherwise the setting
        ``DEFAULT_SECRETS_ROLE``.
    allow_override : bool, default False
        Whether a secret may replace an environment variable that exists already.
    """
    return attach(SecretsDecorator, f, attributes)
