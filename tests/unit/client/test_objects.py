"""Lookups, errors, order, text and pickling of client objects."""

from __future__ import annotations

import os
import pickle
from datetime import datetime

import pytest

from metaflow.client import (
    DataArtifact,
    Flow,
    Metaflow,
    Run,
    Step,
    Task,
    default_namespace,
    get_namespace,
    metadata,
    namespace,
)
from metaflow.exception import MetaflowInvalidPathspec, MetaflowNamespaceMismatch, MetaflowNotFound

from .stored_flow import StoredRun, foreach_run

PATHSPECS = [
    (Flow, "F", "FlowName"),
    (Run, "F/1", "FlowName/RunID"),
    (Step, "F/1/work", "FlowName/RunID/StepName"),
    (Task, "F/1/work/2", "FlowName/RunID/StepName/TaskID"),
    (DataArtifact, "F/1/work/2/x", "FlowName/RunID/StepName/TaskID/ArtifactName"),
]
each_kind = pytest.mark.parametrize(("kind", "pathspec", "form"), PATHSPECS)


@each_kind
def test_text_and_parts(root, kind, pathspec, form):
    foreach_run(root)
    found = kind(pathspec)
    assert str(found) == f"{kind.__name__}('{pathspec}')"
    assert repr(found) == (f"{found} = 0" if kind is DataArtifact else str(found))
    assert found.pathspec == pathspec
    assert found.path_components == pathspec.split("/")
    assert found.id == pathspec.split("/")[-1]
    parent = found.parent
    assert (parent and parent.pathspec) == (pathspec.rpartition("/")[0] or None)


@each_kind
@pytest.mark.parametrize(
    "change",
    [lambda p: p + "/more", lambda p: "/".join(p.split("/")[:-1]), lambda p: p + "/", lambda p: None],
)
def test_a_pathspec_of_the_wrong_length(root, kind, pathspec, form, change):
    foreach_run(root)
    with pytest.raises(MetaflowInvalidPathspec) as error:
        kind(change(pathspec))
    assert str(error.value) == f"Expects {kind.__name__}('{form}')"


@each_kind
def test_what_is_absent(root, kind, pathspec, form):
    foreach_run(root)
    for depth in range(len(pathspec.split("/"))):
        names = pathspec.split("/")
        names[depth] = "nothing"
        with pytest.raises(MetaflowNotFound) as error:
            kind("/".join(names))
        assert str(error.value) == f"{kind.__name__}('{'/'.join(names)}') does not exist"


@pytest.mark.parametrize("name", ["..", ".", "a b", "ü", "%2e", "x" * 5000, "nul\0"])
def test_no_name_leads_out_of_the_store(root, name):
    foreach_run(root)
    for kind, pathspec in (
        (Flow, name),
        (Run, f"F/{name}"),
        (Run, f"{name}/1"),
        (Task, f"F/1/{name}/{name}"),
    ):
        with pytest.raises(MetaflowNotFound):
            kind(pathspec)


@each_kind
def test_attempts_are_for_tasks_and_artifacts(root, kind, pathspec, form):
    foreach_run(root)
    if kind in (Task, DataArtifact):
        assert str(kind(pathspec, attempt=0)) == f"{kind.__name__}('{pathspec}', attempt=0)"
        for wrong in (6, -1, "x"):
            with pytest.raises(MetaflowNotFound, match="from 0 to 5"):
                kind(pathspec, attempt=wrong)
        with pytest.raises(MetaflowNotFound, match="attempt=1.*does not exist"):
            kind(pathspec, attempt=1)
    else:
        with pytest.raises(MetaflowNotFound, match="Only a Task or a DataArtifact"):
            kind(pathspec, attempt=0)


def test_children_are_given_newest_first_without_private_ones(root):
    foreach_run(root)
    foreach_run(root, run_id="2")
    StoredRun(root, flow="G", run_id="7")
    assert [flow.id for flow in Metaflow()] == ["G", "F"]
    assert [run.id for run in Flow("F")] == ["2", "1"]
    assert [step.id for step in Run("F/1")] == ["end", "join", "work", "start"]
    assert [task.id for task in Step("F/1/work")] == ["4", "3", "2"]
    assert {artifact.id for artifact in Task("F/1/work/2")} == {"x", "name"}


def test_a_child_by_its_name(root):
    foreach_run(root)
    assert Metaflow()["F"]["1"]["work"]["3"]["x"].data == 1
    assert Run("F/1")["_parameters"].task["alpha"].data == 0.5
    assert Task("F/1/work/2")["_hidden"].data == "h"


def test_an_absent_child_is_a_key_error_with_its_name(root):
    foreach_run(root)
    for parent in (Flow("F"), Run("F/1"), Step("F/1/work"), Task("F/1/work/2")):
        with pytest.raises(KeyError) as error:
            parent["nothing"]
        assert error.value.args == ("nothing",)
        assert "nothing" not in parent
    assert "1" in Flow("F") and "work" in Run("F/1") and 2 in Step("F/1/work") and "x" in Task("F/1/work/2")


@each_kind
def test_outside_of_the_namespace(root, kind, pathspec, form):
    foreach_run(root, user="bob")
    with pytest.raises(MetaflowNamespaceMismatch) as error:
        kind(pathspec)
    assert "'user:ann'" in str(error.value)
    unchecked = kind(pathspec, _namespace_check=False)
    assert unchecked.is_in_namespace()
    namespace("user:bob")
    assert kind(pathspec).is_in_namespace()
    namespace(None)
    assert kind(pathspec).pathspec == pathspec


def test_lists_are_filtered_by_the_namespace_in_which_their_parent_was_made(root):
    foreach_run(root)
    foreach_run(root, run_id="2", user="bob")
    foreach_run(root, run_id="3", user="bob", tags=("shared",))
    foreach_run(root, flow="G", run_id="4", user="bob")
    mine = Flow("F")
    namespace("user:bob")
    assert [run.id for run in mine] == ["1"]
    assert [run.id for run in Flow("F")] == ["3", "2"]
    with pytest.raises(MetaflowNamespaceMismatch):
        mine["2"]
    assert "2" not in mine
    assert [flow.id for flow in Metaflow()] == ["G", "F"]
    namespace("shared")
    assert [run.id for run in Flow("F")] == ["3"]
    assert [flow.id for flow in Metaflow().flows] == ["F"]
    namespace(None)
    assert [run.id for run in Flow("F")] == ["3", "2", "1"]


def test_the_namespace_functions(monkeypatch):
    assert get_namespace() == "user:ann"
    assert namespace("tag") == "tag" == get_namespace()
    assert namespace(None) == "" and get_namespace() is None
    monkeypatch.setenv("METAFLOW_PRODUCTION_TOKEN", "t")
    assert default_namespace() == "production:t"


def test_the_runs_of_a_flow(root):
    foreach_run(root, run_id="1", tags=("a", "b"))
    foreach_run(root, run_id="2", tags=("a",))
    failed = StoredRun(root, run_id="3", tags=("a",))
    failed.finished("start", 1, status="failed", artifacts={"_exception": None})
    failed.ended("failed", "it broke")
    flow = Flow("F")
    assert flow.latest_run.id == "3"
    assert flow.latest_successful_run.id == "2"
    assert [run.id for run in flow.runs("a")] == ["3", "2", "1"]
    assert [run.id for run in flow.runs("a", "b")] == ["1"]
    assert [run.id for run in flow.runs("runtime:dev", "b")] == ["1"]
    assert list(flow.runs("c")) == []
    assert flow.created_at == datetime.fromtimestamp(1001.0)


def test_a_flow_with_many_runs_is_read_page_by_page(root, monkeypatch):
    from metaflow.client import provider

    monkeypatch.setattr(provider, "_RUNS_PER_PAGE", 4)
    for i in range(1, 11):
        StoredRun(root, run_id=str(i)).ended()
    assert [run.id for run in Flow("F")] == [str(i) for i in range(10, 0, -1)]


@each_kind
@pytest.mark.parametrize("ns", [None, "user:ann"])
def test_pickling_reads_again_from_the_same_place(root, tmp_path, monkeypatch, kind, pathspec, form, ns):
    foreach_run(root)
    namespace(ns)
    data = pickle.dumps(kind(pathspec))
    os.makedirs(tmp_path / "elsewhere" / ".metaflow")
    metadata(str(tmp_path / "elsewhere"))
    namespace("other")
    again = pickle.loads(data)
    assert str(again) == f"{kind.__name__}('{pathspec}')"
    assert again.is_in_namespace()
    assert again.__getstate__() == {
        "version": "2.12.27",
        "data": [pathspec, None, f"local@{tmp_path}", ns, True],
    }


def test_an_attempt_and_an_unchecked_namespace_survive_pickling(root):
    foreach_run(root, user="bob")
    task = Task("F/1/work/2", attempt=0, _namespace_check=False)
    again = pickle.loads(pickle.dumps(task))
    assert str(again) == "Task('F/1/work/2', attempt=0)"
    assert again["x"].data == 0


@pytest.mark.parametrize(
    "state",
    [
        {"version": "2.8.4", "data": ["F/1", None, True]},
        {"version": "2.12.4", "data": ["F/1", None, "user:ann", True]},
    ],
)
def test_older_pickles_are_read(root, state):
    foreach_run(root)
    run = Run.__new__(Run)
    run.__setstate__(state)
    assert run.pathspec == "F/1" and run.successful


def test_a_pickle_of_something_that_is_gone(root):
    run = foreach_run(root)
    data = pickle.dumps(Run("F/1"))
    from metaflow.datastore.layout import run_key
    from metaflow.metadata_store.events import RunForgotten

    run.index.apply([RunForgotten("F", "1")])
    run.store.delete(run_key("F", "1"))
    with pytest.raises(MetaflowNotFound, match="does not exist"):
        pickle.loads(data)


def test_a_pickle_of_an_unknown_version(root):
    run = Run.__new__(Run)
    with pytest.raises(MetaflowNotFound, match=r"99\.0"):
        run.__setstate__({"version": "99.0", "data": []})


@pytest.mark.parametrize("name", ["\udc80", "\ud800", "a\0b"])
def test_a_name_that_utf8_cannot_express_is_absent_like_any_other(root, name):
    run = foreach_run(root)
    run.ended("done")
    found = Run("F/1")
    makers = [
        lambda: Flow(name),
        lambda: Run(f"F/{name}"),
        lambda: Run(f"{name}/1"),
        lambda: Step(f"F/1/{name}"),
        lambda: Task(f"F/1/work/{name}"),
        lambda: DataArtifact(f"F/1/start/1/{name}"),
    ]
    for make in makers:
        with pytest.raises(MetaflowNotFound):
            make()
    for parent in (Flow("F"), found, found["work"], found["start"].task):
        assert name not in parent
    assert name not in Metaflow() and found["work"].find(name) is None


def test_what_reads_everything_is_equal_to_what_reads_the_same(root, tmp_path):
    foreach_run(root)
    assert Metaflow() == Metaflow() and len({Metaflow(), pickle.loads(pickle.dumps(Metaflow()))}) == 1
    (tmp_path / "other" / ".metaflow").mkdir(parents=True)
    first = Metaflow()
    metadata(str(tmp_path / "other"))
    assert first != Metaflow() and first != "Metaflow()"
