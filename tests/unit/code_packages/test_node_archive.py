"""What nodes get beside the code: which libraries, from where, and that it is made once."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from metaflow.exception import CommandException, MetaflowException
from metaflow.packaging import modules, node_archive as module
from metaflow.packaging.libraries import Target, fetched, files_of, installed, own_target, requirements, target_of_nodes
from metaflow.packaging.node_archive import node_archive

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "metaflow" / "nodes"


def contents(archive):
    with archive.open() as file, tarfile.open(fileobj=file) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


# Of the runtime's libraries, those that `metaflow ui` and `metaflow server` need, which run on no node.
SERVERS_ONLY = ("fastapi>", "starlette>", "uvicorn>")


def test_the_pages_of_the_web_app_stay_here(tmp_path, monkeypatch):
    package = tmp_path / "metaflow"
    for name in ("web/pages.py", "web/static/index.html", "web/static/assets/index.js"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("")
    (package / "packaging").mkdir()
    monkeypatch.setattr(modules, "__file__", str(package / "packaging" / "modules.py"))
    assert [file.name.rpartition("metaflow/")[2] for file in modules.own_files()] == ["web/pages.py"]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.14"])
def test_the_requirements_are_those_of_the_package(python):
    text = (ROOT / "pyproject.toml").read_text()
    lines = text.partition("dependencies = [")[2].partition("]")[0].replace('"', "").replace("'", "").split(",")
    declared = {line.strip() for line in lines if line.strip() and not line.strip().startswith(SERVERS_ONLY)}
    old = {each for each in declared if ";" in each}
    expected = (declared - old) | ({each.partition(";")[0] for each in old} if python == "3.10" else set())
    assert set(requirements(Target(python, "linux-x86_64"), False)) == expected
    cloud = set(requirements(Target(python, "linux-x86_64"), True)) - expected
    assert cloud == set(text.partition("cloud = [")[2].partition("]")[0].replace('"', "").split(","))


def test_nodes_are_like_this_machine_unless_it_is_said(monkeypatch):
    monkeypatch.delenv("METAFLOW_NODE_PYTHON", raising=False)
    assert target_of_nodes() == own_target()
    assert own_target().python == f"{sys.version_info[0]}.{sys.version_info[1]}{sys.abiflags}"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert target_of_nodes() == (own_target().python, "linux-x86_64")
    monkeypatch.setenv("METAFLOW_NODE_PYTHON", "3.14t")
    monkeypatch.setenv("METAFLOW_NODE_PLATFORM", "linux-aarch64")
    assert target_of_nodes() == ("3.14t", "linux-aarch64")


@pytest.mark.parametrize(
    ("name", "value"),
    [("NODE_PYTHON", "2.7"), ("NODE_PYTHON", "three"), ("NODE_PLATFORM", "win32"), ("NODE_PLATFORM", "linux")],
)
def test_settings_that_make_no_sense_are_refused(monkeypatch, name, value):
    monkeypatch.setenv(f"METAFLOW_{name}", value)
    with pytest.raises(MetaflowException, match=f"METAFLOW_{name} is '{value}'"):
        target_of_nodes()


def test_the_archive_holds_the_package_and_its_libraries_ready_to_run(tmp_path):
    import blake3

    archive = node_archive(own_target(), False)
    found = contents(archive)
    extension = os.path.basename(next(Path(blake3.__file__).parent.glob("blake3*.so")))
    assert found[f"blake3/{extension}"] == (Path(blake3.__file__).parent / extension).read_bytes()
    assert any(name.startswith("zstandard/backend_c") for name in found)
    assert {"click/core.py", "markdown_it/main.py", "mdurl/__init__.py"} <= found.keys()
    assert any(name.endswith(".dist-info/METADATA") for name in found)
    # Not what nobody uses on a node: it has to get there.
    assert not [name for name in found if "/_cffi." in name or name.endswith(".pyi") and name.startswith("click")]
    assert not any(name.startswith("obstore") for name in found)
    # What is compiled is run as it is, without a look at the source, whose time of change is another one there.
    with tarfile.open(archive.path) as tar:
        tar.extractall(tmp_path, filter="data")
    (tmp_path / "metaflow/flow/graph.py").write_text("raise RuntimeError('compiled again')")
    code = "import metaflow.flow.graph; print(metaflow.flow.graph.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.strip() == str(tmp_path / "metaflow/flow/graph.py"), done.stderr


def test_object_stores_need_more():
    assert any(name.startswith("obstore/_obstore.") for name in contents(node_archive(own_target(), True)))


def test_the_archive_is_made_once(cache, monkeypatch):
    first = node_archive(own_target(), False)
    assert first.sha256 == sha256(Path(first.path).read_bytes()).hexdigest() and first.size == os.path.getsize(
        first.path
    )
    made = []
    monkeypatch.setattr(module, "_archive", lambda *arguments: made.append(1) or b"another")
    assert node_archive(own_target(), False) == first and not made
    # Not one that was damaged since.
    Path(first.path).write_bytes(b"short")
    assert Path(node_archive(own_target(), False).path).read_bytes() == b"another" and made == [1]


def test_the_archive_follows_the_code(monkeypatch, tmp_path):
    from metaflow.packaging.selection import PackagedFile

    source = tmp_path / "x.py"
    source.write_text("1")
    own = lambda: [PackagedFile(".mf_code/metaflow/x.py", str(source), source.stat().st_size)]
    monkeypatch.setattr(module, "own_files", own)
    first = node_archive(own_target(), False)
    source.write_text("12")
    second = node_archive(own_target(), False)
    assert first.sha256 != second.sha256 and contents(second)["metaflow/x.py"] == b"12"


def test_old_archives_go(cache, monkeypatch):
    monkeypatch.setattr(module, "_archive", lambda *arguments: b"x")
    cache.mkdir(parents=True)
    for number in range(20):
        (cache / f"old-{number}").touch()
        os.utime(cache / f"old-{number}", (number, number))
    new = node_archive(own_target(), False)
    assert sorted(os.listdir(cache)) == sorted([os.path.basename(new.path), *(f"old-{n}" for n in range(15, 20))])


def test_without_a_cache_the_archive_is_made_anyway(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(module, "_archive", lambda *arguments: b"x")
    archive = node_archive(own_target(), False)
    assert archive.path == "" and archive.open().read() == b"x" and archive.sha256 == sha256(b"x").hexdigest()


def test_an_archive_that_went_is_told_of(cache):
    archive = node_archive(own_target(), False)
    os.unlink(archive.path)
    with pytest.raises(CommandException, match=f"cannot be read from {archive.path}"):
        archive.open()


def wheel(folder, name, tag, **files):
    with zipfile.ZipFile(folder / f"{name}-99.0-{tag}.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"# {name} {tag}")
        archive.writestr(f"{name}-99.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 99.0\n")
        archive.writestr(f"{name}-99.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{name}-99.0.dist-info/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_libraries_for_other_machines_are_fetched_with_pip(index):
    pytest.importorskip("pip")
    target = Target("3.10", "linux-aarch64")
    for name in ("blake3", "zstandard", "obstore"):
        for python, processor in (("cp310", "aarch64"), ("cp310", "x86_64"), ("cp312", "aarch64")):
            wheel(index, name, f"{python}-{python}-manylinux_2_17_{processor}")
    for name in ("click", "markdown_it_py", "mdurl", "pathspec", "tomli", "typing_extensions"):
        wheel(index, name, "py3-none-any")
    found = contents(node_archive(target, True))
    assert found["blake3/__init__.py"] == b"# blake3 cp310-cp310-manylinux_2_17_aarch64"
    assert "tomli/__init__.py" in found and "metaflow/flow/graph.py" in found
    assert not [name for name in found if name.endswith(".pyc")]  # compiled here, it would be of use to no other Python


def test_what_cannot_be_fetched_is_told_of(index):
    pytest.importorskip("pip")
    with pytest.raises(CommandException, match="METAFLOW_NODE_PYTHON") as caught:
        list(fetched(["blake3>=1.0"], Target("3.10", "linux-aarch64")))
    assert "No matching distribution found for blake3" in caught.value.message
    assert "Python 3.10 on linux-aarch64" in caught.value.message


def test_libraries_that_are_not_installed_as_usual_are_fetched(monkeypatch):
    assert installed(["no_such_library>=1"]) is None
    (each,) = [one for one in installed(["click>=8"]) if one.name == "click"]
    assert dict(files_of([each]))["click/core.py"]
    # Installed for development: a pointer to another directory.
    monkeypatch.setattr(type(each), "files", [file for file in each.files if file.parts[0].endswith(".dist-info")])
    assert installed(["click>=8"]) is None


def test_files_that_vanished_are_told_of(monkeypatch):
    (each,) = [one for one in installed(["click>=8"]) if one.name == "click"]
    monkeypatch.setattr(type(each.files[0]), "locate", lambda file: f"/nowhere/{file}")
    with pytest.raises(CommandException, match="pip install --force-reinstall click"):
        list(files_of([each]))
