"""Put and get objects with ``metaflow.S3``: ``s3_tools.py <root> <count> <bytes>``."""

import os
import sys
import time

from metaflow import S3


def main() -> None:
    root, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # Large objects differ at their beginning only: making random bytes would take longer than moving them.
    filling = os.urandom(max(0, size - 8))
    objects = [(f"object-{number}", number.to_bytes(8, "big") + filling) for number in range(count)]
    with S3(s3root=root) as s3:
        began = time.perf_counter()
        s3.put_many(objects)
        print("put_seconds", time.perf_counter() - began)
    with S3(s3root=root) as s3:
        began = time.perf_counter()
        found = s3.get_many([name for name, _ in objects])
        print("get_seconds", time.perf_counter() - began)
        assert [len(each.blob) for each in found] == [8 + len(filling)] * count


if __name__ == "__main__":
    main()
