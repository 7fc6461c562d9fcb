"""Steps of Metaflow on other machines, over plain ssh: an example of an engine that another package adds."""

from __future__ import annotations

from .decorator import ssh as ssh

__all__ = ["ssh"]
