"""What is looked for among all objects of a process."""

from __future__ import annotations

from pathlib import Path

from metaflow.runtime.open_files import flush, open_files


class Touchy:
    """As some objects of PyTorch: they warn whoever asks for their class."""

    @property
    def __class__(self):
        raise AssertionError("it was asked for its class")


def test_open_files_are_found_and_written_and_other_objects_are_left_alone(tmp_path: Path) -> None:
    touchy = Touchy()
    touchy.itself = touchy  # type: ignore[attr-defined]  # so that the garbage collector knows of it
    (tmp_path / "read").write_text("x")
    with (tmp_path / "written").open("w") as written, (tmp_path / "read").open() as read:
        written.write("in the buffer")
        found = open_files()
        assert any(each is written for each in found) and not any(each is read for each in found)
        flush(found)
        assert (tmp_path / "written").read_text() == "in the buffer"
