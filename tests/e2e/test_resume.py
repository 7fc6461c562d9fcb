"""Resuming runs: what is taken over, what runs again, and what is said of it."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from metaflow import Flow, Run, Task

from .conftest import Outcome, Project

#: Every step appends a line to the file `ran`; while there is a file called like a place, the task there fails.
NESTED = """
import os

def note(self, what):
    path = "".join(f"[{index}]" for index, _, _ in self.foreach_stack())
    with open("ran", "a") as file:
        file.write(f"{what}{path}\\n")
    if os.path.exists(what + path):
        raise ValueError(f"{what}{path} is broken")

class F(FlowSpec):
    alpha = Parameter("alpha", default=0.1, help="a number")
    size = Parameter("size", default=2)
    scale = 10

    @step
    def start(self):
        print("hello from start")
        note(self, "start")
        self.outer = list(range(self.size))
        self.big = "x" * 100_000
        self.next(self.middle, foreach="outer")

    @step
    def middle(self):
        note(self, "middle")
        self.inner = "abc"
        self.next(self.work, foreach="inner")

    @step
    def work(self):
        note(self, "work")
        self.result = f"{self.input}{self.index}/{self.alpha}"
        self.next(self.gather)

    @step
    def gather(self, inputs):
        note(self, "gather")
        self.results = [each.result for each in inputs]
        self.next(self.join)

    @step
    def join(self, inputs):
        note(self, "join")
        self.results = [each.results for each in inputs]
        self.origin_of_run = current.origin_run_id
        self.next(self.end)

    @step
    def end(self):
        note(self, "end")
        self.seen = (self.alpha, self.scale)
"""


def ran(project: Project) -> Counter[str]:
    """What ran since this was last called."""
    path = project.path / "ran"
    lines = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return Counter(lines)


def resume(project: Project, *arguments: str, code: int = 0, env: dict[str, str] | None = None) -> Outcome:
    outcome = project.call("resume", *arguments, env=env)
    assert outcome.code == code, outcome
    return outcome


def breaks(project: Project, *places: str) -> None:
    for place in places:
        (project.path / place).touch()


def repair(project: Project, *places: str) -> None:
    for place in places:
        (project.path / place).unlink()


def store_of(project: Project) -> Path:
    return project.path / ".metaflow" / "mf-store"


def blobs(project: Project) -> set[str]:
    return {path.name for path in (store_of(project) / "blobs").rglob("*") if path.is_file()}


def test_resume_from_a_failure_in_a_nested_foreach_and_again_from_what_failed_next(project: Project) -> None:
    breaks(project, "work[1][2]", "join")
    failed = project.run(NESTED, "--max-workers", "1", "--alpha", "0.2", "--tag", "first", code=1)
    assert ran(project)["work[1][2]"] == 1
    stored = blobs(project)

    repair(project, "work[1][2]")
    twice = ("--with", "retry:times=1,minutes_between_retries=0")
    second = resume(project, "--max-workers", "1", "--run-id-file", "id", "--tag", "second", *twice, code=1)
    assert ran(project) == Counter(["work[1][2]", "gather[0]", "gather[1]", "join", "join"])
    assert blobs(project) == stored, "cloning copied bytes"
    assert (project.path / "id").read_text() == second.run_id != failed.run_id
    said = second.stdout
    for expected in (
        "Gathering required information",
        f"Resuming run {failed.run_id} of F, which failed (Step work (task-id 9) failed: ValueError: ",
        "    work: 5 cloned, 1 to run (failed)",
        "    gather: 1 to run (never finished), then more after work",
        "    end: to run after work",
        f"Cloning F/{failed.run_id}\n",
        f"[{second.run_id}/start/1] Cloning previously run task {failed.run_id}/start/1",
        f"F/{failed.run_id} cloned!",
    ):
        assert expected in said, second
    assert said.index("5 cloned") < said.index("Workflow starting") < said.index("Cloning F/") < said.index("cloned!")

    repair(project, "join")
    third = resume(project)
    assert f"Resuming run {second.run_id}" in third.stdout, "a resumed run is the last run, too"
    assert ran(project) == Counter(["join", "end"])

    project.client()
    run = Run(f"F/{third.run_id}")
    assert run.successful and run.origin_pathspec == f"F/{second.run_id}"
    assert run.data.results == [["a0/0.2", "b1/0.2", "c2/0.2"]] * 2
    assert run.data.origin_of_run == second.run_id and run.data.seen == (0.2, 10)
    assert run.user_tags == frozenset() and Run(f"F/{second.run_id}").user_tags == {"second"}
    start = run["start"].task
    assert start.origin_pathspec == f"F/{second.run_id}/start/1", "the immediate origin"
    assert Task(start.origin_pathspec).origin_pathspec == f"F/{failed.run_id}/start/1"
    assert start.stdout == "hello from start\n", "the log is that of the task that ran"
    fields = start.metadata_dict
    assert (fields["origin-run-id"], fields["origin-task-id"], fields["attempt_ok"]) == (second.run_id, "1", "True")
    assert run["join"].task.origin_pathspec is None
    assert run["join"].task.metadata_dict["origin-run-id"] == second.run_id
    assert [task.pathspec for task in run["gather"].task.parent_tasks] == [
        f"F/{third.run_id}/work/{number}" for number in sorted({int(t.id) for t in run["work"]})[-3:]
    ]
    assert run["_parameters"].task.data.alpha == 0.2
    assert {step.id for step in run} == {"start", "middle", "work", "gather", "join", "end"}
    assert [step.id for step in run][-1] == "start", "the order of the graph is kept"


def test_named_steps_run_again_with_a_changed_parameter_and_it_is_recorded(project: Project) -> None:
    first = project.run(NESTED, "--tag", "first")
    ran(project)
    outcome = resume(
        project, "gather", "--step", "end", "--alpha", "0.5", "--size", "2", env={"METAFLOW_RUN_SIZE": "9"}
    )
    assert ran(project) == Counter(["gather[0]", "gather[1]", "join", "end"])
    assert "alpha is 0.5 for the steps that run; in run" in outcome.stdout
    assert "Warning: work reads alpha and is taken over with results of the old value" in outcome.stdout
    assert "gather: 2 to run (asked for)" in outcome.stdout
    assert "size" not in outcome.stdout, "the same value is no change"
    project.client()
    run = Run(f"F/{outcome.run_id}")
    assert run.data.seen == (0.5, 10) and run.data.alpha == 0.5
    assert run["start"].task.data.alpha == 0.1, "what was taken over says what it was made with"
    parameters = run["_parameters"].task
    assert (parameters.data.alpha, parameters.data.size) == (0.5, 2)
    assert json.loads(parameters.metadata_dict["changed-parameters"]) == {"alpha": ["0.1", "0.5"]}

    text = (project.path / "flow.py").read_text()
    text = text.replace("scale = 10", "scale = 20").replace(
        "    scale", '    fresh = Parameter("fresh", default=lambda context: 7, type=int)\n    scale'
    )
    (project.path / "flow.py").write_text(text)
    ran(project)
    again = resume(project, "end")
    assert "fresh is new since run" in again.stdout and "its value is 7" in again.stdout
    assert Run(f"F/{again.run_id}").data.seen == (0.5, 20), "parameters of the origin, constants of the code"
    assert Run(f"F/{again.run_id}").data.fresh == 7
    (project.path / "flow.py").write_text(
        text.replace('"fresh", default=lambda context: 7, type=int', '"needed", required=True')
    )
    refused = resume(project, "end", "--origin-run-id", first.run_id, code=1)
    assert "now has a parameter 'needed', which is required" in refused.stderr, refused
    assert "Give it: --needed VALUE" in refused.stderr
    assert Run(f"F/{resume(project, 'end', '--needed', 'x', '--origin-run-id', f'F/{first.run_id}').run_id}").successful


def test_a_finished_run_can_be_taken_over_whole_but_a_parameter_without_effect_is_refused(project: Project) -> None:
    first = project.run(NESTED)
    ran(project)
    refused = resume(project, "--alpha", "3", code=1)
    assert "nothing would run that could see the new value of --alpha" in refused.stderr
    assert "resume work --alpha VALUE" in refused.stderr
    copy = resume(project)
    assert "nothing is left to run" in copy.stdout and copy.stdout.rstrip().endswith("Done!")
    assert not ran(project)
    project.client()
    assert Run(f"F/{copy.run_id}").successful and Run(f"F/{copy.run_id}").status == "done"
    assert Run(f"F/{copy.run_id}").data.results == Run(f"F/{first.run_id}").data.results
    assert len(list(Flow("F"))) == 2, "what was refused left no run behind"


SWITCH = """
import os

class F(FlowSpec):
    @step
    def start(self):
        self.rounds = 0
        self.next(self.again)

    @step
    def again(self):
        with open("ran", "a") as file:
            file.write(f"again{self.rounds}\\n")
        self.rounds += 1
        if self.rounds == 3 and os.path.exists("broken"):
            raise ValueError("broken")
        self.more = self.rounds < 5
        self.next({True: self.again, False: self.choose}, condition="more")

    @step
    def choose(self):
        with open("ran", "a") as file:
            file.write("choose\\n")
        self.way = "left"
        self.next({"left": self.left, "right": self.right}, condition="way")

    @catch(var="problem")
    @step
    def left(self):
        with open("ran", "a") as file:
            file.write("left\\n")
        self.items = [1, 2] if os.path.exists("short") else [1, 2, 3]
        raise KeyError("caught")
        self.next(self.meet)

    @step
    def right(self):
        self.next(self.meet)

    @step
    def meet(self):
        if os.path.exists("meet"):
            raise ValueError("meet is broken")
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def test_recursion_goes_on_after_its_last_round_and_a_caught_failure_is_taken_over(project: Project) -> None:
    breaks(project, "broken", "meet")
    source = "from metaflow import FlowSpec, catch, step\n" + SWITCH
    project.run(source, code=1)
    assert ran(project) == Counter(["again0", "again1", "again2"])
    repair(project, "broken")
    outcome = resume(project, code=1)
    assert ran(project) == Counter(["again2", "again3", "again4", "choose", "left"])
    assert "again: 2 cloned, 1 to run (failed)" in outcome.stdout
    assert "right: to run after again, if that leads here" in outcome.stdout
    repair(project, "meet")
    outcome = resume(project)
    assert not ran(project)
    project.client()
    run = Run(f"F/{outcome.run_id}")
    assert run.data.rounds == 5 and run["left"].task.data.problem is not None
    assert run["left"].task.finished and not run["left"].task.successful
    assert resume(project, "--step", "again") and ran(project)["again0"] == 1


def test_a_killed_run_loses_nothing_that_was_committed(project: Project) -> None:
    project.write(
        NESTED.replace(
            'note(self, "join")', 'note(self, "join"); os.path.exists("stay") and (os.kill(MAIN, 9), time.sleep(60))'
        ).replace("import os", "import os, time\nMAIN = os.getpid()")
    )
    breaks(project, "stay")
    process = project.start("run")
    process.communicate(timeout=100)
    assert process.returncode == -signal.SIGKILL
    # Whatever the index knows or does not know of it, the files count.
    for path in store_of(project).glob("index.sqlite*"):
        path.unlink()
    repair(project, "stay")
    before = ran(project)
    outcome = resume(project)
    assert "whose process died" in outcome.stdout
    assert before["work[1][2]"] == 1 and ran(project) == Counter(["join", "end"])
    project.client()
    assert Run(f"F/{outcome.run_id}").successful


def test_a_crash_while_cloning_leaves_a_run_from_which_all_goes_on(project: Project) -> None:
    breaks(project, "end")
    first = project.run(NESTED, code=1)
    ran(project)
    cloned = resume(project, "join", "--clone-only")
    assert not ran(project) and "Done!" not in cloned.stdout
    project.client()
    assert Run(f"F/{cloned.run_id}").status == "stopped"
    # As it is on disk if the process is killed half way.
    record = store_of(project) / "runs" / "F" / cloned.run_id / "run.json"
    content = json.loads(record.read_text())
    assert "is_cloning" not in content and content["rerun_steps"] == ["join"]
    record.write_text(json.dumps({**content, "is_cloning": True, "status": "running", "pid": 1, "process_started": 1}))
    for manifest in [*record.parent.glob("work/*"), *record.parent.glob("gather/*"), *record.parent.glob("middle/3*")]:
        manifest.unlink()
    repair(project, "end")
    outcome = resume(project)
    assert ran(project) == Counter(["join", "end"]), "join was to run again, all else was finished"
    run = Run(f"F/{outcome.run_id}")
    assert run.successful and run.origin_pathspec == f"F/{cloned.run_id}"
    assert run["work"].task.origin_pathspec.startswith(f"F/{first.run_id}/work/")


@pytest.mark.parametrize(
    ("change", "expected", "run_again"),
    [
        (
            ("def work(self):", "def job(self):", "self.work,", "self.job,"),
            [
                "Step middle runs again: in run {} it went to work with a foreach, but its code now leads to job with",
                "The flow has no work any more",
                "job: to run after middle",
            ],
            "middle[1]",
        ),
        (
            (
                'self.next(self.work, foreach="inner")',
                'self.input_of = "a"\n        self.next(self.work)',
                "self.next(self.gather)",
                "self.next(self.join)",
                "self.result = f",
                "self.results = f",
                '    @step\n    def gather(self, inputs):\n        note(self, "gather")\n'
                "        self.results = [each.result for each in inputs]\n        self.next(self.join)\n",
                "",
            ),
            ["it went to work with a foreach, but its code now leads to work.", "The flow has no gather any more"],
            "work[1]",
        ),
    ],
)
def test_code_that_changed_shape(project: Project, change, expected, run_again) -> None:  # fmt: skip
    breaks(project, "end")
    first = project.run(NESTED, code=1)
    ran(project)
    repair(project, "end")
    text = (project.path / "flow.py").read_text()
    for old, new in zip(change[::2], change[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    (project.path / "flow.py").write_text(text)
    outcome = resume(project)
    for line in expected:
        assert line.format(first.run_id) in outcome.stdout, outcome
    again = ran(project)
    assert again[run_again] == 1 and "start" not in again


def test_nothing_is_taken_over_of_code_that_fits_nowhere_and_damage_is_run_again(project: Project) -> None:
    breaks(project, "end")
    first = project.run(NESTED, code=1)
    ran(project)
    manifest = next((store_of(project) / "runs" / "F" / first.run_id / "gather").glob("*.manifest"))
    manifest.write_bytes(manifest.read_bytes()[:-10])
    repair(project, "end")
    outcome = resume(project)
    assert "gather: 1 cloned, 1 to run (not finished; a result cannot be read:" in outcome.stdout, outcome
    assert "does not fit its checksum)\n" in outcome.stdout, "no advice to do what is being done"
    assert sum(ran(project).values()) == 3
    text = (project.path / "flow.py").read_text()
    (project.path / "flow.py").write_text(
        text.replace('self.next(self.middle, foreach="outer")', "self.next(self.before)").replace(
            "    @step\n    def middle",
            "    @step\n    def before(self):\n"
            '        self.next(self.middle, foreach="outer")\n\n    @step\n    def middle',
        )
    )
    refused = resume(project, code=1)
    assert "Nothing of run" in refused.stderr and "its code now leads to before" in refused.stderr, refused
    assert "Start a new run" in refused.stderr
    assert not ran(project)
    assert resume(project, "start") and ran(project)["start"] == 1, "unless it is what was asked for"


def test_damage_at_the_root_of_a_run_is_called_by_its_name(project: Project) -> None:
    breaks(project, "end")
    first = project.run(NESTED, "--alpha", "0.5", code=1)
    repair(project, "end")
    ran(project)
    run = store_of(project) / "runs" / "F" / first.run_id

    def damage(file: Path) -> None:
        file.write_bytes(file.read_bytes()[:-10])

    damage(next(run.glob("start/*.manifest")))
    outcome = resume(project)
    assert "start: 1 to run (never finished; a result cannot be read: " in outcome.stdout, outcome
    assert "another shape" not in outcome.stdout and ran(project)["start"] == 1
    project.client()
    assert Run(f"F/{outcome.run_id}").data.alpha == 0.5, "the parameters are still there"

    damage(run / "_parameters" / "0.0.manifest")
    refused = resume(project, "--origin-run-id", first.run_id, code=1)
    assert "its parameters cannot be read: " in refused.stderr and "start a new run" in refused.stderr, refused
    assert "(`resume`)" not in refused.stderr

    for other in store_of(project).glob("runs/F/*/run.json"):
        damage(other)
    unreadable = resume(project, code=1)
    assert "run.json is damaged" in unreadable.stderr and "has not run here" not in unreadable.stderr, unreadable


def test_a_resume_that_died_before_it_had_parameters_points_to_the_run_before_it(project: Project) -> None:
    breaks(project, "end")
    first = project.run(NESTED, code=1)
    second = resume(project, "--clone-only")
    run = store_of(project) / "runs" / "F" / second.run_id
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(
        json.dumps({**record, "is_cloning": True, "status": "running", "pid": 1, "process_started": 1})
    )
    (run / "_parameters" / "0.0.manifest").unlink()
    refused = resume(project, code=1)
    assert f"resume that one, with --origin-run-id {first.run_id}." in refused.stderr, refused


def test_what_cannot_be_resumed_is_refused_with_what_there_is(project: Project) -> None:
    project.write("class Other(FlowSpec):\n    @step\n    def start(self):\n        self.next(self.end)\n    @step\n"
                  "    def end(self):\n        pass\n", "other.py")  # fmt: skip
    other = project.call("run", flow="other.py")
    project.write(NESTED)
    none = resume(project, code=1)
    assert "A previous run id was not found. Specify --origin-run-id. F has not run here yet." in none.stderr
    unknown = resume(project, "strat", "--step", "end", code=1)
    assert "has no step strat" in unknown.stderr and "Did you mean start?" in unknown.stderr
    assert "start, middle, work, gather, join, end" in unknown.stderr
    first = project.run(NESTED)
    missing = resume(project, "--origin-run-id", "12", code=1)
    assert f"Resume could not find run id 12. The latest runs here are: {first.run_id} (done, tester)" in missing.stderr
    for spelled in (other.run_id, f"Other/{other.run_id}"):
        foreign = resume(project, "--origin-run-id", spelled, code=1)
        assert "it is a run of the flow Other, and only Other can resume it" in foreign.stderr
    mine = resume(project, code=1, env={"METAFLOW_USER": "somebody"})
    assert "No run of F here is yours (user:somebody)" in mine.stderr and first.run_id in mine.stderr
    assert "may not be a whole number" in resume(project, "--run-id", "17", code=1).stderr
    assert "--clone-only" in resume(project, "--reentrant", code=1).stderr
    empty = resume(project, "--origin-run-id", "", code=1)
    assert f"Resume could not find run id ''. The latest runs here are: {first.run_id}" in empty.stderr, empty
    assert "may not be empty" in resume(project, "--run-id", "", code=1).stderr
    assert project.call("resume", "--nonsense").code == 2
    project.client()
    assert len(list(Flow("F"))) == 1


def test_a_run_that_goes_on_is_not_resumed(project: Project) -> None:
    project.write(NESTED.replace('note(self, "end")', 'note(self, "end"); import time; time.sleep(600)'))
    process = project.start("run")
    while not (project.path / "ran").exists() or "end" not in (project.path / "ran").read_text():
        assert process.poll() is None
    outcome = resume(project, code=1)
    assert "is still going on" in outcome.stderr and "--origin-run-id" in outcome.stderr, outcome
    process.kill()
    process.communicate()
    project.write(NESTED)
    ran(project)
    resume(project)
    assert ran(project) == Counter(["end"])


def test_several_processes_clone_to_one_run(project: Project) -> None:
    breaks(project, "end")
    project.run(NESTED, code=1)
    command = ("resume", "--clone-only", "--reentrant", "--run-id", "from-argo", "--resume-identifier")
    outcomes = [process.communicate() + (process.returncode,) for process in
                [project.start(*command, str(number)) for number in range(3)]]  # fmt: skip
    assert [code for *_, code in outcomes] == [0, 0, 0], outcomes
    assert sum("cloned!" in stdout for stdout, *_ in outcomes) == 1
    repair(project, "end")
    ran(project)
    taken = resume(project, "--run-id", "from-argo", code=1)
    assert "There is a run from-argo of F already" in taken.stderr
    outcome = resume(project)
    assert "Resuming run from-argo" in outcome.stdout and ran(project) == Counter(["end"])


def test_the_commands_in_the_document_work_as_printed(project: Project) -> None:
    text = (Path(__file__).parents[2] / "docs" / "resume.md").read_text()
    flow = text.split("```python run\n")[1].split("```")[0]
    (project.path / "train.py").write_text(flow)
    commands = [line.split()[3:] for line in text.splitlines() if line.startswith("$ python train.py ")]
    assert len(commands) >= 6
    for command in commands:
        outcome = project.call(*command, flow="train.py")
        assert outcome.code == 0, outcome
    project.client()
    changed = [run for run in Flow("TrainFlow") if "changed-parameters" in run["_parameters"].task.metadata_dict]
    assert [run.data.rate for run in changed] == [0.5]


def test_a_gang_is_taken_over_whole_or_runs_again_whole(project: Project) -> None:
    source = """
    import os
    from metaflow import FlowSpec, current, parallel, step

    class F(FlowSpec):
        @step
        def start(self):
            self.next(self.train, num_parallel=3)

        @parallel
        @step
        def train(self):
            with open("ran", "a") as file:
                file.write(f"node{current.parallel.node_index}\\n")
            if current.parallel.node_index == 1 and os.path.exists("node1"):
                raise ValueError("node 1 is broken")
            self.node = current.parallel.node_index
            self.next(self.join)

        @step
        def join(self, inputs):
            assert not os.path.exists("join")
            self.nodes = [each.node for each in inputs]
            self.next(self.end)

        @step
        def end(self):
            pass
    """
    breaks(project, "node1", "join")
    project.run(source, code=1)
    ran(project)
    repair(project, "node1")
    outcome = resume(project, code=1)
    assert "train: 3 to run (failed)" in outcome.stdout, outcome
    assert ran(project) == Counter(["node0", "node1", "node2"])
    repair(project, "join")
    outcome = resume(project)
    assert "train: 3 cloned" in outcome.stdout and not ran(project), outcome
    project.client()
    run = Run(f"F/{outcome.run_id}")
    assert run.data.nodes == [0, 1, 2]
    control = run["train"].control_task
    assert control is not None and control.metadata_dict["parallel-world-size"] == "3"
    assert sorted(task.id for task in run["train"]) == [control.id, f"{control.id}_node_1", f"{control.id}_node_2"]


CONFIGURED = """
from metaflow import Config, FlowSpec, Parameter, environment, step

class F(FlowSpec):
    settings = Config("settings", default="settings.json")
    rate = Parameter("rate", default=settings.rate)

    @step
    def start(self):
        self.next(self.end)

    @environment(vars={"SHOWN": settings.shown})
    @step
    def end(self):
        import os
        assert not os.path.exists("end")
        self.all = (self.settings.shown, os.environ["SHOWN"], self.rate)
"""


def test_a_resumed_run_has_the_configs_of_its_origin(project: Project) -> None:
    (project.path / "settings.json").write_text('{"rate": 1.5, "shown": "old"}')
    breaks(project, "end")
    first = project.run(CONFIGURED, code=1)
    repair(project, "end")
    (project.path / "settings.json").unlink()
    outcome = resume(project)
    project.client()
    run = Run(f"F/{outcome.run_id}")
    assert run.data.all == ("old", "old", 1.5) and run.data.settings["shown"] == "old"

    (project.path / "settings.json").write_text('{"rate": 2.5, "shown": "new"}')
    (project.path / "flow.py").write_text(
        (project.path / "flow.py")
        .read_text()
        .replace("    rate =", '    more = Config("more", default_value="{}")\n    rate =')
    )
    outcome = resume(project, "end", "--origin-run-id", first.run_id)
    assert "more is new since run" in outcome.stdout, outcome
    assert Run(f"F/{outcome.run_id}").data.all == ("old", "old", 1.5)
    source = Run(f"F/{outcome.run_id}")["_parameters"].task["_graph_info"].data["configs"][0]
    assert source["given_by"] == f"run {first.run_id}" and source["path"].endswith("settings.json")

    refused = project.call("--config", "settings", "settings.json", "resume")
    assert refused.code == 1 and "which cannot be changed" in refused.stderr, refused
    unknown = resume(project, "--origin-run-id=17", code=1)
    assert "Resume could not find run id 17" in unknown.stderr
    assert "--origin-run-id" in project.call("resume", "--help", "--origin-run-id=17").stdout


def test_parameters_of_every_kind_are_kept_by_reference_or_changed(project: Project) -> None:
    source = """
    from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step

    class F(FlowSpec):
        data = IncludeFile("data", default="data.txt")
        options = Parameter("options", type=JSONType, default='{"a": 1}')
        names = Parameter("names", multiple=True, type=str)
        flag = Parameter("flag", type=bool, default=False)

        @step
        def start(self):
            self.next(self.end)

        @step
        def end(self):
            self.all = (self.data, self.options, list(self.names), self.flag)
    """
    (project.path / "data.txt").write_text("old" * 10_000)
    project.run(source, "--options", '{"b": 2}', "--names", "x", "--names", "y")
    stored = blobs(project)
    (project.path / "data.txt").unlink()
    kept = resume(project, "end")
    assert blobs(project) == stored
    (project.path / "new.txt").write_text("new")
    same = resume(project, "end", "--options", '{"b": 2}', "--data", "new.txt", "--flag", "true", "--names", "z")
    assert "options" not in same.stdout and "flag is True for the steps that run" in same.stdout, same
    assert "data is " in same.stdout
    wrong = resume(project, "end", "--options", "{", code=2)
    assert "--options" in wrong.stderr
    project.client()
    assert Run(f"F/{kept.run_id}").data.all == ("old" * 10_000, {"b": 2}, ["x", "y"], False)
    assert Run(f"F/{same.run_id}").data.all == ("new", {"b": 2}, ["z"], True)
