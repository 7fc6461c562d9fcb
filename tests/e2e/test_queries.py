"""Runs and tasks of real flows, found by their parameters, results and foreach values."""

from __future__ import annotations

from .conftest import Project

SWEEP = """
    class SweepFlow(FlowSpec):
        alpha = Parameter("alpha", default=0.5)
        label = Parameter("label", default="plain")
        width = 3

        @step
        def start(self):
            self.kept = "from the start"
            self.changed = 1
            self.items = ["a" * 40 + "1", "a" * 40 + "2", 3, "3", None]
            self.next(self.work, foreach="items")

        @step
        def work(self):
            self.score = len(str(self.input)) * self.alpha
            self.mine = repr(self.input)
            self.listed = [self.input]
            self.next(self.join)

        @step
        def join(self, inputs):
            self.best = max(each.score for each in inputs)
            self.merge_artifacts(inputs, include=["kept", "changed"])
            self.next(self.end)

        @step
        def end(self):
            self.changed += 1
            self.accuracy = self.alpha / 2
            if self.label == "bad":
                raise ValueError("told to")
"""


def test_a_sweep_is_found_again(project: Project, monkeypatch) -> None:
    first = project.run(SWEEP, "--alpha", "0.1").run_id
    second = project.call("run", "--alpha", "0.9", "--tag", "nightly").run_id
    third = project.call("run", "--label", "bad").run_id
    project.client()
    from metaflow import Flow, Task

    flow = Flow("SweepFlow")
    assert [run.id for run in flow.runs(parameters={"alpha": ("<", 0.7)})] == [third, first]
    assert [run.id for run in flow.runs(artifacts={"accuracy": (">", 0.2)}, status="done")] == [second]
    assert [run.id for run in flow.runs(order="-artifact:accuracy", status="done")] == [second, first]
    assert [run.id for run in flow.runs("nightly", user="tester", since="1 hour")] == [second]
    assert (flow.latest_run.id, flow.latest_successful_run.id) == (third, second)

    row = flow.table(status="done")[-1]
    assert {name: row[name] for name in ("run", "alpha", "label", "width", "accuracy", "kept", "changed", "best")} == {
        "run": first,
        "alpha": 0.1,
        "label": "plain",
        "width": 3,
        "accuracy": 0.05,
        "kept": "from the start",
        "changed": 2,
        "best": 41 * 0.1,
    }
    assert row["duration"] > 0 and "items" not in row

    work = flow[second]["work"]
    assert work.find("a" * 40 + "2").data.mine == repr("a" * 40 + "2")
    assert (work.find(3).data.mine, work.find("3").data.mine, work.find(None).data.mine) == ("3", "'3'", "None")
    assert work.find("absent") is None
    assert sorted(row["score"] for row in work.table())[-1] == 41 * 0.9

    # What the index knows is what the artifacts say.
    for step in (*flow[second], flow[second]["_parameters"]):
        for task in step:
            values = task._record.values
            reader = task._reader()
            assert set(values) == {name for name in values if name in reader}
            assert {name: reader.load(name) for name in values} == dict(values)
            assert "items" not in values and "listed" not in values
    failed = flow[third].end_task
    assert failed.data.changed == 2 and not failed.successful and flow[third].duration > 0

    from metaflow.client import provider

    def read_nothing(*_: object) -> None:
        raise AssertionError("a manifest was read")

    monkeypatch.setattr(provider.Provider, "reader", read_nothing)
    assert Task(f"SweepFlow/{first}/end/{flow[first].end_task.id}").data.kept == "from the start"
    assert flow[first].data.accuracy == 0.05 and flow[first].end_task["alpha"].data == 0.1


def test_tasks_that_start_together_are_listed_in_the_order_in_which_they_were_started(project: Project) -> None:
    project.run(
        """
        class WideFlow(FlowSpec):
            @step
            def start(self):
                self.items = list(range(60))
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
        """,
        "--max-workers",
        "16",
    )
    project.client()
    from metaflow import Flow

    step = Flow("WideFlow").latest_run["work"]
    assert [task.index for task in step] == list(range(59, -1, -1))
    times = [task.created_at for task in step]
    assert times == sorted(times, reverse=True) and step.task.index == 59
