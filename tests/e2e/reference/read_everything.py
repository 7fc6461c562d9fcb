"""Everything that the client of a package tells of the runs in a directory, as JSON.

Run it with the interpreter of either package: python read_everything.py DIRECTORY
"""

import json
import re
import sys

from metaflow import Metaflow, Task, metadata, namespace

INTERNAL = (
    "_task_ok _success _transition _foreach_stack _current_step _exception _graph_info _iteration_stack "
    "_foreach_values _foreach_num_splits _foreach_var _control_mapper_tasks _catch_exception _configs_processed"
).split()


def shown(value):
    """Text of a value that is the same in both packages."""
    if hasattr(value, "stacktrace"):
        return [value.type, value.exception, value.stacktrace]
    text = repr(sorted(map(repr, value)) if isinstance(value, set) else value)
    return re.sub(r"0x[0-9a-f]+", "0x", text)[:3000]


def of_attempt(pathspec, attempt):
    task = Task(pathspec, attempt=attempt)
    names = [artifact.id for artifact in task] + INTERNAL
    fields = {field.name: field.value for field in task.metadata}
    if isinstance(fields.get("foreach-stack"), str):
        fields["foreach-stack"] = json.loads(fields["foreach-stack"])
    has_lineage = "_parameters" not in pathspec and "_graph_info" in task
    return {
        "index": task.index,
        "finished": task.finished,
        "successful": task.successful,
        "created": task.created_at.timestamp(),
        "finished_at": task.finished_at and task.finished_at.timestamp(),
        "stdout": task.stdout.strip("\n"),
        "stderr": task.stderr.strip("\n"),
        "lines": [[str(when), line] for when, line in task.loglines("stdout") if when],
        "origin": task.origin_pathspec,
        "exception": shown(task.exception),
        "metadata": {name: str(value) for name, value in fields.items() if name != "ds-root"},
        "artifacts": {name: [shown(task[name].data), task[name].size] for name in names if name in task},
        "parents": sorted(task.parent_task_pathspecs) if has_lineage else None,
        "children": sorted(task.child_task_pathspecs) if has_lineage else None,
    }


def of_run(run):
    tasks = {}
    for step in [*run, run["_parameters"]]:
        for task in step:
            for attempt in range(task.current_attempt + 1):
                tasks[f"{task.pathspec} {attempt}"] = of_attempt(task.pathspec, attempt)
    return {
        "tags": sorted(run.user_tags),
        "system_tags": sorted(run.system_tags),
        "successful": run.successful,
        "finished": run.finished,
        "created": run.created_at.timestamp(),
        "steps": [step.id for step in run],
        "tasks": tasks,
    }


namespace(None)
metadata(sys.argv[1])
json.dump({run.pathspec: of_run(run) for flow in Metaflow().flows for run in flow}, sys.stdout)
