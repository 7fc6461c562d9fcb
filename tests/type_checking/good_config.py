"""Configs, and what is made of them before the flow starts."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import assert_type

from metaflow import Config, ConfigValue, FlowSpec, Parameter, config_expr, environment, resources, retry, step


def words(text: str) -> list[str]:
    return text.split()


class ConfiguredFlow(FlowSpec):
    config = Config("config", default="config.json", help="All settings")
    by_path = Config("by_path", default=Path("config.toml"))
    by_value = Config("by_value", default_value={"rate": 0.1})
    needed = Config("needed", required=True, parser="metaflow.yaml_parser")
    optional = Config("optional")
    listed = Config("listed", parser=words, plain=True, default_value="a b")
    rate = Parameter("rate", default=config.model.rate, type=float)
    rounds = Parameter("rounds", default=config_expr("config.rounds"), type=int)

    @retry(times=config.retries)
    @resources(**config.resources)
    @environment(vars={"MODEL": config_expr("config.model.name")})
    @step
    def start(self) -> None:
        assert_type(self.config, ConfigValue)
        assert_type(self.by_path, ConfigValue)
        assert_type(self.by_value, ConfigValue)
        assert_type(self.needed, ConfigValue)
        assert_type(self.optional, ConfigValue | None)
        assert_type(self.listed, list[str])
        print(self.config.model.rate, self.config["model"], dict(self.config))
        self.next(self.end)

    @step
    def end(self) -> None: ...
