"""Sources of secrets: the forms in which they are written, and their back ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from metaflow import registry, settings
from metaflow.exception import SecretsException

if TYPE_CHECKING:
    from metaflow.secret_store.provider import SecretsProvider

_CATEGORY = "secrets_providers"
_KEYS = ("type", "id", "options", "role")
#: Back ends of Metaflow that come as plug-ins here: a name before a dot is one of them, installed or not.
_PLUG_INS = ("aws-secrets-manager", "az-key-vault", "gcp-secret-manager")


class SecretSource(NamedTuple):
    """Where a secret is.

    Attributes
    ----------
    backend : str
        Type of the back end.
    id : str
        Which secret there.
    options : mapping of str to object
        For the back end; may hold secrets.
    role : str or None
        With whose rights to fetch it.
    """

    backend: str
    id: str
    options: Mapping[str, Any]
    role: str | None

    @property
    def label(self) -> str:
        """What to call it; says nothing secret."""
        return f"{self.id} ({self.backend})" if self.id else self.backend

    def provider(self) -> SecretsProvider:
        """Its back end.

        Raises
        ------
        SecretsException
            If it is not installed, or cannot be loaded.
        """
        if not _is_known(self.backend):
            todo = "Install" if self.backend in _PLUG_INS else "Check the name, or install"
            raise SecretsException(
                f"there is no back end for secrets of type '{self.backend}'. There are: {_backends()}. {todo} a "
                f"plug-in for it: a package with an entry point of that name in the group metaflow.{_CATEGORY}"
            )
        try:
            provider: SecretsProvider = registry.load(_CATEGORY, self.backend)()
        except Exception as error:
            raise SecretsException(
                f"the back end '{self.backend}' cannot be loaded: {type(error).__name__}: {error}. Install what it "
                "needs."
            ) from error
        return provider


def parse_source(source: object, role: str | None = None) -> SecretSource:
    """Read a source: ``"backend.id"``, ``"id"``, or ``{"type": ..., "id": ..., "options": ..., "role": ...}``.

    A text whose part before the first dot is no back end belongs, as a whole, to the default one.

    Parameters
    ----------
    source : object
    role : str, optional
        Role for a source that names none; otherwise the setting ``DEFAULT_SECRETS_ROLE``.

    Raises
    ------
    SecretsException
        If it cannot be read, or its back end is not known. The message holds nothing secret.
    """
    fallback = role if role is not None else settings.get("DEFAULT_SECRETS_ROLE")
    if isinstance(source, str):
        if not source:
            raise SecretsException("a source is an empty text. Write 'backend.id', or the id alone")
        first, dot, rest = source.partition(".")
        if dot and (first in _PLUG_INS or _is_known(first)):
            return SecretSource(first, rest, {}, fallback)
        return SecretSource(_default_backend(source), source, {}, fallback)
    if isinstance(source, Mapping):
        return _parse_mapping(source, fallback)
    raise SecretsException(
        f"a source should be a text or a dictionary, not {type(source).__name__}. Write 'backend.id', or "
        "{'type': 'the-backend', 'id': 'the-id'}"
    )


def _parse_mapping(source: Mapping[Any, Any], role: str | None) -> SecretSource:
    unknown = [key for key in source if key not in _KEYS]
    if unknown:
        raise SecretsException(f"a source has no '{unknown[0]}'. It can have: {', '.join(_KEYS)}")
    for key, kind in (("type", str), ("id", str), ("role", str), ("options", Mapping)):
        value = source.get(key)
        if value is not None and not isinstance(value, kind):
            wanted = "text" if kind is str else "dictionary"
            raise SecretsException(f"the {key} of a source should be a {wanted}, not of type {type(value).__name__}")
    identifier = source.get("id") or ""
    backend = source.get("type") or _default_backend(identifier)
    if not identifier and backend != "inline":
        raise SecretsException(f"a source of type '{backend}' has no id, which says which secret is meant")
    return SecretSource(backend, identifier, source.get("options") or {}, source.get("role") or role)


def _default_backend(identifier: str) -> str:
    backend: str | None = settings.get("DEFAULT_SECRETS_BACKEND_TYPE")
    if not backend:
        raise SecretsException(
            f"the source '{identifier}' does not name a back end, and there is no default one. Set "
            f"METAFLOW_DEFAULT_SECRETS_BACKEND_TYPE, or write 'backend.{identifier}'. "
            f"There are: {_backends()}; others come as plug-ins ({', '.join(_PLUG_INS)})"
        )
    return backend


def _is_known(backend: str) -> bool:
    # Looking for plug-ins takes a while, so not for what is our own.
    return backend in registry.BUILT_IN[_CATEGORY] or backend in registry.names(_CATEGORY)


def _backends() -> str:
    return ", ".join(registry.names(_CATEGORY))
