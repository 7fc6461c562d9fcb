"""Changes of objects as they are sent: JSON merge patches, and strategic ones, which are taken for such."""

from __future__ import annotations

from typing import Any

from .storage import clone


def merged(value: Any, patch: Any) -> Any:
    """The value with the patch applied: members of null are removed, objects are merged, all else is replaced."""
    if not isinstance(patch, dict):
        return clone(patch)
    result = dict(value) if isinstance(value, dict) else {}
    for name, wanted in patch.items():
        if wanted is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), wanted)
    return result
