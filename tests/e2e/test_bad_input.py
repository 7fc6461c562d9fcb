"""Bad input: each with a message that says what to do, the right exit code, and nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Project

GOOD = """
class F(FlowSpec):
    count = Parameter("count", type=int, required=True, help="How many")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.twice = self.count * 2
"""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "--count", "1", "--nope", "3"], 2, "--nope"),
        (["run", "--cuont", "1"], 2, "--count"),
        (["run"], 2, "Missing option '--count'"),
        (["run", "--count", "many"], 2, "'many' is not a valid integer"),
        (["run", "--count", "1", "--max-workers", "0"], 2, "--max-workers"),
        (["run", "--count", "1", "--datastore-root", "x"], 2, "--datastore-root"),
        (["rnu"], 2, "Did you mean 'run'?"),
        (["--datastore", "s4", "run", "--count", "1"], 1, "no kind of datastore called 's4'"),
        (["dump", "nonsense"], 1, "RUN/STEP"),
        (["logs", "12/start"], 1, ""),
    ],
)
def test_bad_arguments(project: Project, arguments: list[str], code: int, said: str) -> None:
    project.write(GOOD)
    outcome = project.call(*arguments)
    assert outcome.code == code, outcome
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not Path(".metaflow").exists()


def test_parameters_from_the_environment(project: Project) -> None:
    project.write(GOOD)
    outcome = project.call("run", env={"METAFLOW_RUN_COUNT": "21"})
    assert outcome.code == 0, outcome
    outcome = project.call("run", env={"METAFLOW_RUN_COUNT": "x"})
    assert outcome.code == 2
    assert "METAFLOW_RUN_COUNT" in outcome.stderr or "--count" in outcome.stderr


FLOWS = {
    "unknown step": (
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.midle)
            @step
            def middle(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["midle", "line 6", "middle"],
    ),
    "no next": (
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.x = 1
            @step
            def end(self):
                pass
            @step
            def other(self):
                self.next(self.end)
        """,
        ["self.next"],
    ),
    "missing join": (
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.a, self.b)
            @step
            def a(self):
                self.next(self.end)
            @step
            def b(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["join"],
    ),
    "cycle": (
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.a)
            @step
            def a(self):
                self.next(self.b)
            @step
            def b(self):
                self.next(self.a)
            @step
            def end(self):
                pass
        """,
        ["loop"],
    ),
    "unreachable": (
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.end)
            @step
            def lost(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["*lost*".replace("*", ""), "unreachable"],
    ),
    "no end": (
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.a)
            @step
            def a(self):
                self.next(self.start)
        """,
        ["end"],
    ),
    "unbalanced": (
        """
        class F(FlowSpec):
            @step
            def start(self):
                self.next(self.a, self.b)
            @step
            def a(self):
                self.next(self.c, self.d)
            @step
            def b(self):
                self.next(self.join)
            @step
            def c(self):
                self.next(self.join)
            @step
            def d(self):
                self.next(self.join)
            @step
            def join(self, inputs):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["join"],
    ),
    "reserved parameter": (
        """
        class F(FlowSpec):
            tags = Parameter("tags")
            @step
            def start(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["reserved"],
    ),
    "decorator attribute": (
        """
        from metaflow import retry
        class F(FlowSpec):
            @retry(tims=3)
            @step
            def start(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["tims", "times"],
    ),
    "too many retries": (
        """
        from metaflow import retry
        class F(FlowSpec):
            @retry(times=5)
            @step
            def start(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["maximum number of retries is 4"],
    ),
    "timeout of nothing": (
        """
        from metaflow import timeout
        class F(FlowSpec):
            @timeout
            @step
            def start(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        """,
        ["duration"],
    ),
    "two flows": (
        """
        class A(FlowSpec):
            @step
            def start(self):
                self.next(self.end)
            @step
            def end(self):
                pass
        class B(A):
            pass
        if __name__ == "__main__":
            A()
            B()
        """,
        ["A", "B", "two flows"],
    ),
}


@pytest.mark.parametrize("case", FLOWS)
def test_bad_flows(project: Project, case: str) -> None:
    source, said = FLOWS[case]
    project.write(source, main="F")
    outcome = project.call("run")
    assert outcome.code == 1, outcome
    for text in said:
        assert text in outcome.stderr, outcome
    assert not Path(".metaflow").exists()


def test_a_flow_file_that_does_not_import(project: Project) -> None:
    project.write("import no_such_module_anywhere\n" + GOOD)
    outcome = project.call("run", "--count", "1")
    assert outcome.code == 1
    assert "no_such_module_anywhere" in outcome.stderr


FOREACH = """
class F(FlowSpec):
    @step
    def start(self):
        {assign}
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


@pytest.mark.parametrize(
    ("assign", "said"),
    [
        ("pass", "'items' does not exist"),
        ("self.items = []", "no elements"),
        ("self.items = 5", "not iterable"),
        ("self.items = (i for i in range(3))", "Make it a list"),
    ],
)
def test_foreach_over_what_cannot_be(project: Project, assign: str, said: str) -> None:
    outcome = project.run(FOREACH.format(assign=assign), code=1)
    assert said in outcome.stdout
    assert "Step start (task-id 1) failed" in outcome.stderr


def test_foreach_wider_than_allowed(project: Project) -> None:
    outcome = project.run(FOREACH.format(assign="self.items = range(11)"), "--max-num-splits", "10", code=1)
    assert "--max-num-splits" in outcome.stderr and "11" in outcome.stderr


def test_a_transition_that_the_source_does_not_have(project: Project) -> None:
    outcome = project.run(
        """
        class F(FlowSpec):
            @step
            def start(self):
                if self.nope():
                    return
                self.next(self.end)

            def nope(self):
                return True

            @step
            def end(self):
                pass
        """,
        code=1,
    )
    assert "Task finished successfully." in outcome.stdout
    assert "did not call self.next" in outcome.stderr


def test_a_required_user_name(project: Project) -> None:
    project.write(GOOD)
    project.env.pop("METAFLOW_USER")
    for name in ("USER", "USERNAME", "SUDO_USER"):
        project.env.pop(name, None)
    outcome = project.call("run", "--count", "1")
    assert outcome.code == 1
    assert "METAFLOW_USER" in outcome.stderr
