"""Which directory on this machine holds the datastore."""

from __future__ import annotations

from metaflow.datastore.file_errors import file_error
from metaflow.exception import DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

#: Name of the datastore's directory inside a project.
ROOT_DIRECTORY = ".metaflow"
#: Name of the directory beside it that holds what the ``spin`` command left.
SPIN_DIRECTORY = ".metaflow_spin"


def find_root(start: Path | None = None, *names: str) -> Path | None:
    """Find the nearest datastore directory of a project.

    Parameters
    ----------
    start : Path, optional
        Directory to start from; the working directory if not given.
    *names : str
        Names of the directory to look for; ``.metaflow`` if not given.

    Returns
    -------
    Path or None
        Absolute path of such a directory in `start` or its nearest ancestor that has one.

    Raises
    ------
    DataException
        If the working directory no longer exists.
    """
    directory = _working_directory() if start is None else start.absolute()
    for candidate in (directory, *directory.parents):
        for name in names or (ROOT_DIRECTORY,):
            root = candidate / name
            if root.is_dir():
                return root
    return None


def resolve_root(explicit: str | None, sysroot: str | None, create: bool) -> tuple[Path, bool]:
    """Decide which directory is the datastore's root.

    Parameters
    ----------
    explicit : str or None
        The root itself, as given with ``--datastore-root``.
    sysroot : str or None
        The parent of the ``.metaflow`` directory, as given with ``METAFLOW_DATASTORE_SYSROOT_LOCAL``.
    create : bool
        Whether a root that does not exist is created; readers say False.

    Returns
    -------
    tuple of Path and bool
        The root, absolute (so that a later change of the working directory does not move it), and whether
        this call created it.

    Raises
    ------
    DataException
        If there is no root and `create` is False, or if it cannot be created.
    """
    from pathlib import Path

    if explicit:
        root = Path(explicit).absolute()
    elif sysroot:
        root = Path(sysroot).absolute() / ROOT_DIRECTORY
    else:
        root = find_root() or _working_directory() / ROOT_DIRECTORY
    if root.is_dir():
        return root, False
    if create:
        return root, _create(root)
    if explicit or sysroot:
        raise DataException(
            f"There is no datastore at {root}. Check --datastore-root and METAFLOW_DATASTORE_SYSROOT_LOCAL, "
            "or run a flow with them first."
        )
    raise DataException(
        f"No {ROOT_DIRECTORY} directory was found in {root.parent} or any directory above it. Run a flow "
        "there first, or name the datastore with --datastore-root or METAFLOW_DATASTORE_SYSROOT_LOCAL."
    )


def resolve_spin_root(sysroot: str | None, create: bool) -> tuple[Path, bool]:
    """Decide which directory holds the results of the ``spin`` command.

    Parameters
    ----------
    sysroot : str or None
        The parent of the ``.metaflow_spin`` directory, as given with ``METAFLOW_DATASTORE_SYSROOT_SPIN``. Otherwise it
        is the nearest directory, the working directory or one above, that has a ``.metaflow_spin`` or a ``.metaflow``;
        the working directory if there is none.
    create : bool
        Whether a root that does not exist is created; readers say False.

    Returns
    -------
    tuple of Path and bool
        The root, absolute, and whether this call created it.

    Raises
    ------
    DataException
        If there is no root and `create` is False, or if it cannot be created.
    """
    from pathlib import Path

    if sysroot:
        root = Path(sysroot).absolute() / SPIN_DIRECTORY
    else:
        nearest = find_root(None, SPIN_DIRECTORY, ROOT_DIRECTORY)
        root = (nearest.parent if nearest is not None else _working_directory()) / SPIN_DIRECTORY
    if root.is_dir():
        return root, False
    if create:
        return root, _create(root)
    raise DataException(
        f"There is no {root}, which would hold the results of `spin`. Spin a step first, or name the directory that "
        f"contains {SPIN_DIRECTORY} with METAFLOW_DATASTORE_SYSROOT_SPIN."
    )


def _working_directory() -> Path:
    from pathlib import Path

    try:
        return Path.cwd()
    except OSError as error:
        raise file_error("use the working directory", ".", error) from error


def _create(root: Path) -> bool:
    """Create `root`; False if another process was faster."""
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        root.mkdir()
    except FileExistsError as error:
        if root.is_dir():
            return False
        raise DataException(
            f"Cannot create the datastore {root}: a file of that name, or of a directory above it, is "
            "in the way. Move the file away, or use another place with --datastore-root."
        ) from error
    except OSError as error:
        raise file_error("create the datastore", root, error) from error
    return True
