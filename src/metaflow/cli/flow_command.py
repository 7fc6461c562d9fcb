"""The command line of a flow: ``python flow.py [options] COMMAND``."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .. import __version__, registry
from ..exception import CommandException, MetaflowException
from ..flow.declaration import FlowDeclaration, configs_of
from ..flow.run_facts import RunFacts
from .default_kinds import check_default_kinds
from .flow_options import click_options, values_of
from .group_options import with_group_options
from .messages import echo, print_exception, print_metaflow_exception

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from click.shell_completion import CompletionItem

    from ..client.home import Home
    from ..flow.configs import ConfigSource
    from ..flow.graph import FlowGraph
    from ..flow.spec import FlowSpec
    from ..runtime.fork_server import ForkServer
    from .config_options import GivenConfigs

#: Command -> (module, attribute, line of help). Commands are imported when they are used.
_COMMANDS: dict[str, tuple[str, str, str]] = {
    "run": ("run_command", "make", "Run the flow on this machine."),
    "resume": ("resume_command", "make", "Run again what a past run of the flow did not finish."),
    "spin": ("spin_command", "spin", "Run one step alone, on what a past run has left."),
    "check": ("graph_commands", "check", "Check that the flow is valid."),
    "show": ("graph_commands", "show", "Show the steps of the flow."),
    "dump": ("dump_command", "dump", "Show the artifacts of a finished step or task."),
    "logs": ("logs_command", "logs", "Show what tasks printed."),
    "card": ("card_command", "card", "Look at the cards of tasks."),
    "package": ("package_command", "package", "Show and save what of the code goes to other machines."),
    "tag": ("tag_command", "tag", "Add, remove and list tags of runs."),
    "output-dot": ("graph_commands", "output_dot", "Print the flow's graph in Graphviz's dot format."),
    "output-raw": ("graph_commands", "output_raw", "Print the flow's graph as plain data."),
    "version": ("graph_commands", "version", "Print the version of Metaflow."),
    "help": ("graph_commands", "help_command", "Show this help."),
}
#: Where a context keeps the command and what was given to it.
_ARGUMENTS = "metaflow.arguments"
_HIDDEN = {
    "task": ("task_command", "task", ""),
    "describe": ("describe_command", "describe", ""),
    "exit-hook": ("exit_hook_command", "exit_hook", ""),
}


class FlowState:
    """What the commands of one invocation share.

    Attributes
    ----------
    flow_class : type
    quiet : bool
        Whether to say less.
    datastore, datastore_root, metadata : str or None
        As given on the command line.
    pylint : bool
        Whether to let pylint look at the flow's file.
    server : ForkServer or None
        For the tasks of a run.
    decospecs : tuple of str
        Decorators that every step gets whatever the command.
    given_configs : GivenConfigs or None
        What the command line says of configs; None if the flow has none.
    package_suffixes : tuple of str
        Which files go into the code package in addition.
    origin_run_id : str or None
        The run to resume, once its configs were read.
    group : click.Context or None
        The options before the command, as they were read.
    """

    group: click.Context | None = None
    origin_run_id: str | None = None

    def __init__(
        self,
        flow_class: type[FlowSpec],
        quiet: bool,
        datastore: str | None,
        datastore_root: str | None,
        metadata: str | None,
        pylint: bool,
        server: ForkServer | None,
        decospecs: tuple[str, ...] = (),
        given_configs: GivenConfigs | None = None,
        package_suffixes: tuple[str, ...] = (),
    ) -> None:
        self.flow_class = flow_class
        self.quiet = quiet
        self.datastore = datastore
        self.datastore_root = datastore_root
        self.metadata = metadata
        self.pylint = pylint
        self.server = server
        #: Whether commands that read look at spun steps instead of runs.
        self.reads_spins = False
        self.decospecs = decospecs
        self.given_configs = given_configs
        self.package_suffixes = package_suffixes
        self._declaration: FlowDeclaration | None = None

    @property
    def declaration(self) -> FlowDeclaration:
        """The flow, configured; complete once :meth:`checked_graph` was called. Its configs are read the first time.

        Raises
        ------
        click.UsageError
            If a config is missing or malformed.
        ConfigException
            If the flow refers to what is not in its configs.
        """
        if self._declaration is None:
            readings = {}
            if self.given_configs is not None and self.arguments[:1] == ["resume"]:
                from .resumed_configs import configs_of_origin

                readings = configs_of_origin(self)
            elif self.given_configs is not None:
                from .config_options import read_configs

                configs = configs_of(self.flow_class)
                readings = read_configs(self.flow_class.__name__, configs, self.given_configs)
            self.configure(
                {attribute: reading.value for attribute, reading in readings.items()},
                {attribute: reading.source for attribute, reading in readings.items()},
            )
        assert self._declaration is not None
        return self._declaration

    def configure(self, config_values: Mapping[str, Any], config_sources: Mapping[str, ConfigSource]) -> None:
        """Declare the flow with these values of its configs, instead of those that would be read.

        Parameters
        ----------
        config_values, config_sources : mapping
            By attribute name.
        """
        declaration = FlowDeclaration(self.flow_class)
        declaration.configure(config_values, config_sources)
        self._declaration = declaration

    @property
    def arguments(self) -> Sequence[str]:
        """The command and what was given to it, as far as it is known."""
        return [] if self.group is None else self.group.meta.get(_ARGUMENTS, [])

    @property
    def flow_options(self) -> dict[str, Any]:
        """Values of the options that the flow's decorators contribute, by key.

        Raises
        ------
        click.NoSuchOption
            If one was given whose decorator the flow does not have.
        """
        return {} if self.group is None else values_of(self.group, self.declaration)

    def home(self, create: bool = False) -> Home:
        """Where runs are kept; made, and announced, on first use if `create`."""
        from .. import settings
        from ..client.home import Home, resolve_home
        from ..datastore.root import resolve_spin_root

        if self.reads_spins:
            if create:
                raise CommandException("Runs are not kept with spun steps: leave out --mode spin or --datastore spin.")
            return Home(str(resolve_spin_root(settings.get("DATASTORE_SYSROOT_SPIN"), create=False)[0]))
        home, created = resolve_home(self.datastore, self.datastore_root, self.metadata, create)
        if created and not self.quiet:
            what = "a directory for the index of runs" if home.datastore else "local datastore"
            echo(f"Creating {what} in current directory ({home.root})")
        return home

    def run_facts(self) -> RunFacts:
        """What the flow's decorators add to a run that is started now.

        Raises
        ------
        MetaflowException
            If attributes and options do not go together, or an option names what does not exist.
        """
        options = self.flow_options
        if not self.declaration.decorators:
            return RunFacts()
        from ..client.home import set_home_of_run
        from ..flow.flow_decorators import run_facts

        set_home_of_run(self.home(create=True))  # runs that options name are looked up there
        return run_facts(self.declaration, options)

    def checked_graph(self, warnings: bool = False, decospecs: Sequence[str] | None = None) -> FlowGraph:
        """Complete the declaration, and give the flow's graph after validation, with the usual messages.

        Parameters
        ----------
        warnings : bool
            Whether to show pylint's warnings too.
        decospecs : sequence of str, optional
            Decorators to add to every step, instead of :attr:`decospecs`.

        Raises
        ------
        LintWarn
            If the graph breaks a rule.
        PyLintWarn
            If pylint finds an error in the file.
        """
        from ..identity import resolve_identity
        from ..runtime.declared import checked_graph
        from .flow_file import check_script, run_pylint

        announced = [d.announcement(self.declaration.name, self.flow_options) for d in self.declaration.decorators]
        if not self.quiet:
            echo(f"Metaflow {__version__} executing *{self.flow_class.__name__}* for *{resolve_identity()}*")
            for text in filter(None, announced):
                echo(text)
            echo("Validating your flow...")
        check_script()
        self.declaration.complete(self.decospecs if decospecs is None else decospecs)
        graph = checked_graph(self.declaration)
        if not self.quiet:
            echo("    The graph looks good!")
        if self.pylint:
            run_pylint(graph.source_file, quiet=self.quiet, warnings=warnings)
        return graph


class _FlowGroup(click.Group):
    """The commands, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from importlib import import_module

        found = _COMMANDS.get(cmd_name) or _HIDDEN.get(cmd_name)
        if found is None:
            from .engine_commands import engine_command, is_engine

            return engine_command(cmd_name) if is_engine(cmd_name) and _state(ctx) else None
        made = getattr(import_module(f"{__package__}.{found[0]}"), found[1])
        state = _state(ctx)
        if isinstance(made, click.Command):
            return made
        if ctx.resilient_parsing:  # the line is being completed: this is no time to read configs
            from .config_options import declaration_without_configs

            return made(declaration_without_configs(state.flow_class))  # type: ignore[no-any-return]
        try:
            declaration = state.declaration
        except (click.UsageError, MetaflowException) as error:
            from .config_options import HelpOnly, declaration_without_configs

            return HelpOnly(made(declaration_without_configs(state.flow_class)), error)
        return made(declaration)  # type: ignore[no-any-return]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # Without importing the commands, unlike click, which asks each whether it is hidden.
        found = [CompletionItem(name, help=text) for name, text in _descriptions() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(_descriptions())

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        ctx.meta[_ARGUMENTS] = args
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            close = get_close_matches(args[0], [*_COMMANDS, *_engines()], n=1)
            if not close or "Did you mean" in error.format_message():
                raise
            raise click.UsageError(f"{error.format_message()} Did you mean '{close[0]}'?", ctx) from error


def _descriptions() -> list[tuple[str, str]]:
    """All commands with what they do."""
    lines = [(name, text) for name, (_, _, text) in _COMMANDS.items()]
    return lines + [(name, f"List and end the flow's jobs on {name}.") for name in _engines()]


def _engines() -> list[str]:
    """Commands of engines that people use."""
    return [name for name in registry.names("compute_backends") if name != "elsewhere"]


def is_option_variable(name: str) -> bool:
    """Tell whether `name`, without ``METAFLOW_``, is the environment variable of an option of some flow."""
    options = {str(parameter.name).upper() for parameter in options_of_flows()}
    commands = ["flow", *_COMMANDS]
    return name in options or any(name.startswith(f"{command.upper().replace('-', '_')}_") for command in commands)


def options_of_flows() -> list[click.Parameter]:
    """The options before the command that every flow's command line has."""
    from ..flow.spec import FlowSpec

    return list(make_group(FlowSpec).params)


def _state(context: click.Context) -> FlowState:
    """What this invocation is about; made when the group's options are known, before the command's are read."""
    if context.obj is None:
        flow_class, server = context.meta["metaflow.flow"]
        options = context.params
        given_configs = None
        if "config_paths" in options:
            from .config_options import GivenConfigs

            given_configs = GivenConfigs(options["config_paths"], options["config_values"], options["config_file"])
        context.obj = FlowState(
            flow_class,
            options["quiet"],
            options["datastore"],
            options["datastore_root"],
            options["metadata"],
            options["pylint"],
            server,
            options["decospecs"],
            given_configs,
            _suffixes(options["package_suffixes"]),
        )
        context.obj.reads_spins = "spin" in (options["mode"], options["metadata"], options["datastore"])
        context.obj.group = context
    state: FlowState = context.obj
    return state


def _suffixes(text: str | None) -> tuple[str, ...]:
    if not text:
        return ()
    from ..packaging.selection import parse_suffixes

    return parse_suffixes(text)


def main(flow_class: type[FlowSpec], server: ForkServer | None) -> NoReturn:
    """Run the command line of a flow and leave the process with its exit code.

    Parameters
    ----------
    flow_class : type
        The flow that the script defines.
    server : ForkServer or None
        For the tasks of a run.
    """
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = f"python -m {spec.name}" if spec is not None else f"python {sys.argv[0]}"
    try:
        group = make_group(flow_class)
        with group.make_context(program, sys.argv[1:], auto_envvar_prefix="METAFLOW", color=None) as context:
            context.meta["metaflow.flow"] = (flow_class, server)
            group.invoke(context)
        code = 0
    except click.exceptions.Exit as request:
        code = request.exit_code
    except click.ClickException as error:
        from .usage_errors import variable_of

        error.show()
        if (variable := variable_of(error)) is not None:
            echo(f"The value comes from the environment variable {variable}.")
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        echo("Aborted!")
        code = 1
    except MetaflowException as error:
        print_metaflow_exception(error)
        code = 1
    except SystemExit:
        raise
    except Exception as error:
        print_exception(error)
        code = 1
    # The interpreter collects garbage once more when it ends, which would take longer than a small task.
    gc.freeze()
    sys.exit(code)


def make_group(flow_class: type[FlowSpec]) -> click.Group:
    """The commands of a flow, and the options before them."""
    import inspect

    @click.group(
        cls=_FlowGroup,
        name=flow_class.__name__,
        invoke_without_command=True,
        help=inspect.cleandoc(flow_class.__doc__ or f"The flow {flow_class.__name__}."),
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    )
    @with_group_options
    @click.pass_context
    def flow(context: click.Context, /, **_options: object) -> None:
        check_default_kinds(context)
        state = _state(context)
        if context.invoked_subcommand is None:
            state.checked_graph()
            from .graph_commands import tell_what_can_be_done

            tell_what_can_be_done(context)

    flow.params.extend(click_options(flow_class))
    configs = configs_of(flow_class)
    if configs:
        from .config_options import options

        flow.params.extend(options(configs))
    group: click.Group = flow
    return group
