"""The ``metaflow`` command on runs of the examples that it brings along."""

from __future__ import annotations

import json
import subprocess
import sys

from .conftest import Project, metaflow


def test_the_examples_run_and_the_commands_show_what_they_did(project: Project) -> None:
    pulled = metaflow(project, "examples", "pull")
    assert pulled.code == 0 and len(pulled.stdout.splitlines()) == 6, pulled
    said = {
        "hello": "Hello, world! That is 10 letters.",
        "word_count": "17 different words; the commonest is 'the', 4 times",
        "square_root": "The square root of 2.0 is 1.41421356",
        "unreliable": "The mean is 12.2",
        "experiments": "y = 2.63 x + 1.42, loss 0.0571",
    }
    for name, text in said.items():
        outcome = project.call("run", flow=f"metaflow-examples/{name}.py")
        assert outcome.code == 0 and text in outcome.stdout, outcome
    assert project.call("run", "--rate", "0.5", "--tag", "bold", flow="metaflow-examples/experiments.py").code == 0
    broken = project.call("--datastore", "local", "run", "--broken", "yes", flow="metaflow-examples/unreliable.py")
    assert broken.code == 1
    read = project.call(flow="metaflow-examples/reading_runs.py")
    assert "HelloFlow: run" in read.stdout and "    letters = 10\n" in read.stdout, read

    good = metaflow(project, "runs", "list", "ExperimentsFlow", "--artifact", "loss<0.1", "--show", "rate", "--json")
    assert [run["values"]["rate"] for run in json.loads(good.stdout)] == [0.5, 0.1], good
    comparison = metaflow(project, "runs", "compare", "ExperimentsFlow/latest~1", "ExperimentsFlow")
    assert "rate        0.1  0.5\n" in comparison.stdout and "rounds" not in comparison.stdout, comparison
    shown = metaflow(project, "runs", "show", "UnreliableFlow")
    assert "  RuntimeError: this step was asked to fail\n" in shown.stdout, shown
    assert "read         4  1 caught, 3 done" in shown.stdout
    assert "To go on from where it stopped:\n" in shown.stdout, "the directory is that of the run"
    assert "metaflow-examples/unreliable.py --datastore local resume --origin-run-id" in shown.stdout
    listed = metaflow(project, "tasks", "list", "WordCountFlow/latest/count")
    # They start at the same time, so in any order.
    assert sorted(line.split()[2] for line in listed.stdout.splitlines()[1:]) == ["fox", "rain", "rose"], listed
    failed = metaflow(project, "logs", "UnreliableFlow", "--failed", "--stderr")
    assert 'RuntimeError("this step was asked to fail")' in failed.stdout, failed
    task = metaflow(project, "tasks", "show", "UnreliableFlow/latest/end")
    assert "Traceback (most recent call last):\n" in task.stdout, task

    # Whoever has seen enough leaves, and nobody complains.
    shell = f"{sys.executable} -m metaflow tasks list SquareRootFlow -n 0 | true; echo ${{PIPESTATUS[0]}}"
    piped = subprocess.run(["bash", "-c", shell], cwd=project.path, env=project.env, capture_output=True, text=True)
    assert piped.stdout == "0\n" and piped.stderr == "", piped


def test_examples_that_were_changed_are_left_alone(project: Project) -> None:
    assert metaflow(project, "tutorials", "pull", "--episode", "hello").code == 0
    copy = project.path / "metaflow-examples/hello.py"
    copy.write_text("mine")
    outcome = metaflow(project, "examples", "pull", "hello.py")
    assert outcome.code == 1 and "metaflow-examples/hello.py was changed" in outcome.stderr, outcome
    assert copy.read_text() == "mine"
    assert metaflow(project, "examples", "pull", "hello", "--overwrite").code == 0 and "HelloFlow" in copy.read_text()
    outcome = metaflow(project, "examples", "show", "helo")
    assert outcome.code == 1 and "Did you mean hello?" in outcome.stderr, outcome
    assert "python word_count.py run" in metaflow(project, "tutorials", "info", "word-count").stdout
    assert len(json.loads(metaflow(project, "examples", "list", "--json").stdout)) == 6
