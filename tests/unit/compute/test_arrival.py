"""The very command that engines start, in a clean environment: what it brings to a node, and what can go wrong."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import node_doubles
from metaflow.compute import unpacking
from metaflow.compute.bootstrap import Reader
from metaflow.compute.bundle import Bundle, command
from metaflow.datastore.local import LocalStore
from metaflow.packaging.libraries import own_target
from node_doubles import CODE, PACKAGE, Place, archive, padded, send


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return node_doubles.bare_python(tmp_path_factory.mktemp("node") / "venv")


@pytest.fixture
def node(python: str, tmp_path: Path) -> Place:
    return Place(python, tmp_path / "node")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def bundle_in(root: Path, **options) -> Bundle:
    return send(LocalStore(str(root)), str(root), **options)


def leftovers(node: Place) -> list[str]:
    """What tasks that are over have left, beside what all tasks share."""
    return [name for name in os.listdir(node.base) if name.startswith(("task-", "draft-"))]


def test_the_task_starts_with_the_code_and_what_it_needs(node, root):
    bundle = bundle_in(root)
    found = node.run(bundle, METAFLOW_JOB='{"key": 1}', PYTHONPATH="/of/the/user").found
    code, archived = found["cwd"], os.path.dirname(os.path.dirname(os.path.dirname(found["package"])))
    # The package comes compiled in the archive, so that its source is not unpacked again.
    assert found["files"] == [".mf_code/own_module.py", "flow.py", "metaflow/padding.txt", "run.sh"]
    assert Path(archived).parent == node.base and Path(code).parent == node.base
    assert found["mode"] == "0o100755"
    assert found["env"]["PYTHONPATH"].split(":") == [archived, f"{code}/.mf_code", "/of/the/user"]
    assert found["sys.path"][:2] == [archived, f"{code}/.mf_code"] and "" not in found["sys.path"]
    assert found["env"]["METAFLOW_JOB"] == '{"key": 1}'
    assert "METAFLOW_BUNDLE" not in found["env"]  # it has signed addresses, which the user's code may print
    assert found["env"]["METAFLOW_CODE_DS"] == "local"
    assert json.loads(found["env"]["METAFLOW_CODE_METADATA"])["archive_format"] == "tgz"
    assert Path(found["env"]["METAFLOW_CODE_URL"]).is_file() and len(found["env"]["METAFLOW_CODE_SHA"]) == 64
    assert not os.path.exists(code) and os.stat(node.base).st_mode & 0o777 == 0o700
    # What follows on the same node finds the archive there, even if it is gone from the datastore by now.
    made = os.stat(archived).st_ino
    Path(bundle._location, bundle._objects[1]).unlink()
    again = node.run(bundle).found
    assert again["package"] == found["package"] and os.stat(archived).st_ino == made and again["cwd"] != code


def test_files_in_the_working_directory_are_in_nobodys_way(node, root, tmp_path):
    for name in ("base64", "zlib", "hashlib", "json", "tempfile"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not the standard library')")
    shell = ("sh", "-c", 'cd "$0" && exec "$@"', str(tmp_path))
    assert node.run(bundle := bundle_in(root), (*shell, *bundle.command(node.python))).found["main"] == ["-c"]


def test_the_exit_code_is_that_of_the_task(node, root):
    assert node.run(bundle_in(root), CODE="37").code == 37
    assert leftovers(node) == []


def test_tasks_that_come_at_once_unpack_the_libraries_once(node, root):
    bundle = bundle_in(root)
    processes = [node.start(bundle) for _ in range(5)]
    said = [process.communicate(timeout=60) for process in processes]
    found = [json.loads(stdout) for stdout, _ in said]
    assert len({each["package"] for each in found}) == 1 and len({each["cwd"] for each in found}) == 5
    assert [name for name in os.listdir(node.base) if not name.endswith(".lock")] == [
        Path(found[0]["package"]).parts[-4]
    ]


@pytest.mark.parametrize(
    "target", [{"python": "3.9"}, {"platform": "linux-sparc"}, {"python": own_target().python + "t"}]
)
def test_another_interpreter_uses_its_own_libraries_and_the_source(node, root, tmp_path, target):
    bundle = bundle_in(root, **target)
    for name in ("blake3", "click", "markdown_it", "mdurl", "pathspec", "zstandard", "tomli"):
        (tmp_path / f"{name}.py").touch()
    found = node.run(bundle, PYTHONPATH=str(tmp_path)).found
    package = Path(found["package"])
    assert package.read_text().startswith("# source")
    # What Python has compiled of the source is there for the next task, which does not wait for it.
    assert package.is_relative_to(node.base) and not package.is_relative_to(found["cwd"])
    compiled = {path: path.stat().st_mtime_ns for path in package.parent.glob("__pycache__/node.*.pyc")}
    assert len(compiled) == 1
    assert node.run(bundle, PYTHONPATH=str(tmp_path)).found["package"] == str(package)
    assert {path: path.stat().st_mtime_ns for path in package.parent.glob("__pycache__/node.*.pyc")} == compiled


@pytest.mark.parametrize(
    ("env", "reason"),
    [({}, "pip cannot install blake3"), ({"METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1"}, "says that nothing is to be")],
)
def test_another_interpreter_without_libraries_is_told_of(node, root, env, reason):
    arrival = node.run(bundle_in(root, python="3.9"), **env)
    assert arrival.code == 1 and reason in arrival.stderr
    assert "was expected to have 3.9" in arrival.stderr and "METAFLOW_NODE_PYTHON" in arrival.stderr
    assert "Traceback" not in arrival.stderr and leftovers(node) == []


def test_pip_installs_once_what_is_missing(node, root, tmp_path):
    pip = tmp_path / "pip"
    pip.mkdir()
    (pip / "__main__.py").write_text(
        "import sys, pathlib\n"
        "folder = pathlib.Path(sys.argv[sys.argv.index('--target') + 1])\n"
        "(folder / 'arguments.txt').write_text(' '.join(sys.argv[1:]))\n"
    )
    bundle = bundle_in(root, python="3.9")
    arrival = node.run(bundle, PYTHONPATH=str(tmp_path))
    libraries = Path(arrival.found["sys.path"][1])
    assert "blake3>=1.0" in (libraries / "arguments.txt").read_text() and "with pip" in arrival.stderr
    again = node.run(bundle, PYTHONPATH=str(tmp_path))
    assert again.found["sys.path"][1] == str(libraries) and "with pip" not in again.stderr


@pytest.mark.parametrize("which", [0, 1])
def test_a_damaged_archive_is_not_unpacked(node, root, which):
    bundle = bundle_in(root)
    path = root / bundle._objects[which]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    arrival = node.run(bundle)
    assert arrival.code == 1 and "is damaged: its SHA-256 is" in arrival.stderr and str(path) in arrival.stderr
    assert "Traceback" not in arrival.stderr and leftovers(node) == []
    assert not any((node.base / name / "metaflow").exists() for name in os.listdir(node.base) if which == 1)


def test_a_plan_of_another_run_is_not_followed(node, root):
    bundle = bundle_in(root)
    variables = bundle.variables
    note = root / bundle._key
    note.write_text(note.read_text().replace("unpack", "unpock"))
    arrival = node.run(bundle, **variables)
    assert arrival.code == 1 and "is damaged, or of another run" in arrival.stderr


def link(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, "/tmp"
    return member


@pytest.mark.parametrize(
    "bad",
    [
        archive(padded({"../evil.txt": "x"})),
        archive(padded({"a/../../evil.txt": "x"})),
        archive(padded({}), link("way-out")),
    ],
)
def test_nothing_is_written_outside_of_the_directory(node, root, bad):
    arrival = node.run(bundle_in(root, code=bad))
    assert arrival.code == 1 and "which no archive of ours has" in arrival.stderr
    assert leftovers(node) == [] and not list(node.folder.rglob("evil.txt"))


def test_an_absolute_path_is_refused(node, root, tmp_path):
    arrival = node.run(bundle_in(root, code=archive(padded({str(tmp_path / "evil.txt"): "x"}))))
    assert arrival.code == 1 and not (tmp_path / "evil.txt").exists()


@given(
    names=st.sets(
        st.text(st.characters(exclude_characters="/\0\n", exclude_categories=["Cs"]), min_size=1, max_size=150)
    )
)
def test_archives_are_read_as_tarfile_reads_them(names):
    files = {f"folder-{'x' * (len(name) % 90)}/{name}.txt": name * (len(name) % 40) for name in names}
    result = io.BytesIO()
    with tarfile.open(fileobj=result, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o644
            tar.addfile(member, io.BytesIO(text.encode()))
    result.seek(0)
    found = {name: content.decode() for name, mode, content in unpacking._members(unpacking.Unpacked(result))}
    assert found == files


def test_large_archives_need_no_memory(tmp_path, monkeypatch, root):
    monkeypatch.setattr(unpacking, "_MEMORY", 1000)
    bundle = bundle_in(root)
    plan = json.loads(bundle._plan)
    (tmp_path / "target").mkdir()
    unpacking.unpack(Reader(str(root), {}, ""), plan["code"], str(tmp_path / "target"))
    assert (tmp_path / "target/flow.py").read_text() == CODE["flow.py"]
    assert sorted(os.listdir(tmp_path / "target")) == [".mf_code", "flow.py", "metaflow", "run.sh"]


def test_a_datastore_that_the_node_does_not_share_is_told_of(node, root):
    bundle = bundle_in(root)
    variables = bundle.variables
    shutil.rmtree(root / "mf-store")
    arrival = Place(node.python, node.folder).run(bundle, **variables)
    assert arrival.code == 1 and "has to be shared by this node" in arrival.stderr
    assert "Traceback" not in arrival.stderr


def test_a_full_disk_is_told_of(node, root):
    bundle = bundle_in(root)
    limited = ("sh", "-c", 'ulimit -f 4; exec "$@"', "sh", *bundle.command(node.python))
    arrival = node.run(bundle, limited)
    assert arrival.code == 1, arrival
    assert f"cannot be unpacked in {node.base}" in arrival.stderr and "METAFLOW_TEMPDIR" in arrival.stderr
    assert "Traceback" not in arrival.stderr and leftovers(node) == []


def test_a_place_that_does_not_exist_is_told_of(node, root):
    arrival = node.run(bundle_in(root), METAFLOW_TEMPDIR="/proc/nowhere")
    assert arrival.code == 1 and "There is no place for its code" in arrival.stderr
    assert "Traceback" not in arrival.stderr


def test_a_directory_that_others_can_write_to_is_not_used(node, root):
    node.base.mkdir()
    node.base.chmod(0o777)
    arrival = node.run(bundle_in(root))
    assert Path(arrival.found["cwd"]).parent.parent == node.folder
    assert not arrival.found["cwd"].startswith(str(node.base)) and "is not a directory that is yours" in arrival.stderr
    assert os.listdir(node.folder) == [node.base.name] and os.listdir(node.base) == []


def test_what_dead_tasks_left_is_removed_and_what_is_used_is_not(node, root):
    node.base.mkdir(mode=0o700)
    hours = {"task-dead": 2, "draft-dead": 2, "task-used": 1000, "task-new": 0, "shared-new": 100, "shared-old": 1000}
    for name, age in hours.items():
        (node.base / name / "sub").mkdir(parents=True)
        os.utime(node.base / name, (0, time.time() - 3600 * age))
    (node.base / "shared-old.lock").touch()
    os.utime(node.base / "shared-old.lock", (0, 0))
    in_use = os.open(node.base / "task-used", os.O_RDONLY)
    fcntl.flock(in_use, fcntl.LOCK_SH)
    try:
        assert node.run(bundle_in(root)).code == 0
    finally:
        os.close(in_use)
    left = {name for name in os.listdir(node.base) if name.partition("-")[0] in ("task", "draft", "shared")}
    assert left == {"task-used", "task-new", "shared-new"}


def test_a_task_that_was_killed_leaves_nothing_for_ever(node, root):
    bundle = bundle_in(root)
    process = node.start(bundle, STAY="1")
    code = Path(json.loads(process.stdout.readline())["cwd"])
    process.kill()
    process.communicate(timeout=60)
    assert (code / "flow.py").exists()
    os.utime(code, (0, time.time() - 7200))
    assert node.run(bundle).code == 0
    assert not code.exists()


def test_init_scripts_run_first(node, root):
    bundle = bundle_in(root)
    found = node.run(bundle, METAFLOW_INIT_SCRIPT='export GREETING="it\'s $((1 + 1))"\ncd /tmp').found
    assert found["env"]["GREETING"] == "it's 2"
    arrival = node.run(bundle, METAFLOW_INIT_SCRIPT="false")
    assert arrival.code == 1 and "its init script failed" in arrival.stderr and arrival.stdout == ""


def test_an_image_without_bash_will_do(node, root, tmp_path):
    for program in ("sh", "env"):
        (tmp_path / program).symlink_to(shutil.which(program))
    assert node.run(bundle_in(root), PATH=str(tmp_path)).found["env"]["PATH"] == str(tmp_path)


def test_the_interpreter_is_found(node, root, tmp_path):
    bundle = bundle_in(root)
    (tmp_path / "sh").symlink_to(shutil.which("sh"))
    missing = node.run(bundle, bundle.command(), PATH=str(tmp_path))
    assert missing.code == 127 and "there is no python3 or python here" in missing.stderr
    (tmp_path / "python").symlink_to(node.python)
    assert node.run(bundle, bundle.command(), PATH=str(tmp_path)).code == 0
    named = node.run(bundle, bundle.command("/no/such/python"), PATH=str(tmp_path))
    assert named.code == 127 and "/no/such/python" in named.stderr
    preferred = bundle.command(None, "/no/such/python")
    assert node.run(bundle, preferred, PATH=str(tmp_path)).code == 0


def test_an_old_python_is_told_of(node, root, tmp_path):
    old = next((path for name in ("3.9", "3.8", "3.7", "3.6", "2.7") if (path := _real(f"python{name}"))), None)
    if old is None:
        pytest.skip("no Python older than 3.10 is installed")
    bundle = bundle_in(root)
    arrival = node.run(bundle, bundle.command(old))
    assert arrival.code == 1 and "3.10 is the oldest Python" in arrival.stderr and "Traceback" not in arrival.stderr


def _real(name: str) -> str | None:
    places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, Path.home().glob(".pyenv/versions/*/bin"))])
    paths = [path for folder in places.split(os.pathsep) if (path := shutil.which(name, path=folder))]
    return next((path for path in paths if "shims" not in path), None)


def test_the_command_leaves_room_for_variables():
    assert sum(len(part) + 1 for part in command("/opt/some/where/bin/python3.12")) < 6000
    # Kubernetes and Batch replace these in commands.
    assert not any("$(" in part or "$$" in part or "Ref::" in part for part in command())


def test_the_stand_in_is_like_the_package():
    assert set(PACKAGE) <= {name.removeprefix(".mf_code/") for name in CODE}
