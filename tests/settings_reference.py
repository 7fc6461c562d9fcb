"""Writes the table of docs/settings.md: ``python tests/settings_reference.py`` after a change of the settings."""

from __future__ import annotations

import json
from pathlib import Path

from metaflow import settings

PAGE = Path(__file__).parents[1] / "docs/settings.md"
BEGIN, END = "<!-- made by tests/settings_reference.py -->\n", "<!-- end -->"


def table() -> str:
    """Every setting, its default and what it is for."""
    everything = {
        **{name: (setting, "") for name, setting in settings.SETTINGS.items()},
        **{name: (setting, " (environment only)") for name, setting in settings.ENVIRONMENT_ONLY.items()},
    }
    lines = ["| Variable | Default | What it is for |", "|---|---|---|"]
    for name, (setting, where) in sorted(everything.items()):
        default = setting.default if isinstance(setting.default, str) else json.dumps(setting.default)
        shown = "–" if setting.default in (None, "") else f"`{default}`"
        doc = setting.doc.replace("|", r"\|").replace("<", r"\<")
        lines.append(f"| `{settings.PREFIX}{name}` | {shown} | {doc}{where} |")
    return "\n".join(lines) + "\n"


def page_with(new_table: str) -> str:
    """The page as it should be."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + new_table + END + after


if __name__ == "__main__":
    PAGE.write_text(page_with(table()), encoding="utf-8")
