"""Cases of a flow's language that were wrong once."""

from __future__ import annotations

import pytest

from .conftest import Project
from .test_reviewed import two_steps

USERS = """
from metaflow import *

@user_step_decorator
def bare(step_name, flow, inputs):
    yield

class Mutating(StepMutator):
    def mutate(self):
        pass

class MutatingFlow(FlowMutator):
    pass

class Skipping(UserStepDecorator):
    def pre_step(self, step_name, flow, inputs=None):
        self.skip_step = 5
"""


def line_of(source: str, text: str) -> int:
    lines = source.splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("body", "said", "at"),
    [
        ("@retry(tmes=1)", "'retry' does not support the attribute 'tmes'", "@retry(tmes"),
        ("@retry(times='x')", "Step start: @retry(times='x') should be a number", "@retry(times"),
        ("@retry(times=9)", "the maximum number of retries is 4", "@retry(times"),
        ("@retry\n    @retry", "already has a decorator 'retry'", "@retry"),
        ("@timeout", "@timeout needs a duration", "@timeout"),
        ("@environment(vars=5)", "@environment(vars=...) should be a dictionary", "@environment"),
        ("@secrets(sources='x')", "@secrets(sources=...) should be a list", "@secrets"),
        ("@catch(var='a b')", "@catch(var='a b') should be the name", "@catch"),
        (
            "cfg = Config('c', default_value={'t': {'a': 1}})\n    @retry(**cfg.t)",
            "support the attribute 'a'",
            "@retry",
        ),
        ("cfg = Config('c', default='a', default_value={})", "has both a default", "Config("),
        ("cfg = Config('c', parser=3)", "its parser should be a function", "Config("),
        ("cfg = Config('c')\n    other = Config('c')", "is declared twice", "other = "),
        ("@retry(times=config_expr('1 +'))", "it is no Python expression: invalid syntax", "@retry"),
        (
            "cfg = Config('c', default_value={})\n    @retry(times=config_expr('c.a'))",
            "the value of its default",
            "@retry",
        ),
        ("p = Parameter('p', help=5)", "help should be a text, not 5", "Parameter("),
        ("@bare(5)", "takes no positional arguments: name the argument 5", "@user_step_decorator"),
        ("@bare(x=5)", "given the argument 'x', but takes none", "@user_step_decorator"),
        ("@Skipping(x=5)", "is given an argument ('x'), but takes none", "class Skipping(UserStepDecorator)"),
        ("@Mutating(5)", "is given an argument (5), but takes none", "class Mutating(StepMutator)"),
        ("@Mutating", "Mutating.mutate should be declared as mutate(self, mutable_step)", "def mutate(self):"),
    ],
)
def test_what_is_declared_wrongly_is_told_with_its_place(project: Project, body: str, said: str, at: str) -> None:
    source = two_steps(top=USERS).replace("    @step\n    def start", f"    {body}\n    @step\n    def start")
    written = project.write(source).read_text()
    outcome = project.call("check")
    assert outcome.code == 1, outcome
    assert f"flow.py on line {line_of(written, at)}:" in outcome.stderr, outcome
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr
    run = project.call("run")
    assert run.code == 1 and said in run.stderr and "Traceback" not in run.stderr, run


def test_a_flow_mutator_without_arguments_is_given_one(project: Project) -> None:
    project.write(two_steps(top=USERS + "\n@MutatingFlow(1)"))
    outcome = project.call("check")
    assert outcome.code == 1 and "is given an argument (1), but takes none" in outcome.stderr, outcome
    assert "Traceback" not in outcome.stderr


def test_skip_step_is_true_or_a_dict(project: Project) -> None:
    project.write(two_steps(top=USERS).replace("    @step\n    def end", "    @Skipping\n    @step\n    def end"))
    outcome = project.call("run")
    assert outcome.code == 1, outcome
    assert "set skip_step to 5. It should be True, or a dict" in outcome.stdout


def test_a_flow_decorator_is_not_for_steps(project: Project) -> None:
    project.write(two_steps())
    outcome = project.call("run", "--with", "project:name=a")
    assert outcome.code == 1 and "it decorates flows, and goes above the class" in outcome.stderr, outcome


def test_a_wrong_value_from_the_environment_is_said_once_to_be_from_there(project: Project) -> None:
    project.write(two_steps(body="p = Parameter('p', type=int)"))
    outcome = project.call("run", env={"METAFLOW_RUN_P": "x"})
    assert outcome.code == 2 and outcome.stderr.count("METAFLOW_RUN_P") == 1, outcome


def test_a_spun_step_reads_given_configs(project: Project) -> None:
    project.write(
        two_steps(
            top="from metaflow import Config",
            body="cfg = Config('cfg', default_value={'a': {'b': 0}})\n    part = cfg.a.b\n    fixed = 5",
            end="print('got', self.cfg.a.b, self.part, self.fixed)",
        )
    )
    assert project.call("run").code == 0
    given = project.path / "given.py"
    given.write_text("ARTIFACTS = {'cfg': {'a': {'b': 1}}, 'part': 2, 'fixed': 6}\n")
    outcome = project.call("spin", "end", "--artifacts-module", "given.py")
    assert outcome.code == 0 and "got 1 2 6" in outcome.stdout, outcome
    assert "{'a': {'b': 1}} (was {'a': {'b': 0}})" in outcome.stdout

    given.write_text("ARTIFACTS = {'next': 1}\n")
    outcome = project.call("spin", "end", "--artifacts-module", "given.py")
    assert outcome.code == 1 and "every flow has self.next" in outcome.stdout, outcome
