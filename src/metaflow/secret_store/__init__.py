"""Secrets: where they come from, and what they may be.

The room is not called `secrets` because ``metaflow.secrets`` is the decorator.
"""

from __future__ import annotations

from metaflow.secret_store.fetch import get_secret
from metaflow.secret_store.provider import SecretsProvider

__all__ = ["SecretsProvider", "get_secret"]
