"""Write random numbers to a file: what saving an array is held against. Arguments: file, mebibytes."""

import sys
import time

import numpy

array = numpy.random.default_rng(1).random(int(sys.argv[2]) * 2**17)
began = time.perf_counter()
with open(sys.argv[1], "wb", buffering=0) as file:
    rest = memoryview(array).cast("B")
    while rest:  # one write moves 2 GiB at most
        rest = rest[file.write(rest) :]
print("write_seconds", time.perf_counter() - began)
