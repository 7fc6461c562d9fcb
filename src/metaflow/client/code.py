"""The code that a run was started with."""

from __future__ import annotations

from metaflow.datastore.layout import PACKAGE_ARTIFACT, SOURCE_ARTIFACT
from metaflow.datastore.serializer import FILE_ENCODING
from metaflow.exception import CorruptedDataException, MetaflowDataMissing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from tarfile import TarFile
    from tempfile import TemporaryDirectory
    from typing import Any

    from metaflow.client.provider import Provider
    from metaflow.datastore.source_files import SourceFiles
    from metaflow.datastore.store import ObjectStore
    from metaflow.datastore.tasks import TaskReader
    from metaflow.metadata_store.records import TaskRecord

#: Seconds since the epoch that every file of a tarball was last changed, so that equal code gives equal bytes.
_TIME = 1575360000
#: What code is kept as: files beside JSON, or an archive as it is.
_ENCODINGS = ("source-files-v1", FILE_ENCODING)


class MetaflowCode:
    """The script that was run and what it imported from its directory; installed packages are not part of it.

    If the run has a code package, it is what is in that beside this package itself. It is read when it is first needed.

    Parameters
    ----------
    reader : TaskReader
        The task that has the code.
    packages : ObjectStore, optional
        Where the code is, if it is a package that Netflix's Metaflow made; otherwise it is an artifact of the task.

    Examples
    --------
    >>> code = Run("Training/1711000000000000").code
    >>> code.script_name
    'train.py'
    >>> code.info["commit_sha"]
    '0f06bcbacac2fd1ee3bd81604971b1b3ee7b508c'
    >>> with code.extract() as directory:
    ...     print(os.listdir(directory))
    ['train.py', 'features.py']
    """

    def __init__(self, reader: TaskReader, packages: ObjectStore | None = None) -> None:
        self._reader = reader
        self._packages = packages
        self._loaded: SourceFiles | None = None
        self._is_packaged = packages is None and PACKAGE_ARTIFACT in reader
        self._artifact = PACKAGE_ARTIFACT if self._is_packaged else SOURCE_ARTIFACT

    def _source(self) -> SourceFiles:
        if self._loaded is None:
            source: SourceFiles
            if self._is_packaged:
                from metaflow.client.code_package import files_of_archive

                source = files_of_archive(self._stored())
            elif self._packages is None:
                source = self._stored()
            else:
                from metaflow.client.code_package import packaged_files

                source = packaged_files(self._packages, self._reader)
            for name in source.files:
                _check_name(name)
            self._loaded = source
        return self._loaded

    def _stored(self) -> Any:
        """The artifact, which a server reads too: nothing is unpickled, whatever the manifest says that it is."""
        encoding = self._reader.entry(self._artifact).encoding
        if encoding not in _ENCODINGS:
            raise CorruptedDataException(
                f"{self.path} is kept as {encoding!r}, as no code of a run ever is. It is not read: the datastore was "
                "changed by something else than a run."
            )
        return self._reader.load(self._artifact)

    @property
    def path(self) -> str:
        """Pathspec of the artifact that holds the code; of an imported run, that of a task that ran it."""
        if self._packages is not None:
            return self._reader.manifest.pathspec
        return f"{self._reader.manifest.pathspec}/{self._artifact}"

    @property
    def sha(self) -> str:
        """Hash of the code and of `info`: equal for two runs that were started in the same state."""
        if self._packages is not None:
            from metaflow.client.code_package import package_sha

            return package_sha(self._reader)
        return self._reader.entry(self._artifact).sha

    @property
    def info(self) -> dict[str, Any]:
        """Where and by what the code was run.

        The keys are ``platform``, ``username``, ``runtime``, ``environment_type``, ``use_r``, ``python_version``,
        ``python_version_code``, ``metaflow_version``, ``script``, ``ext_info``, and of the git repository ``repo_url``,
        ``branch_name``, ``commit_sha`` and ``has_uncommitted_changes``, which are None where they are not known.
        """
        return dict(self._source().info)

    @property
    def script_name(self) -> str:
        """The script that was run, as a key of `files`."""
        return self._source().script

    @property
    def files(self) -> Mapping[str, bytes]:
        """Content of each file, by its path relative to the directory that imports start from."""
        return dict(self._source().files)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Files that belong to the code but were not kept, each with the reason."""
        return dict(self._source().left_out)

    @property
    def flowspec(self) -> str:
        """Text of the script that was run.

        Raises
        ------
        MetaflowDataMissing
            If the script was not kept.
        """
        from importlib.util import decode_source

        source = self._source()
        content = source.files.get(source.script)
        if content is None:
            reason = source.left_out.get(source.script, "it is not there")
            raise MetaflowDataMissing(f"The run's code does not have the script {source.script}: {reason}.")
        return decode_source(content)

    @property
    def tarball(self) -> TarFile:
        """All files as an archive that is open for reading; equal code gives equal archives."""
        import io
        import tarfile

        return tarfile.open(fileobj=io.BytesIO(self.archive()), mode="r:gz")

    def archive(self) -> bytes:
        """Make the bytes of `tarball`, a gzipped tar file.

        Returns
        -------
        bytes
            The same for the same files.
        """
        if self._is_packaged:
            return bytes(self._stored())
        import gzip
        import io
        import tarfile

        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, content in sorted(self._source().files.items()):
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.mode = len(content), _TIME, 0o644
                archive.addfile(member, io.BytesIO(content))
        # The header of gzip has a time too.
        return gzip.compress(packed.getvalue(), mtime=0)

    def extract(self) -> TemporaryDirectory[str]:
        """Write all files to a new directory, which is removed with the object that is returned.

        Returns
        -------
        TemporaryDirectory
            Its ``name`` is the directory; as a context manager it gives that name.
        """
        import os
        from tempfile import TemporaryDirectory

        directory = TemporaryDirectory(prefix="metaflow-code-")
        try:
            for name, content in self._source().files.items():
                path = os.path.join(directory.name, *name.split("/"))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(content)
        except BaseException:
            directory.cleanup()
            raise
        return directory

    def __str__(self) -> str:
        return f"<MetaflowCode: {self.script_name}>"

    def __repr__(self) -> str:
        return str(self)


def code_of_run(provider: Provider, flow: str, run_id: str) -> MetaflowCode | None:
    """The code that a run was started with; None if it was not recorded, or the run is gone.

    Raises
    ------
    DataException
        If the store cannot be read.
    """
    from metaflow.client.code_package import packaged_task
    from metaflow.datastore.tasks import open_task

    reader: TaskReader | None
    try:
        reader = open_task(provider.store_of(flow, run_id), flow, run_id, "_parameters", "0", 0)
    except MetaflowDataMissing:
        reader = None
    if reader is not None and (SOURCE_ARTIFACT in reader or PACKAGE_ARTIFACT in reader):
        return MetaflowCode(reader)
    reader = packaged_task(provider, flow, run_id)
    return None if reader is None else MetaflowCode(reader, provider.store_of(flow, run_id))


def code_of_task(provider: Provider, task: TaskRecord) -> MetaflowCode | None:
    """The code that a task ran: its own package if it was imported with one, otherwise what its run has.

    Raises
    ------
    DataException
        If the store cannot be read.
    """
    from metaflow.client.code_package import is_imported, with_package

    if is_imported(provider, task.flow, task.run_id):
        reader = with_package(provider, task)
        if reader is not None:
            return MetaflowCode(reader, provider.store_of(task.flow, task.run_id))
    flow, run_id = (task.origin or task.pathspec).split("/")[:2]
    return code_of_run(provider, flow, run_id)


def _check_name(name: str) -> None:
    """Refuse a name by which a file could be written elsewhere than below the directory that is meant."""
    if "\0" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise CorruptedDataException(
            f"The code of the run has a file {name!r}, which lies outside its directory. It is not read: the "
            "datastore was changed by something else than a run."
        )
