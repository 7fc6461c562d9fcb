"""What a node is sent so that it can fetch the run's code: a command, a few variables, and a note in the datastore.

The command holds the text of :mod:`metaflow.compute.bootstrap`. That reads the note (``bundle.json`` of the run), which
has the text of :mod:`metaflow.compute.unpacking`, the hashes of all that is to be fetched, and signed addresses to
fetch it from. The addresses are renewed while the run submits tasks, under the same key, so that also tasks that have
waited long in a queue find addresses that hold.
"""

from __future__ import annotations

import ast
import json
import shlex
import threading
import time
from typing import TYPE_CHECKING, Any

from ..datastore.cached import CachedStore
from ..datastore.layout import NODE_ARCHIVE_ARTIFACT, PACKAGE_ARTIFACT, blob_key, bundle_key, manifest_key
from ..datastore.location import kind_of
from ..datastore.manifest import Manifest
from ..exception import DataException
from ..packaging.code_package import METADATA
from ..packaging.libraries import Target, module_of, name_of, requirements
from ..runtime.specs import PARAMETERS_STEP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..datastore.manifest import ArtifactEntry
    from ..datastore.store import ObjectStore
    from ..runtime.specs import RunSpec

#: How long signed addresses hold, in seconds: the most that object stores allow for.
_HOLD = 7 * 24 * 3600
#: Seconds after which addresses are made anew: they may be made with credentials that end within the hour.
_RENEW = 15 * 60
#: Oldest Python that can run a task.
_OLDEST = (3, 10)


class Bundle:
    """The code of a run, for nodes.

    Parameters
    ----------
    store : ObjectStore
        The run's datastore.
    run : RunSpec
        Its code package, and the archive for nodes, are artifacts of the task with its parameters.

    Raises
    ------
    DataException
        If the datastore fails.
    """

    def __init__(self, store: ObjectStore, run: RunSpec) -> None:
        self._store = store
        self._location = run.datastore or run.root
        self._key = bundle_key(run.flow, run.run_id)
        artifacts = Manifest.decode(store.get(manifest_key(run.flow, run.run_id, PARAMETERS_STEP, "0", 0))).artifacts
        package, archive = artifacts[PACKAGE_ARTIFACT], artifacts[NODE_ARCHIVE_ARTIFACT]
        target = Target(archive.facts["python"], archive.facts["platform"])
        wanted = requirements(target, store.is_remote)
        plan = {
            "program": program("unpacking"),
            "code": _part(package),
            "archive": {**_part(archive), **target._asdict()},
            "requirements": wanted,
            "modules": [module_of(name_of(each)) for each in wanted],
        }
        self._plan = json.dumps(plan, separators=(",", ":"))
        self._objects = [*plan["code"]["chunks"], *plan["archive"]["chunks"]]  # type: ignore[index]
        self._code = {
            "METAFLOW_CODE_SHA": package.facts["sha256"],
            "METAFLOW_CODE_URL": f"{self._location}/{self._objects[0]}",
            "METAFLOW_CODE_METADATA": json.dumps(METADATA, separators=(",", ":")),
            "METAFLOW_CODE_DS": kind_of(self._location),
        }
        self._lock = threading.Lock()
        self._variable = ""
        self._renew_at = 0.0

    def command(self, executable: str | None = None, own: str | None = None) -> tuple[str, ...]:
        """Program and arguments that fetch the code and run a task.

        Parameters
        ----------
        executable : str, optional
            Interpreter, by its name or path; the node's ``python3`` or ``python`` if not given.
        own : str, optional
            Path of an interpreter to prefer if none is given and it is on the node: that of this process, for nodes
            that share a file system with this machine.
        """
        return command(executable, own)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that go with the command. May write to the datastore.

        Raises
        ------
        DataException
            If the datastore fails.
        """
        with self._lock:
            if time.monotonic() >= self._renew_at:
                self._variable = self._write_note()
                self._renew_at = time.monotonic() + _RENEW
            return {"METAFLOW_BUNDLE": self._variable, **self._code}

    def _write_note(self) -> str:
        """Put the note where nodes find it; returns what they are told of it."""
        from hashlib import sha256

        addresses, why = signed_addresses(self._store, [self._key, *self._objects])
        told = {
            "location": self._location,
            "plan": self._key,
            "sha256": sha256(self._plan.encode()).hexdigest(),
            "address": addresses.pop(self._key, None),
            "why": why,
        }
        note = {"plan": self._plan, "addresses": addresses}
        self._store.put(self._key, [json.dumps(note, separators=(",", ":")).encode()])
        return json.dumps({name: value for name, value in told.items() if value}, separators=(",", ":"))


def signed_addresses(store: ObjectStore, keys: Iterable[str]) -> tuple[dict[str, str], str]:
    """Addresses by which nodes can read objects without credentials of their own.

    Parameters
    ----------
    store : ObjectStore
    keys : iterable of str

    Returns
    -------
    tuple of dict and str
        By key; and, if there are none in an object store, why: nodes then read with their own credentials.
    """
    if not isinstance(store, CachedStore):
        return {}, ""
    found = {}
    try:
        for key in keys:
            address = store.signed_url(key, _HOLD)
            if address is None:
                return {}, "this kind of datastore has none"
            found[key] = address
    except DataException as error:
        return {}, error.message[:300]
    return found, ""


def command(executable: str | None = None, own: str | None = None) -> tuple[str, ...]:
    """See :meth:`Bundle.command`."""
    names = [executable] if executable else [*([own] if own else []), "python3", "python"]
    finds = " || ".join(f"command -v {shlex.quote(name)}" for name in names)
    needed = ".".join(map(str, _OLDEST))
    # Old versions of Python get as far as this line, but could not read the program.
    loader = (
        f'import sys;sys.version_info<{_OLDEST}and sys.exit("Metaflow: The task cannot be started. {needed} is the '
        'oldest Python that it can run with, and "+sys.executable+" is "+sys.version.split()[0]+".");'
        # What lies in the working directory, perhaps under the name of a standard module, is not meant to be imported.
        "sys.path[:]=filter(None,sys.path);"
        f'import base64,zlib;exec(zlib.decompress(base64.b64decode("{_packed("bootstrap")}")))'
    )
    no_init, no_python = _give_up("its init script failed", 1), _give_up(f"there is no {' or '.join(names)} here", 127)
    lines = [
        f'[ -z "$METAFLOW_INIT_SCRIPT" ] || eval "$METAFLOW_INIT_SCRIPT" || {no_init}',
        # Backquotes, as Kubernetes gives a dollar sign with parentheses a meaning of its own.
        f"p=`{finds}` || {no_python}",
        f"exec \"$p\" -c '{loader}'",
    ]
    # For those init scripts that are written for bash; small images have only sh.
    return ("sh", "-c", 'exec "`command -v bash || command -v sh`" -c "$0"', "\n".join(lines))


def _give_up(why: str, code: int) -> str:
    """Shell command that says why the task cannot be started."""
    return f"{{ echo {shlex.quote(f'Metaflow: The task cannot be started: {why}.')} >&2; exit {code}; }}"


def program(name: str) -> str:
    """Text of a module of this package as a program: without what only people and tools need.

    Parameters
    ----------
    name : str
        ``bootstrap`` or ``unpacking``.
    """
    from importlib.resources import files
    from io import StringIO
    from tokenize import COMMENT, generate_tokens

    text = files(__package__).joinpath(f"{name}.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    for token in generate_tokens(StringIO(text).readline):
        if token.type == COMMENT:
            lines[token.start[0] - 1] = lines[token.start[0] - 1][: token.start[1]]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt) and not _is_needed(node):
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
        if isinstance(node, ast.ClassDef) and len(node.body) == 1:  # nothing but a docstring
            lines[node.lineno - 1] += " pass"
    # One space for a level: no string goes over several lines once docstrings are gone.
    shortened = (" " * ((len(line) - len(line.lstrip())) // 4) + line.strip() for line in lines)
    return "\n".join(line for line in shortened if line)


def _is_needed(node: ast.stmt) -> bool:
    """Whether a statement does anything on a node, where both programs share one namespace."""
    if isinstance(node, ast.ImportFrom):
        return not node.level and node.module != "typing"
    if isinstance(node, ast.If):
        return not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    return not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _packed(name: str) -> str:
    import base64
    import zlib

    return base64.b64encode(zlib.compress(program(name).encode(), 9)).decode()


def _part(entry: ArtifactEntry) -> dict[str, Any]:
    """What a node is told of an archive."""
    (segment,) = entry.segments
    return {
        "size": segment.size,
        "sha256": entry.facts["sha256"],
        "chunks": [blob_key(each) for each in segment.chunks],
    }
