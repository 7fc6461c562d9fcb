"""What tests send to a node instead of the whole package: a stand-in for the node's program, in archives like ours."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from metaflow.compute.bundle import Bundle
from metaflow.datastore.file_content import save_file
from metaflow.datastore.layout import NODE_ARCHIVE_ARTIFACT, PACKAGE_ARTIFACT
from metaflow.datastore.store import ObjectStore
from metaflow.datastore.task_writer import TaskWriter
from metaflow.packaging.libraries import own_target
from metaflow.runtime.specs import PARAMETERS_STEP, RunSpec

#: Tells what it finds, stays if it is to, and leaves with the code that the environment asks for.
NODE = """
import json, os, sys, time
def main():
    code = os.getcwd()
    files = {os.path.relpath(os.path.join(folder, name), code) for folder, _, names in os.walk(code) for name in names}
    said = {"cwd": code, "files": sorted(files), "package": __file__, "sys.path": sys.path, "main": sys.argv}
    print(json.dumps({**said, "env": dict(os.environ), "mode": oct(os.stat("run.sh").st_mode)}), flush=True)
    if "STAY" in os.environ:
        time.sleep(60)
    return int(os.environ.get("CODE", 0))
""".lstrip()
PACKAGE = {"metaflow/__init__.py": "", "metaflow/compute/__init__.py": "", "metaflow/compute/node.py": NODE}
#: A stand-in for what is in the code package of the package itself, with other text so that they can be told apart.
CODE = {
    "flow.py": "print('a flow')",
    "run.sh": "#!/bin/sh",
    ".mf_code/own_module.py": "",
    **{f".mf_code/{name}": f"# source\n{text}" for name, text in PACKAGE.items()},
}


def archive(files: dict[str, str], *members: tarfile.TarInfo) -> bytes:
    """A gzipped tar file with these files and other members."""
    result = io.BytesIO()
    with gzip.GzipFile("", "wb", 3, result, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
        for member in members:
            tar.addfile(member)
    return result.getvalue()


def padded(files: dict[str, str]) -> dict[str, str]:
    """The same and a file that cannot be compressed, as archives of ours are never so small as to be in a manifest."""
    return {**files, "metaflow/padding.txt": os.urandom(6000).hex()}


def send(
    store: ObjectStore,
    location: str,
    code: bytes | None = None,
    libraries: bytes | None = None,
    **target: str,
) -> Bundle:
    """Store archives as a run does, and make the bundle; ``python`` and ``platform`` are those of this process."""
    contents = {
        PACKAGE_ARTIFACT: code or archive(padded(CODE)),
        NODE_ARCHIVE_ARTIFACT: libraries or archive(padded(PACKAGE)),
    }
    writer = TaskWriter(store, "F", "1", PARAMETERS_STEP, "0", 0)
    for name, content in contents.items():
        entry = save_file(store, io.BytesIO(content), None, as_is=True)
        facts = {"sha256": sha256(content).hexdigest(), **own_target()._asdict(), **target}
        writer.forward(name, entry._replace(facts=facts))
    writer.commit({"task": {}})
    datastore = location if "://" in location else ""
    return Bundle(store, RunSpec("F", "1", "" if datastore else location, "ada", "user:ada", datastore=datastore))


class Place:
    """A node: a clean environment, and an interpreter that has nothing but the standard library."""

    def __init__(self, python: str, folder: Path) -> None:
        self.python = python
        self.folder = folder
        folder.mkdir(exist_ok=True)

    @property
    def base(self) -> Path:
        return self.folder / f"metaflow-{os.geteuid()}"

    def start(self, bundle: Bundle, command: tuple[str, ...] | None = None, **env: str) -> subprocess.Popen[str]:
        variables = {"PATH": os.defpath, "METAFLOW_TEMPDIR": str(self.folder), **bundle.variables, **env}
        return subprocess.Popen(
            command or bundle.command(self.python),
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, bundle: Bundle, command: tuple[str, ...] | None = None, **env: str) -> Arrival:
        process = self.start(bundle, command, **env)
        stdout, stderr = process.communicate(timeout=60)
        return Arrival(process.returncode, stdout, stderr)


class Arrival:
    """What came of a start on a node."""

    def __init__(self, code: int, stdout: str, stderr: str) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr

    @property
    def found(self) -> dict[str, Any]:
        """What the node's program found."""
        assert self.code == 0, self
        return json.loads(self.stdout)

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


def bare_python(folder: Path) -> str:
    """An interpreter of this version without any library."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin" / "python")
