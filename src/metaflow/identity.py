"""Who runs: the user's name, and the identity that namespaces and tags are made of."""

from __future__ import annotations

import os

from metaflow import settings
from metaflow.exception import MetaflowUnknownUser

#: Environment variables that may hold the user's name if the setting USER does not; the first that is set wins.
_USER_VARIABLES = ("SUDO_USER", "USERNAME", "USER")


def get_username() -> str:
    """Name of the user: the first of METAFLOW_USER, SUDO_USER, USERNAME and USER that is set and not ``root``.

    METAFLOW_USER may also stand in a configuration file.

    Returns
    -------
    str
        The name.

    Raises
    ------
    MetaflowUnknownUser
        None of the variables names a person.
    """
    chosen: str | None = settings.get("USER")
    for name in (chosen, *map(os.environ.get, _USER_VARIABLES)):
        if name and name != "root":
            return name
    raise MetaflowUnknownUser


def resolve_identity() -> str:
    """Identity of whoever runs: ``production:<token>`` for a deployed flow, ``user:<name>`` for a person.

    Returns
    -------
    str
        A tag, which is also the default namespace.

    Raises
    ------
    MetaflowUnknownUser
        There is no production token and no user name.
    """
    token = os.environ.get("METAFLOW_PRODUCTION_TOKEN")
    return f"production:{token}" if token else f"user:{get_username()}"
