"""Tables of a run's tasks: counts, filters, orders and pages, told by the database as a loop over all tasks would."""

from __future__ import annotations

import itertools
import random

import pytest

from attack_strings import CHARACTERS
from metaflow.client.run_summary import status_of
from metaflow.metadata_store.events import RunStarted, TaskEnded, TaskStarted
from metaflow.metadata_store.records import RunRecord, TaskRecord
from metaflow.metadata_store.task_listing import ORDERS, STATUSES, TaskListing, quantile

NOW = 5000.0
LISTING = TaskListing("F", "1", NOW)
STEPS = ("fit", 'odd "step"', "end", "\u202eétape")


def made(number, random_numbers):
    """A task of any kind, with what could mislead whoever only looks for words in its record."""
    status = random_numbers.choice(["done", "done", "caught", "failed", "killed", "running"])
    started = 1000.0 + random_numbers.randrange(20)
    task = TaskRecord("F", "1", random_numbers.choice(STEPS), str(number), random_numbers.choice([0, 0, 1]), started)
    value = random_numbers.choice(["shard-7", "Ünïcode", "50%_", "", *CHARACTERS[:4]])
    values = {"success": True, "status": "failed", "origin": "x"} if number % 3 == 0 else {}
    task = task._replace(
        foreach_stack=(("xs", value, number, 99),),
        index_path=(("start", number),),
        values=values,
        metadata={"note": '"success":true,"origin":"no"'},
        origin="F/0/fit/1" if number % 5 == 0 else None,
    )
    if status == "running":
        return task
    ended = task._replace(
        status="done" if status == "caught" else status,
        ok=status in ("done", "caught"),
        success=status == "done",
        finished_at=started + random_numbers.randrange(8),
    )
    if status in ("failed", "caught"):
        return ended._replace(error=("builtins.ValueError", f"bad {value} \u00e9t\u00e9".replace("\0", "")))
    return ended


@pytest.fixture(params=["sqlite_back_end", "postgres_back_end"])
def filled(request):
    store = request.getfixturevalue(request.param).open()
    random_numbers = random.Random(17)
    tasks = [made(number, random_numbers) for number in range(1, 121)]
    given = TaskRecord("F", "1", "_parameters", "0", 0, 999.0, status="done", ok=True, success=True, finished_at=999.5)
    other = made(5, random_numbers)._replace(run_id="2")
    run = RunRecord("F", "1", "ann", 999.0)
    store.apply([RunStarted(run), RunStarted(run._replace(run_id="2")), TaskEnded(given), TaskEnded(other)])
    for task in tasks:
        if task.attempt:  # the one before it, which nobody counts
            first = task._replace(
                attempt=0, started_at=task.started_at - 1, status="failed", finished_at=task.started_at
            )
            store.apply([TaskEnded(first)])
        store.apply([TaskStarted(task) if task.status == "running" else TaskEnded(task)])
    return store, tasks


def shown(task):
    return status_of(task) if task.status != "running" else "running"


def key_of(task, order):
    seconds = (task.finished_at if task.status != "running" else NOW) or 0.0
    return {
        "started_at": task.started_at,
        "finished_at": task.finished_at or 0.0,
        "duration": seconds - task.started_at,
        "step": task.step,
        "status": STATUSES.index(shown(task)),
    }[order]


def names(tasks):
    return [(task.step, task.task_id) for task in tasks]


def listed(store, listing):
    return [each.task for each in store.listed_tasks(listing)]


def test_steps_are_counted(filled):
    store, tasks = filled
    counts = {count.step: count for count in store.step_counts("F", "1")}
    assert set(counts) == {task.step for task in tasks}
    for step, count in counts.items():
        own = [task for task in tasks if task.step == step]
        found = {status: sum(shown(task) == status for task in own) for status in STATUSES}
        assert {status: count.counts.get(status, 0) for status in STATUSES} == found, step
        assert count.tasks == len(own)
        assert count.cloned == sum(task.origin is not None for task in own)
        assert count.retried == sum(task.attempt > 0 for task in own)
        assert count.attempts == sum(task.attempt + 1 for task in own)
        assert count.started_at == min(task.started_at - task.attempt for task in own)
        is_over = all(task.status != "running" for task in own)
        assert count.finished_at == (max(task.finished_at for task in own) if is_over else None)
        ended = [task for task in own if task.status in ("done", "failed")]
        seconds = sorted(task.finished_at - task.started_at for task in ended if task.origin is None)
        assert (count.median, count.p95) == (quantile(seconds, 0.5), quantile(seconds, 0.95))
        assert count.longest == seconds[-1]
    assert store.step_counts("F", "nothing") == []


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("descending", [False, True])
def test_any_order_page_by_page(filled, order, descending):
    store, tasks = filled
    everything = listed(store, LISTING._replace(order=order, descending=descending, limit=1000))
    assert sorted(names(everything)) == sorted(names(tasks))
    keys = [key_of(task, order) for task in everything]
    assert all((one >= other) if descending else (one <= other) for one, other in itertools.pairwise(keys))
    paged, after = [], None
    for _ in range(100):
        page = store.listed_tasks(LISTING._replace(order=order, descending=descending, limit=7, after=after))
        if not page:
            break
        paged += [each.task for each in page]
        after = page[-1].position
    assert names(paged) == names(everything)


@pytest.mark.parametrize("statuses", [("failed",), ("caught", "killed"), STATUSES])
def test_only_some_statuses_and_steps(filled, statuses):
    store, tasks = filled
    for steps in ((), (STEPS[1], STEPS[3])):
        listing = LISTING._replace(statuses=statuses, steps=steps, limit=1000)
        wanted = [task for task in tasks if shown(task) in statuses and (not steps or task.step in steps)]
        assert sorted(names(listed(store, listing))) == sorted(names(wanted))
        assert store.count_tasks(listing._replace(limit=1)) == len(wanted)


@pytest.mark.parametrize("text", ["SHARD-7", "50%_", "17", "\u00e9t\u00e9", "valueerror: bad Shard", *CHARACTERS[:3]])
def test_text_in_foreach_values_and_errors(filled, text):
    store, tasks = filled

    def lower(string):
        return "".join(character.lower() if character.isascii() else character for character in string)

    wanted = [
        task
        for task in tasks
        if task.task_id == text
        or lower(text) in lower(task.foreach_stack[-1][1])
        or (task.error is not None and lower(text) in lower(": ".join(task.error)))
    ]
    assert wanted
    listing = LISTING._replace(text=text, limit=1000)
    assert sorted(names(listed(store, listing))) == sorted(names(wanted))
    assert store.count_tasks(listing) == len(wanted)
