from __future__ import annotations

from datetime import datetime

import pytest

from metaflow.client import Flow, Run, Step, Task
from metaflow.exception import MetaflowNotFound, MetaflowTaggingError

from .stored_flow import StoredRun, foreach_run


def test_a_finished_run(root):
    foreach_run(root)
    run = Run("F/1")
    assert run.successful and run.finished and run.status == "done"
    assert run.end_task.pathspec == "F/1/end/6"
    assert run.finished_at == run.end_task.finished_at
    assert run.data.total == 5
    assert run.created_at == datetime.fromtimestamp(1001.0)
    assert run.code is None and run.trigger is None


def test_a_run_that_failed_on_the_way_neither_finished_nor_succeeded(root):
    stored = StoredRun(root)
    stored.finished("start", 1, status="failed")
    stored.ended("failed", "it broke")
    run = Run("F/1")
    assert not run.successful and not run.finished and run.status == "failed"
    assert run.end_task is None and run.data is None and run.finished_at is None


def test_a_run_that_goes_on_is_seen_to_end(root):
    stored = StoredRun(root, end_step="last")
    run = Run("F/1")
    assert run.status == "running" and not run.finished
    stored.finished("last", 1, artifacts={"x": 1})
    stored.ended()
    assert run.status == "done" and run.successful and run.data.x == 1


def test_origin_of_runs(root):
    foreach_run(root)
    foreach_run(root, run_id="2", origin_run_id="1")
    assert Run("F/1").origin_pathspec == "F/None"
    assert Step("F/1/start").origin_pathspec == "F/None/start"
    assert Run("F/2").origin_pathspec == "F/1"
    assert Step("F/2/start").origin_pathspec == "F/1/start"


def test_tags_belong_to_the_run_and_everything_in_it_reports_them(root):
    foreach_run(root, tags=("old",))
    run = Run("F/1")
    step, task, artifact = run["work"], run["work"]["2"], run["work"]["2"]["x"]
    created_at = run.created_at
    run.add_tag("new")
    for part in (run, step, task, artifact):
        assert part.user_tags == {"old", "new"}
        assert part.system_tags == {"user:ann", "runtime:dev", "python_version:3"}
        assert part.tags == part.user_tags | part.system_tags
    assert run.created_at == Run("F/1").created_at == created_at
    assert Flow("F").tags == frozenset()


def test_every_way_to_change_tags(root):
    foreach_run(root)
    run = Run("F/1")
    run.add_tags(["a", "b", "c"])
    run.add_tag(["d"])
    assert run.user_tags == {"a", "b", "c", "d"}
    run.remove_tag("a")
    run.remove_tags({"b", "never there"})
    assert run.user_tags == {"c", "d"}
    run.replace_tag("c", "e")
    run.replace_tags(["d", "e"], ["e", "f"])
    assert run.user_tags == {"e", "f"} == Run("F/1").user_tags
    assert [found.id for found in Flow("F").runs("e", "f")] == ["1"]
    assert list(Flow("F").runs("d")) == []


def test_two_objects_of_one_run_do_not_undo_each_other(root):
    foreach_run(root)
    first, second = Run("F/1"), Run("F/1")
    first.add_tag("a")
    second.add_tag("b")
    first.remove_tag("b")
    assert Run("F/1").user_tags == {"a"}


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.add_tags("text"),
        lambda run: run.remove_tags("text"),
        lambda run: run.replace_tags("text", ["a"]),
        lambda run: run.replace_tags(["a"], "text"),
        lambda run: run.add_tags(3),
        lambda run: run.add_tag(3),
        lambda run: run.add_tags([]),
        lambda run: run.replace_tags([], []),
        lambda run: run.add_tag(""),
        lambda run: run.remove_tag("user:ann"),
        lambda run: run.add_tags([f"t{i}" for i in range(51)]),
    ],
)
def test_changes_of_tags_that_are_not_allowed(root, change):
    foreach_run(root, tags=("kept",))
    run = Run("F/1")
    with pytest.raises(MetaflowTaggingError):
        change(run)
    assert run.user_tags == {"kept"} == Run("F/1").user_tags


def test_adding_a_system_tag_changes_nothing(root):
    foreach_run(root)
    run = Run("F/1")
    run.add_tag("user:ann")
    assert run.user_tags == frozenset()


def test_lists_with_tags_give_all_or_nothing(root):
    foreach_run(root, tags=("a",))
    run = Run("F/1")
    assert len(list(run.steps("a", "user:ann"))) == 4 and list(run.steps("b")) == []
    assert len(list(run["work"].tasks("a"))) == 3 and list(run["work"].tasks("b")) == []


def test_a_step(root):
    foreach_run(root)
    step = Step("F/1/work")
    assert step.task.id == "4"
    assert step.finished_at == Task("F/1/work/4").finished_at
    assert step.created_at == Task("F/1/work/2").created_at
    assert [parent.id for parent in step.parent_steps] == ["start"]
    assert [child.id for child in step.child_steps] == ["join"]
    assert list(Step("F/1/end").child_steps) == []
    assert step.control_task is None and list(step.control_tasks()) == []
    assert step.environment_info is None


def test_a_step_with_an_unfinished_task_is_not_finished(root):
    run = StoredRun(root)
    run.finished("work", 1)
    run.running("work", 2)
    assert Step("F/1/work").finished_at is None


def test_a_following_step_that_never_ran(root):
    run = StoredRun(root)
    run.finished("start", 1)
    children = Step("F/1/start").child_steps
    with pytest.raises(MetaflowNotFound, match=r"Step\('F/1/work'\) does not exist"):
        next(children)


def test_control_tasks(root):
    run = StoredRun(root)
    run.finished("train", 1, metadata={"internal_task_type": "control_task"})
    run.finished("train", "1_node_1")
    run.ended()
    assert Step("F/1/train").control_task.id == "1"
    assert [task.id for task in Step("F/1/train").control_tasks()] == ["1"]


def test_a_wide_step_is_read_page_by_page(root, monkeypatch):
    from metaflow.client import step as step_module

    monkeypatch.setattr(step_module, "_TASKS_PER_PAGE", 4)
    foreach_run(root, width=11)
    assert [task.index for task in Step("F/1/work")] == list(range(10, -1, -1))
