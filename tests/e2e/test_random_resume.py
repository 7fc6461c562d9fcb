"""Random flows whose tasks fail, and are killed alone or with their whole run, resumed until they are done."""

from __future__ import annotations

import json
import re
from collections import Counter

from hypothesis import HealthCheck, given, settings, strategies as st

import metaflow
from graph_strategies import flows, lay_out, render

from .conftest import Project

#: Before it does anything, every task draws what becomes of it; who survives this says so in the file `ran`.
HEADER = """
import json, os, random, signal
from metaflow import FlowSpec, current, parallel, step

MAIN_PROCESS = os.getpid()

def hazard(flow):
    rounds = sorted((name, value) for name, value in vars(flow).items() if name.startswith("rounds_"))
    where = f"{current.step_name}{[index for index, _, _ in flow.foreach_stack()]}{flow.__dict__.get('seen', 0)}"
    with open("hazard.json") as file:
        seed, trouble = json.load(file)
    chance = random.Random(f"{seed}/{where}").random()
    if chance < trouble / 3:
        raise ValueError("failed")
    if chance < trouble * 2 / 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if chance < trouble:
        os.kill(MAIN_PROCESS, signal.SIGKILL)
    with open("ran", "a") as file:
        file.write(f"{current.pathspec}\\n")
"""


def source_of(steps) -> str:
    return re.sub(r"(    def \w+\(self.*\):\n)", r"\1        hazard(self)\n", render(steps, header=HEADER))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=flows(), seed=st.integers(0, 10**9))
def test_resumed_until_done_it_ends_like_a_run_without_failures(project: Project, blocks, seed: int) -> None:
    layout = lay_out(blocks)
    (project.path / "flow.py").write_text(source_of(layout.steps))
    (project.path / "ran").write_text("")
    store = project.path / ".metaflow" / "mf-store" / "runs" / "RandomFlow"
    before = {path.name for path in store.iterdir()} if store.exists() else set()
    trouble = min(0.4, 1.5 / sum(layout.tasks.values()))
    outcomes = []
    for number in range(12):
        hazard = [seed + number, trouble if number < 11 else 0.0]
        (project.path / "hazard.json").write_text(json.dumps(hazard))
        outcomes.append(project.call("resume" if outcomes else "run", "--max-workers", "3"))
        assert outcomes[-1].code in (0, 1, -9), outcomes[-1]
        assert "Traceback" not in outcomes[-1].stderr, outcomes[-1]
        if outcomes[-1].code == 0:
            break
    assert outcomes[-1].code == 0, outcomes[-1]

    project.client()
    # By their files: a run whose process is killed at once has told its id neither to us nor to the index.
    run_ids = sorted({path.name for path in store.iterdir()} - before)
    runs = [metaflow.Run(f"RandomFlow/{run_id}") for run_id in run_ids]
    last = runs[-1]
    assert len(runs) == len(outcomes) and last.id == outcomes[-1].run_id
    assert last.successful and last.data.seen == layout.seen
    shape = Counter({step.id: len(list(step)) for step in last})
    assert shape == Counter({step: count for step, count in layout.tasks.items() if count})
    nodes = {step.id for step in last if "parallel-world-size" in step.task.metadata_dict}
    finished_by_running = Counter(
        (task.path_components[2], tuple(task._record.index_path), task._record.iteration)
        for run in runs
        for step in run
        for task in step
        if task.finished and task.origin_pathspec is None
    )
    assert len(finished_by_running) == sum(shape.values())
    for (step, place, iteration), times in finished_by_running.items():
        # Nodes of a gang of which another node failed run again with it.
        assert times == 1 or step in nodes, f"{step}{place}, iteration {iteration}, finished {times} times"
    started = Counter((project.path / "ran").read_text().split())
    assert set(started.values()) == {1}
    cloned = {task.pathspec for run in runs for step in run for task in step if task.origin_pathspec is not None}
    assert not cloned & set(started), "a cloned task ran"
