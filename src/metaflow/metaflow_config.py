"""Settings as attributes, ``metaflow.metaflow_config.DEFAULT_DATASTORE``: each is looked up when it is read."""

from __future__ import annotations

from metaflow import settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def __getattr__(name: str) -> Any:
    if name in settings.SETTINGS:
        return settings.get(name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}': there is no such setting")


def __dir__() -> list[str]:
    return sorted({*globals(), *settings.SETTINGS})
