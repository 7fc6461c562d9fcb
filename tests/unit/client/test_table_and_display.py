"""Tables of runs and tasks, and how objects show themselves in notebooks."""

from __future__ import annotations

import pickle
import re
import sys

import pytest

from metaflow.client import DataArtifact, Flow, Metaflow, Run, Step, Task
from metaflow.client.table import Table
from metaflow.exception import DataException, MetaflowException

from .stored_flow import StoredRun, foreach_run

EVIL = "<script>alert('x')</script>"


def test_a_table_of_runs(root):
    first = StoredRun(root)
    first.finished("_parameters", 0, artifacts={"alpha": 0.1, "status": "x", "name": "F"})
    first.finished("end", 1, artifacts={"alpha": 0.1, "accuracy": 0.9, "items": [1], "name": "F"})
    first.ended()
    StoredRun(root, run_id="2")
    table = Flow("F").table()
    assert table.columns == ["run", "status", "user", "started_at", "duration", "alpha", "parameter:status", "accuracy"]
    newest, oldest = table
    assert newest["run"] == "2" and newest["status"] == "running" and newest["duration"] is newest["alpha"] is None
    assert (oldest["alpha"], oldest["parameter:status"], oldest["accuracy"]) == (0.1, "x", 0.9)
    assert oldest["duration"] == 5.0 and oldest["started_at"] == Run("F/1").created_at
    assert list(table[1:]) == [oldest]
    lines = repr(table).splitlines()
    assert lines[0].split() == table.columns and lines[2].split()[0] == "1" and "0.9" in lines[2]


def test_a_table_of_tasks(root):
    foreach_run(root)
    table = Step("F/1/work").table()
    assert [(row["index"], row["value"], row["x"], row["status"]) for row in table] == [
        (2, "value 2", 4, "done"),
        (1, "value 1", 1, "done"),
        (0, "value 0", 0, "done"),
    ]
    assert "_hidden" not in table.columns and "name" not in table.columns


def test_a_table_becomes_a_data_frame(root):
    pytest.importorskip("pandas")
    foreach_run(root)
    frame = Step("F/1/work").table().to_dataframe()
    assert frame["x"].tolist() == [4, 1, 0]
    empty = Flow("F").table(status="failed")
    assert len(empty) == 0 and list(empty.to_dataframe().columns) == empty.columns
    assert repr(empty).split() == empty.columns


def test_without_pandas_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MetaflowException, match=r"metaflow\[pandas\]"):
        Table([{"a": 1}]).to_dataframe()


def test_long_tables_are_cut_where_they_are_shown():
    table = Table([{"a": "line\nbreak" * 10, "b": number} for number in range(60)])
    assert len(repr(table).splitlines()) == 52 and "... 60 rows" in repr(table)
    assert "60 rows" in table._repr_html_()


class Unloadable:
    def __reduce__(self):
        return Unloadable, ()

    def __setstate__(self, state):
        raise AssertionError("nothing may be loaded to be shown")


@pytest.fixture
def evil(root):
    run = StoredRun(root, tags=(EVIL,))
    run.finished("_parameters", 0, artifacts={"text": EVIL})
    run.finished(
        *("work", 1),
        artifacts={"text": EVIL, "big": [EVIL], "odd": Unloadable()},
        index_path=(("start", 0),),
        foreach_stack=(("xs", EVIL, 0, 1),),
        status="failed",
        error=("ValueError", EVIL),
    )
    run.ended("failed", EVIL)
    return run


def test_what_comes_from_a_flow_is_escaped(evil):
    shown = [Flow("F"), Run("F/1"), Step("F/1/work"), Task("F/1/work/1"), Task("F/1/work/1")["big"], Flow("F").table()]
    for each in shown:
        html = each._repr_html_()
        assert "<script" not in html and "alert" in html, each
        assert not re.search(r"(src|href)\s*=", html)
        opened = re.findall(r"<(\w+)", html)
        assert sorted(opened) == sorted(re.findall(r"</(\w+)", html))


def test_a_failed_run_says_why_and_a_task_shows_its_artifacts(evil):
    assert "failed" in Run("F/1")._repr_html_() and "work" in Run("F/1")._repr_html_()
    html = Task("F/1/work/1")._repr_html_()
    assert "Unloadable" in html and "ValueError" in html
    assert "blake" not in html
    assert Task("F/1/work/1")["odd"].preview.endswith("Unloadable>")


def test_what_cannot_be_read_says_so_instead_of_failing(evil):
    from metaflow.datastore.layout import manifest_key

    task = Task("F/1/work/1")
    evil.store.delete(manifest_key("F", "1", "work", "1", 0))
    assert "Data missing" in task._repr_html_()


def test_an_artifact_that_cannot_be_loaded_hinders_no_other(root, monkeypatch):
    import types

    module = types.ModuleType("vanished_module")
    exec("class Model:\n    pass\n\nclass Names(list):\n    pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "vanished_module", module)
    run = StoredRun(root)
    run.finished("start", 1, artifacts={"model": module.Model(), "both": [1, module.Model()], "fine": [2], "n": 3})
    monkeypatch.delitem(sys.modules, "vanished_module")
    task = Task("F/1/start/1")
    assert task.data.fine == [2] and task.data.n == 3
    with pytest.raises(DataException, match="'vanished_module'.*not installed here"):
        task.data.model
    with pytest.raises(DataException, match=r"it was: \[1, <vanished_module.Model>\]"):
        task.data.both
    assert task["model"].preview == "<vanished_module.Model>" and task["model"].size > 0
    assert {each.id for each in task} == {"model", "both", "fine", "n"}


def test_objects_are_equal_if_they_name_the_same(root):
    foreach_run(root)
    foreach_run(root, run_id="2")
    task = Task("F/1/work/2")
    assert Flow("F") == Flow("F") and Run("F/1") == Flow("F")["1"] and Run("F/1") != Run("F/2")
    assert task["x"] == DataArtifact("F/1/work/2/x") and task["x"] != task["name"]
    assert task != Task("F/1/work/2", attempt=0) and task != "F/1/work/2"
    assert {Run("F/1"), Run("F/1"), Run("F/2")} == set(Flow("F"))
    assert pickle.loads(pickle.dumps(task)) == task
    assert pickle.loads(pickle.dumps(Metaflow())).flows == [Flow("F")]
    again = pickle.loads(pickle.dumps(task.data))
    assert again.x == 0 and again.name == "F" and "x" in again


def test_values_of_the_index_look_like_artifacts(root):
    run = StoredRun(root)
    values = {"n": 1, "flag": True, "nothing": None, "ratio": 0.1, "text": "ü", "big": 2**70, "long": "x" * 201}
    run.finished("start", 1, artifacts=values)
    task = Task("F/1/start/1")
    assert set(task._record.values) == {"n", "flag", "nothing", "ratio", "text"}
    for name, value in values.items():
        artifact = task[name]
        assert artifact.data == value and type(artifact.data) is type(value) is type(getattr(task.data, name))
        assert artifact.type == str(type(value)) and artifact.preview and artifact.size > 0 and len(artifact.sha) == 64
    assert set(dir(task.data)) == set(values) and "n" in task.data and "absent" not in task.data
    with pytest.raises(AttributeError, match="absent"):
        task.data.absent


def test_an_older_pickle_with_another_layout_is_refused_clearly(root):
    from metaflow.exception import MetaflowNotFound

    for state in (["F/1"], {"version": "2.12.27", "data": ["F/1"]}, {"version": "2.12.27"}):
        with pytest.raises(MetaflowNotFound, match="Make it again"):
            Run.__new__(Run).__setstate__(state)


def test_names_that_utf8_cannot_express_are_shown(root):
    run = StoredRun(root)
    run.finished("end", 1, artifacts={"odd\udc80\nname": "\ud800"})
    run.ended("done")
    task = Task("F/1/end/1")
    for shown in (Run("F/1"), task, task["odd\udc80\nname"], Flow("F").table()):
        assert shown._repr_html_().encode()
    assert "\\udc80" in task._repr_html_()
    head, row = repr(Flow("F").table()).splitlines()
    assert head.endswith("odd  name") and row.encode()


def test_an_artifact_shows_what_is_known_of_it(root):
    pd = pytest.importorskip("pandas")
    run = StoredRun(root)
    frame = pd.DataFrame({EVIL: [EVIL, "b"], "n": [1, 2]})
    run.finished("end", 1, artifacts={"frame": frame, "many": pd.DataFrame([[0] * 60]), "n": 5})
    run.ended()
    task = Task("F/1/end/1")
    shown = task["frame"]._repr_html_()
    assert "2 x 2" in shown and "n (int64)" in shown and EVIL not in shown and shown.count("<table") == 2
    assert shown.count("&lt;script&gt;") >= 2
    assert task["frame"].facts["columns"] == [EVIL, "n"] and task["n"].facts == {}
    assert "... 60 in all" in task["many"]._repr_html_() and "1 x 60" in task["many"]._repr_html_()
    assert repr(task["n"]) == "DataArtifact('F/1/end/1/n') = 5" and "<table" in task["n"]._repr_html_()
