"""Who runs: the user's name, and the identity that namespaces and tags are made of."""

from __future__ import annotations

import os

from metaflow.exception import MetaflowUnknownUser

#: Environment variables that may hold the user's name, the first that is set wins.
_USER_VARIABLES = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")


def get_username() -> str:
    """Name of the user: the first of METAFLOW_USER, SUDO_USER, USERNAME and USER that is set and not
    ``root``.

    Returns
    -------
    str
        The name.

    Raises
    ------
    MetaflowUnknownUser
        None of the variables names a person.
    """
    for variable in _USER_VARIABLES:
        name = os.environ.get(variable)
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
