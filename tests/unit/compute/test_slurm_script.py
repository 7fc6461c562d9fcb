"""What is handed to ``sbatch``."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from metaflow.compute.backend import Job
from metaflow.compute.slurm.commands import inherited_environment
from metaflow.compute.slurm.script import batch_script, decode_facts, encode_facts, sbatch_arguments


def job(tasks: int = 1, is_gang: bool = False, timeout: float | None = None, **options: Any) -> Job:
    keys = tuple(f"s/{number}/0" for number in range(tasks))
    return Job("mf-1", "s", keys, is_gang, ("bash", "-c", "printenv -0"), {}, options, timeout, {"flow": "F"})


def options_of(wanted: Job, folder: str = "/files/mf-1") -> dict[str, str]:
    return {
        name.removeprefix("--"): value
        for name, _, value in (o.partition("=") for o in sbatch_arguments(wanted, folder))
    }


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"VARIABLE_[A-Z0-9_]{1,5}", fullmatch=True),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_variables_arrive_as_they_are(variables: dict[str, str]) -> None:
    script = batch_script(job()._replace(variables=variables), "/f")
    printed = subprocess.run(["bash"], input=script.encode(), capture_output=True, check=True).stdout.decode()
    found = dict(entry.split("=", 1) for entry in printed.split("\0") if "=" in entry)
    assert {name: found[name] for name in variables} == variables


@given(st.dictionaries(st.text(), st.text()))
def test_facts_are_read_as_they_were_written(facts: dict[str, str]) -> None:
    encoded = encode_facts(facts)
    assert decode_facts(encoded) == facts
    assert not set(encoded) & set("|\n \"'")


def test_comments_of_others_are_no_facts() -> None:
    assert decode_facts("my job?x=1") is None
    assert decode_facts("") is None


def test_options_of_a_task() -> None:
    options = options_of(job(partition="p", memory="4G", cpus_per_task=2, gpus="a100:2", gres="tmp:1", exclusive=True))
    assert options["gres"] == "gpu:a100:2,tmp:1"
    assert (options["partition"], options["mem"], options["cpus-per-task"], options["exclusive"]) == (
        "p",
        "4G",
        "2",
        "",
    )
    assert not {"array", "time", "nodes", "ntasks"} & options.keys()
    assert options_of(job(), "/100%/x")["output"] == "/100%%/x/0.out"


def test_a_time_limit_leaves_the_task_time_to_end_by_itself() -> None:
    assert options_of(job(timeout=61))["time"] == "3"


def test_options_of_an_array_and_of_a_gang() -> None:
    assert options_of(job(tasks=5))["array"] == "0-4"
    assert options_of(job(tasks=5, max_concurrent_tasks=2))["array"] == "0-4%2"
    gang = options_of(job(tasks=4, is_gang=True))
    assert (gang["nodes"], gang["ntasks"], gang["ntasks-per-node"]) == ("4", "4", "1")
    packed = options_of(job(tasks=4, is_gang=True, nodes=2, ntasks=9))
    assert (packed["nodes"], packed["ntasks"], packed.get("ntasks-per-node")) == ("2", "4", None)


def test_options_of_the_user_prevail() -> None:
    options = options_of(job(timeout=60, sbatch_options={"time": "2-0", "hold": True, "mem": None}, memory=5))
    assert (options["time"], options["hold"]) == ("2-0", "")
    assert "mem" not in options


def test_jobs_inherit_nothing_of_the_job_that_they_are_submitted_from() -> None:
    inherited = inherited_environment(
        {"PATH": "/bin", "SLURM_CONF": "c", "SLURM_JOB_ID": "1", "METAFLOW_HOME": "h", "SBATCH_ACCOUNT": "a"}
    )
    assert inherited == {"PATH": "/bin", "SLURM_CONF": "c", "SBATCH_ACCOUNT": "a"}


@pytest.mark.parametrize("name", ["SQUEUE_PARTITION", "SCANCEL_INTERACTIVE", "SBATCH_WAIT", "SBATCH_ARRAY_INX"])
def test_defaults_that_hide_or_change_jobs_do_not_count(name: str) -> None:
    assert inherited_environment({name: "1", "SBATCH_PARTITION": "p"}) == {"SBATCH_PARTITION": "p"}
