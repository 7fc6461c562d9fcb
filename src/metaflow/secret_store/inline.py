"""The back end ``inline``: secrets that are written in the source, for tests and for trying things out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metaflow.exception import SecretsException


class InlineSecrets:
    """Takes the variables from the option ``env_vars``."""

    def get_secret_as_dict(
        self, secret_id: str, options: Mapping[str, Any], role: str | None = None
    ) -> Mapping[str, str]:
        """The content of ``options["env_vars"]``."""
        variables = options.get("env_vars", {})
        if not isinstance(variables, Mapping):
            raise SecretsException(
                f"the option env_vars should be a dictionary of names and values, not {type(variables).__name__}"
            )
        return variables
