"""Random flows, run for real: every task runs once, and what joins see adds up."""

from __future__ import annotations

from collections import Counter

from hypothesis import HealthCheck, given, settings

import metaflow
from graph_strategies import flows, lay_out, render

from .conftest import Project


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=flows())
def test_a_random_flow_runs_as_its_graph_says(project: Project, blocks) -> None:
    layout = lay_out(blocks)
    (project.path / "flow.py").write_text(render(layout.steps))
    outcome = project.call("run", "--max-workers", "3")
    assert outcome.code == 0, outcome
    project.client()
    run = metaflow.Run(f"RandomFlow/{outcome.run_id}")
    assert run.successful
    assert run.data.seen == layout.seen
    ran = Counter({step.id: len(list(step)) for step in run})
    assert ran == Counter({step: count for step, count in layout.tasks.items() if count})
