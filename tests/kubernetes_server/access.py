"""Who asks, and what they may do."""

from __future__ import annotations

from typing import NamedTuple

from . import problems
from .resources import Resource

#: May do everything.
ADMIN_TOKEN = "admin-token"
#: May only look.
VIEWER_TOKEN = "viewer-token"

_READING = frozenset({"get", "list", "watch"})


class Denial(NamedTuple):
    """Something that nobody may do, whatever their token says; ``*`` stands for all."""

    verb: str
    resource: str
    namespace: str = "*"


class Access:
    """Tokens and rights."""

    def __init__(self) -> None:
        self.denials: list[Denial] = []

    def user(self, authorization: str | None) -> str:
        """The name of who asks.

        Raises
        ------
        Problem
            401, if the token is none of ours.
        """
        if authorization is None:
            return "system:anonymous"
        users = {f"Bearer {ADMIN_TOKEN}": "admin", f"Bearer {VIEWER_TOKEN}": "viewer"}
        if authorization not in users:
            raise problems.unauthorized()
        return users[authorization]

    def allows(self, user: str, verb: str, resource: str, namespace: str) -> bool:
        """Whether a user may do something.

        Parameters
        ----------
        user, verb : str
        resource : str
            Its plural, with the subresource if there is one, such as ``pods/log``.
        namespace : str
        """
        for denial in self.denials:
            pairs = ((denial.verb, verb), (denial.resource, resource), (denial.namespace, namespace))
            if all(pattern in ("*", asked) for pattern, asked in pairs):
                return False
        return user == "admin" or (user == "viewer" and verb in _READING)

    def check(self, user: str, verb: str, resource: Resource, subresource: str, namespace: str, name: str) -> None:
        """Refuse what is not allowed.

        Raises
        ------
        Problem
            403.
        """
        asked = f"{resource.plural}/{subresource}" if subresource else resource.plural
        if self.allows(user, verb, asked, namespace):
            return
        where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
        why = f'User "{user}" cannot {verb} resource "{asked}" in API group "{resource.group}"{where}'
        raise problems.forbidden(resource, name, why)
