"""Which container image a task runs in."""

from __future__ import annotations

import sys

from metaflow import settings


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
    registry = settings.get(f"{engine}_CONTAINER_REGISTRY") or settings.get("DEFAULT_CONTAINER_REGISTRY")
    if not registry or _names_registry(image):
        return image
    return f"{registry.rstrip('/')}/{image}"


def _names_registry(image: str) -> bool:
    """Whether the first part of an image's name is a host, by the rule that Docker has."""
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")
