"""The code package of a run: made of the flow that this process was started with, and kept with the run."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from .. import settings
from ..exception import CommandException
from .sources import facts_of, started_script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..datastore.manifest import ArtifactEntry
    from ..datastore.store import ObjectStore
    from ..flow.declaration import FlowDeclaration
    from ..packaging.code_package import CodePackage

#: Megabytes above which a person is told what takes so much room.
_NOTABLE_SIZE = 100


def default_suffixes() -> tuple[str, ...]:
    """Suffixes of files that go into a package if nothing else is said."""
    from ..packaging.selection import parse_suffixes

    return parse_suffixes(settings.get("DEFAULT_PACKAGE_SUFFIXES"))


def package_of(declaration: FlowDeclaration, suffixes: Sequence[str]) -> tuple[CodePackage, str | None]:
    """Find out what goes into the code package of a flow.

    Parameters
    ----------
    declaration : FlowDeclaration
        The flow, configured and complete.
    suffixes : sequence of str
        Suffixes in addition to the default ones.

    Returns
    -------
    tuple of CodePackage and (str or None)
        The package, and a remark on its size.

    Raises
    ------
    CommandException
        If the flow is in no file, or the package is too large, or something for it cannot be read.
    """
    from ..packaging.code_package import collect

    script = started_script()
    if script is None:
        raise CommandException("There is no code package of a flow that is in no file.")
    chosen = (*default_suffixes(), *suffixes)
    package = collect(declaration, script.name, script.base, chosen, facts_of(script))
    return package, package.check_size(settings.get("CODE_PACKAGE_MAX_SIZE"), _NOTABLE_SIZE)


def save_package(store: ObjectStore, package: CodePackage) -> ArtifactEntry:
    """Store a code package; one that is there already is not stored again.

    Raises
    ------
    CommandException
        If a file of it cannot be read.
    DataException
        If it cannot be stored.
    """
    from hashlib import sha256
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(max_size=64 * 1024 * 1024) as file:
        package.write(file)
        file.seek(0)
        digest = sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
        return _save(store, file, {"sha256": digest.hexdigest()})


def save_node_archive(store: ObjectStore) -> ArtifactEntry:
    """Store what nodes need beside the code package, as `save_package` does.

    Raises
    ------
    CommandException
        If it cannot be made.
    DataException
        If it cannot be stored.
    """
    from ..packaging.libraries import target_of_nodes
    from ..packaging.node_archive import node_archive

    target = target_of_nodes()
    made = node_archive(target, store.is_remote)
    with made.open() as file:
        return _save(store, file, {"sha256": made.sha256, **target._asdict()})


def _save(store: ObjectStore, file: IO[bytes], facts: Mapping[str, str]) -> ArtifactEntry:
    """Store a file so that it can be read and checked with nothing but the standard library."""
    from ..datastore.file_content import save_file

    file.seek(0)
    return save_file(store, file, None, as_is=True)._replace(facts=facts)  # type: ignore[arg-type]
