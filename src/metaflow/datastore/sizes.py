"""Sizes for people, in one way on the command line, on cards and in what the web app exports: units of 1,024 bytes."""

from __future__ import annotations

_UNIT = 1024
#: What is a megabyte wherever one is asked for, as in ``@resources(memory=4096)`` and in settings.
MEGABYTE = _UNIT**2


def size_text(size: float) -> str:
    """A number of bytes as people read it: ``812 B``, ``1.2 KB``, ``512 MB``.

    Parameters
    ----------
    size : float
        Number of bytes.
    """
    if size < _UNIT:
        return f"{size:.0f} B"
    for unit in ("KB", "MB", "GB"):
        size /= _UNIT
        if size < 99.95:
            return f"{size:.1f} {unit}"
        if size < _UNIT - 0.5:
            return f"{size:.0f} {unit}"
    return f"{size / _UNIT:,.1f} TB"
