"""``get_cards`` on what real runs left: resumed ones, imported ones, in another datastore, in a notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from browser import expect
from unit.imports.metaflow_folder import Folder

from .conftest import Project

FLOW = """
    import os
    from metaflow import FlowSpec, card, current, step
    from metaflow.cards import Markdown

    class F(FlowSpec):
        @card(type="blank", id="told")
        @card
        @step
        def start(self):
            current.card["told"].append(Markdown(f"told by run {current.run_id}"))
            self.next(self.middle)

        @card(type="blank")
        @step
        def middle(self):
            if os.environ.get("BREAK") == "middle":
                raise ValueError("broken")
            self.next(self.end)

        @step
        def end(self):
            if os.environ.get("BREAK") == "end":
                raise ValueError("broken")
"""


def test_cards_of_runs_that_were_resumed_twice(project: Project) -> None:
    first = project.run(FLOW, code=1, env={"BREAK": "middle"}).run_id
    second = project.call("resume", env={"BREAK": "end"}).run_id
    third = project.call("resume").run_id
    project.client()
    from metaflow import Run
    from metaflow.cards import get_cards

    cards = get_cards(Run(f"F/{third}")["start"].task)
    assert [(card.type, card.id) for card in cards] == [("blank", "told"), ("default", None)]
    assert cards.from_resumed and cards.origin_pathspec == f"F/{first}/start/1"
    assert f"told by run {first}" in cards[0].get()
    (of_middle,) = get_cards(f"F/{third}/middle/2")
    assert of_middle.origin_pathspec == f"F/{second}/middle/2"
    own = get_cards(f"F/{first}/start/1", type="blank")
    assert not own.from_resumed and own[0].hash == cards[0].hash and own[0].path == cards[0].path
    from metaflow.plugins.cards.card_client import get_cards as alias

    assert alias is get_cards


def test_cards_of_imported_runs(project: Project) -> None:
    folder = Folder(project.path / "old" / ".metaflow")
    task = folder.run("F", "1").task("start", "1", {"x": 5})
    for kind, digits, name in (("zeta", "f" * 32, None), ("blank", "0" * 32, "told")):
        task.card(kind, f"<p>{kind}</p>".encode(), digits, name)
    imported = project.call("metaflow", "import-runs", "old", flow="-m")
    assert imported.code == 0, imported
    project.client()
    from metaflow.cards import get_cards

    cards = get_cards("F/1/start/1")
    assert {(card.type, card.id, card.get()) for card in cards} == {
        ("zeta", None, "<p>zeta</p>"),
        ("blank", "told", "<p>blank</p>"),
    }
    assert cards[0].get_data() == {"data": {}}


def test_cards_in_another_datastore(project: Project, s3_bucket) -> None:
    here = project.run(FLOW).run_id
    there = project.call("--datastore", "s3", "run", env=s3_bucket.environment)
    assert there.code == 0, there
    project.client()
    from metaflow.cards import get_cards

    local, remote = get_cards(f"F/{here}/start/1", id="told")[0], get_cards(f"F/{there.run_id}/start/1", id="told")[0]
    assert local.path.startswith(str(project.path)) and f"told by run {here}" in local.get()
    assert remote.path.startswith(f"{s3_bucket.location}/mf-store/runs/F/{there.run_id}/start/1.cards/blank-told-")
    assert f"told by run {there.run_id}" in remote.get()
    shown = project.call("card", "get", f"{there.run_id}/start", "--id", "told", env=s3_bucket.environment)
    assert shown.stdout == remote.get(), shown


def test_in_a_notebook(
    project: Project, environment_of_project: None, browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = project.run(FLOW).run_id
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IPYTHONDIR", str(project.path / "ipython"))
    cells = [
        "from metaflow.cards import get_cards",
        f"get_cards('F/{run_id}/start/1')",
        f"get_cards('F/{run_id}/start/1')[0]",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(project.path)}}).execute()
    both, one = (cell.outputs[0].data for cell in notebook.cells[1:])
    assert one["text/plain"].startswith("Card(blank, id='told', hash=")
    assert both["text/html"].count("<iframe") == 2 and one["text/html"].count("<iframe") == 1
    page = browser.open(_page(Path(project.path / "notebook.html"), both["text/html"]))
    frames = page.locator("iframe")
    assert frames.count() == 2
    inside = frames.first.content_frame
    expect(inside.locator("main")).to_contain_text(f"told by run {run_id}")
    assert inside.locator("body").evaluate("window.origin") == "null", "the card is in the notebook's origin"
    assert frames.first.bounding_box()["height"] > 300


def _page(path: Path, output: str) -> Path:
    """A page with the output of a cell, as a notebook shows it."""
    path.write_text(f"<!DOCTYPE html><title>notebook</title><body>{output}</body>", encoding="utf-8")
    return path
