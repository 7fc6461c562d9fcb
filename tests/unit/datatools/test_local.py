"""What only files of this machine can be."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from metaflow import S3
from metaflow.datatools import Local, MetaflowS3Exception


def test_links_that_lead_nowhere_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    os.symlink("itself", tmp_path / "itself")
    os.symlink("nowhere", tmp_path / "broken")
    with Local(root=str(tmp_path)) as local:
        assert [each.key for each in local.list_paths()] == ["file"]
        assert [each.key for each in local.list_recursive()] == ["file"]


def test_files_that_vanish_while_they_are_listed_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kept", "vanishing"):
        (tmp_path / name).write_text("x")
    real = os.path.isfile

    def remove_then_tell(path: str) -> bool:
        found = real(path)
        if str(path).endswith("/vanishing"):
            os.unlink(path)
        return found

    monkeypatch.setattr(os.path, "isfile", remove_then_tell)
    with Local(root=str(tmp_path)) as local:
        assert [each.key for each in local.list_recursive()] == ["kept"]


def test_names_that_are_no_text_are_keys(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff")).write_text("x")
    with Local(root=str(tmp_path)) as local:
        (found,) = local.list_paths()
        assert local.get(found.key).text == "x"


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_is_no_folder(tmp_path: Path, overwrite: bool) -> None:
    with Local(root=str(tmp_path)) as local:
        local.put("a", "x")
        with pytest.raises(MetaflowS3Exception, match="a/b cannot be written: "):
            local.put_many([("a/b", "y")], overwrite=overwrite)
        assert local.get("a").text == "x"


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with Local(root=str(tmp_path)) as local:
        assert local.put_many([("a", "x")], overwrite=False) and not local.put_many([("a", "y")], overwrite=False)
        assert local.get("a").text == "x" and os.listdir(tmp_path) == ["a"]


def test_what_is_noted_is_in_no_ones_way(tmp_path: Path) -> None:
    with Local(root=str(tmp_path)) as local:
        local.put("model_meta", "not of model")
        local.put("model", "x", metadata={"a": 1})
        assert [each.key for each in local.list_recursive()] == ["model", "model_meta"]
        assert (local.info("model").metadata, local.get("model_meta").text) == ({"a": 1}, "not of model")
        local.put("model", "y")
        assert local.info("model").metadata is None and local.get("model_meta").text == "not of model"


def test_arguments_that_make_no_sense() -> None:
    for options in ({"inject_failure_rate": "x"}, {"inject_failure_rate": -1}, {"encryption": 5}):
        with pytest.raises(MetaflowS3Exception, match="should be"):
            S3(s3root="s3://bucket", **options)  # type: ignore[arg-type]
