"""A plain ``spin`` command is read as the whole command line would read it."""

from __future__ import annotations

import click
from hypothesis import given, settings, strategies as st

from metaflow import FlowSpec, Parameter, project, step
from metaflow.cli import flow_command, plain_spin, spin_command
from metaflow.cli.spin_arguments import SpinArguments, read_plain


def read_by_click(arguments):
    """What click makes of it; None if it refuses."""

    class F(FlowSpec):
        @step
        def start(self):
            pass

    def keep(**values):
        of_flow = click.get_current_context().parent.params
        found.append(SpinArguments(**values, quiet=of_flow["quiet"], datastore_root=of_flow["datastore_root"]))

    found = []
    group = flow_command.make_group(F)
    command = click.Command("spin", params=spin_command.spin.params, callback=keep)
    group.get_command = lambda context, name: command if name == "spin" else None
    try:
        group.main(list(arguments), "flow.py", obj=object(), standalone_mode=False)
    except click.ClickException:
        return None
    return found[0] if found else None


words = st.sampled_from(
    "spin work 1/work --persist --no-persist --skip-decorators --artifacts-module given.py --run-id-file id "
    "--runner-attribute-file --quiet --no-pylint --datastore-root --max-log-size 5 -- --help= x=y".split()
)


@settings(deadline=None)
@given(before=st.lists(words, max_size=3), after=st.lists(words, max_size=6))
def test_what_is_read_plainly_is_what_click_reads(before, after):
    arguments = [*before, "spin", *after]
    read = read_plain(arguments, {})
    assert read is None or read == read_by_click(arguments)


def test_most_commands_are_plain():
    assert read_plain(["spin", "work"], {"METAFLOW_USER": "me", "HOME": "/"}) == SpinArguments("work")
    arguments = "--quiet --datastore-root r spin --persist 1/work/2 --artifacts-module a.py --skip-decorators".split()
    assert read_plain(arguments, {}) == SpinArguments(
        "1/work/2", True, True, artifacts_module="a.py", quiet=True, datastore_root="r"
    )


def test_whatever_stands_for_an_option_is_left_to_click():
    for variable in ("METAFLOW_QUIET", "METAFLOW_SPIN_PERSIST", "METAFLOW_DECOSPECS", "METAFLOW_FLOW_BRANCH"):
        assert read_plain(["spin", "work"], {variable: "1"}) is None
    for arguments in ("spin", "spin work extra", "run work", "spin --help", "--with retry spin work", "spin work -x"):
        assert read_plain(arguments.split(), {}) is None


def test_flows_that_bring_options_are_not_plain():
    class Plain(FlowSpec):
        alpha = Parameter("alpha", default=1)
        limit = 3

        @step
        def start(self):
            pass

    @project(name="x")
    class Decorated(Plain):
        pass

    class Other(Plain):
        values = [1]

    assert plain_spin.is_plain(Plain)
    assert not plain_spin.is_plain(Decorated) and not plain_spin.is_plain(Other)
