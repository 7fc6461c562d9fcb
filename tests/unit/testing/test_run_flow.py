"""``run_flow``: whole flows in the process of a test."""

from __future__ import annotations

import os
import signal
import time

import pytest
from testing_flows import Gang, Loop, Troubled, Wide

import metaflow
from metaflow import FlowSpec, current, step
from metaflow.exception import (
    LintWarn,
    MetaflowException,
    MetaflowInternalError,
    MetaflowNotFound,
    UnpicklableArtifactException,
)
from metaflow.testing import run_flow, run_step


def test_a_wide_flow_runs_to_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_flow(Wide, parameters={"alpha": 2, "num-rows": 3}, tags=["tested"])
    assert result.ok and result.exception is None
    assert result.values == [[0, 2], [20, 22], [40, 42]]
    assert result.sides == ("left", "right") and result.total == 133
    assert "total" in result and result["alpha"] == 2.0 and not hasattr(result, "side")
    assert [task.place for task in result.steps["cell"]][:3] == [[(0, 3), (0, 2)], [(0, 3), (1, 2)], [(1, 3), (0, 2)]]
    assert result.steps["start"][0].transition == (("row",), "outer", 3, None)
    assert result.steps["fork"][0].transition.targets == ("left", "right")
    assert result.steps["end"][0].transition is None
    assert result.stdout.startswith("cell 0 0\ncell 1 1\n")
    assert result.steps["cell"][5].stdout == "cell 1 21\n"

    run = result.run
    assert run.successful and run.data.total == 133 and run.user_tags == {"tested"}
    assert [s.id for s in run][-2:] == ["row", "start"]
    assert run["cell"].task.stdout == "cell 1 21\n"
    assert len(list(run["row"])) == 3 and list(run["both"].task.parent_tasks)[0].parent.id == "left"
    assert os.listdir(tmp_path) == [], "nothing is written to disk"


def test_recursion_and_choices():
    result = run_flow(Loop)
    assert result.count == 3 and result.project == "tests"
    assert [task.transition.targets for task in result.steps["again"]] == [("again",), ("again",), ("end",)]
    assert result.steps["again"][0].transition.condition == "state"


def test_nodes_of_a_gang_run_one_after_the_other():
    result = run_flow(Gang)
    assert result.ranks == [0, 1, 2] and [task.rank for task in result.steps["train"]] == [0, 1, 2]
    assert result.steps["start"][0].transition.num_splits == 3


def test_decorators_take_part():
    began = time.monotonic()
    result = run_flow(Troubled)
    assert time.monotonic() - began < 30, "nobody waits an hour in a test"
    flaky = result.steps["flaky"]
    assert len(flaky) == 1 and flaky[0].attempt == 2 and result.attempt == 2
    assert result.variable == "yes" and "TROUBLED" not in os.environ
    assert result.partial == 1 and "nothing there" in str(result.problem)


def test_a_step_raises_what_it_raises_or_it_is_recorded():
    with pytest.raises(ValueError, match="from the end"):
        run_flow(Troubled, parameters={"how": "raise"})
    result = run_flow(Troubled, parameters={"how": "raise"}, raises=False)
    assert isinstance(result.exception, ValueError) and not result.ok and not list(result)
    assert result.steps["end"][0].stdout == "almost\n" and "failed with ValueError" in repr(result)
    with pytest.raises(AttributeError, match="run failed in step end"):
        result.total
    assert result.run.status == "failed" and result.run["end"].task.exception.exception == "from the end"
    with pytest.raises(UnpicklableArtifactException, match="self.bad"):
        run_flow(Troubled, parameters={"how": "bad"})


def test_a_run_can_be_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("METAFLOW_USER", "tester")
    result = run_flow(Wide, root=tmp_path)
    metaflow.metadata(str(tmp_path))
    metaflow.namespace(None)
    try:
        run = metaflow.Flow("Wide").latest_run
        assert run.id == result.run.id and run.data.total == result.total
        assert run["cell"].task.stdout == "cell 1 11\n"
    finally:
        metaflow.default_metadata()
        metaflow.default_namespace()


def test_the_process_is_afterwards_as_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    seen = []

    class Changes(FlowSpec):
        @step
        def start(self):
            os.environ["CHANGED"] = "1"
            os.chdir("sub")
            seen.append((current.run.pathspec, current.task.id, current.step_name))
            self.next(self.end)

        @step
        def end(self):
            pass

    monkeypatch.delenv("METAFLOW_USER", raising=False)
    for variable in ("SUDO_USER", "USERNAME", "USER"):
        monkeypatch.delenv(variable, raising=False)
    environment = dict(os.environ)
    handler = signal.getsignal(signal.SIGALRM)
    result = run_flow(Changes)
    assert seen == [(result.run.pathspec, "1", "start")], "what the test patches or shares is seen by the step"
    assert dict(os.environ) == environment and os.getcwd() == str(tmp_path)
    assert not current.is_running_flow and signal.getsignal(signal.SIGALRM) is handler
    metaflow.namespace(None)
    try:
        with pytest.raises(MetaflowNotFound):
            metaflow.Flow("Changes")
    finally:
        metaflow.default_metadata()


def test_what_is_meant_for_the_test_is_not_handled_by_the_flow():
    class Interrupted(FlowSpec):
        @metaflow.catch(var="problem")
        @metaflow.retry
        @step
        def start(self):
            raise KeyboardInterrupt
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises(KeyboardInterrupt):
        run_flow(Interrupted, raises=False)


def test_files_are_included(tmp_path):
    class Including(FlowSpec):
        text = metaflow.IncludeFile("text")

        @step
        def start(self):
            self.seen = self.text.upper()
            self.next(self.end)

        @step
        def end(self):
            pass

    path = tmp_path / "given.txt"
    path.write_text("abc")
    assert run_flow(Including, parameters={"text": path}).seen == "ABC"
    assert run_step(Including, "start", parameters={"text": str(path)}).seen == "ABC"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"tags": [""]}, "must not be an empty string"),
        ({"tags": "ab"}, r"tags should be a list, as in tags=\['ab'\]"),
        ({"decospecs": "retry"}, r"decospecs should be a list, as in decospecs=\['retry'\]"),
    ],
)
def test_tags_and_decorators_are_lists(arguments, said):
    with pytest.raises(MetaflowException, match=said):
        run_flow(Loop, **arguments)


@pytest.mark.parametrize("run", [run_flow, lambda flow: run_step(flow, "start")])
def test_a_flow_is_a_class(run):
    with pytest.raises(MetaflowException, match="should be the class of the flow, not 'Loop'"):
        run("Loop")


def test_bad_input_is_told():
    with pytest.raises(MetaflowException, match="has no parameter 'beta'; it has: alpha, num-rows"):
        run_flow(Wide, parameters={"beta": 1})
    with pytest.raises(MetaflowException, match="does not fit its type, int: 'many' is not a valid integer"):
        run_flow(Wide, parameters={"rows": "many"})

    class Needs(FlowSpec):
        x = metaflow.Parameter("x", required=True)

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises(MetaflowException, match="'x' of Needs needs a value"):
        run_flow(Needs)

    class NoEnd(FlowSpec):
        @step
        def start(self):
            self.next(self.middle)

        @step
        def middle(self):
            self.next(self.start)

    with pytest.raises(LintWarn):
        run_flow(NoEnd)

    class Lies(FlowSpec):
        @step
        def start(self):
            self.other = lambda: None
            getattr(self, "ne" + "xt")(self.end)
            self.next(self.middle)

        @step
        def middle(self):
            self.next(self.end)

        @step
        def end(self):
            pass

    with pytest.raises((MetaflowInternalError, MetaflowException), match="more than once"):
        run_flow(Lies)


def test_configs_are_given_as_values_texts_or_files(tmp_path):
    class Configured(FlowSpec):
        rates = metaflow.Config("all-rates", default_value={"low": 1})
        file = metaflow.Config("file", default="not-there.json")
        scaled = metaflow.Parameter("scaled", type=int, default=lambda context: context.configs["all-rates"].low * 10)

        @metaflow.environment(vars={"LOW": rates.low})
        @step
        def start(self):
            self.seen = (os.environ.get("LOW"), self.rates.low, self.scaled, self.file.x)
            self.next(self.end)

        @step
        def end(self):
            pass

    path = tmp_path / "given.json"
    path.write_text('{"x": 3}')
    result = run_flow(Configured, configs={"rates": {"low": 2}, "file": path})
    assert result.seen == ("2", 2, 20, 3)
    assert result.run["start"].task.data.rates["low"] == 2
    result = run_step(Configured, "start", configs={"all-rates": '{"low": 7}', "file": {"x": 0}})
    assert result.seen == (None, 7, 70, 0)
    with pytest.raises(MetaflowException, match="has no config 'nope'; it has: all-rates, file"):
        run_step(Configured, "start", configs={"nope": {}})
    with pytest.raises(MetaflowException, match="not-there.json could not be read"):
        run_flow(Configured)


def test_files_and_lists_are_parameters_as_in_a_run(tmp_path):
    class Typed(FlowSpec):
        words = metaflow.IncludeFile("words", parser=str.split, default=str(tmp_path / "words.txt"))
        names = metaflow.Parameter("names", separator=",", default="x,y")
        options = metaflow.Parameter("options", type=metaflow.JSONType, default="{}")

        @step
        def start(self):
            self.seen = (self.words, self.names, self.options)
            self.next(self.end)

        @step
        def end(self):
            pass

    path = tmp_path / "words.txt"
    path.write_text("a b")
    given = {"options": {"k": [1]}}
    assert run_flow(Typed, parameters=given).seen == (["a", "b"], ["x", "y"], {"k": [1]})
    assert run_step(Typed, "start", parameters=given).seen == (["a", "b"], ["x", "y"], {"k": [1]})
    with pytest.raises(MetaflowException, match="words.txt2"):
        run_flow(Typed, parameters={"words": f"{path}2"})
