"""What ``S3``, ``GS``, ``Azure`` and ``Local`` have in common: getting, putting and listing objects."""

from __future__ import annotations

from threading import Semaphore

from metaflow import settings
from metaflow.exception import MetaflowS3NotFound, MetaflowS3URLException

from .address import CLASSES, Wanted, object_in, root_of, root_of_run, split, wanted
from .batch import in_parallel
from .bucket import Bucket, Effort, Part
from .objects import S3Object
from .patience import Patience
from .records import S3GetObject, S3PutObject
from .scratch import Content, Scratch
from .uploads import as_records, upload_of_file, upload_of_value, windows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Any, TypeVar

    from .bucket import Download, Listed, Upload

    Self = TypeVar("Self", bound="DataClient")

#: Most parts of one object that move at a time.
_MAXIMUM_PARTS = 12


class DataClient:
    """Gets, puts and lists objects. It is made through its subclasses, or by ``open_data``.

    Parameters
    ----------
    tmproot : str, optional
        Directory for the temporary directory with what is downloaded; the setting ``TEMPDIR`` if not given.
    bucket, prefix : str, optional
        With `run`, instead of those of the configured root.
    run : FlowSpec or Run, optional
        Work on the files of a run: `self` in a step for this one, or a Run of the client. They are in
        ``<bucket>/<prefix>/<flow>/<run id>``.
    root : str, optional
        Work on what is below this address; keys are relative to it. Without `run` and `root`, keys are complete
        addresses.
    inject_failure_rate : float
        Percentage of tries that are made to fail, to test that they are repeated.

    Raises
    ------
    MetaflowS3URLException
        If the root is none, `run` is given outside of a run, or it is not known where the files of runs are.
    """

    #: Scheme of the addresses.
    scheme = ""
    #: Whether keys may end with a slash, which lists may have lost.
    _has_odd_keys = False

    def __init__(
        self,
        tmproot: str | None = None,
        bucket: str | None = None,
        prefix: str | None = None,
        run: Any = None,
        root: str | None = None,
        inject_failure_rate: float = 0,
    ) -> None:
        self._root: str | None = None
        if run is not None:
            self._root = root_of_run(self.scheme, bucket, prefix, run)
        elif root is not None:
            self._root = root_of(self.scheme, root)
        self._tmproot = str(settings.get("TEMPDIR") if tmproot is None else tmproot)
        self._patience = Patience(inject_failure_rate)
        self._workers = max(1, settings.get("S3_WORKER_COUNT"))
        self._scratch = self._new_scratch()
        self._buckets: dict[str, Bucket] = {}

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Other processes get a client with files and connections of its own."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_scratch", "_buckets")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _buckets={})
        self._scratch = self._new_scratch()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._root or f'{self.scheme}://'}>"

    def close(self) -> None:
        """Remove what was downloaded: paths and blobs of objects are no longer there."""
        self._scratch.close()
        self._scratch = self._new_scratch()

    def list_paths(self, keys: Iterable[str] | None = None) -> list[S3Object]:
        """List one level: what is directly below the given folders.

        Parameters
        ----------
        keys : iterable of str, optional
            Folders; the root if not given.

        Returns
        -------
        list of S3Object
            Objects, whose sizes are known and which are not downloaded, and folders, whose `exists` is False. A key is
            relative to the folder that was listed. Folder by folder in the given order, in each first the objects in
            alphabetical order, then the folders.

        Raises
        ------
        MetaflowS3URLException, MetaflowS3Exception
            If a key is an address although there is a root, or none although there is none; or if the store fails.
        """
        return [each for found in self._list(keys, recursive=False) for each in found]

    def list_recursive(self, keys: Iterable[str] | None = None) -> list[S3Object]:
        """List all objects below the given folders.

        Parameters
        ----------
        keys : iterable of str, optional
            Folders; the root if not given.

        Returns
        -------
        list of S3Object
            Objects whose sizes are known and which are not downloaded. A key is relative to the folder that was listed.
            Folder by folder in the given order, in each in alphabetical order.

        Raises
        ------
        MetaflowS3URLException, MetaflowS3Exception
            As for :meth:`list_paths`.
        """
        return [each for found in self._list(keys, recursive=True) for each in found]

    def info(self, key: str | S3GetObject | None = None, return_missing: bool = False) -> S3Object:
        """Ask what is known of an object, without downloading it.

        Parameters
        ----------
        key : str, optional
            The root itself if not given.
        return_missing : bool
            Give an S3Object whose `exists` is False instead of raising if there is no such object.

        Raises
        ------
        MetaflowS3NotFound, MetaflowS3Exception
            If there is no such object, or the store fails.
        """
        return self._info(self._wanted(key), return_missing)

    def info_many(self, keys: Iterable[str | S3GetObject], return_missing: bool = False) -> list[S3Object]:
        """Like :meth:`info` for many objects at a time; the results are in the order of the keys."""
        return self._for_each(lambda asked: self._info(asked, return_missing), self._all_wanted(keys))

    def get(
        self, key: str | S3GetObject | None = None, return_missing: bool = False, return_info: bool = True
    ) -> S3Object:
        """Download an object.

        Parameters
        ----------
        key : str or S3GetObject, optional
            The root itself if not given.
        return_missing : bool
            Give an S3Object whose `exists` is False instead of raising if there is no such object.
        return_info : bool
            Whether the result has metadata, content type, encryption and range.

        Raises
        ------
        MetaflowS3NotFound
            If there is no such object.
        MetaflowS3InvalidRange
            If it has none of the bytes that are asked for.
        MetaflowS3Exception
            If the store fails.
        """
        return self._get(self._wanted(key), return_missing, return_info, self._effort(1))

    def get_many(
        self, keys: Iterable[str | S3GetObject], return_missing: bool = False, return_info: bool = True
    ) -> list[S3Object]:
        """Download many objects at a time.

        Parameters
        ----------
        keys : iterable of str or S3GetObject
            A key may come several times; it is downloaded once.
        return_missing, return_info : bool
            As for :meth:`get`.

        Returns
        -------
        list of S3Object
            In the order of the keys.

        Raises
        ------
        MetaflowS3NotFound, MetaflowS3InvalidRange, MetaflowS3Exception
            As for :meth:`get`, for the first key that fails.
        """
        asked = self._all_wanted(keys)
        effort = self._effort(len(asked))
        return self._for_each(lambda each: self._get(each, return_missing, return_info, effort), asked)

    def get_recursive(self, keys: Iterable[str], return_info: bool = False) -> list[S3Object]:
        """List all objects below the given folders, as :meth:`list_recursive` does, and download them."""
        return self._download(self._list(keys, recursive=True), return_info)

    def get_all(self, return_info: bool = False) -> list[S3Object]:
        """Download all objects below the root.

        Raises
        ------
        MetaflowS3URLException
            If there is no root.
        """
        if self._root is None:
            raise MetaflowS3URLException(
                f"Can't get_all() when {CLASSES[self.scheme]} is initialized without a prefix: give it a root or a run."
            )
        return self._download(self._list(None, recursive=True), return_info)

    def put(
        self,
        key: str,
        obj: Any,
        overwrite: bool = True,
        content_type: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Store an object.

        Parameters
        ----------
        key : str
        obj : str, bytes or binary stream
            Text is stored as UTF-8, a stream from its beginning on.
        overwrite : bool
            Whether to replace an object that is there. If not, nothing is stored then, and that is no error.
        content_type : str, optional
            MIME type.
        metadata : dict, optional
            What to note with it: JSON can express it, and stores take about two kilobytes.

        Returns
        -------
        str
            The complete address.

        Raises
        ------
        MetaflowS3InvalidObject
            If `obj` is something else.
        MetaflowS3Exception
            If the store fails.
        """
        asked = S3PutObject(key, obj, content_type=content_type, metadata=metadata)
        url = self._wanted(key).url
        self._put(url, upload_of_value(asked), overwrite, self._effort(1))
        return url

    def put_many(
        self, key_objs: Iterable[tuple[str, Any] | S3PutObject], overwrite: bool = True
    ) -> list[tuple[str, str]]:
        """Store many objects at a time.

        Parameters
        ----------
        key_objs : iterable of tuple of str and object, or of S3PutObject
            Keys, and what to store under them. All are checked before the first one is stored, but what an iterator
            gives is stored a quarter of a gibibyte at a time. Of several objects under one key, the last one stays, or
            the first one if nothing is overwritten.
        overwrite : bool
            As for :meth:`put`.

        Returns
        -------
        list of tuple of str
            Key and complete address of each object that was stored, in the given order.

        Raises
        ------
        MetaflowS3InvalidObject, MetaflowS3Exception
            As for :meth:`put`.
        """
        return self._put_all(as_records(key_objs, "value"), upload_of_value, overwrite)

    def put_files(
        self, key_paths: Iterable[tuple[str, str] | S3PutObject], overwrite: bool = True
    ) -> list[tuple[str, str]]:
        """Store many files at a time.

        Parameters
        ----------
        key_paths : iterable of tuple of str, or of S3PutObject
            Keys, and the files to store under them.
        overwrite : bool
            As for :meth:`put`.

        Returns
        -------
        list of tuple of str
            As for :meth:`put_many`.

        Raises
        ------
        MetaflowS3NotFound
            If there is no such file; nothing is stored then.
        MetaflowS3Exception
            If the store fails.
        """
        return self._put_all(as_records(key_paths, "path"), upload_of_file, overwrite)

    def _open(self, bucket: str) -> Bucket:
        raise NotImplementedError

    def _bucket(self, name: str) -> Bucket:
        found = self._buckets.get(name)
        if found is None:
            found = self._buckets[name] = self._open(name)
        return found

    def _new_scratch(self) -> Scratch:
        return Scratch(self._tmproot, keep=bool(settings.get("DEBUG_S3CLIENT")))

    def _effort(self, count: int) -> Effort:
        """How much may be done at a time for each of `count` objects."""
        import os

        parts = max(2, min(_MAXIMUM_PARTS, self._workers // max(1, count)))
        return Effort(parts, Semaphore(max(8, 4 * (os.cpu_count() or 1))))

    def _wanted(self, key: str | S3GetObject | None) -> Wanted:
        return wanted(self.scheme, self._root, key)

    def _all_wanted(self, keys: Iterable[str | S3GetObject]) -> list[Wanted]:
        if isinstance(keys, (str, S3GetObject)):
            raise MetaflowS3URLException(f"This takes a list of keys; for one key, write [{keys!r}].")
        return [self._wanted(key) for key in keys]

    def _for_each(self, function: Callable[[Wanted], S3Object], asked: Sequence[Wanted]) -> list[S3Object]:
        """Work on each once, and give the results in order."""
        once = {(each.url, each.offset, each.length): each for each in asked}
        found = dict(zip(once, in_parallel(function, list(once.values()), self._workers)))
        return [found[each.url, each.offset, each.length] for each in asked]

    def _info(self, asked: Wanted, return_missing: bool) -> S3Object:
        bucket, key = object_in(asked.url)
        facts = self._patience.insist("read", asked.url, lambda: self._bucket(bucket).head(key))
        if facts is None and not return_missing:
            raise _missing(asked)
        return S3Object(asked.url, asked.prefix, asked.key, facts, has_info=True)

    def _get(self, asked: Wanted, return_missing: bool, return_info: bool, effort: Effort) -> S3Object:
        bucket, key = object_in(asked.url)
        part = Part(asked.offset, asked.length)

        def read() -> Download | None:
            return self._bucket(bucket).read(key, part, self._scratch, effort)

        found = self._patience.insist("read", asked.url, read)
        if found is None:
            if not return_missing:
                raise _missing(asked)
            return S3Object(asked.url, asked.prefix, asked.key)
        size = found.range_info.request_length
        return S3Object(
            asked.url, asked.prefix, asked.key, found.facts, found.content, found.range_info, return_info, size
        )

    def _list(self, keys: Iterable[str] | None, recursive: bool) -> list[list[S3Object]]:
        """What is below each of the folders."""
        asked = [self._wanted(None)] if keys is None else self._all_wanted(keys)

        def find(folder: Wanted) -> list[S3Object]:
            bucket, key = split(folder.url)
            key = f"{key.rstrip('/')}/" if key.strip("/") else ""
            place = self._bucket(bucket)
            found = self._patience.insist("list", folder.url, lambda: list(place.list(key, recursive)), may_fail=False)
            found.sort(key=lambda each: (each.facts is None, each.key))
            prefix = folder.url if recursive else f"{folder.url.rstrip('/')}/"
            return [self._listed(each, bucket, key, prefix) for each in found]

        return in_parallel(find, asked, self._workers)

    def _listed(self, found: Listed, bucket: str, folder: str, prefix: str) -> S3Object:
        relative = found.key[len(folder) :]
        url = f"{self.scheme}://{bucket}/{found.key}"
        if found.facts is None:
            relative = relative.rstrip("/")
        return S3Object(url, prefix, relative, found.facts)

    def _download(self, listed: Sequence[Sequence[S3Object]], return_info: bool) -> list[S3Object]:
        """Download what was listed."""
        found = [each for folder in listed for each in folder]
        effort = self._effort(len(found))

        def fetch(each: S3Object) -> S3Object:
            # Nothing is to be had of what is empty, and markers of folders have keys that need more than obstore.
            if each.size == 0 and (not return_info or each.url.endswith("/")):
                content = Content(self._scratch, each.key, b"")
                return S3Object(each.url, each.prefix, each.key, content=content, size=0)
            asked = Wanted(each.url, each.prefix, each.key)
            if self._has_odd_keys:
                plain = self._get(asked, True, return_info, effort)
                if plain.exists:
                    return plain
                asked = Wanted(f"{each.url}/", each.prefix, f"{each.key}/")
            return self._get(asked, False, return_info, effort)

        return in_parallel(fetch, found, self._workers)

    def _put(self, url: str, upload: Upload, overwrite: bool, effort: Effort) -> bool:
        bucket, key = object_in(url)
        return self._patience.insist("write", url, lambda: self._bucket(bucket).write(key, upload, overwrite, effort))

    def _put_all(
        self, asked: Iterable[S3PutObject], upload_of: Callable[[S3PutObject], Upload], overwrite: bool
    ) -> list[tuple[str, str]]:
        done: list[tuple[str, str]] = []
        for window in windows(asked, lambda each: (each.key, self._wanted(each.key).url, upload_of(each))):
            done += self._put_window(window, overwrite)
        return done

    def _put_window(self, window: Sequence[tuple[str, str, Upload]], overwrite: bool) -> list[tuple[str, str]]:
        uploads: dict[str, Upload] = {}
        for _, url, upload in window:
            if overwrite or url not in uploads:
                uploads[url] = upload
        effort = self._effort(len(uploads))
        items = list(uploads.items())
        stored = in_parallel(lambda item: self._put(*item, overwrite, effort), items, self._workers)
        new = {url for (url, _), is_new in zip(items, stored) if is_new}
        return [(key, url) for key, url, upload in window if url in new and (overwrite or uploads[url] is upload)]


def _missing(asked: Wanted) -> MetaflowS3NotFound:
    return MetaflowS3NotFound(f"There is no object {asked.url}. Check the key, or give return_missing=True.")
