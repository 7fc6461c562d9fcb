"""The library that draws Vega charts in browsers, as one script.

The package vl-convert-python brings it, but takes more than a second to put it together, and nothing else in the
process runs meanwhile. So that is done in a process of its own, and the result is kept in the cache of this machine.
"""

from __future__ import annotations

import os
from functools import cache

#: How to get what is missing.
INSTALL = "pip install 'metaflow[charts]'"
_SECONDS = 60
_PACKAGE = "vl_convert"
_PROGRAM = f"import sys, {_PACKAGE}; sys.stdout.buffer.write({_PACKAGE}.javascript_bundle().encode())"


class LibraryMissing(Exception):
    """A library that draws charts is not there, or does not work; the message says what to do."""


@cache
def vega_script() -> str:
    """Code of a script that defines ``vegaEmbed``.

    Raises
    ------
    LibraryMissing
        If vl-convert-python is not installed, or fails.
    """
    from importlib.util import find_spec

    from metaflow.datastore.cache import open_cache

    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise LibraryMissing(f"What draws charts is not installed: {INSTALL}")
    folder = os.path.dirname(found.origin)
    kept, name = open_cache(), f"libraries/vega-{_fingerprint(folder)}.js"
    code = kept.read(name)
    if not code:
        code = _made(os.path.dirname(folder))
        kept.write(name, [code])
    return code.decode()


def _fingerprint(folder: str) -> str:
    """Name of what is installed; another one after an update."""
    from hashlib import sha256

    facts = sorted(
        (each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in os.scandir(folder) if each.is_file()
    )
    return sha256(repr(facts).encode()).hexdigest()[:24]


def _made(packages: str) -> bytes:
    """Have the script put together by another process, which finds the package where this one does."""
    import subprocess
    import sys

    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {packages!r}); {_PROGRAM}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {error.returncode}"]
        raise LibraryMissing(f"What draws charts does not work ({lines[-1]}). Install it anew: {INSTALL}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LibraryMissing(f"What draws charts could not be started: {error}") from None
    if b"vegaEmbed" not in done.stdout:
        raise LibraryMissing(f"What draws charts is of a version that is not known. Get a newer one: {INSTALL}")
    return done.stdout
