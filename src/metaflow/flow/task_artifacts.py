"""Artifacts that describe one task and not the flow: no task inherits them from another one."""

from __future__ import annotations

OF_ONE_TASK = frozenset(
    {
        "_exception",
        "_catch_exception",
        # The files of the flow belong to the run.
        "_code_package",
        "_source_files",
        # What our records say of a task, Metaflow says with artifacts. Tasks of imported runs have them.
        "_task_ok",
        "_success",
        "_current_step",
        "_transition",
        "_foreach_stack",
        "_foreach_var",
        "_foreach_num_splits",
        "_foreach_values",
        "_iteration_stack",
        "_unbounded_foreach",
        "_parallel_ubf_iter",
        "_control_mapper_tasks",
        "_control_task_is_mapper_zero",
    }
)
