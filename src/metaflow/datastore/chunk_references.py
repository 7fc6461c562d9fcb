"""Which chunks a manifest refers to, without reading the rest of it: for those who go through all that there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from metaflow.datastore.manifest import Manifest, checked_body

if TYPE_CHECKING:
    from collections.abc import Iterator

# A segment as a manifest writes it: `[size,"chunk","chunk.zst"]`. In texts, every quote has a backslash before it. What
# else looks so, in the record of a task, is taken for references: that keeps a chunk, and loses none.
_SEGMENT = re.compile(rb'\[\d+((?:,"[0-9a-f]{64}(?:\.zst)?")+)\]')
# What each segment begins with, also one whose references are none. An artifact's own row follows a colon.
_BEGINNING = re.compile(rb'(?<=[\[,])\[\d+,"')


def chunk_references(data: bytes, key: str = "manifest") -> Iterator[str]:
    """Give the references of all chunks that artifacts in a manifest are made of, and perhaps some more.

    Parameters
    ----------
    data : bytes
        The manifest's whole file.
    key : str
        What a message calls it.

    Raises
    ------
    CorruptedDataException
        If the file is cut short, altered or no manifest.
    DataException
        If a newer version of the package wrote it.
    """
    header = checked_body(data, key).partition(b"\n")[0]
    segments = _SEGMENT.findall(header)
    if len(segments) == len(_BEGINNING.findall(header)):
        for segment in segments:
            yield from segment[2:-1].decode("ascii").split('","')
        return
    # There are lists of another kind, or references that are none.
    for entry in Manifest.decode(data, key).artifacts.values():
        for each in entry.segments:
            yield from each.chunks
