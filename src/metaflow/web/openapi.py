"""Print the OpenAPI document of the service with the web app's routes; the app's client is generated from it.

Run as ``python -m metaflow.web.openapi > ui/openapi.json``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from metaflow.client.home import Home
from metaflow.client.provider import Provider
from metaflow.metadata_store.sqlite import SqliteMetadata
from metaflow.server.configuration import ServerSettings
from metaflow.web.serving import create_web_app


def document() -> dict[str, Any]:
    """The document."""
    app = create_web_app(SqliteMetadata(keep_log=True), Provider(Home("/")), ServerSettings())
    made: dict[str, Any] = app.openapi()
    return made


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=1, sort_keys=True) + "\n")
