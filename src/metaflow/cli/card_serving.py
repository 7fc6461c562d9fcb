"""Running the viewer of cards until it is told to end."""

from __future__ import annotations

import hashlib
import hmac
import signal
from typing import TYPE_CHECKING

from ..cards.viewer.routes import ViewerSettings
from ..cards.viewer.run_watch import RunWatch
from ..cards.viewer.server import open_server
from ..web.access.project_token import project_token
from .messages import echo
from .run_names import find_run

if TYPE_CHECKING:
    from .reading import Place

#: What was seen of a run is good enough for this part of the time between two questions of a page.
_PART_OF_INTERVAL = 0.5
_LONGEST_SECONDS = 2.0


def serve(place: Place, flow: str, run_id: str | None, port: int, poll_interval: float, max_cards: int) -> None:
    """Show cards of a flow in browsers of this machine, until Ctrl-C or a signal ends it.

    Parameters
    ----------
    place : Place
        Where to look for runs, and the namespace in which to look for the latest.
    flow : str
        Name of the flow.
    run_id : str or None
        The run to show; None to follow the latest.
    port : int
        Where to listen; 0 for any port.
    poll_interval : float
        Seconds between two questions of a page.
    max_cards : int
        How many cards are listed at most.

    Raises
    ------
    CommandException
        There is no such run.
    MetaflowException
        No port is free.
    """
    if run_id is not None:
        run_id = find_run(place, f"{flow}/{run_id}").run_id
    interval = min(poll_interval * _PART_OF_INTERVAL, _LONGEST_SECONDS)
    watch = RunWatch(place.provider, flow, run_id, place.tags, interval)
    # Before anything is served: what cannot be read is told here, and not to each page.
    seen = watch.snapshot()
    with open_server(port, watch, ViewerSettings(poll_interval, max_cards, _token(place))) as server:
        signal.signal(signal.SIGTERM, _interrupt)
        if port not in (0, server.server_port):
            echo(f"Port {port} is taken, so this is another one.")
        if seen.run is not None:
            echo(f"Showing run {flow}/{seen.run.run_id}{', and those that start later' if watch.follows else ''}.")
        else:
            echo(f"{flow} has no run in {place.described} yet; one that starts is shown.")
        echo(f"Cards of {flow} are at {server.address} (Ctrl-C ends this).")
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            echo("The viewer has ended.")


def _token(place: Place) -> str:
    """The token of viewers of this project, by which nothing else can be done that its app can do."""
    secret = project_token(place.provider.home.root)
    return hmac.new(secret.encode(), b"card server", hashlib.sha256).hexdigest()


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
