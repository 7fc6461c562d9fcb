"""Flows with configs, run as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Project

BASE = """
from metaflow import Config, FlowSpec, Parameter, config_expr, environment, resources, retry, step, current

def count_parse(text):
    with open("parsed.txt", "a") as file:
        file.write("once ")
    import json
    return json.loads(text)

def total(context):
    return context.configs["my-cfg"].rows + context.configs.raw.count("x")

class Base(FlowSpec):
    cfg = Config("my-cfg", default="default.json", parser=count_parse)
    raw = Config("raw", default_value="xyx", plain=True)
    none = Config("none")
    lr = Parameter("lr", default=cfg.model.rate)

    @retry(times=config_expr("raw.count('x') - 1"), minutes_between_retries=0)
    @environment(vars={**cfg.env, "NAME": cfg.name})
    @step
    def start(self):
        import os
        if current.retry_count == 0:
            raise ValueError("once")
        print("environment:", os.environ["A"], os.environ["NAME"])
        self.rows = list(range(self.cfg.rows))
        self.next(self.work, foreach="rows")
"""

FLOW = """
from metaflow import Config, Parameter, config_expr, project, resources, schedule, step
from base import Base, total

toml = Config("toml", default="default.toml")

@project(**toml.project)
@schedule(cron=config_expr("toml.schedule.cron"))
class ConfigFlow(Base):
    toml = toml
    total = Parameter("total", default=total, type=int)
    section = toml.machine
    shout = config_expr("raw.upper()")

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.seen = self.cfg.name

    @resources(**toml.machine)
    @step
    def work(self):
        self.sum = self.input + self.cfg.rows
        self.next(self.join)

    @step
    def join(self, inputs):
        assert inputs[0].cfg is self.cfg
        self.sums = [i.sum for i in inputs]
        self.kind = "big"
        self.next(self.end)

    @step
    def end(self):
        assert self.none is None
        assert self.cfg.model.rate == self.lr and self.raw == "xyx" and self.shout == "XYX"
        assert self.section.memory == self.toml.machine.memory == 128
        assert self.toml.when.year == 2024
        assert self.seen == self.cfg.name
        from metaflow import ConfigValue, current
        assert isinstance(self.cfg.model, ConfigValue) and current.parameter_names == [
            "cfg", "lr", "none", "raw", "toml", "total"
        ]
        for change in (lambda: setattr(self, "cfg", 1), lambda: setattr(self, "section", 1)):
            try:
                change()
            except AttributeError as error:
                assert "not modifiable" in str(error)
            else:
                raise AssertionError("it could be assigned")
        self.cfg_copy = self.cfg.model.to_dict() | {"total": self.total}

if __name__ == "__main__":
    ConfigFlow()
"""

CONTENT = {"name": "n", "rows": 3, "env": {"A": "a"}, "model": {"rate": 0.5}}


def write(project: Project) -> None:
    (project.path / "base.py").write_text(BASE)
    (project.path / "flow.py").write_text(FLOW)
    (project.path / "default.json").write_text(json.dumps(CONTENT))
    (project.path / "default.toml").write_text(
        "when = 2024-05-01\n[machine]\nmemory = 128\n[schedule]\ncron = '0 2 * * *'\n[project]\nname = 'demo'\n"
    )


def test_a_run_uses_configs_everywhere_and_reads_them_once(project: Project) -> None:
    write(project)
    (project.path / "my.json").write_text(json.dumps({**CONTENT, "rows": 5}))
    outcome = project.call("--config", "my-cfg", "my.json", "run")
    assert outcome.code == 0, outcome
    assert "environment: a n" in outcome.stdout
    assert (project.path / "parsed.txt").read_text() == "once "

    from metaflow import Flow

    project.client()
    run = Flow("ConfigFlow").latest_run
    end = run["end"].task
    assert end["cfg_copy"].data == {"rate": 0.5, "total": 7}
    assert end["sums"].data == [5, 6, 7, 8, 9]
    for task in (end, run["_parameters"].task):
        assert type(task["cfg"].data) is dict
        assert task["cfg"].data == {**CONTENT, "rows": 5}
        assert task["section"].data == {"memory": 128}
        assert task["none"].data is None
    info = run["_parameters"].task["_graph_info"].data
    assert {"name": "cfg", "type": "Config"} in info["parameters"]
    assert {entry["name"]: (entry["source"], entry["given_by"]) for entry in info["configs"]} == {
        "cfg": ("file", "--config"),
        "raw": ("value", "default"),
        "none": ("none", "default"),
        "toml": ("file", "default"),
    }
    assert info["configs"][0]["path"] == str(project.path / "my.json")
    assert {d["name"]: d["attributes"] for d in info["decorators"]}["schedule"]["cron"] == "0 2 * * *"
    assert "project:demo" in run.system_tags
    steps = info["steps"]
    assert steps["work"]["decorators"][0]["attributes"]["memory"] == 128
    assert steps["start"]["decorators"][-1]["attributes"]["times"] == 1


def test_tasks_in_new_interpreters_take_the_stored_values(project: Project) -> None:
    write(project)
    environment = {
        "METAFLOW_START_METHOD": "spawn",
        "METAFLOW_FLOW_CONFIG_VALUE": json.dumps({"my-cfg": {**CONTENT, "rows": 1}}),
    }
    (project.path / "default.json").unlink()
    outcome = project.call("run", env=environment)
    assert outcome.code == 0, outcome
    assert not (project.path / "parsed.txt").exists()


def test_what_is_wrong_with_configs_is_said_before_anything_runs(project: Project) -> None:
    write(project)
    (project.path / "bad.json").write_text('{"name": 1,\n "rows" 2}')
    wrong = project.call(
        "--config", "my-cfg", "bad.json", "--config-value", "none", "[]", "--config", "toml", "-", "run"
    )
    assert wrong.code == 2
    assert "Bad values passed for configuration options" in wrong.stderr
    assert (
        f"from the file {project.path / 'bad.json'} (--config): its parser base.count_parse() failed in" in wrong.stderr
    )
    assert "line 2 column 9" in wrong.stderr
    assert "Config 'none', from the value of --config-value: it should be a mapping" in wrong.stderr
    assert f"the file of --config, {project.path / '-'} could not be read: No such file" in wrong.stderr
    assert "Traceback" not in wrong.stderr

    unknown = project.call("--config", "my_cfg", "bad.json", "run")
    assert unknown.code == 2
    assert "'my_cfg' is not one of 'my-cfg'" in unknown.stderr

    lacking = project.call(
        "--config-value",
        "my-cfg",
        json.dumps({**CONTENT, "env": {}, "nane": 1, "name": 0, "model": {"raet": 1}}),
        "run",
    )
    assert lacking.code == 1
    assert "Invalid config in file" in lacking.stderr
    assert f"base.py on line {BASE[: BASE.index('cfg.model.rate')].count(chr(10)) + 1}" in lacking.stderr
    assert "`cfg.model.rate` in default= of parameter 'lr'" in lacking.stderr
    assert "Did you mean 'raet'?" in lacking.stderr

    toml = {"machine": {"memroy": 1}, "when": 1, "schedule": {"cron": "x"}, "project": {"name": "demo"}}
    decorator = project.call("--config-value", "toml", json.dumps(toml), "check")
    assert decorator.code == 1
    assert "Step work: Decorator 'resources' does not support the attribute 'memroy'" in decorator.stderr


def test_help_and_results_need_no_configs(project: Project) -> None:
    write(project)
    for name in ("default.json", "default.toml"):
        (project.path / name).unlink()
    group = project.call("--help")
    assert group.code == 0
    assert "my-cfg (default: default.json)" in " ".join(group.stdout.split())
    command = project.call("run", "--help")
    assert command.code == 0, command
    assert "--lr" in command.stdout
    assert project.call("version").code == 0
    refused = project.call("run", "--lr", "1")
    assert refused.code == 2
    assert "its default file" in refused.stderr


def test_a_value_that_cannot_be_stored(project: Project) -> None:
    project.write(
        """
        from metaflow import Config, FlowSpec, step

        def parse(text):
            return {"lock": __import__("threading").Lock()}

        class F(FlowSpec):
            cfg = Config("cfg", default_value="", parser=parse)

            @step
            def start(self):
                pass
        """
    )
    outcome = project.call("run")
    assert outcome.code == 1
    assert "The value of config 'cfg' cannot be stored with the run" in outcome.stderr
    assert "['lock']" in outcome.stderr


def test_only_flows_with_configs_have_their_options(project: Project) -> None:
    project.write(
        """
        class F(FlowSpec):
            @step
            def start(self):
                pass
        """
    )
    refused = project.call("--config", "cfg", "x.json", "run")
    assert refused.code == 2
    assert "No such option: --config" in refused.stderr or "No such option '--config'" in refused.stderr


def test_the_only_config_from_a_toml_file(project: Project, tmp_path: Path) -> None:
    project.write(
        """
        from metaflow import Config, FlowSpec, step

        class F(FlowSpec):
            config = Config("anything", required=True)

            @step
            def start(self):
                print({**self.config.train, "kind": type(self.config.train).__name__})
        """
    )
    (tmp_path / "dev.toml").write_text("[train]\nrounds = 3\n")
    outcome = project.call("--config-file", "dev.toml", "run")
    assert "{'rounds': 3, 'kind': 'ConfigValue'}" in outcome.stdout, outcome
    missing = project.call("run")
    assert missing.code == 2
    assert "missing configuration for 'anything'" in missing.stderr


@pytest.mark.parametrize("line", ["if cfg.debug: pass", "x = f'{cfg.name}-x'", "x = [1 for _ in cfg.names]"])
def test_a_config_that_is_used_too_early(project: Project, line: str) -> None:
    project.write(
        f"""
        from metaflow import Config, FlowSpec, step

        class F(FlowSpec):
            cfg = Config("cfg")
            {line}

            @step
            def start(self):
                pass
        """
    )
    outcome = project.call("check")
    assert outcome.code == 1
    assert "here: configs are read when the flow starts" in outcome.stderr


OWN_DECORATORS = """
from datetime import date
from metaflow import (
    Config, FlowMutator, FlowSpec, Parameter, StepMutator, UserStepDecorator, current, step, user_step_decorator
)

def parse(text):
    return {"n": {"times": 1, "label": "L"}, "retry": {"times": 2}, "when": date(2020, 1, 1), "names": ["a", "b"]}

cfg = Config("cfg", default_value="", parser=parse)

@user_step_decorator
def generator(step_name, flow, inputs, attributes):
    print("generator:", attributes["part"].label, attributes["dates"][0].year, flow.cfg.when)
    yield

class Wrapper(UserStepDecorator):
    def init(self, label, times):
        self.said = f"wrapper: {label} {times}"

    def pre_step(self, step_name, flow, inputs=None):
        print(self.said)

class OfStep(StepMutator):
    def init(self, part, extra):
        self.said = f"{part.times} {extra}"

    def mutate(self, mutable_step):
        mutable_step.add_decorator("environment", deco_kwargs={"vars": {"SAID": self.said}})
        mutable_step.add_decorator("retry", deco_kwargs={**cfg.retry})

class OfFlow(FlowMutator):
    def pre_mutate(self, mutable_flow):
        mutable_flow.add_parameter("added", Parameter("added", default=cfg.n.label))
        for name in mutable_flow.cfg.names:
            mutable_flow.add_parameter(name, Parameter(name, default=mutable_flow.configs["cfg"].n.times))

@OfFlow
class F(FlowSpec):
    cfg = cfg

    @generator(part=cfg.n, dates=[cfg.when])
    @Wrapper(**cfg.n)
    @OfStep(cfg.n, extra=cfg.when)
    @step
    def start(self):
        import os
        print("start:", os.environ["SAID"], self.added, self.a + self.b, current.parameter_names)
"""


def test_decorators_of_ones_own_take_configs(project: Project) -> None:
    outcome = project.run(OWN_DECORATORS, "--a", "5")
    for line in [
        "generator: L 2020 2020-01-01",
        "wrapper: L 1",
        "start: 1 2020-01-01 L 6 ['a', 'added', 'b', 'cfg']",
    ]:
        assert line in outcome.stdout, outcome

    from metaflow import Flow

    project.client()
    graph = Flow("F").latest_run["_parameters"].task["_graph_info"].data
    decorators = {each["name"].rpartition(".")[2]: each["attributes"] for each in graph["steps"]["start"]["decorators"]}
    assert decorators["OfStep"] == {"_args": [{"times": 1, "label": "L"}], "extra": "2020-01-01"}
    assert decorators["retry"]["times"] == 2
