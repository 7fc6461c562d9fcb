"""What a code package is made of, and that equal code makes equal packages."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile

import pytest

from metaflow import FlowMutator, FlowSpec, step
from metaflow.exception import CommandException, NonUniqueFileNameToFilePathMappingException
from metaflow.flow.declaration import FlowDeclaration
from metaflow.packaging.code_package import CodePackage, collect
from metaflow.packaging.content_type import ContentType
from metaflow.packaging.selection import PackagedFile
from metaflow.plugins.package_suffixes_mutator import package_suffixes

ADDITIONS: list = []


class adds(FlowMutator):
    def add_to_package(self):
        return ADDITIONS


@package_suffixes(".sql", [".yaml", "txt"])
class Suffixed(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


@adds
class Adding(Suffixed):
    pass


@pytest.fixture
def directory(tmp_path):
    for name in ("flow.py", "helper.py", "q.sql", "c.yaml", "t.txt", "data.csv"):
        (tmp_path / name).write_text(name)
    return tmp_path


def package(directory, flow_class=Suffixed, suffixes=(".py",), info=None):
    declaration = FlowDeclaration(flow_class)
    declaration.configure({})
    declaration.complete()
    return collect(declaration, "flow.py", str(directory), suffixes, info or {"script": "flow.py"})


def archive(made):
    data = io.BytesIO()
    made.write(data)
    return data.getvalue()


def own(made):
    return [name for name in made.names if not name.startswith((".mf_code/", ".mf_meta/"))]


def test_what_is_in_it(directory):
    made = package(directory)
    assert own(made) == [".mf_install", "c.yaml", "flow.py", "helper.py", "q.sql", "t.txt"]
    with tarfile.open(fileobj=io.BytesIO(archive(made))) as tar:
        members = {member.name: member for member in tar}
        assert ".mf_code/metaflow/__init__.py" in members and ".mf_code/metaflow/py.typed" in members
        assert not any("__pycache__" in name for name in members)
        assert {member.mtime for member in members.values()} == {1575360000}
        assert json.load(tar.extractfile(".mf_meta/INFO")) == {"script": "flow.py"}
        assert json.load(tar.extractfile(".mf_install"))["version"] == 1
        assert tar.extractfile("q.sql").read() == b"q.sql"
    assert sorted(members) == made.names


def test_equal_code_makes_equal_bytes(directory):
    first = archive(package(directory))
    os.utime(directory / "flow.py", (1, 1))
    os.chmod(directory / "helper.py", 0o600)
    assert archive(package(directory)) == first
    (directory / "helper.py").write_text("changed")
    assert archive(package(directory)) != first


def test_programs_can_be_started_from_it(directory):
    (directory / "q.sql").chmod(0o700)
    (directory / "helper.py").chmod(0o600)
    with tarfile.open(fileobj=io.BytesIO(archive(package(directory)))) as made:
        assert [made.getmember(name).mode for name in ("q.sql", "helper.py")] == [0o755, 0o644]


def test_the_flows_own_file_is_there_whatever_the_suffixes(directory):
    assert "flow.py" in own(package(directory, suffixes=(".nothing",)))


def test_decorators_add_files_and_modules(directory, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "weights.bin").write_bytes(b"w")
    (elsewhere / "lonely_module.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(elsewhere))
    weights = str(elsewhere / "weights.bin")
    monkeypatch.setitem(globals(), "ADDITIONS", [])
    ADDITIONS[:] = [
        weights,
        (weights, "models/w.bin"),
        (weights, "lib/w.bin", ContentType.CODE_CONTENT),
        (weights, "note", ContentType.OTHER_CONTENT),
        ("lonely_module", None, ContentType.MODULE_CONTENT),
    ]
    names = package(directory, Adding).names
    for name in ("weights.bin", "models/w.bin", ".mf_code/lib/w.bin", ".mf_meta/note", ".mf_code/lonely_module.py"):
        assert name in names, name


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("/not/there", "@adds wants .*No such file"),
        ((__file__, "../x"), "leads out of the code package"),
        ((__file__, "/x"), "leads out of the code package"),
        (("no_such_module", None, ContentType.MODULE_CONTENT), "no_such_module .* not installed here"),
        (("sys", None, ContentType.MODULE_CONTENT), "in no file"),
    ],
)
def test_what_cannot_be_added_is_told(directory, monkeypatch, addition, message):
    monkeypatch.setitem(globals(), "ADDITIONS", [addition])
    with pytest.raises(CommandException, match=message):
        package(directory, Adding)


def test_two_files_for_one_place_are_an_error(directory, monkeypatch):
    monkeypatch.setitem(globals(), "ADDITIONS", [(__file__, "helper.py")])
    with pytest.raises(NonUniqueFileNameToFilePathMappingException, match="helper.py"):
        package(directory, Adding)
    monkeypatch.setitem(globals(), "ADDITIONS", [(str(directory / "helper.py"), "helper.py")])
    assert "helper.py" in own(package(directory, Adding)), "the same file twice is no conflict"


@pytest.mark.parametrize("place", ["somewhere else", ".venv/lib/python3/site-packages"])
def test_modules_that_say_so_go_along(directory, tmp_path_factory, monkeypatch, place):
    elsewhere = directory / place if place.startswith(".") else tmp_path_factory.mktemp("library")
    (elsewhere / "carried_along" / "sub").mkdir(parents=True)
    (elsewhere / "carried_along" / "__init__.py").write_text("METAFLOW_PACKAGE_POLICY = 'include'")
    (elsewhere / "carried_along" / "sub" / "data.json").write_text("{}")
    monkeypatch.syspath_prepend(str(elsewhere))
    import carried_along  # noqa: F401

    try:
        names = package(directory).names
    finally:
        del sys.modules["carried_along"]
    assert ".mf_code/carried_along/__init__.py" in names and ".mf_code/carried_along/sub/data.json" in names


def test_sizes_are_watched():
    files = tuple(PackagedFile(f"f{n}.py", f"/f{n}.py", n * 2**20) for n in range(20))
    made = CodePackage("/base", (".py",), files, {})
    assert made.check_size(1000, 500) is None
    remark = made.check_size(1000, 100)
    assert "190 MB in 20 files" in remark and "19.0 MB  f19.py" in remark and "/base/.metaflowignore" in remark
    assert "f9.py" not in remark
    with pytest.raises(CommandException, match=r"At most 150 MB are allowed \(METAFLOW_CODE_PACKAGE_MAX_SIZE\)"):
        made.check_size(150, 100)


def test_numbers_of_files_are_watched():
    files = tuple(PackagedFile(f"project{n % 40}/f{n}.py", f"/f{n}.py", 10) for n in range(12_000))
    remark = CodePackage("/home/ada", (".py",), files, {}).check_size(1000, 100)
    assert "12,000 files of /home/ada and below" in remark and "300  project0/" in remark
    assert "/home/ada/.metaflowignore" in remark
    assert CodePackage("/home/ada", (".py",), files[:4000], {}).check_size(1000, 100) is None


def test_a_file_that_vanishes_or_cannot_be_read_is_told(directory):
    made = package(directory)
    (directory / "helper.py").unlink()
    with pytest.raises(CommandException, match=r"helper\.py cannot be put into the code package: No such file"):
        archive(made)


def test_packages_that_add_to_metaflow_go_along(directory, tmp_path_factory, monkeypatch):
    """A flow has decorators of theirs, which each task looks up by name."""
    site = tmp_path_factory.mktemp("site")
    notes = site / "our_engine-1.2.dist-info"
    notes.mkdir(parents=True)
    (notes / "METADATA").write_text("Metadata-Version: 2.1\nName: our-engine\nVersion: 1.2\n")
    (notes / "entry_points.txt").write_text("[metaflow.step_decorators]\nfar = our_engine.far:Far\n")
    (notes / "RECORD").write_text("secret.txt,,\n")
    (site / "our_engine").mkdir()
    for name in ("__init__.py", "far.py", "template.sh"):
        (site / "our_engine" / name).write_text("")
    other = site / "unrelated-1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: unrelated\nVersion: 1\n")
    (other / "entry_points.txt").write_text("[console_scripts]\nx = unrelated:main\n")
    monkeypatch.syspath_prepend(str(site))
    names = package(directory).names
    folder = ".mf_code/our_engine-1.2.dist-info"
    assert [name for name in names if "our_engine" in name or "unrelated" in name] == [
        f"{folder}/METADATA",
        f"{folder}/entry_points.txt",
        ".mf_code/our_engine/__init__.py",
        ".mf_code/our_engine/far.py",
        ".mf_code/our_engine/template.sh",
    ]
