"""``tag`` and namespaces, as a person meets them."""

from __future__ import annotations

import pytest

from .conftest import Project

FLOW = """
from metaflow import Flow, get_namespace, namespace

class F(FlowSpec):
    @step
    def start(self):
        self.facts = (current.namespace, get_namespace(), sorted(current.tags))
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def tag(project: Project, *arguments: str, code: int = 0, env: dict[str, str] | None = None):
    outcome = project.call("tag", *arguments, env=env)
    assert outcome.code == code, outcome
    return outcome


def test_tags_are_added_removed_replaced_and_listed(project: Project) -> None:
    from metaflow import Run

    run_id = project.run(FLOW, "--tag", "nightly", "--tag", "runtime:dev").run_id
    project.client()
    before = Run(f"F/{run_id}")
    assert before.user_tags == {"nightly"} and {"user:tester", "runtime:dev"} < before.system_tags
    assert before["start"].task.data.facts == ("user:tester", "user:tester", ["nightly"])

    outcome = tag(project, "add", "--run-id", run_id, "good", "keep*me")
    assert outcome.stderr == "Operation successful. New tags:\n"
    assert outcome.stdout.startswith("\nSystem tags and tags; only tags can be modified\n---")
    assert "keep*me" in outcome.stdout and "user:tester" in outcome.stdout
    tag(project, "remove", "--run-id", f"F/{run_id}", "nightly", "never there")
    tag(project, "replace", "--run-id", run_id, "--remove", "good", "--add", "better", "--add", "best")
    # Others may change them under --namespace, nobody by mistake.
    stranger = {"METAFLOW_USER": "stranger"}
    outcome = tag(project, "add", "--run-id", run_id, "theirs", code=1, env=stranger)
    assert "not in the namespace user:stranger, but in user:tester" in outcome.stderr
    tag(project, "add", "--run-id", run_id, "theirs", "--namespace", "", env=stranger)

    expected = {"keep*me", "better", "best", "theirs"}
    after = Run(f"F/{run_id}")
    assert after.user_tags == expected == after["start"].task.user_tags and after.created_at == before.created_at
    for file in project.path.glob(".metaflow/mf-store/index.sqlite*"):
        file.unlink()
    listed = project.call("--quiet", "tag", "list", run_id)
    system = ",".join(sorted(after.system_tags))
    assert listed.stdout == f"F/{run_id} ; {system} ; {','.join(sorted(expected))}\n"


def test_lists_of_several_runs(project: Project) -> None:
    mine = f"F/{project.run(FLOW, '--tag', 'a', '--tag', 'shared').run_id}"
    other = project.call("run", "--tag", "shared", env={"METAFLOW_USER": "other"}).run_id
    theirs = f"F/{other}"
    quiet = project.call("--quiet", "tag", "list", "--hide-system-tags")
    assert quiet.stdout == f"{mine} ;  ; a,shared\n{theirs} ;  ; shared\n"
    assert project.call("--quiet", "tag", "list", "--my-runs", "--hide-system-tags").stdout == f"{mine} ;  ; a,shared\n"
    grouped = project.call("--quiet", "tag", "list", "--all", "--group-by-tag").stdout.splitlines()
    assert f"user:shared ; {mine},{theirs}" in grouped and f"system:user:other ; {theirs}" in grouped
    by_run = tag(project, "list", "--group-by-run", "--hide-system-tags").stdout
    assert by_run == f"\nTags\n----\n\nFor run {mine}\na         shared\n\nFor run {theirs}\nshared\n\n"
    assert f"For tag shared\n{mine}    {theirs}\n" in tag(project, "list", "--group-by-tag").stdout
    flat = tag(project, "list", "--flat", "--hide-system-tags")
    assert (flat.stdout, flat.stderr) == ("", "a\nshared\n")
    assert "a" not in tag(project, "list", "--run-id", other, "--hide-system-tags").stdout.split()


def test_what_tag_refuses(project: Project) -> None:
    project.write(FLOW)
    assert "No .metaflow directory was found" in tag(project, "add", "x", code=1).stderr
    (project.path / ".metaflow").mkdir()
    assert "No run of F was found in namespace user:tester" in tag(project, "add", "x", code=1).stderr
    run_id = project.call("run", "--tag", "kept").run_id
    latest = "F's latest run in namespace user:tester has id"
    for arguments, reason in [
        (
            ["add", "x"],
            f"Please specify a run-id using --run-id.\n    {latest} {run_id}",
        ),
        (
            ["add", "--run-id", "99", "x"],
            f"No run F/99 found for flow F.\n    {latest} {run_id}",
        ),
        (["add", "--run-id", f"G/{run_id}", "x"], "found for flow F"),
        (["add", "--run-id", run_id, ""], "must not be an empty string"),
        (["add", "--run-id", run_id, "x" * 501], "has 501 characters; at most 500"),
        (["add", "--run-id", run_id, *(f"t{i}" for i in range(50))], "at most 50 user tags; this would make 51"),
        (["remove", "--run-id", run_id, "kept", "user:tester"], "Cannot remove 'user:tester'"),
        (["replace", "--run-id", run_id, "--add", "x"], "Give at least one tag with --remove, or use `tag add`"),
        (["list", "--all", "--my-runs"], "--all cannot be used together with --my-runs"),
        (["list", "--flat", "--group-by-tag"], "--flat cannot be used together with --group-by-tag"),
        (["list", run_id, "--run-id", run_id], "but not both"),
        (["list", "99"], "No run F/99 found"),
    ]:
        assert reason in tag(project, *arguments, code=1).stderr, arguments
    assert "Missing argument 'TAGS...'" in tag(project, "add", "--run-id", run_id, code=2).stderr
    assert project.call("--quiet", "tag", "list", "--hide-system-tags").stdout == f"F/{run_id} ;  ; kept\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_flow_with_a_namespace_of_its_own(project: Project, method: str) -> None:
    from metaflow import Flow, Run, namespace

    source = FLOW.replace("class F", '@namespace("experiments")\nclass F')
    run_id = project.run(source, "--tag", "experiments", env={"METAFLOW_START_METHOD": method}).run_id
    project.client()
    run = Run(f"F/{run_id}")
    assert run["start"].task.data.facts == ("experiments", "experiments", [])
    assert {"experiments", "user:tester"} < run.system_tags and run.user_tags == frozenset()
    with namespace("experiments"):
        assert [found.id for found in Flow("F")] == [run_id]
    with namespace("user:tester"):
        assert Flow("F").latest_run == run or Flow("F").latest_run.id == run_id


def test_whose_namespace_counts(project: Project) -> None:
    from metaflow import Run

    plain, own = {"METAFLOW_USER_NAMESPACE": "alice"}, FLOW.replace("class F", '@namespace("experiments")\nclass F')
    cases = [
        (FLOW, [], {}, ("user:tester", "user:tester"), False),
        (FLOW, ["--namespace", "user:bob"], {}, ("user:tester", "user:bob"), False),
        (FLOW, ["--namespace", ""], {}, ("user:tester", None), False),
        (FLOW, [], {"METAFLOW_RUN_USER_NAMESPACE": "user:bob"}, ("user:tester", "user:bob"), False),
        (FLOW, [], plain, ("alice", "alice"), True),
        (FLOW, ["--namespace", "user:bob"], plain, ("alice", "user:bob"), True),
        (own, [], plain, ("experiments", "experiments"), False),
        # To look among somebody else's runs does not make this one of them.
        (FLOW, [], {"METAFLOW_USER_NAMESPACE": "user:bob"}, ("user:bob", "user:bob"), False),
        (FLOW, [], {"METAFLOW_PRODUCTION_TOKEN": "t"}, ("production:t", "production:t"), False),
    ]
    project_ids = [project.run(source, *arguments, env=env).run_id for source, arguments, env, _, _ in cases]
    project.client()
    for run_id, (_, arguments, env, namespaces, is_alices) in zip(project_ids, cases):
        run = Run(f"F/{run_id}")
        assert run["start"].task.data.facts[:2] == namespaces, (arguments, env)
        assert ("alice" in run.system_tags) == is_alices and "user:bob" not in run.tags
        assert ("production:t" in run.tags) == ("METAFLOW_PRODUCTION_TOKEN" in env) != ("user:tester" in run.tags)
    outcome = project.run(FLOW, code=1, env={"METAFLOW_USER_NAMESPACE": "x" * 501})
    assert "METAFLOW_USER_NAMESPACE cannot be a namespace" in outcome.stderr
