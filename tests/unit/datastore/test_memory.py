"""Memory that a large array takes beside itself on its way to and from a store behind a network."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import pickle, resource, sys
from blake3 import blake3
from metaflow.datastore.blob_reading import load_segment
from metaflow.datastore.blobs import CHUNK_BYTES, Segment
from metaflow.datastore.task_writer import TaskWriter
from metaflow.testing.memory_store import MemoryStore
from remote_double import cached

CHUNKS, action, cache_bytes = 24, sys.argv[1], int(sys.argv[2])
chunk = blake3(b"").digest(length=CHUNK_BYTES)

class Remote(MemoryStore):
    # Keeps nothing, and has the same chunk under every key.
    is_remote = True
    def put(self, key, parts): pass
    def put_new(self, key, parts): return True
    def stat(self, key): return None
    def get(self, key): return bytes(bytearray(chunk))
    def get_into(self, key, target): target[:] = chunk

store = cached(Remote(), sys.argv[3], cache_bytes)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
size = CHUNKS * CHUNK_BYTES
if action == "save":
    array = bytearray(size)
    for number in range(CHUNKS):  # no two chunks alike
        array[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES] = chunk
        array[number * CHUNK_BYTES] = number
    writer = TaskWriter(store, "F", "1", "start", "1", 0)
    writer.save("array", pickle.PickleBuffer(array))
    writer.commit({})
else:
    loaded = load_segment(store, Segment(size, (blake3(chunk).hexdigest(),) * CHUNKS))
    assert loaded[-10:] == chunk[-10:]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before - size)
"""


@pytest.mark.parametrize("cache_megabytes", [0, 10_000])
@pytest.mark.parametrize("action", ["save", "load"])
def test_a_large_array_takes_little_memory_beside_itself(tmp_path, action, cache_megabytes):
    command = [sys.executable, "-c", PROGRAM, action, str(cache_megabytes * 10**6), str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200 * 2**20, f"{int(done.stdout) / 2**20:.0f} MiB more than the array"
