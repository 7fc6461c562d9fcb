"""Fetching secrets, and the rules that their names and values obey."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from metaflow.exception import MetaflowException, SecretsException
from metaflow.secret_store.source import SecretSource, parse_source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
_RESERVED = "METAFLOW_"


def get_secret(source: str | dict[str, Any], role: str | None = None) -> dict[str, str]:
    """Fetch a secret; the environment stays as it is.

    Parameters
    ----------
    source : str or dict
        ``"backend.id"``, ``"id"`` for the back end that the setting ``DEFAULT_SECRETS_BACKEND_TYPE`` names, or
        ``{"type": ..., "id": ..., "options": {...}, "role": ...}``.
    role : str, optional
        With whose rights to fetch it, unless the source says that.

    Returns
    -------
    dict of str to str
        Names of environment variables with their values.

    Raises
    ------
    SecretsException
        If it cannot be fetched, or what was fetched cannot be put into environment variables.
    """
    try:
        parsed = parse_source(source, role)
        return _fetched(parsed)
    except SecretsException as error:
        raise _failed(error) from error.__cause__


def fetch_all(sources: Sequence[SecretSource], environment: Mapping[str, str], allow_override: bool) -> dict[str, str]:
    """Fetch several secrets for one process.

    Parameters
    ----------
    sources : sequence of SecretSource
    environment : mapping of str to str
        The variables that the process has already.
    allow_override : bool
        Whether a secret may replace one of them.

    Returns
    -------
    dict of str to str
        Variables to set.

    Raises
    ------
    SecretsException
        If one cannot be fetched, two of them set the same variable, or one would replace a variable.
    """
    variables: dict[str, str] = {}
    origin: dict[str, str] = {}
    for source in sources:
        try:
            found = _fetched(source)
            for name in found:
                if name in origin:
                    raise SecretsException(
                        f"it sets the variable {name}, which '{origin[name]}' sets too. Remove one of them"
                    )
                if name in environment and not allow_override:
                    raise SecretsException(
                        f"it sets the variable {name}, which the environment has already. Rename one of them, or say "
                        "@secrets(..., allow_override=True)"
                    )
        except SecretsException as error:
            raise _failed(error, source) from error.__cause__
        variables.update(found)
        origin.update(dict.fromkeys(found, source.label))
    return variables


def _failed(error: SecretsException, source: SecretSource | None = None) -> SecretsException:
    named = f" '{source.label}'" if source is not None else ""
    return SecretsException(f"Failed to retrieve secret{named}: {error.message.rstrip('.')}.")


def _fetched(source: SecretSource) -> dict[str, str]:
    """The variables of one source, checked. Messages name variables, never values."""
    provider = source.provider()
    try:
        found = provider.get_secret_as_dict(source.id, options=source.options, role=source.role)
    except SecretsException:
        raise
    except Exception as error:
        text = error.message if isinstance(error, MetaflowException) else f"{type(error).__name__}: {error}"
        raise SecretsException(f"its back end failed: {text}") from error
    variables = dict(found)
    for name, value in variables.items():
        if not isinstance(name, str) or not _NAME(name):
            raise SecretsException(
                f"{name!r} cannot be the name of an environment variable. Use letters, digits and underscores"
            )
        if name.startswith(_RESERVED):
            raise SecretsException(f"the variable {name} begins with {_RESERVED}, which is reserved for settings")
        if not isinstance(value, str):
            raise SecretsException(f"the value of {name} should be a text, but it is of type {type(value).__name__}")
        if "\0" in value:
            raise SecretsException(f"the value of {name} holds a null character, which no environment variable can")
    return variables
