from __future__ import annotations

import os

import pytest

from metaflow.datastore.mapping import CAN_MAP_OVER, map_over, reserve

pytestmark = pytest.mark.skipif(not CAN_MAP_OVER, reason="files cannot be mapped over a range here")


def test_only_the_named_part_is_replaced(tmp_path):
    page = os.sysconf("SC_PAGE_SIZE")
    path = tmp_path / "file"
    path.write_bytes(b"f" * (page + 10))
    region = reserve(4 * page)
    region[:] = b"r" * (4 * page)
    with path.open("rb") as file:
        map_over(region, page, file.fileno(), page + 10)
    assert region[:page] == b"r" * page
    assert region[page : 2 * page + 10] == b"f" * (page + 10)
    assert region[3 * page :] == b"r" * page
    region[page] = ord("x")
    assert path.read_bytes() == b"f" * (page + 10)


def test_parts_outside_the_region_are_refused(tmp_path):
    region = reserve(4096)
    with (tmp_path / "file").open("w+b") as file:
        for offset, size in ((0, 4097), (4096, 1), (-1, 1), (0, 0)):
            with pytest.raises(ValueError, match="not inside"):
                map_over(region, offset, file.fileno(), size)


def test_the_kernel_s_refusal_is_an_error(tmp_path):
    region = reserve(4096)
    read_end, write_end = os.pipe()
    try:
        with pytest.raises(OSError):
            map_over(region, 0, read_end, 4096)
    finally:
        os.close(read_end)
        os.close(write_end)
