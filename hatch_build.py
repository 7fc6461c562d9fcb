"""Sees that a package holds the pages of the web app: uses what is built, or builds it where Node.js is new enough."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_OLDEST_NODE = 20
_ADVICE = (
    "The package is made without the pages of the web app, so that `metaflow ui` shows none. Install Node.js "
    f"{_OLDEST_NODE} or newer and npm, and make it again; or run `make ui` in the checkout before."
)


class WebAppHook(BuildHookInterface):  # type: ignore[type-arg]  # the configuration's type is of no interest here
    """Runs before a wheel or a source archive is made."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages, if that is needed and can be done. An editable package has those of the checkout."""
        root = Path(self.root)
        pages = root / "src" / "metaflow" / "web" / "static" / "index.html"
        if version == "editable" or _is_up_to_date(root / "ui", pages):
            return
        problem = _build(root / "ui")
        if problem:
            self.app.display_warning(f"The web app cannot be built: {problem}")
        if not pages.exists():
            self.app.display_warning(_ADVICE)


def _is_up_to_date(sources: Path, pages: Path) -> bool:
    if not pages.exists():
        return False
    built_at = pages.stat().st_mtime
    places = [sources / name for name in ("src", "public", "index.html", "package-lock.json")]
    files = [file for place in places for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file()]
    return all(file.stat().st_mtime <= built_at for file in files)


def _build(folder: Path) -> str:
    """Build the pages; what is in the way, or nothing."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not (folder / "package.json").exists():
        return "its sources are not here."
    if npm is None or node is None:
        return "Node.js or npm is not installed."
    version = _output([node, "-p", "JSON.stringify(process.versions.node)"], folder)
    if version is None or int(json.loads(version).partition(".")[0]) < _OLDEST_NODE:
        return f"Node.js is older than {_OLDEST_NODE}."
    # Not by `npm run build`: that also makes the types of the server's interface, which need the server's libraries.
    for command in ([npm, "ci", "--no-audit", "--no-fund"], [npm, "exec", "--offline", "--", "vite", "build"]):
        if _output(command, folder) is None:
            return f"`{' '.join(['npm', *command[1:]])}` in {folder} failed."
    return ""


def _output(command: list[str], folder: Path) -> str | None:
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
