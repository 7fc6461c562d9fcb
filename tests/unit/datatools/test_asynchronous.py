"""Coroutines of the same methods."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest

from metaflow.datatools import AsyncData, AsyncS3, DataClient, MetaflowS3NotFound, open_data


def test_every_method_is_there_with_the_same_arguments() -> None:
    names = {name for name in vars(DataClient) if not name.startswith("_")} - {"scheme"}
    assert names == {name for name in vars(AsyncData) if not name.startswith("_")}
    for name in names:
        ours, theirs = (inspect.signature(getattr(each, name)) for each in (AsyncData, DataClient))
        assert ours == theirs, name
        assert inspect.iscoroutinefunction(getattr(AsyncData, name))


def test_calls_are_made_at_the_same_time(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAFLOW_S3_WORKER_COUNT", "50")

    async def use() -> None:
        async with AsyncData(open_data(str(tmp_path))) as data:
            await data.put_many([(str(number), str(number)) for number in range(50)])
            together = threading.Barrier(50)
            get = data._client.get
            data._client.get = lambda *arguments: (together.wait(60), get(*arguments))[1]  # type: ignore[method-assign]
            found = await asyncio.gather(*(data.get(str(number)) for number in range(50)))
            assert [each.text for each in found] == [str(number) for number in range(50)]
            with pytest.raises(MetaflowS3NotFound):
                await data.info("none")
            assert len(await data.list_paths()) == len(await data.get_all()) == 50

    asyncio.run(use())


def test_s3(s3_bucket) -> None:
    async def use() -> None:
        async with AsyncS3(s3root=s3_bucket.location) as s3:
            url = await s3.put("x", "y", metadata={"a": 1})
            found = await s3.get("x")
            assert (found.url, found.text, found.metadata) == (url, "y", {"a": 1})

    asyncio.run(use())
