from __future__ import annotations

import os

import pytest
import zstandard

from metaflow.datastore.compression import compress, decompress_into


@pytest.mark.parametrize("size", [1, 4096, 262_144, 262_145, 3_000_001])
def test_repetitive_bytes_are_compressed_and_come_back(size):
    data = (b"metaflow " * (size // 9 + 1))[:size]
    packed = compress(memoryview(data))
    if packed is None:
        assert size < 100
        return
    target = bytearray(size)
    assert decompress_into(packed, memoryview(target))
    assert target == data


@pytest.mark.parametrize("size", [1, 4096, 262_144, 262_145, 3_000_001])
def test_random_bytes_are_not(size):
    assert compress(memoryview(os.urandom(size))) is None


def test_the_probe_looks_beyond_the_beginning():
    header_then_noise = bytes(65_536) + os.urandom(2_000_000)
    assert compress(memoryview(header_then_noise)) is None
    noise_then_zeros = os.urandom(65_536) + bytes(2_000_000)
    assert compress(memoryview(noise_then_zeros)) is not None


def test_frames_of_another_size_are_refused():
    packed = zstandard.ZstdCompressor().compress(b"x" * 1000)
    assert decompress_into(packed, memoryview(bytearray(1000)))
    assert not decompress_into(packed, memoryview(bytearray(999)))
    assert not decompress_into(packed, memoryview(bytearray(1001)))
    assert not decompress_into(packed[:-3], memoryview(bytearray(1000)))
    assert not decompress_into(b"not a frame at all", memoryview(bytearray(1000)))
    assert not decompress_into(b"", memoryview(bytearray(1000)))
