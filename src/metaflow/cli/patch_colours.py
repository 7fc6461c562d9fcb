"""Patches as a terminal shows them."""

from __future__ import annotations

_RED, _GREEN, _CYAN, _BOLD, _PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[1m", "\x1b[0m"


def coloured(line: str) -> str:
    """A line of a patch as a terminal shows it."""
    text, end = line.rstrip("\n"), "\n" if line.endswith("\n") else ""
    colours = (("+++", _BOLD), ("---", _BOLD), ("diff ", _BOLD), ("@@", _CYAN), ("+", _GREEN), ("-", _RED))
    colour = next((colour for beginning, colour in colours if text.startswith(beginning)), None)
    return line if colour is None else f"{colour}{text}{_PLAIN}{end}"
