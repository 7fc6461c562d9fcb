"""The record of one task attempt, and the point at which the attempt counts as done.

::

    metaflow-manifest 1 <BLAKE3 of all that follows, in hexadecimal>
    <header: JSON on one line>
    <bytes of small values, one behind the other>

A manifest is written in one step and never changed afterwards, so what was read once may be kept.
"""

from __future__ import annotations

from json import JSONEncoder, loads
from types import MappingProxyType
from typing import Any, NamedTuple

from blake3 import blake3

from metaflow.datastore.blobs import Segment
from metaflow.datastore.layout import COMPRESSED_SUFFIX
from metaflow.exception import CorruptedDataException, DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Serialised streams below this size in bytes live in the manifest instead of a blob of their own.
INLINE_BYTES = 4096

_MAGIC = b"metaflow-manifest "
_VERSION = b"1"
_FIRST_LINE_BYTES = len(_MAGIC) + len(_VERSION) + 1 + 64 + 1
#: Facts of an artifact of which there are none.
NO_FACTS: Mapping[str, Any] = {}
_encode_json = JSONEncoder(separators=(",", ":"), check_circular=False).encode


class ArtifactEntry(NamedTuple):
    """Where an artifact is, and what can be said of it without loading it.

    Attributes
    ----------
    size : int
        Serialised bytes, uncompressed.
    type : str
        Like ``<class 'int'>``.
    encoding : str
        Name of the format of the bytes.
    sha : str
        Hash of the content (BLAKE3, hexadecimal): equal exactly if the serialised content is equal.
    preview : str
        Short text for people.
    inline : bytes or None
        The serialised stream, if it is small; then the segments are its buffers only.
    segments : tuple of Segment
        The stream, unless it is inline, then the buffers.
    facts : mapping
        What the value is, for programs, in JSON's terms; empty for most. See `metaflow.datastore.preview.describe`.
    serializer : mapping or None
        What a serializer that is none of ours needs to read the bytes; see `metaflow.datastore.serializer`.
    """

    size: int
    type: str
    encoding: str
    sha: str
    preview: str
    inline: bytes | None
    segments: tuple[Segment, ...]
    facts: Mapping[str, Any] = NO_FACTS
    serializer: Mapping[str, Any] | None = None


def content_hash(inline: bytes | None, segments: Sequence[Segment]) -> str:
    """Hash an artifact's content without hashing large bytes again; how chunks are compressed does not matter.

    Parameters
    ----------
    inline : bytes or None
        Stream that is in the manifest.
    segments : sequence of Segment
        The others.

    Returns
    -------
    str
        BLAKE3, hexadecimal.
    """
    if inline is not None and not segments:
        return blake3(inline).hexdigest()
    total = blake3(inline or b"")
    for segment in segments:
        digests = ",".join(chunk.removesuffix(COMPRESSED_SUFFIX) for chunk in segment.chunks)
        total.update(f"\n{segment.size} {digests}".encode("ascii"))
    return total.hexdigest()


class Manifest(NamedTuple):
    """What one attempt of a task left behind.

    Attributes
    ----------
    flow, run_id, step, task_id : str
        The task.
    attempt : int
        Which attempt, from 0.
    record : dict
        What the runtime wants to keep of the attempt, in JSON's terms; without meaning here.
    artifacts : mapping of str to ArtifactEntry
        By name, read-only.
    """

    flow: str
    run_id: str
    step: str
    task_id: str
    attempt: int
    record: dict[str, Any]
    artifacts: Mapping[str, ArtifactEntry]

    @property
    def pathspec(self) -> str:
        """The task's name as people write it: flow, run, step and task id."""
        return f"{self.flow}/{self.run_id}/{self.step}/{self.task_id}"

    def __reduce__(self) -> tuple[object, ...]:
        # The read-only mapping cannot be pickled, and the manifest's own format is smaller anyway.
        return (Manifest.decode, (self.encode(),))

    def encode(self) -> bytes:
        """Return the manifest's file."""
        rows: dict[str, list[object]] = {}
        inline: list[bytes] = []
        facts: dict[str, Mapping[str, Any]] = {}
        serializers: dict[str, Mapping[str, Any]] = {}
        offset = 0
        for name, entry in self.artifacts.items():
            if entry.facts:
                facts[name] = entry.facts
            if entry.serializer is not None:
                serializers[name] = entry.serializer
            length = None
            if entry.inline is not None:
                length = len(entry.inline)
                inline.append(entry.inline)
            segments = [(segment.size, *segment.chunks) for segment in entry.segments]
            rows[name] = [*entry[:5], offset, length, segments]
            offset += length or 0
        header: dict[str, Any] = {
            "flow": self.flow,
            "run_id": self.run_id,
            "step": self.step,
            "task_id": self.task_id,
            "attempt": self.attempt,
            "record": self.record,
            "artifacts": rows,
        }
        # Beside the rows, so that a version that does not know of them reads all the rest.
        if facts:
            header["facts"] = facts
        if serializers:
            header["serializers"] = serializers
        body = b"".join([_encode_json(header).encode("ascii"), b"\n", *inline])
        return b"%s%s %s\n%s" % (_MAGIC, _VERSION, blake3(body).hexdigest().encode("ascii"), body)

    @staticmethod
    def decode(data: bytes, key: str = "manifest") -> Manifest:
        """Read a manifest's file.

        Parameters
        ----------
        data : bytes
            The whole file.
        key : str
            What a message calls it.

        Returns
        -------
        Manifest
            As it was encoded.

        Raises
        ------
        CorruptedDataException
            If the file is cut short, altered or no manifest.
        DataException
            If a newer version of the package wrote it.
        """
        try:
            return _decode_body(checked_body(data, key))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _corrupted(key, f"has a header that makes no sense ({error!r})") from error


def checked_body(data: bytes, key: str) -> bytes:
    """What follows the first line of a manifest's file: the header, a line of its own, and bytes of small values.

    Raises
    ------
    CorruptedDataException
        If the file is cut short, altered or no manifest.
    DataException
        If a newer version of the package wrote it.
    """
    first_line = data[:_FIRST_LINE_BYTES]
    words = first_line.split()
    if not first_line.startswith(_MAGIC) or len(words) < 2:
        raise _corrupted(key, "does not begin like a manifest")
    if words[1] != _VERSION:
        version = words[1].decode("ascii", "replace")
        raise DataException(f"{key} has format {version}, which is newer than this metaflow. Install a newer one.")
    body = data[_FIRST_LINE_BYTES:]
    if first_line[-1:] != b"\n" or words[2:] != [blake3(body).hexdigest().encode("ascii")]:
        raise _corrupted(key, "is cut short or was altered: its content does not fit its checksum")
    return body


def _decode_body(body: bytes) -> Manifest:
    end = body.index(b"\n")
    header = loads(body[:end])
    base = end + 1
    artifacts = {}
    facts, serializers = header.get("facts", NO_FACTS), header.get("serializers", NO_FACTS)
    for name, row in header["artifacts"].items():
        size, type_name, encoding, sha, preview, offset, length, rows = row
        inline = None if length is None else body[base + offset : base + offset + length]
        segments = tuple([Segment(total, tuple(chunks)) for total, *chunks in rows]) if rows else ()
        artifacts[name] = ArtifactEntry(
            size,
            type_name,
            encoding,
            sha,
            preview,
            inline,
            segments,
            facts.get(name, NO_FACTS),
            serializers.get(name),
        )
    return Manifest(
        header["flow"],
        header["run_id"],
        header["step"],
        header["task_id"],
        header["attempt"],
        header["record"],
        MappingProxyType(artifacts),
    )


def _corrupted(key: str, problem: str) -> CorruptedDataException:
    return CorruptedDataException(
        f"{key} {problem}. Restore it from a backup, or remove it and run the task again (`resume`)."
    )
