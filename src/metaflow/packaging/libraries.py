"""The libraries that this package needs at run time, as files for a node: those installed here, or fetched for it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from .. import settings
from ..exception import CommandException, MetaflowException

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.metadata import Distribution

#: What a task needs, as pyproject.toml has it.
_ALWAYS = ("blake3>=1.0", "click>=8.1", "markdown-it-py>=3.0", "pathspec>=0.12", "zstandard>=0.22")
_BELOW_3_11 = ("tomli>=2.0",)
_FOR_OBJECT_STORES = ("obstore>=0.9",)
#: What the libraries themselves import; the last one with some versions of Python only.
_INDIRECT = ("mdurl", "typing_extensions")
#: Modules of libraries whose names are others.
_MODULES = {"markdown-it-py": "markdown_it"}
#: Wheels that nearly every Linux of today can use: for its C library, the newest version first.
_WHEELS = (*(f"manylinux_2_{minor}" for minor in range(28, 16, -1)), "manylinux2014")
_DEFAULT_PLATFORM = "linux-x86_64"


class Target(NamedTuple):
    """What a node is expected to be.

    Attributes
    ----------
    python : str
        Version of its Python, such as ``3.12``; free-threaded ones have a ``t`` behind it.
    platform : str
        System and processor, such as ``linux-x86_64``.
    """

    python: str
    platform: str


def own_target() -> Target:
    """What this process runs on."""
    python = "{}.{}".format(*sys.version_info)
    return Target(python + getattr(sys, "abiflags", ""), f"{sys.platform}-{os.uname().machine}")


def target_of_nodes() -> Target:
    """What nodes are taken for: as this process, but Linux in any case, unless settings say otherwise.

    Raises
    ------
    MetaflowException
        If a setting is not of the form that it should have.
    """
    own = own_target()
    default_platform = own.platform if sys.platform == "linux" else _DEFAULT_PLATFORM
    target = Target(settings.get("NODE_PYTHON") or own.python, settings.get("NODE_PLATFORM") or default_platform)
    major, _, minor = target.python.removesuffix("t").partition(".")
    if major != "3" or not minor.isdecimal():
        raise MetaflowException(f"METAFLOW_NODE_PYTHON is '{target.python}': it should be a version such as 3.12.")
    if target.platform.partition("-")[0] != "linux" or not target.platform.partition("-")[2]:
        raise MetaflowException(
            f"METAFLOW_NODE_PLATFORM is '{target.platform}': it should be linux-x86_64 or linux-aarch64."
        )
    return target


def requirements(target: Target, object_store: bool) -> list[str]:
    """What has to be installed on a node, as pip takes it.

    Parameters
    ----------
    target : Target
    object_store : bool
        Whether the datastore is in an object store.
    """
    is_old = int(target.python.removesuffix("t").partition(".")[2]) < 11
    return [*_ALWAYS, *(_BELOW_3_11 if is_old else ()), *(_FOR_OBJECT_STORES if object_store else ())]


def name_of(requirement: str) -> str:
    """Name of the library that a requirement asks for."""
    return requirement.partition(">")[0]


def module_of(library: str) -> str:
    """Name of the module that a library, given by its name, consists of."""
    return _MODULES.get(library, library)


def installed(wanted: Sequence[str]) -> list[Distribution] | None:
    """The distributions of this environment that fulfil requirements, with what they need themselves.

    Parameters
    ----------
    wanted : sequence of str
        As `requirements` returns them.

    Returns
    -------
    list of Distribution or None
        None if one is missing, or its installer has not noted its files.
    """
    from importlib.metadata import PackageNotFoundError, distribution

    found = []
    for name in (*map(name_of, wanted), *_INDIRECT):
        try:
            each = distribution(name)
        except PackageNotFoundError:
            if name in _INDIRECT:
                continue
            return None
        # An installation for development consists of a pointer to other places.
        if not each.files or not any(file.parts[0].partition(".")[0] == module_of(name) for file in each.files):
            return None
        found.append(each)
    return found


def files_of(distributions: Sequence[Distribution]) -> Iterator[tuple[str, bytes]]:
    """Yield names, relative to the directory for libraries, and contents of what distributions have installed.

    Raises
    ------
    CommandException
        If a file cannot be read.
    """
    from pathlib import Path

    for each in distributions:
        for file in each.files or ():
            if _is_needed(name := file.as_posix()):
                try:
                    yield name, Path(file.locate()).read_bytes()
                except OSError as error:
                    raise CommandException(
                        f"The file {file.locate()} of the library {each.name} cannot be read: "
                        f"{error.strerror}. Install the library again: pip install --force-reinstall {each.name}"
                    ) from error


def fetched(wanted: Sequence[str], target: Target) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the files of libraries for another Python or another system, fetched with pip.

    Parameters
    ----------
    wanted : sequence of str
        As `requirements` returns them.
    target : Target

    Raises
    ------
    CommandException
        If they cannot be fetched.
    """
    from tempfile import TemporaryDirectory
    from zipfile import BadZipFile, ZipFile

    with TemporaryDirectory() as folder:
        _download([*wanted, *_INDIRECT], target, folder)
        for wheel in sorted(os.listdir(folder)):
            try:
                with ZipFile(os.path.join(folder, wheel)) as archive:
                    for name in sorted(archive.namelist()):
                        if not name.endswith("/") and _is_needed(name):
                            yield name, archive.read(name)
            except (BadZipFile, OSError) as error:
                raise CommandException(f"What pip fetched as {wheel} cannot be read: {error}. Try again.") from error


def _download(wanted: Sequence[str], target: Target, folder: str) -> None:
    import subprocess

    processor = target.platform.partition("-")[2]
    version = target.python.removesuffix("t")
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "--implementation", "cp", "--python-version", version, "--dest", folder),
        *("--abi", f"cp{target.python.replace('.', '')}", "--abi", "abi3", "--abi", "none"),
        *(part for kind in _WHEELS for part in ("--platform", f"{kind}_{processor}")),
        *wanted,
    ]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    said = (result.stderr.strip() or result.stdout.strip()).splitlines()
    reason = next((line for line in reversed(said) if "rror" in line), said[-1] if said else "it did not say why")
    raise CommandException(
        f"The libraries for nodes with Python {target.python} on {target.platform} are not installed here, and pip "
        f"could not fetch them: {reason.strip().rstrip('.')}. What nodes are is told by the settings "
        "METAFLOW_NODE_PYTHON and METAFLOW_NODE_PLATFORM; where pip looks, by pip's own, such as PIP_INDEX_URL."
    )


def _is_needed(name: str) -> bool:
    """Whether a file of a distribution is of use on a node."""
    parts = name.split("/")
    if ".." in parts or "__pycache__" in parts or parts[0].endswith(".data"):
        return False
    if parts[0].endswith(".dist-info"):
        return parts[1:] == ["METADATA"]
    # A second implementation of zstandard, for PyPy, has as many bytes as all the rest.
    return not name.endswith((".pyi", ".pyc")) and not parts[-1].startswith("_cffi.")
