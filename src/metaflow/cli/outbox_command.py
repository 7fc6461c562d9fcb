"""``metaflow outbox``: records of runs that a metadata service has not taken yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..exception import MetaflowException
from .messages import echo
from .reading import datastore_root_option, home_of, output_options
from .table import Column, print_json, print_table

if TYPE_CHECKING:
    from ..client.home import Home
    from ..metadata_store.outbox import Waiting


@click.group(
    help="Show the records of runs that wait for a metadata service, and send them.", invoke_without_command=True
)
@output_options
@datastore_root_option
@click.pass_context
def outbox(context: click.Context, datastore_root: str | None, as_json: bool) -> None:
    """``outbox``: what waits, the latest last."""
    context.obj = datastore_root
    if context.invoked_subcommand is not None:
        return
    from ..metadata_store.outbox import waiting_in

    found = waiting_in(home_of(datastore_root).outbox)
    if as_json:
        print_json([_plain(waiting) for waiting in found])
    elif not found:
        click.echo("No records wait for a metadata service.")
    else:
        print_table(
            [
                Column("run", [f"{waiting.flow}/{waiting.run_id}" for waiting in found]),
                Column("records", [str(waiting.events) for waiting in found], numeric=True),
                Column("service", [waiting.service for waiting in found]),
                Column("state", ["refused" if waiting.refusal else "waits" for waiting in found]),
                Column("file", [waiting.path for waiting in found]),
            ]
        )
        for waiting in found:
            if waiting.refusal:
                click.echo(f"{waiting.flow}/{waiting.run_id} was refused, at first because: {waiting.refusal}")


@outbox.command(help="Send what waits, also what was refused before.")
@click.pass_obj
def send(datastore_root: str | None) -> None:
    """``outbox send``: deliver everything now."""
    from ..metadata_store.outbox import deliver_left_behind, retry_refused, waiting_in
    from ..metadata_store.service import ServiceMetadata

    home = home_of(datastore_root)
    folder = home.outbox
    retry_refused(folder)
    problems: list[MetaflowException] = []
    sent = refused = 0
    for url in sorted({waiting.service for waiting in waiting_in(folder)}):
        if _would_tell_a_secret(home, url):
            problems.append(_other_service(url))
            continue
        service = ServiceMetadata(url)
        try:
            delivery = deliver_left_behind(folder, url, service.apply)
            sent, refused = sent + delivery.sent, refused + delivery.refused
        except MetaflowException as error:
            problems.append(error)
        finally:
            service.close()
    left = sum(waiting.events for waiting in waiting_in(folder))
    echo(f"{sent} records were sent; {left} wait or were refused, {refused} of them now.")
    for problem in problems:
        echo(str(problem))
    if problems or refused:
        raise SystemExit(1)


def _would_tell_a_secret(home: Home, url: str) -> bool:
    """Whether a service would be sent credentials that are for another one.

    The directory may have come from somebody else, and with it the file that names the service.
    """
    from metaflow import settings

    has_secrets = settings.get("SERVICE_AUTH_KEY") or settings.get("SERVICE_HEADERS")
    ours = (home.service, str(settings.get("SERVICE_URL") or "").rstrip("/"))
    return bool(has_secrets) and url not in ours


def _other_service(url: str) -> MetaflowException:
    from ..exception import MetadataException

    return MetadataException(
        f"Records wait for {url}, which is not the service of METAFLOW_SERVICE_URL, so that it was not sent your "
        f"credentials. If you trust it: METAFLOW_SERVICE_URL={url} metaflow outbox send"
    )


def _plain(waiting: Waiting) -> dict[str, Any]:
    plain = waiting._asdict()
    return {"state": "refused" if waiting.refusal else "waits", **plain}
