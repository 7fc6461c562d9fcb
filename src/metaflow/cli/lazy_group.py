"""A group of commands, each imported when it is used: starting a program should not cost what it does not use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.shell_completion import CompletionItem


class Where(NamedTuple):
    """Where a command is defined.

    Attributes
    ----------
    module : str
        Name of a module of this package.
    attribute : str
        The command in it.
    help : str
        Its line in the list of commands; empty to leave it out of that.
    """

    module: str
    attribute: str
    help: str


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used.

    Parameters
    ----------
    where : mapping of str to Where
        The commands, in the order in which they are listed.
    is_enabled : callable
        Whether the command of a name may be used here.
    """

    def __init__(
        self, *args: Any, where: Mapping[str, Where], is_enabled: Callable[[str], bool] = lambda name: True, **kw: Any
    ) -> None:
        super().__init__(*args, **kw)
        self._where = where
        self._is_enabled = is_enabled

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands that may be used, without hidden ones."""
        return [name for name, where in self._where.items() if where.help and self._is_enabled(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None if there is none, or it may not be used here."""
        where = self._where.get(cmd_name)
        if where is None or not self._is_enabled(cmd_name):
            return None
        from importlib import import_module

        command: click.Command = getattr(import_module(f"{__package__}.{where.module}"), where.attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands and options that begin so; without importing the commands, as click would."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=self._where[name].help)
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._where[name].help) for name in self.list_commands(ctx)])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command that the arguments begin with; an error names the one that may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not close or "Did you mean" in error.format_message():
                raise
            raise click.UsageError(f"{error.format_message()} Did you mean '{close[0]}'?", ctx) from error
