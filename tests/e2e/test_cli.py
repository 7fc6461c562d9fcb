"""The commands of a flow, as a person types them."""

from __future__ import annotations

import pickle
import time

import pytest

from metaflow import Flow
from metaflow.exception import MetaflowException

from .conftest import Project
from .test_kill import wait_until

FLOW = '''
class F(FlowSpec):
    """
    Adds numbers.

    In two steps.
    """

    alpha = Parameter("alpha", default=1, help="First number")
    flag = Parameter("flag", default=False)

    @step
    def start(self):
        """Begin."""
        self.x = [1] * 5
        self._hidden = 1
        print("to stdout")
        import sys
        print("to stderr", file=sys.stderr)
        self.next(self.end)

    @step
    def end(self):
        self.big = "y" * 5000
'''


@pytest.fixture
def finished(project: Project) -> str:
    return project.run(FLOW).run_id


def test_help_of_the_flow_and_of_run(project: Project) -> None:
    project.write(FLOW)
    outcome = project.call("--help")
    assert outcome.code == 0
    assert "Adds numbers." in outcome.stdout and "run" in outcome.stdout and "dump" in outcome.stdout
    outcome = project.call("run", "--help")
    assert "--alpha INTEGER" in outcome.stdout and "First number" in outcome.stdout and "[default: 1]" in outcome.stdout
    for command in ("check", "show", "dump", "logs", "output-dot", "version"):
        assert project.call(command, "--help").code == 0


def test_without_a_command_it_checks_and_tells_what_can_be_done(project: Project) -> None:
    project.write(FLOW)
    outcome = project.call()
    assert outcome.code == 0
    assert "The graph looks good!" in outcome.stderr
    assert "flow.py run' runs this flow." in outcome.stderr
    assert outcome.stdout == ""
    assert project.call("check").stderr == outcome.stderr


def test_banner_is_on_stderr_and_quiet_silences_it(project: Project) -> None:
    outcome = project.run(FLOW)
    assert "executing F for user:tester" in outcome.stderr
    assert "Creating local datastore" in outcome.stderr
    quiet = project.call("--quiet", "run")
    assert quiet.stderr == ""
    assert "Done!" in quiet.stdout


def test_show(project: Project) -> None:
    project.write(FLOW)
    outcome = project.call("show")
    assert "Adds numbers." in outcome.stderr
    assert "Step start" in outcome.stdout and "Begin." in outcome.stdout and "=> end" in outcome.stdout


def test_output_dot_and_raw(project: Project) -> None:
    project.write(FLOW)
    assert "start -> end" in project.call("output-dot").stdout.replace('"', "")
    assert '"graph_structure"' in project.call("output-raw", "--json").stdout


def test_version(project: Project) -> None:
    from metaflow import __version__

    project.write(FLOW)
    assert project.call("version").stdout.strip() == __version__


def test_dump(project: Project, finished: str) -> None:
    outcome = project.call("dump", f"{finished}/start")
    assert "x [size: " in outcome.stdout and "type: <class 'list'>] = [1, 1, 1, 1, 1]" in outcome.stdout
    assert "_hidden" not in outcome.stdout
    assert "_hidden" in project.call("dump", f"{finished}/start/1", "--private").stdout
    assert "< artifact too large >" in project.call("dump", f"{finished}/end").stdout
    assert "yyyy" in project.call("dump", f"{finished}/end", "--max-value-size", "100000").stdout
    only = project.call("dump", f"{finished}/end", "--include", "alpha").stdout
    assert only.startswith("alpha [size") and "big" not in only
    assert project.call("dump", f"{finished}/end", "--file", "out.pickle").code == 0
    values = pickle.loads((project.path / "out.pickle").read_bytes())
    assert values[f"F/{finished}/end/2"]["alpha"] == 1


def test_dump_of_what_is_not_there_says_what_is(project: Project, finished: str) -> None:
    outcome = project.call("dump", f"{finished}/nope")
    assert outcome.code == 1 and "start, end" in outcome.stderr
    outcome = project.call("dump", "123/start")
    assert outcome.code == 1 and finished in outcome.stderr


def test_logs(project: Project, finished: str) -> None:
    outcome = project.call("logs", f"{finished}/start")
    assert outcome.stdout == "to stdout\nto stderr\n"
    assert project.call("logs", "show", f"{finished}/start/1", "--stderr").stdout == "to stderr\n"
    stamped = project.call("logs", "show", f"{finished}/start", "--stdout", "--timestamps").stdout
    assert stamped.startswith("20") and stamped.endswith(" to stdout\n")


WAIT_FOR = """
        import os, time
        from metaflow import FlowSpec, step

        def wait_for(name):
            while not os.path.exists(name):
                time.sleep(0.01)
"""


def id_of_live_run(project: Project, step: str) -> str:
    """The id of the run that has just been started, as soon as the index knows of a task of the step."""
    wait_until((project.path / "id").exists)
    project.client()

    def is_known() -> bool:
        try:
            return step in {found.id for found in Flow("F").latest_run or ()}
        except MetaflowException:  # there is no such flow yet
            return False

    wait_until(is_known)
    return (project.path / "id").read_text()


def test_logs_follow_a_live_run(project: Project) -> None:
    project.write(
        WAIT_FOR
        + """
        class F(FlowSpec):
            @step
            def start(self):
                for i in range(4):
                    if i == 2:
                        wait_for("go")
                    print("tick", i)
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    run = project.start("run", "--run-id-file", "id")
    following = project.start("logs", f"{id_of_live_run(project, 'start')}/start", "--follow")
    assert following.stdout is not None
    assert [following.stdout.readline() for _ in range(2)] == ["tick 0\n", "tick 1\n"]
    (project.path / "go").touch()
    assert following.communicate()[0] == "tick 2\ntick 3\n"
    run.communicate()


def test_logs_follow_a_step_whose_tasks_start_later(project: Project) -> None:
    project.write(
        WAIT_FOR
        + """
        class F(FlowSpec):
            @step
            def start(self):
                wait_for("go")
                self.items = range(3)
                self.next(self.work, foreach="items")

            @step
            def work(self):
                print("work", self.input)
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
        """
    )
    run = project.start("run", "--run-id-file", "id", "--max-workers", "1")
    following = project.start("logs", f"{id_of_live_run(project, 'start')}/work", "--follow")
    time.sleep(0.5)  # by now it waits in vain, as a rule
    (project.path / "go").touch()
    stdout, stderr = following.communicate()
    assert following.returncode == 0, stderr
    assert sorted(stdout.splitlines()) == ["work 0", "work 1", "work 2"], stderr
    run.communicate()


def test_run_id_file_and_runner_attribute_file(project: Project) -> None:
    outcome = project.run(FLOW, "--run-id-file", "sub/id", "--runner-attribute-file", "attributes.json")
    assert (project.path / "sub/id").read_text() == outcome.run_id
    import json

    attributes = json.loads((project.path / "attributes.json").read_text())
    assert attributes["run_id"] == outcome.run_id and attributes["flow_name"] == "F"
    assert attributes["metadata"] == f"local@{project.path}"


def test_boolean_parameter_takes_a_value(project: Project) -> None:
    from .test_language import last_run

    project.run(FLOW, "--flag", "True")
    assert last_run(project).data.flag is True


def test_datastore_root_is_used_as_given(project: Project) -> None:
    project.write(FLOW)
    assert project.call("--datastore-root", "elsewhere", "run").code == 0
    assert (project.path / "elsewhere" / "mf-store").is_dir() and not (project.path / ".metaflow").exists()
    project.call("run", env={"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(project.path / "home")})
    assert (project.path / "home" / ".metaflow" / "mf-store").is_dir()


def test_output_to_a_closed_pipe_does_not_end_the_run(project: Project) -> None:
    project.write(FLOW)
    process = project.start("run")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 0


def test_pylint_findings_stop_the_run(project: Project) -> None:
    package = project.path / "pylint"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(
        "import sys\n"
        "open('calls', 'a').write('x')\n"
        "bad = 'undefined_name' in open(sys.argv[-1]).read()\n"
        "print('E0602: undefined' if bad else '')\n"
        "sys.exit(2 if bad else 0)\n"
    )
    project.run(FLOW)
    project.run(FLOW)
    assert (project.path / "calls").read_text() == "x", "the same content is checked once"
    outcome = project.run(FLOW + "\n    # undefined_name\n", code=1)
    assert "Pylint is not happy" in outcome.stderr and "E0602" in outcome.stderr and "--no-pylint" in outcome.stderr
    project.write(FLOW + "\n    # undefined_name\n")
    assert project.call("--no-pylint", "run").code == 0
