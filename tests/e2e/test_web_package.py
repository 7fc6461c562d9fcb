"""An installed package serves the web app without Node.js; what it is made from holds its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from web_app import PAGES, running_app

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel and a source archive, made from what is built."""
    pytest.importorskip("hatchling", reason="Packages are made by hatchling.")
    if not (PAGES / "index.html").exists():
        pytest.skip("The pages of the web app have not been built: run `make ui`.")
    folder = tmp_path_factory.mktemp("packages")
    copy = folder / "checkout"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "hatch_build.py", ".gitignore"):
        shutil.copy(ROOT / name, copy)
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for name in ("src", "ui"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    index = copy / "src" / "metaflow" / "web" / "static" / "index.html"
    index.touch()  # as if it had just been built: nothing is to be built here
    # Without Node.js, whatever is on this machine.
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=copy, env=environment, check=True)
    return folder


def test_the_archives_hold_the_app(archives):
    (wheel,) = archives.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "metaflow/web/static/index.html" in names
    assert [name for name in names if name.startswith("metaflow/web/static/assets/") and name.endswith(".js.br")]
    assert not [name for name in names if name.startswith(("ui/", "metaflow/web/static/node_modules"))]
    (source,) = archives.glob("*.tar.gz")
    inside = {name.partition("/")[2] for name in tarfile.open(source).getnames()}
    assert {"ui/package-lock.json", "ui/src/main.tsx", "hatch_build.py", "src/metaflow/web/static/index.html"} <= inside
    assert not [name for name in inside if "node_modules" in name]
    assert "http" not in [
        line.partition('"resolved":')[2].strip(' ",')[:4] for line in (ROOT / "ui/package-lock.json").open()
    ], "the lock file records no hosts"


def test_an_installed_wheel_serves_it_without_node(archives, tmp_path):
    (wheel,) = archives.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    project = tmp_path / "project"
    project.mkdir()
    others = [place for place in sys.path if not place.startswith(str(ROOT))]
    env = {"PYTHONPATH": os.pathsep.join([str(installed), *others]), "PATH": ""}
    with running_app(project, env=env) as app:
        page = app.api("GET", "/ui/")
        assert page.status == 200 and b"/ui/assets/" in page.body
        assert app.get("/api/v1/app")["mode"] == "project"
    assert (
        str(installed)
        in subprocess.run(
            [sys.executable, "-c", "import metaflow; print(metaflow.__file__)"],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def test_a_checkout_without_node_makes_a_package_that_says_so(archives, tmp_path):
    copy = archives / "checkout"
    static = copy / "src" / "metaflow" / "web" / "static"
    static.rename(tmp_path / "static")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
            cwd=copy,
            env={**os.environ, "PATH": str(Path(sys.executable).parent)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done
        assert "make ui" in done.stdout + done.stderr and "Node.js" in done.stdout + done.stderr
    finally:
        (tmp_path / "static").rename(static)
