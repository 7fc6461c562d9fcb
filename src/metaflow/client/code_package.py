"""Code that is kept as the archive which went, or would have gone, to other machines."""

from __future__ import annotations

from metaflow.datastore.source_files import SourceFiles
from metaflow.exception import CorruptedDataException, DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from metaflow.client.provider import Provider
    from metaflow.datastore.store import ObjectStore
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import TaskRecord

#: What a task's record calls its package.
_FIELD = "code_package"
#: Members that are not the user's: Metaflow itself with what was declared to go with it, and notes on the package.
_FOREIGN = (".mf_code/", ".mf_meta/", ".mf_install")
_INFO = ".mf_meta/INFO"


def packaged_task(provider: Provider, flow: str, run_id: str) -> TaskReader | None:
    """A task of an imported run that has the run's code; None if none has, or the run was made here.

    A package takes its time to be made: tasks that were started before then, often the first one, do not name it.
    """
    if not is_imported(provider, flow, run_id):
        return None
    from metaflow.metadata_store.store import TaskQuery

    damage = None
    for step in provider.steps(flow, run_id):
        for task in provider.tasks(TaskQuery(flow, run_id, step.step, limit=1)):
            try:
                reader = with_package(provider, task)
            except DataException as error:
                # Another task may have the same package.
                damage = damage or error
                continue
            if reader is not None:
                return reader
    if damage is not None:
        raise damage
    return None


def with_package(provider: Provider, task: TaskRecord) -> TaskReader | None:
    """The artifacts of an attempt that has a package; None if it has none."""
    reader = provider.reader(task)
    return reader if reader is not None and _FIELD in reader.manifest.record else None


def is_imported(provider: Provider, flow: str, run_id: str) -> bool:
    """Say whether a run was made by Netflix's Metaflow."""
    from metaflow.datastore.layout import import_key

    return provider.store_of(flow, run_id).stat(import_key(flow, run_id)) is not None


def package_sha(reader: TaskReader) -> str:
    """The SHA-1 of the package of a task that has one."""
    return str(reader.manifest.record[_FIELD]["sha"])


def packaged_files(store: ObjectStore, reader: TaskReader) -> SourceFiles:
    """Read the user's files from the package of a task of an imported run that has one.

    Raises
    ------
    CorruptedDataException
        If the package is damaged, or no archive.
    DataException
        If the store fails.
    """
    from metaflow.datastore.blob_reading import load_segment
    from metaflow.datastore.blobs import Segment

    package = reader.manifest.record[_FIELD]
    data = bytes(load_segment(store, Segment(package["size"], tuple(package["chunks"]))))
    try:
        return files_of_archive(data)
    except CorruptedDataException as error:
        raise CorruptedDataException(
            f"The code package of {reader.manifest.pathspec} cannot be read ({error.message}). It was not damaged by "
            f"its import; Metaflow described it as {package['description'] or 'nothing'}."
        ) from error


def files_of_archive(data: bytes) -> SourceFiles:
    """Read the user's files from a code package.

    Parameters
    ----------
    data : bytes
        A gzipped tar file.

    Raises
    ------
    CorruptedDataException
        If it is none.
    """
    import io
    import json
    import tarfile
    import zlib

    files: dict[str, bytes] = {}
    left_out: dict[str, str] = {}
    info: dict[str, Any] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if member.name == _INFO and content is not None:
                    info = dict(json.loads(content.read()))
                elif member.isdir() or member.name.startswith(_FOREIGN):
                    continue
                elif content is None:
                    left_out[member.name] = "it is no plain file"
                else:
                    files[member.name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise CorruptedDataException(str(error)) from error
    return SourceFiles(_script(info, files), files, left_out, info)


def _script(info: Mapping[str, Any], files: Mapping[str, bytes]) -> str:
    """The script as a name of a file, however its path was written on the command line."""
    import posixpath

    script = str(info.get("script") or "")
    return next((name for name in (posixpath.normpath(script), posixpath.basename(script)) if name in files), script)
