"""The life of cards, with real flows: made with the task, rendered when its result is safe, never its undoing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaflow import Flow, Task, default_metadata, inspect_spin, namespace
from metaflow.cards import get_cards
from metaflow.testing.process_backend import DIRECTORY_VARIABLE, ProcessBackend

from .conftest import Outcome, Project

TYPES = """
import ctypes, os, sys
from metaflow.cards import MetaflowCard

class Own(MetaflowCard):
    ALLOW_USER_COMPONENTS = True

    def __init__(self, options={}, components=[], graph=None):
        self.options, self.components, self.graph = options, components, graph

class Facts(Own):
    '''What a template of somebody else finds.'''
    type = "facts"

    def render(self, task):
        os.chdir("/")
        print("printed by the card")
        return "|".join(map(str, [
            "[METAFLOW_RELOAD_TOKEN]", task.pathspec, task.successful, task.finished_at is not None, task.data.x,
            task.current_attempt, task["x"].data, sorted(self.graph["steps"]), self.options, len(self.components),
            "\\ud800",
        ]))

class Wrong(Own):
    type = "wrong"

    def render(self, task):
        rows = []
        return rows[3]

class Bytes(Own):
    type = "bytes"

    def render(self, task):
        return b"no text"

class Nothing(Own):
    type = "nothing"

    def render(self, task):
        pass

class Leaves(Own):
    type = "leaves"

    def render(self, task):
        sys.exit("enough")

class Slow(Own):
    type = "slow"

    def render(self, task):
        while True:
            try:
                import time
                time.sleep(60)
            except Exception:
                pass

class Crash(Own):
    type = "crash"

    def render(self, task):
        ctypes.string_at(0)

class HardExit(Own):
    type = "hard_exit"

    def render(self, task):
        os._exit(5)

class Forks(Own):
    type = "forks"

    def render(self, task):
        if os.fork() == 0:
            return "the child"
        os.wait()
        return "the parent"
"""

FLOW_HEADER = "from metaflow import FlowSpec, card, catch, current, retry, step\n"


def html(task: Task | str, **which: str) -> str:
    (found,) = get_cards(task, **which)
    return found.get()


def task_of(flow: str, step: str) -> Task:
    return Flow(flow).latest_run[step].task


def test_what_cards_are_made_of_and_what_is_wrong_with_some(project: Project) -> None:
    outcome = project.run(
        FLOW_HEADER
        + TYPES
        + """
class CardFlow(FlowSpec):
    @card(id="own", type="facts", options={"rows": 3})
    @card(id="own", type="test_editable_card")
    @card(id="no id", type="test_pathspec_card")
    @card(type="wrong")
    @card(type="bytes", save_errors=False)
    @card(type="nothing")
    @card(type="leaves")
    @card(type="slow", timeout=0.2)
    @card(type="forks")
    @card(type="fatcs")
    @step
    def start(self):
        self.x = "text"
        current.card["own"].append("on the first")
        self.next(self.end)

    @step
    def end(self):
        assert "card" not in current
"""
    )
    project.client()
    task = task_of("CardFlow", "start")
    assert html(task, type="facts") == (
        f"final|{task.pathspec}|True|True|text|0|text|['end', 'start']|{{'rows': 3}}|1|?"
    )
    assert html(task, type="forks") == "the parent"
    assert html(task, type="test_editable_card") == ""
    found = {(page.type, page.id) for page in get_cards(task)}
    assert ("facts", "own") in found and ("test_editable_card", None) in found and ("test_pathspec_card", None) in found
    assert not {page for page in found if page[0] == "bytes"}, "its errors are not to be saved"

    log = task.stderr
    assert "There are several cards with the id 'own'" in log and "The id 'no id' of a @card is left out" in log
    assert "There is no type of cards called 'fatcs'. Did you mean 'facts'?" in log
    assert "The card of type 'wrong' cannot be rendered: IndexError: list index out of range" in log
    assert "return rows[3]" in log
    assert "type 'bytes' cannot be rendered: the method render() of Bytes returned a value of type bytes" in log
    assert "type 'nothing' cannot be rendered: the method render() of Nothing returned nothing" in log
    assert "type 'leaves' cannot be rendered: its code asked the process to exit (sys.exit('enough'))" in log
    assert "type 'slow' cannot be rendered: it was not rendered within 0.2 seconds" in log
    assert "/metaflow/cards/" not in log and "Traceback" not in log, "our own code is nobody's business"
    assert "printed by the card" in task.stdout
    for kind, expected in {"wrong": "list index out of range", "slow": "0.2 seconds", "fatcs": "Did you mean"}.items():
        assert expected in html(task, type=kind)
    assert "Task finished successfully." in outcome.stdout and "afterwards" not in outcome.stdout


def test_each_card_is_recorded_as_metaflow_does(project: Project) -> None:
    project.run(
        FLOW_HEADER
        + """
class InfoFlow(FlowSpec):
    @card(type="test_editable_card", id="a", options={"set": {2, 1}}, refresh_interval=2, customize=True)
    @card(type="missing")
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""
    )
    project.client()
    task = task_of("InfoFlow", "start")
    fields = [field for field in task.metadata if field.type == "card-info"]
    first, second = (json.loads(field.value) for field in fields)
    assert first == {
        "card_uuid": fields[0].name,
        "rank": None,
        "type": "test_editable_card",
        "options": {"set": [1, 2]},
        "is_editable": True,
        "is_runtime_card": False,
        "refresh_interval": 2,
        "customize": True,
        "id": "a",
    }
    assert (second["type"], second["is_editable"]) == ("missing", False)
    assert "card-info" not in {field.name for field in task.metadata}
    assert [page.hash for page in get_cards(task)] == [fields[0].name, fields[1].name]
    assert not [field for field in task_of("InfoFlow", "end").metadata if field.type == "card-info"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_card_that_ends_the_process_ends_nothing_else(project: Project, method: str) -> None:
    outcome = project.run(
        FLOW_HEADER
        + TYPES
        + """
class HarmFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.crash, self.leave)

    @retry(times=1)
    @card(type="crash")
    @step
    def crash(self):
        self.made = 1
        self.next(self.join)

    @catch
    @card(type="hard_exit")
    @step
    def leave(self):
        self.made = 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.sum = sum(each.made for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        env={"METAFLOW_START_METHOD": method},
    )
    project.client()
    run = Flow("HarmFlow").latest_run
    assert run.successful and run.data.sum == 3
    assert "its process ended afterwards with SIGSEGV" in outcome.stdout
    assert "its process ended afterwards with exit code 5" in outcome.stdout
    assert "retry" not in outcome.stdout
    for step in ("crash", "leave"):
        assert "If this page stays, the process ended meanwhile" in html(run[step].task)


def test_a_retry_replaces_the_cards_and_failed_tasks_have_none(project: Project) -> None:
    project.run(
        FLOW_HEADER
        + """
class RetryFlow(FlowSpec):
    @retry(times=1)
    @card(type="test_component_refresh_card")
    @step
    def start(self):
        current.card.append(f"attempt {current.retry_count}")
        if current.retry_count == 0:
            current.card.refresh(force=True)
            raise ValueError("not yet")
        self.next(self.caught)

    @catch(var="problem")
    @card(type="test_mock_card", options={"key": "kept"})
    @step
    def caught(self):
        self.kept = "what there is"
        {}["missing"]
        self.next(self.end)

    @card(type="test_pathspec_card")
    @card(type="test_refresh_card", id="live")
    @step
    def end(self):
        current.card["live"].refresh({"at": "the end"}, force=True)
        raise ValueError("for good")
""",
        code=1,
    )
    project.client()
    start = task_of("RetryFlow", "start")
    (card,) = get_cards(start)
    assert "attempt 1" in card.get() and "attempt 0" not in card.get()
    (document,) = (project.path / ".metaflow/mf-store/runs" / start.pathspec).parent.glob("*.cards/*.data.json")
    data = json.loads(document.read_text())
    assert (data["reload_token"], data["data"]["render_seq"]) == ("final", "final")
    assert html(task_of("RetryFlow", "caught")) == "what there is"
    (live,) = get_cards(task_of("RetryFlow", "end"))
    assert live.type == "test_refresh_card" and "the end" in live.get()


def test_every_task_of_foreach_and_gang_has_its_own_and_clones_have_none(project: Project) -> None:
    source = (
        FLOW_HEADER
        + """
from metaflow import parallel
class ManyFlow(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2, 3]
        self.next(self.each, foreach="items")

    @card(type="test_pathspec_card")
    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.spread)

    @step
    def spread(self):
        self.next(self.node, num_parallel=2)

    @card(type="test_pathspec_card")
    @parallel
    @step
    def node(self):
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        FAIL
"""
    )
    first = project.run(source.replace("FAIL", "raise ValueError"), code=1)
    project.write(source.replace("FAIL", "pass"))
    outcome = project.call("resume")
    assert outcome.code == 0, outcome
    project.client()
    run = Flow("ManyFlow").latest_run
    assert run.id != first.run_id
    for step, number in (("each", 3), ("node", 2)):
        pages = [html(task) for task in run[step]]
        assert len(pages) == number and len(set(pages)) == number
        assert all(page.startswith(f"ManyFlow/{first.run_id}/{step}/") for page in pages), "they are the origin's"
    files = {path.name for path in (project.path / ".metaflow/mf-store/runs/ManyFlow" / run.id).glob("*/*.cards")}
    assert not files


WITH = (
    FLOW_HEADER
    + """
from metaflow import FlowMutator, StepMutator

class with_card(FlowMutator):
    def mutate(self, mutable_flow):
        for name, step in mutable_flow.steps:
            step.add_decorator("card", deco_kwargs={"type": "test_pathspec_card", "id": "mutated"})

MUTATOR
class WithFlow(FlowSpec):
    @card(type="test_editable_card", id="written")
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        current.card.append("found")
"""
)


def test_cards_that_are_added_from_outside(project: Project) -> None:
    project.run(
        WITH.replace("MUTATOR", "@with_card"),
        "--with",
        "card:type=test_editable_card_2,id=added",
        env={"METAFLOW_DEFAULT_DECOSPECS": 'card:type=test_mock_card,options={"key": "name"}'},
    )
    project.client()
    run = Flow("WithFlow").latest_run
    expected = [("test_editable_card_2", "added"), ("test_mock_card", None), ("test_pathspec_card", "mutated")]
    assert sorted((page.type, page.id) for page in get_cards(run["end"].task)) == expected
    assert [page.id for page in get_cards(run["start"].task)] == ["written", "added", None, "mutated"]
    assert "found" in html(run["end"].task, id="added")


def test_a_spun_step_has_its_cards_and_they_show_artifacts_that_are_not_kept(project: Project) -> None:
    project.run(
        FLOW_HEADER
        + """
class SpinFlow(FlowSpec):
    @step
    def start(self):
        self.inherited = "from before"
        self.next(self.end)

    @card(id="new", type="test_mock_card", options={"key": "made"})
    @card(id="old", type="test_mock_card", options={"key": "inherited"})
    @step
    def end(self):
        self.made = [1, 2]
"""
    )
    outcome = project.call("spin", "end")
    assert outcome.code == 0, outcome
    assert "cannot be rendered" not in outcome.stdout + outcome.stderr
    namespace(None)
    inspect_spin(str(project.path))
    try:
        task = task_of("SpinFlow", "end")
        assert html(task, id="new") == "[1, 2]"
        assert html(task, id="old") == "from before"
    finally:
        default_metadata()


def extension(folder: Path) -> None:
    package = folder / "metaflow_extensions/acme/plugins/cards/acme_card"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from metaflow.cards import MetaflowCard\n"
        "class AcmeCard(MetaflowCard):\n    type = 'acme'\n"
        "    def render(self, task):\n        return f'made by acme in {__file__}'\n"
        "CARDS = [AcmeCard]\n"
    )


def test_a_task_elsewhere_has_its_cards_also_of_other_packages(project: Project) -> None:
    folder = project.path / "engine"
    project.env[DIRECTORY_VARIABLE] = str(folder)
    elsewhere = project.path / "installed"
    extension(elsewhere)
    project.env["PYTHONPATH"] += f":{elsewhere}"
    backend = ProcessBackend(str(folder))
    try:
        outcome: Outcome = project.run(
            FLOW_HEADER
            + TYPES
            + """
from metaflow.testing.elsewhere import elsewhere

class AwayFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.away)

    @card(type="acme")
    @card(type="wrong")
    @card(type="crash")
    @elsewhere
    @step
    def away(self):
        self.x = 1
        self.next(self.end)

    @step
    def end(self):
        pass
"""
        )
    finally:
        backend.clear()
    project.client()
    run = Flow("AwayFlow").latest_run
    assert run.successful
    task = run["away"].task
    assert "made by acme in" in html(task, type="acme")
    assert str(elsewhere) not in html(task, type="acme"), "it travelled with the code"
    assert "list index out of range" in html(task, type="wrong")
    assert "list index out of range" in task.stderr
    assert "If this page stays" in html(task, type="crash")
    assert "its process ended afterwards with SIGSEGV" in outcome.stdout
