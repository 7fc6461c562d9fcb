"""Which namespace a run belongs to.

That is another question than where the client looks in its tasks, which ``run --namespace`` answers. A run that belongs
to a namespace carries it as a system tag, so that it is found there; its tasks look there too, unless told otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import settings
from ..exception import MetaflowException
from ..metadata_store.tags import check_tags

if TYPE_CHECKING:
    from ..flow.spec import FlowSpec

#: Beginnings of the tags that say who made a run, and with what. A run never claims to be somebody else's.
_SYSTEM_KINDS = frozenset(
    {"user", "production", "project", "project_branch", "runtime", "metaflow_version", "python_version"}
)


def namespace_of_runs(flow_class: type[FlowSpec]) -> str | None:
    """Namespace in which the flow's runs are: the one of ``@namespace``, or else the setting USER_NAMESPACE.

    Returns
    -------
    str or None
        None if there is none but the user's own.

    Raises
    ------
    MetaflowException
        If the setting cannot be a tag.
    """
    declared = flow_class._namespace_of_runs
    if declared:
        return declared
    chosen: str | None = settings.get("USER_NAMESPACE") or None
    if chosen is not None:
        try:
            check_tags([chosen])
        except MetaflowException as error:
            raise MetaflowException(f"METAFLOW_USER_NAMESPACE cannot be a namespace: {error.message}") from error
    return chosen


def namespace_tags(namespace: str | None) -> set[str]:
    """System tags by which a run is found in the namespace that it belongs to.

    None for a namespace such as ``user:bob`` or ``production:token``: a run may look there, but it is not one of those.
    """
    if namespace is None or namespace.partition(":")[0] in _SYSTEM_KINDS:
        return set()
    return {namespace}
