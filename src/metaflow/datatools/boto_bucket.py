"""A bucket in S3 through a client of boto3: for clients that callers bring, and for what obstore cannot express."""

from __future__ import annotations

from metaflow.exception import (
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
)

from .bucket import Download, Listed, TryAgain, no_such_bytes
from .objects import Facts
from .records import RangeInfo
from .remote_failures import missing_bucket
from .s3_options import split_encryption
from .scratch import LARGEST_IN_MEMORY, Content, write_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    from .bucket import Effort, Part, Upload
    from .scratch import Scratch

    _Result = TypeVar("_Result")

_ATTRIBUTE = "metaflow-user-attributes"
_CHUNK_BYTES = 4 * 1024 * 1024


class BotoBucket:
    """A bucket in S3.

    Parameters
    ----------
    client : object
        Of boto3, for S3.
    bucket : str
    encryption : str or None
        How what is stored is encrypted, unless it says otherwise.
    """

    def __init__(self, client: Any, bucket: str, encryption: str | None) -> None:
        self._client = client
        self._bucket = bucket
        self._encryption = encryption

    def read(self, key: str, part: Part, scratch: Scratch, effort: Effort) -> Download | None:
        """Download an object, or a part of it; None if there is none."""
        found = self.head(key) if part.length is not None and part.length <= 0 else None
        if found is not None and (part.length == 0 or found.size == 0):
            return Download(found, Content(scratch, key, b""), RangeInfo(found.size, min(part.offset, found.size), 0))
        header = _range_header(part)

        def fetch() -> Download | None:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **({"Range": header} if header else {}))
            size = answer["ContentLength"]
            begin, total = _place(answer.get("ContentRange"), size)
            if scratch.reserve(size):
                content = Content(scratch, key, answer["Body"].read(), reserved=size)
            else:
                path = scratch.new_path(key)
                write_file(path, answer["Body"].iter_chunks(_CHUNK_BYTES))
                content = Content(scratch, key, path=path)
            return Download(_facts(answer)._replace(size=total), content, RangeInfo(total, begin, size))

        try:
            return self._request("read", key, fetch)
        except MetaflowS3InvalidRange:
            raise MetaflowS3InvalidRange(no_such_bytes(self._url(key), None, part)) from None

    def head(self, key: str) -> Facts | None:
        """Say what is known of an object; None if there is none."""
        return self._request("read", key, lambda: _facts(self._client.head_object(Bucket=self._bucket, Key=key)))

    def write(self, key: str, upload: Upload, overwrite: bool, effort: Effort) -> bool:
        """Store an object; False if there is one already and it must not be overwritten."""
        options: dict[str, Any] = {"ContentType": upload.content_type} if upload.content_type else {}
        if upload.attributes is not None:
            options["Metadata"] = {_ATTRIBUTE: upload.attributes}
        method, kms_key = split_encryption(upload.encryption or self._encryption)
        if method:
            options["ServerSideEncryption"] = method
        if kms_key:
            options["SSEKMSKeyId"] = kms_key
        if not overwrite and self.head(key) is not None:
            return False

        def send() -> bool:
            if upload.body is None:
                with open(upload.path, "rb") as file:  # a path would hide why the upload failed in an error of its own
                    self._client.upload_fileobj(file, self._bucket, key, ExtraArgs=options)
            elif upload.size <= LARGEST_IN_MEMORY:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=bytes(upload.body), **options)
            else:
                from io import BytesIO

                self._client.upload_fileobj(BytesIO(upload.body), self._bucket, key, ExtraArgs=options)
            return True

        return bool(self._request("write", key, send))

    def list(self, folder: str, recursive: bool) -> Iterator[Listed]:
        """Yield what is below a folder, in no promised order."""
        delimiter = {} if recursive else {"Delimiter": "/"}

        def collect() -> list[Listed]:
            found = []
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=folder, **delimiter):
                for each in page.get("Contents", ()):
                    facts = Facts(each["Size"], each["LastModified"].timestamp())
                    found.append(Listed(each["Key"], facts))
                found.extend(Listed(each["Prefix"], None) for each in page.get("CommonPrefixes", ()))
            return found

        found = self._request("list", folder, collect) or []
        return (each for each in found if each.key != folder)

    def _url(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _request(self, action: str, key: str, call: Callable[[], _Result | None]) -> _Result | None:
        """Call boto3, which tries again by itself; None if a missing object is read."""
        from botocore import exceptions as boto  # type: ignore[import-untyped]

        url = self._url(key)
        try:
            return call()
        except boto.ClientError as error:
            told = error.response.get("Error", {})
            code, status = told.get("Code", ""), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            reason = f"{told.get('Message') or 'no reason given'} ({code})"
            if status == 404 or code in ("404", "NoSuchKey", "NoSuchBucket"):
                if action == "read" and code != "NoSuchBucket":
                    return None
                raise missing_bucket(action, url) from error
            if status == 416 or code == "InvalidRange":
                raise MetaflowS3InvalidRange(reason) from error
            if status == 403:
                raise MetaflowS3AccessDenied(
                    f"Cannot {action} {url}: {reason}. Check the client's credentials."
                ) from error
            final = MetaflowS3Exception(f"Cannot {action} {url}: {reason}.")
            if status is not None and (status >= 500 or status == 429 or code == "SlowDown"):
                raise TryAgain(final) from error
            raise final from error
        except FileNotFoundError as error:
            raise MetaflowS3NotFound(f"Local file not found: {error.filename}") from error
        except (boto.ResponseStreamingError, boto.IncompleteReadError, boto.ReadTimeoutError) as error:
            # The answer broke off, which boto3 leaves to its caller.
            raise TryAgain(MetaflowS3Exception(f"Cannot {action} {url}: {error}.")) from error
        except (boto.BotoCoreError, OSError) as error:
            raise MetaflowS3Exception(f"Cannot {action} {url}: {error}.") from error


def _range_header(part: Part) -> str | None:
    if part.is_whole:
        return None
    if part.length is None:
        return f"bytes={part.offset}-"
    if part.length < 0:
        return f"bytes={part.length}"
    return f"bytes={part.offset}-{part.offset + part.length - 1}"


def _place(content_range: str | None, size: int) -> tuple[int, int]:
    """First byte and total size, from a header such as ``bytes 2-5/10``."""
    if content_range is None:
        return 0, size
    shown, _, total = content_range.rpartition(" ")[2].partition("/")
    return int(shown.partition("-")[0]), int(total)


def _facts(answer: Any) -> Facts:
    return Facts(
        answer["ContentLength"],
        answer["LastModified"].timestamp(),
        answer.get("ContentType"),
        answer.get("Metadata", {}).get(_ATTRIBUTE),
        answer.get("ServerSideEncryption"),
    )
