"""Flows with ``@project``, ``@trigger_on_finish``, ``@exit_hook`` and the like, run as a person runs them."""

from __future__ import annotations

import signal

import pytest

from .conftest import Project

IMPORTS = """
from metaflow import FlowSpec, current, exit_hook, project, schedule, step, trigger, trigger_on_finish
"""

STEPS = """
    @step
    def start(self):
        self.facts = {name: current.get(name) for name in
                      ("project_name", "branch_name", "project_flow_name", "is_user_branch", "is_test_branch",
                       "is_production")}
        self.next(self.end)

    @step
    def end(self):
        pass
"""

PROJECT = f"""{IMPORTS}

class Base(FlowSpec):
    pass


schedule(hourly=True)(Base)


@project(name="shop")
class F(Base):
{STEPS}
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_project_has_branches(project: Project, method: str) -> None:
    from metaflow import Flow

    project.write(PROJECT, main="F")
    outcome = project.call("--branch", "fix_it", "run", env={"METAFLOW_START_METHOD": method})
    assert outcome.code == 0, outcome
    assert "Project: shop, Branch: test.fix_it" in outcome.stderr
    project.client()
    run = Flow("F").latest_run
    assert run.data.facts == {
        "project_name": "shop",
        "branch_name": "test.fix_it",
        "project_flow_name": "shop.test.fix_it.F",
        "is_user_branch": False,
        "is_test_branch": True,
        "is_production": False,
    }
    assert {"project:shop", "project_branch:test.fix_it"} <= run.system_tags
    recorded = run["_parameters"].task["_graph_info"].data["decorators"]
    assert [each["name"] for each in recorded] == ["schedule", "project"]
    assert recorded[1] == {
        "name": "project",
        "attributes": {"name": "shop", "branch": None, "production": False},
        "statically_defined": True,
        "inserted_by": None,
    }


def test_options_of_the_project_and_their_variables(project: Project) -> None:
    project.write(PROJECT, main="F")
    for arguments, env, branch in (
        ([], {}, "user.tester"),
        ([], {"METAFLOW_OWNER": "grace"}, "user.grace"),
        (["--production"], {}, "prod"),
        (["--production"], {"METAFLOW_FLOW_BRANCH": "b"}, "prod.b"),
        ([], {"METAFLOW_FLOW_PRODUCTION": "1"}, "prod"),
    ):
        outcome = project.call(*arguments, "check", env=env)
        assert outcome.code == 0, outcome
        assert f"Project: shop, Branch: {branch}\n" in outcome.stderr
    outcome = project.call("--branch", "No Name", "check")
    assert outcome.code == 1, outcome
    assert "--branch No Name cannot be used" in outcome.stderr
    listed = project.call("--help").stdout
    assert "--production" in listed
    assert "--trigger" not in listed


def test_options_without_their_decorator(project: Project) -> None:
    project.write(f"{IMPORTS}\nclass F(FlowSpec):\n{STEPS}", main="F")
    outcome = project.call("--branch", "b", "run")
    assert outcome.code == 2, outcome
    assert "No such option: --branch. It comes with @project" in outcome.stderr
    assert "--branch" not in project.call("--help").stdout
    outcome = project.call("check", env={"METAFLOW_FLOW_BRANCH": "b"})  # meant for other flows
    assert outcome.code == 0, outcome


BAD = {
    '@project(name="My Project")': "@project(name='My Project') cannot be used",
    '@schedule(cron="0 25 * * *")': "'25' cannot stand for the hour",
    '@schedule(every="day")': "does not support the attribute 'every'",
    '@trigger(event={"name": "e", "parameters": ["nope"]})': "no such parameter",
    '@trigger_on_finish(flow="a.b")': "'a.b' cannot be a flow",
    "@exit_hook(on_error=[lambda channel: None])": "needs the argument 'channel'",
    "@schedule\n@schedule": "more than once",
}


@pytest.mark.parametrize("written", BAD)
def test_what_is_wrong_is_said_with_its_line(project: Project, written: str) -> None:
    path = project.write(f"{IMPORTS}\n{written}\nclass F(FlowSpec):\n{STEPS}", main="F")
    outcome = project.call("check")
    assert outcome.code == 1, outcome
    assert BAD[written] in outcome.stderr
    assert f"in file {path} on line 4:" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_run_can_be_triggered_by_others(project: Project) -> None:
    from metaflow import Flow, Run

    project.write(
        """
        class Upstream(FlowSpec):
            @step(start=True)
            def fetch(self):
                self.next(self.finish)
            @step(end=True)
            def finish(self):
                self.rows = 3
        """,
        "upstream.py",
    )
    first, second = (project.call("run", flow="upstream.py").run_id for _ in range(2))
    project.write(
        f"""{IMPORTS}
@trigger_on_finish(flow="Upstream")
class F(FlowSpec):
    @step
    def start(self):
        trigger = current.get("trigger")
        assert ("trigger" in current) == (trigger is not None)
        self.seen = trigger and (trigger.run.pathspec, trigger["Upstream"].data.rows, "Upstream" in trigger)
        self.names = trigger and [event.name for event in trigger]
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        main="F",
    )
    named = [part for run_id in (first, second) for part in ("--trigger", f"Upstream/{run_id}")]
    outcome = project.call(*named, "run", env={"METAFLOW_USER": "somebody_else"})
    assert outcome.code == 0, outcome
    assert project.call("run").code == 0
    project.client()
    alone, triggered = list(Flow("F"))
    assert triggered.data.seen == (f"Upstream/{second}", 3, True)
    assert triggered.data.names[:2] == ["metaflow.Upstream.finish", "metaflow.Upstream.end"]
    assert [run.id for run in triggered.trigger.runs] == [second, first]
    assert triggered.trigger.event.id == Run(f"Upstream/{second}").end_task.pathspec
    assert triggered.trigger.run.trigger is None
    assert alone.data.seen is None
    assert alone.trigger is None


def test_a_trigger_must_be_a_finished_run(project: Project) -> None:
    failed = project.run(
        f"""{IMPORTS}
@trigger_on_finish(flow="F")
class F(FlowSpec):
    @step
    def start(self):
        self.missing
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        code=1,
    )
    for pathspec, said in (
        (f"F/{failed.run_id}", "has not reached its end, so it triggers nothing (it is failed)"),
        ("F/1", "--trigger F/1: Run('F/1') does not exist"),
        ("F", "should name a run"),
    ):
        outcome = project.call("--trigger", pathspec, "run")
        assert outcome.code == 1, outcome
        assert said in outcome.stderr
        assert "Workflow starting" not in outcome.stdout


HOOKS = f"""{IMPORTS}
import sys

def tell(run):
    print("told of", run.pathspec, run.status, run.successful)

def fail():
    raise OSError("hook is broken")

def leave():
    sys.exit(4)

@exit_hook(on_success=[tell, fail], on_error=[tell])
@exit_hook(on_error=fail, on_success=leave)
class F(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        BODY
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_exit_hooks_of_a_run_that_succeeds(project: Project, method: str) -> None:
    outcome = project.run(HOOKS.replace("BODY", "pass"), env={"METAFLOW_START_METHOD": method})
    lines = outcome.stdout.splitlines()
    expected = [
        "The exit hook leave failed: its process exited with code 4",
        f"told of F/{outcome.run_id} done True",
        "The exit hook fail failed: its process exited with code 1",
        "Done!",
    ]
    assert len(lines) > len(expected)
    for line, said in zip(lines[-len(expected) :], expected, strict=True):
        assert said in line
    assert "OSError: hook is broken" in outcome.stderr
    assert "metaflow/runtime" not in outcome.stderr


def test_exit_hooks_of_a_run_that_fails(project: Project) -> None:
    outcome = project.run(HOOKS.replace("BODY", "raise ValueError('of the step')"), code=1)
    assert f"told of F/{outcome.run_id} failed False" in outcome.stdout
    assert outcome.stdout.count("told of") == 1
    assert "ValueError" not in outcome.stderr, "what a hook raises has nothing to do with why the run failed"
    assert outcome.stderr.index("hook is broken") < outcome.stderr.index("Step failure:")


def test_exit_hooks_of_a_run_that_is_interrupted(project: Project) -> None:
    project.write(HOOKS.replace("BODY", "import time; print('waiting', flush=True); time.sleep(300)"), main="F")
    process = project.start("run")
    assert process.stdout is not None
    while "waiting" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped False" in stdout
    assert stderr.rstrip().endswith("Aborted!")
