"""Usage errors about values that nobody typed."""

from __future__ import annotations

import os

import click
from click.core import ParameterSource


def variable_of(error: click.ClickException) -> str | None:
    """Environment variable from which the bad value came that `error` is about; None if it came from elsewhere."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or not isinstance(error.param, click.Option):
        return None
    option, context = error.param, error.ctx
    if context.get_parameter_source(str(option.name)) is not ParameterSource.ENVIRONMENT:
        return None
    variables = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    variables.append(f"{context.auto_envvar_prefix}_{str(option.name).upper()}")
    return next((name for name in variables if os.environ.get(name)), None)
