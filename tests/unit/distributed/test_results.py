"""Results that are pushed: where they go, and that what is wrong with that is found before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaflow.client.home import Home, set_home_of_run
from metaflow.distributed.results import ResultsDirectory
from metaflow.exception import GangException, MetaflowS3URLException
from metaflow.flow.current import current
from metaflow.flow.parallel_node import Parallel


@pytest.fixture
def run(tmp_path: Path, monkeypatch):
    """A run whose datastore is the directory."""
    root = tmp_path / ".metaflow"
    root.mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("S3", "GS", "AZURE", "LOCAL"):
        monkeypatch.delenv(f"METAFLOW_DATASTORE_SYSROOT_{name}", raising=False)
        monkeypatch.delenv(f"METAFLOW_DATATOOLS_{name}ROOT", raising=False)
    set_home_of_run(Home(str(root)))
    current._set({"flow_name": "F", "run_id": "7", "step_name": "train"})
    yield root
    set_home_of_run(None)
    current._set({})


def test_files_go_below_the_files_of_the_run(run: Path, tmp_path: Path, capsys):
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "a").write_text("1")
    (tmp_path / "out" / "deep" / "b").write_text("2")
    address = ResultsDirectory("out", None, None).push()
    assert address == f"file://{run}/data/F/7/train/out"
    assert (run / "data/F/7/train/out/deep/b").read_text() == "2"
    assert f"(2 files) were pushed to {address}" in capsys.readouterr().out
    second = Parallel("127.0.0.1", 2, 1, "2")
    assert ResultsDirectory("out", "weights", second).push() == f"file://{run}/data/F/7/weights/node-1"


def test_an_address_of_ones_own(run: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("1")
    assert ResultsDirectory("out", f"file://{tmp_path}/there", None).push() == f"file://{tmp_path}/there"
    assert (tmp_path / "there" / "a").read_text() == "1"


def test_a_node_may_have_nothing(run: Path, capsys):
    only_writer_is_node_0 = Parallel("127.0.0.1", 2, 1, "2")
    assert ResultsDirectory("out", None, only_writer_is_node_0).push() is None
    assert "There are no results to push in" in capsys.readouterr().out


@pytest.mark.parametrize(
    "location, expected",
    [
        ("s3://bucket/root", "s3://bucket/root/data/F/7/train/out"),
        ("gs://bucket/root", "gs://bucket/root/data/F/7/train/out"),
        ("azure://bucket/root", "azure://bucket/root/data/F/7/train/out"),
    ],
)
def test_results_go_where_the_run_is_if_nothing_else_is_configured(run: Path, location: str, expected: str):
    set_home_of_run(Home(str(run), location))
    assert ResultsDirectory("out", None, None).address == expected


def test_the_configured_place_for_files_wins(run: Path, monkeypatch):
    monkeypatch.setenv("METAFLOW_DATATOOLS_S3ROOT", "s3://files/here")
    set_home_of_run(Home(str(run), "s3://bucket/root"))
    assert ResultsDirectory("out", None, None).address == "s3://files/here/F/7/train/out"


def test_what_is_wrong_is_found_at_once(run: Path):
    with pytest.raises(GangException, match="say which with local_output_dir"):
        ResultsDirectory(None, "s3://bucket/x", None)
    with pytest.raises(MetaflowS3URLException):
        ResultsDirectory("out", "ftp://host/x", None)
    current._set({})
    with pytest.raises(GangException, match="a complete address"):
        ResultsDirectory("out", "weights", None)
