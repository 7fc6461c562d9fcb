"""``metaflow server``: the metadata service of a team."""

from __future__ import annotations

from typing import Any

import click

from .messages import echo


@click.group(
    "server",
    invoke_without_command=True,
    help="Serve the records of runs to a team, over HTTP. Settings METAFLOW_SERVER_* say the same as the options.",
)
@click.option("--host", metavar="ADDRESS", help="Where to listen; 127.0.0.1 by default: only programs of this machine.")
@click.option("--port", metavar="NUMBER", help="Where to listen; 8080 by default. 0 takes any that is free.")
@click.option("--database", metavar="PLACE", help="postgresql://USER:PASSWORD@HOST/NAME, or the path of a SQLite file.")
@click.option(
    "--tokens", "tokens_file", metavar="FILE", help="Tokens that are accepted, as `server token` prints them."
)
@click.option("--read-only", is_flag=True, help="Refuse all writes.")
@click.option("--ui/--no-ui", "with_pages", default=True, help="Whether to serve the web app, too.")
@click.option("--insecure", is_flag=True, help="Serve without tokens also where other machines can reach it.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="info logs each request.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Lines for people, or for programs.")
@click.pass_context
def server(context: click.Context, /, with_pages: bool, **options: Any) -> None:
    """``server``: serve until told to end."""
    if context.invoked_subcommand is not None:
        return
    from ..server.configuration import server_settings

    settings = server_settings(options)
    from ..server.serving import serve

    if not with_pages:
        serve(settings, echo)
        return
    from ..web.pages import PREFIX
    from ..web.serving import create_team_app

    serve(settings, echo, create_team_app, PREFIX)


@server.command(help="Make a token, and print the line by which the service is told of it.")
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "write"]), default="write", show_default=True)
def token(name: str, scope: Any) -> None:
    """``server token``: the line goes to stdout, for a file; the token itself to stderr, for a person."""
    from ..server.tokens import new_token, token_line

    made = new_token()
    line = token_line(name, scope, made)
    click.echo(line)
    echo(f"The token of {name}, which is shown only now:\n\n    METAFLOW_SERVICE_AUTH_KEY={made}\n")
    echo(
        "What is on stdout goes into the file of --tokens, or into METAFLOW_SERVER_TOKENS; it does not tell the token."
    )
