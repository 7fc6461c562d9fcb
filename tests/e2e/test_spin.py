"""``spin``: one step alone, on what a past run has left."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

FLOW = """
    import os, sys
    from metaflow import FlowSpec, Flow, Parameter, current, environment, retry, step, timeout, user_step_decorator

    @user_step_decorator
    def noted(step_name, flow, inputs, attributes):
        print("around", step_name)
        yield

    class F(FlowSpec):
        alpha = Parameter("alpha", default=0.5)
        limit = 7

        @step
        def start(self):
            self.items = ["a", "b", "c"]
            self.big = bytes(range(256)) * 1000
            self.next(self.work, foreach="items")

        @noted
        @environment(vars={"WHO": "env"})
        @retry(times=3)
        @step
        def work(self):
            self.x = self.input * 2
            self.where = (self.index, self.alpha, self.limit, os.environ["WHO"], current.retry_count)
            print("working on", self.input, current.task_id, len(Flow("F").latest_run.pathspec) > 2)
            self.next(self.join)

        @step
        def join(self, inputs):
            self.all = [i.x for i in inputs]
            self.merge_artifacts(inputs, include=["big"])
            self.next(self.last)

        @timeout(seconds=1)
        @step
        def last(self):
            MIDDLE
            self.next(self.end)

        @step
        def end(self):
            pass
"""
BROKEN = "raise ValueError('not yet')"


@pytest.fixture
def ran(project):
    """A run that failed in its step *last*."""
    project.write(FLOW.replace("MIDDLE", BROKEN))
    outcome = project.call("run", "--alpha", "0.25", "--max-workers", "1")
    assert outcome.code == 1, outcome
    project.run_id = outcome.run_id
    return project


def spin(project, *arguments, code=0, env=None):
    outcome = project.call("spin", *arguments, env=env)
    assert outcome.code == code, outcome
    return outcome


def spun(project):
    """The latest spun run, through the client."""
    import metaflow

    metaflow.namespace(None)
    metaflow.inspect_spin(str(project.path))
    try:
        return metaflow.Flow("F").latest_run
    finally:
        metaflow.default_metadata()


def test_a_task_is_done_over_where_it_stood(ran):
    outcome = spin(ran, "work")
    assert f"on task {ran.run_id}/work/4 (the latest run, the latest of 3 tasks)" in outcome.stdout
    assert "items[2] = c" in outcome.stdout
    assert "working on c 0 True" in outcome.stdout
    assert "[Warning] Ignoring @retry" in outcome.stdout and "@environment" not in outcome.stdout
    assert "The flow would go on to: join." in outcome.stdout
    assert "same  where, x" in outcome.stdout
    assert "Creating a datastore for spun steps" in outcome.stderr

    named = spin(ran, f"{ran.run_id}/work/2", "--run-id-file", "id", "--runner-attribute-file", "attributes.json")
    assert f"on task {ran.run_id}/work/2." in named.stdout and "working on a" in named.stdout
    run = spun(ran)
    assert run.id == (ran.path / "id").read_text()
    assert json.loads((ran.path / "attributes.json").read_text()) == {
        "run_id": run.id,
        "flow_name": "F",
        "task_id": "0",
        "step_name": "work",
        "metadata": f"spin@{ran.path}",
    }
    assert run.successful and run.origin_pathspec == f"F/{ran.run_id}"
    task = run["work"].task
    assert task.id == "0" and task.stdout == "around work\nworking on a 0 True\n" and not list(task)
    assert task.metadata_dict["spun-task"] == f"F/{ran.run_id}/work/2"

    # What a run is, and which is the latest, is as it was.
    ran.client()
    import metaflow

    assert [r.id for r in metaflow.Flow("F")] == [ran.run_id]
    metaflow.default_metadata()


def test_a_change_shows_in_the_table_and_is_kept_on_demand(ran):
    source = (ran.path / "flow.py").read_text()
    source = source.replace("self.x = self.input * 2", "self.x = self.input * 3; self.extra = {'k': self.new}").replace(
        "    limit = 7", "    limit = 7\n    new = Parameter('new', default=1)"
    )
    (ran.path / "flow.py").write_text(source.replace("limit = 7", "limit = 8"))
    outcome = spin(ran, "work", "--persist")
    lines = [line.split() for line in outcome.stdout.splitlines()]
    assert ["changed", "x", "str", "18", "B", "'ccc'", "(was", "'cc')"] in lines
    assert any(line[:3] == ["changed", "where", "tuple"] for line in lines)
    assert any(line[:3] == ["new", "extra", "dict"] for line in lines)
    assert "Not in that run, so with their defaults: new" in outcome.stdout
    task = spun(ran)["work"].task
    assert task.data.extra == {"k": 1} and task.data.new == 1
    assert task.data.x == "ccc" and task.data.where == (2, 0.25, 8, "env", 0)
    assert task.data.big == bytes(range(256)) * 1000, "inherited artifacts are kept too"
    blobs = [path.stat() for path in (ran.path / ".metaflow_spin").rglob("blobs/*/*")]
    assert blobs and all(blob.st_nlink == 2 for blob in blobs), "large ones are linked, not copied"

    spin(ran, "work", env={"METAFLOW_SPIN_PERSIST": "1", "METAFLOW_DATASTORE_SYSROOT_SPIN": str(ran.path / "other")})
    assert (ran.path / "other" / ".metaflow_spin").is_dir()


def test_given_artifacts_stand_in_for_stored_ones(ran):
    (ran.path / "given.py").write_text("ARTIFACTS = {'items': 'xyz', 'alpha': 9.0, 'added': [1]}\n")
    spin(ran, "work", "--artifacts-module", "given.py", "--persist")
    data = spun(ran)["work"].task.data
    assert (data.x, data.where[1], data.alpha, data.added) == ("zz", 9.0, 9.0, [1])

    (ran.path / "given.py").write_text(f"ARTIFACTS = {{'{ran.run_id}/work/3': {{'x': 'given'}}}}\n")
    spin(ran, "join", "--artifacts-module", "given.py", "--persist")
    assert spun(ran)["join"].task.data.all == ["aa", "given", "cc"]

    bad = {
        "ARTIFACTS = {'x': 1}": f"'x' is none of its inputs, which are: '{ran.run_id}/work/2'",
        f"ARTIFACTS = {{'{ran.run_id}/work/3': 1}}": "should be a dictionary of artifacts by name, not a int",
        "ARTIFACTS = 3": "it is of type int there",
        "": "by name, but it does not.",
        "import nonsense": 'given.py", line 1',
    }
    for source, message in bad.items():
        (ran.path / "given.py").write_text(source)
        outcome = spin(ran, "join", "--artifacts-module", "given.py", code=1)
        assert message in outcome.stdout, (source, outcome)
        assert "metaflow/runtime" not in outcome.stdout + outcome.stderr, "our own frames are no help"
    assert "no.py does not exist" in spin(ran, "join", "--artifacts-module", "no.py", code=1).stderr


def test_a_step_that_failed_is_tried_again_and_the_next_one_too(ran):
    outcome = spin(ran, "last", code=1)
    assert "ValueError: not yet" in outcome.stdout and "Task failed." in outcome.stdout
    assert "Step last (task-id 0) failed." in outcome.stderr
    run = spun(ran)
    assert run.status == "failed" and run["last"].task.exception.exception == "not yet"

    ran.write(FLOW.replace("MIDDLE", "self.done = len(self.all)"))
    outcome = spin(ran, "last")
    assert "new  done  int  5 B  3" in outcome.stdout

    # It never ran there, and what it would read is not there either.
    outcome = spin(ran, "end", code=1)
    assert "did not run" in outcome.stderr and "last (0 tasks finished)" in outcome.stderr


def test_a_step_that_never_ran_takes_what_its_parents_left(project):
    flow = """
        class F(FlowSpec):
            @step
            def start(self):
                self.rows = [1, 2]
                self.next(self.each, foreach="rows")

            @step
            def each(self):
                self.y = self.input
                self.next(self.sub, self.other)

            @step
            def sub(self):
                if ON_TWO: raise SystemExit(1)
                self.next(self.both)

            @step
            def other(self):
                self.next(self.both)

            @step
            def both(self, inputs):
                self.z = inputs.sub.y + inputs.other.y
                self.next(self.join)

            @step
            def join(self, inputs):
                self.next(self.end)

            @step
            def end(self):
                pass
    """
    project.run(flow.replace("ON_TWO", "self.y == 2"), "--max-workers", "1", code=1)
    project.write(flow.replace("ON_TWO", "False"))
    outcome = spin(project, "both")
    assert "where the step has not run yet" in outcome.stdout and "rows[0] = 1" in outcome.stdout
    assert "new  z  int  5 B  2" in outcome.stdout
    outcome = spin(project, "join", code=1)
    assert "what it would read is not there" in outcome.stderr and "both (0 tasks finished)" in outcome.stderr


def test_bad_pathspecs(ran):
    cases = {
        "wrk": "has no step wrk. Did you mean work?",
        "1/work": f"Run F/1 does not exist. The latest run is {ran.run_id}.",
        f"{ran.run_id}/work/99": "has no task 99. Its tasks are: 2, 3, 4.",
        f"Other/{ran.run_id}/work/2": "is a task of flow Other, but this file defines F",
        "a/b/c/d/e": "is not of the form STEP",
    }
    for pathspec, message in cases.items():
        assert message in spin(ran, pathspec, code=1).stderr
    assert f"on task {ran.run_id}/start/1." in spin(ran, f"F/{ran.run_id}/start/1").stdout
    empty = ran.call("--datastore-root", "empty", "spin", "work")
    assert empty.code == 1 and "There is no datastore at" in empty.stderr
    (ran.path / "empty").mkdir()
    empty = ran.call("--datastore-root", "empty", "spin", "work")
    assert empty.code == 1 and "has no runs" in empty.stderr
    foreign = ran.call("spin", "work", env={"METAFLOW_USER": "somebody"})
    assert foreign.code == 1 and "no runs in namespace user:somebody" in foreign.stderr


def test_processes_that_do_not_end_well(ran):
    ran.write(FLOW.replace("MIDDLE", "import signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    outcome = spin(ran, "last", code=1)
    assert "Task failed with a segmentation fault." in outcome.stdout and "SIGSEGV" in outcome.stderr

    ran.write(FLOW.replace("MIDDLE", "import time; time.sleep(30)"))
    outcome = spin(ran, "last", code=1)
    assert "timed out after 0 hours, 0 minutes, 1 seconds" in outcome.stdout
    assert "timed out" in spun(ran)["last"].task.exception.exception

    process = ran.start("spin", "last", "--skip-decorators")
    for line in process.stdout:
        if "Task is starting" in line:
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1 and "Aborted!" in stderr and "Task was stopped." in stdout
    assert spun(ran).status == "stopped"


def test_new_interpreters_do_as_well(ran):
    outcome = spin(ran, "join", "--persist", env={"METAFLOW_START_METHOD": "spawn"})
    assert "same  all" in outcome.stdout
    assert spun(ran).data.all == ["aa", "bb", "cc"]
    assert os.path.isdir(ran.path / ".metaflow_spin")

    listed = ran.call("--mode", "spin", "dump", f"{spun(ran).id}/join")
    assert "all [size:" in listed.stdout
    assert "leave out --mode spin" in ran.call("--mode", "spin", "run").stderr


def test_configs_are_those_of_the_run_unless_others_are_given(project):
    flow = """
        from metaflow import Config, FlowSpec, environment, step
        import os

        class F(FlowSpec):
            cfg = Config("cfg", default="cfg.json")
            other = Config("other", default_value={"n": 1})

            @environment(vars={"RATE": cfg.rate})
            @step
            def start(self):
                self.seen = (os.environ["RATE"], self.cfg.rate, self.other.n)
                self.next(self.end)

            @step
            def end(self):
                pass
    """
    (project.path / "cfg.json").write_text('{"rate": 5}')
    project.write(flow)
    outcome = project.call("--config-value", "other", '{"n": 2}', "run")
    assert outcome.code == 0, outcome
    (project.path / "cfg.json").write_text('{"rate": 6}')
    spin(project, "start", "--persist")
    assert spun(project).data.seen == ("5", 5, 2)
    outcome = project.call("--config", "cfg", "cfg.json", "spin", "start", "--persist")
    assert outcome.code == 0 and "changed  seen" in outcome.stdout, outcome
    assert spun(project).data.seen == ("6", 6, 2)
