"""obstore, in a copy that works in this process.

obstore's runtime is made of threads that start with the first request. A process that is forked later inherits the
runtime's memory, but none of its threads, and would wait for ever. User code forks when it likes (data loaders,
``multiprocessing``), so a forked process loads a second copy of the library, whose runtime has not begun.
"""

from __future__ import annotations

from _thread import allocate_lock
from typing import Any

from metaflow.exception import DataException

_EXTENSION = "obstore._obstore"

#: How often the library had to be loaded anew in this process and those that it was forked from.
_generation = 0
_used = False
_forked = False
_extension_path: str | None = None
_loading = allocate_lock()
#: Open clients of processes that this one was forked from. They are never let go: closing them here would take their
#: connections away from the process that they belong to.
_inherited: list[Any] = []


def generation() -> int:
    """Number that has changed if clients that were made before cannot be used in this process."""
    return _generation + 1 if _forked else _generation


def abandon(clients: Any) -> None:
    """Keep, unused, clients that another process made."""
    _inherited.append(clients)


def import_library() -> None:
    """Import obstore and what opening a store imports, without using it; if it is missing, using it says so."""
    import contextlib

    with contextlib.suppress(ImportError):
        import datetime  # noqa: F401 - obstore imports it with the first answer
        import ipaddress  # noqa: F401
        import urllib.parse  # noqa: F401

        import obstore.store  # noqa: F401

        import metaflow.datastore.remote_credentials  # noqa: F401


def store_class(name: str) -> Any:
    """Class of obstore's clients, such as ``S3Store``; from now on, its threads may run.

    Raises
    ------
    DataException
        If obstore is not installed.
    """
    global _used
    with _loading:
        if _forked:
            _load_again()
        try:
            from obstore import store
        except ImportError as error:
            raise DataException(
                f"Object stores need the package obstore, which cannot be imported here ({error}). "
                "Install it with: pip install 'metaflow[cloud]'"
            ) from error
        if not _used:
            _watch_forks()
            _used = True
    return getattr(store, name)


def _watch_forks() -> None:
    import os
    import sys

    global _extension_path
    if _extension_path is None:
        _extension_path = sys.modules[_EXTENSION].__file__
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_note_fork)


def _note_fork() -> None:
    global _forked, _loading
    _forked = _forked or _used
    _loading = allocate_lock()  # another thread may have had it


def _load_again() -> None:
    """Load the extension from a copy of its file: the dynamic linker takes it for another library."""
    import sys
    from importlib.machinery import ExtensionFileLoader
    from importlib.util import module_from_spec, spec_from_file_location

    global _generation, _forked, _used
    for name in [name for name in sys.modules if name == "obstore" or name.startswith("obstore.")]:
        _inherited.append(sys.modules.pop(name))
    path, remove = _copy_of(_extension_path or "")
    try:
        spec = spec_from_file_location(_EXTENSION, path, loader=ExtensionFileLoader(_EXTENSION, path))
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[_EXTENSION] = module
        spec.loader.exec_module(module)
    finally:
        remove()
    _generation += 1
    _forked = _used = False


def _copy_of(path: str) -> tuple[str, Any]:
    """Copy a file; return the copy's path and a function that removes it, which may be called once it is loaded."""
    import os
    import shutil
    import tempfile

    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("obstore")
        with open(path, "rb") as source, open(descriptor, "wb", closefd=False) as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
        # The linker knows libraries by their paths too, so a path must not come again in a process forked from here.
        return f"/proc/{os.getpid()}/fd/{descriptor}", lambda: os.close(descriptor)
    descriptor, name = tempfile.mkstemp(suffix=os.path.splitext(path)[1])
    os.close(descriptor)
    shutil.copyfile(path, name)
    return name, lambda: os.unlink(name)
