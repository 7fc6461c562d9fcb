"""What ``metaflow status`` says of a metadata service, and of what waits for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..exception import MetaflowException

if TYPE_CHECKING:
    from ..client.home import Home


class ServiceStatus(NamedTuple):
    """How it stands with the metadata service.

    Attributes
    ----------
    url : str
        Its address; empty if none is used.
    problem : str or None
        Why it cannot be used.
    waiting : int
        Records on this machine that a service has not taken yet.
    """

    url: str
    problem: str | None
    waiting: int

    def lines(self) -> list[str]:
        """For people."""
        found = []
        if self.url:
            found.append(f"Metadata service: {self.url}, {'usable' if self.problem is None else 'NOT USABLE'}")
        if self.problem is not None:
            found.append(f"    {self.problem}")
        if self.waiting:
            found.append(f"Records that wait for a metadata service: {self.waiting}; see `metaflow outbox`")
        return found

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {"metadata_service": self.url, "service_problem": self.problem, "waiting_records": self.waiting}


def service_status(home: Home) -> ServiceStatus:
    """Look at the metadata service and at the outbox. Changes nothing."""
    from ..metadata_store.outbox import waiting_in

    waiting = sum(waiting.events for waiting in waiting_in(home.outbox))
    return ServiceStatus(home.service, _problem(home) if home.service else None, waiting)


def _problem(home: Home) -> str | None:
    from ..metadata_store.service import ServiceMetadata

    service = ServiceMetadata(home.service, tries=1, timeout=5.0)
    try:
        service.flows("")
    except MetaflowException as error:
        return error.message
    finally:
        service.close()
    return None
