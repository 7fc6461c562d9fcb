"""Which container image a task runs in."""

from __future__ import annotations

import sys

from .. import settings


def container_image(named: str | None, engine: str) -> str:
    """The image to run: the one that is named, or the one of the settings, or an image of this version of Python.

    Parameters
    ----------
    named : str or None
    engine : str
        First part of the names of the engine's settings, such as ``BATCH``.

    Returns
    -------
    str
        With the registry of the settings, unless the image says in which registry it is.
    """
    image: str = (
        named
        or settings.get(f"{engine}_CONTAINER_IMAGE")
        or settings.get("DEFAULT_CONTAINER_IMAGE")
        or f"python:{sys.version_info.major}.{sys.version_info.minor}"
    )
    return with_registry(
        image, settings.get(f"{engine}_CONTAINER_REGISTRY") or settings.get("DEFAULT_CONTAINER_REGISTRY")
    )


def with_registry(image: str, registry: str | None) -> str:
    """The image in a registry, unless the first part of its name is a host, by the rule that Docker has."""
    first, slash, _ = image.partition("/")
    names_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return image if names_registry or not registry else f"{registry.rstrip('/')}/{image}"
