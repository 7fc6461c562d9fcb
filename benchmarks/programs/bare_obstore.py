"""The same with obstore alone, as fast as it goes: ``bare_obstore.py <root> <count> <bytes>``."""

import asyncio
import os
import sys
import time

import obstore
from obstore.store import S3Store

CONCURRENT = 64


async def main() -> None:
    root, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    bucket, _, prefix = root.removeprefix("s3://").partition("/")
    endpoint = os.environ["METAFLOW_S3_ENDPOINT_URL"]
    store = S3Store(bucket, endpoint=endpoint, client_options={"allow_http": True})
    filling = os.urandom(max(0, size - 8))
    places = asyncio.Semaphore(CONCURRENT)

    async def put(number: int) -> None:
        async with places:
            await obstore.put_async(store, f"{prefix}/bare-{number}", number.to_bytes(8, "big") + filling)

    async def get(number: int) -> int:
        async with places:
            answer = await obstore.get_async(store, f"{prefix}/bare-{number}")
            return len(await answer.bytes_async())

    began = time.perf_counter()
    await asyncio.gather(*(put(number) for number in range(count)))
    print("put_seconds", time.perf_counter() - began)
    began = time.perf_counter()
    sizes = await asyncio.gather(*(get(number) for number in range(count)))
    print("get_seconds", time.perf_counter() - began)
    assert sizes == [8 + len(filling)] * count


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)  # its threads may abort the interpreter when that ends
