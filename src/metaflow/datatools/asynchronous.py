"""``AsyncS3``: the same for programs that run in an event loop."""

from __future__ import annotations

from .s3 import S3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import ThreadPoolExecutor
    from types import TracebackType
    from typing import Any, TypeVar

    from .client import DataClient
    from .objects import S3Object
    from .records import S3GetObject, S3PutObject

    Self = TypeVar("Self", bound="AsyncData")
    _Result = TypeVar("_Result")


class AsyncData:
    """The methods of a client as coroutines, to be used in an ``async with`` block.

    Calls that are awaited together, as with ``asyncio.gather``, are made at the same time, as many as the setting
    ``S3_WORKER_COUNT`` allows. A call that is cancelled is no longer waited for, but ends what it has begun.

    Parameters
    ----------
    client : S3, GS, Azure or Local

    Examples
    --------
    >>> async with AsyncData(open_data("gs://bucket/prefix")) as data:
    ...     first, second = await data.get_many(["first", "second"])
    """

    def __init__(self, client: DataClient) -> None:
        self._client = client
        self._pool: ThreadPoolExecutor | None = None

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """As :meth:`S3.close <metaflow.datatools.client.DataClient.close>`."""
        await self._call(self._client.close)
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    async def list_paths(self, keys: Iterable[str] | None = None) -> list[S3Object]:
        """As ``S3.list_paths``."""
        return await self._call(self._client.list_paths, keys)

    async def list_recursive(self, keys: Iterable[str] | None = None) -> list[S3Object]:
        """As ``S3.list_recursive``."""
        return await self._call(self._client.list_recursive, keys)

    async def info(self, key: str | S3GetObject | None = None, return_missing: bool = False) -> S3Object:
        """As ``S3.info``."""
        return await self._call(self._client.info, key, return_missing)

    async def info_many(self, keys: Iterable[str | S3GetObject], return_missing: bool = False) -> list[S3Object]:
        """As ``S3.info_many``."""
        return await self._call(self._client.info_many, keys, return_missing)

    async def get(
        self, key: str | S3GetObject | None = None, return_missing: bool = False, return_info: bool = True
    ) -> S3Object:
        """As ``S3.get``."""
        return await self._call(self._client.get, key, return_missing, return_info)

    async def get_many(
        self, keys: Iterable[str | S3GetObject], return_missing: bool = False, return_info: bool = True
    ) -> list[S3Object]:
        """As ``S3.get_many``."""
        return await self._call(self._client.get_many, keys, return_missing, return_info)

    async def get_recursive(self, keys: Iterable[str], return_info: bool = False) -> list[S3Object]:
        """As ``S3.get_recursive``."""
        return await self._call(self._client.get_recursive, keys, return_info)

    async def get_all(self, return_info: bool = False) -> list[S3Object]:
        """As ``S3.get_all``."""
        return await self._call(self._client.get_all, return_info)

    async def put(
        self,
        key: str,
        obj: Any,
        overwrite: bool = True,
        content_type: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """As ``S3.put``."""
        return await self._call(self._client.put, key, obj, overwrite, content_type, metadata)

    async def put_many(
        self, key_objs: Iterable[tuple[str, Any] | S3PutObject], overwrite: bool = True
    ) -> list[tuple[str, str]]:
        """As ``S3.put_many``."""
        return await self._call(self._client.put_many, key_objs, overwrite)

    async def put_files(
        self, key_paths: Iterable[tuple[str, str] | S3PutObject], overwrite: bool = True
    ) -> list[tuple[str, str]]:
        """As ``S3.put_files``."""
        return await self._call(self._client.put_files, key_paths, overwrite)

    async def _call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        from asyncio import get_running_loop

        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            from metaflow import settings

            self._pool = ThreadPoolExecutor(max(1, settings.get("S3_WORKER_COUNT")), "metaflow-data")
        return await get_running_loop().run_in_executor(self._pool, function, *arguments)


class AsyncS3(AsyncData):
    """:class:`S3 <metaflow.datatools.s3.S3>` with coroutines; it takes the same arguments.

    Examples
    --------
    >>> async with AsyncS3(s3root="s3://bucket/prefix") as s3:
    ...     objects = await s3.get_many(["first", "second"])
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(S3(*arguments, **options))
