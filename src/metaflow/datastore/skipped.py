"""Artifacts that could not be pickled and were left out: what is kept is that they were there, and why they are not."""

from __future__ import annotations

from metaflow.datastore.manifest import ArtifactEntry, content_hash
from metaflow.exception import SkippedArtifactException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from metaflow.datastore.store import Buffer

_ENCODING = "skipped-v1"


def skipped_entry(value: object, reason: str) -> ArtifactEntry:
    """What a manifest says of an artifact that was left out.

    Parameters
    ----------
    value : object
        What it was.
    reason : str
        Why it was left out.
    """
    from metaflow.datastore.preview import shortened

    text = reason.encode("utf-8", "replace")
    shown = shortened(f"not stored: {reason}")
    return ArtifactEntry(0, type.__repr__(type(value)), _ENCODING, content_hash(text, ()), shown, text, ())


def is_skipped(entry: ArtifactEntry) -> bool:
    """Tell whether an artifact was left out."""
    return entry.encoding == _ENCODING


def refuse_skipped(stream: Buffer, buffers: Sequence[Buffer]) -> object:
    """Say that there is no value.

    Raises
    ------
    SkippedArtifactException
        Always.
    """
    raise SkippedArtifactException(
        f"It was not stored (METAFLOW_SKIP_UNPICKLABLE_ARTIFACTS is set): {bytes(stream).decode('utf-8')}"
    )
