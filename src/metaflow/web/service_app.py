"""``metaflow ui`` where a metadata service has the records: the service serves the app itself."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from metaflow.exception import CommandException

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 10.0


def point_to_service(service: str, show: Callable[[str], None], announce: Callable[[str], None]) -> None:
    """Say where the service's own app is.

    Parameters
    ----------
    service : str
        Address of the service.
    show : callable
        Shows an address in a browser.
    announce : callable
        Told, in lines for people, where the app is.

    Raises
    ------
    CommandException
        The service cannot be reached, or serves no app.
    """
    address = f"{service}/ui/"
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - the setting allows http and https only
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            has_app = answer.headers.get_content_type() == "text/html"
    except urllib.error.HTTPError:
        has_app = False
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise CommandException(
            f"The records of runs are in the metadata service at {service}, which cannot be reached ({reason}). "
            "To see the runs of this machine's own store, use --metadata local."
        ) from error
    if not has_app:
        raise CommandException(
            f"The records of runs are in the metadata service at {service}, which serves no web app: it is of an "
            "earlier version, was started with --no-ui, or is Netflix's. To see the runs of this machine's own store, "
            "use --metadata local."
        )
    announce(
        f"The records of runs are in the metadata service at {service}, which serves the web app:\n\n    {address}\n\n"
        "It asks for your token, METAFLOW_SERVICE_AUTH_KEY, if it asks for one."
    )
    show(address)
