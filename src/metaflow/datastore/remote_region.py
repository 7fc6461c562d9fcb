"""Which region an S3 bucket is in: S3 tells anybody, even who may not use the bucket."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.datastore.remote_config import Opening

_SECONDS = 10.0
_HEADER = "x-amz-bucket-region"


def region_of_bucket(bucket: str, opening: Opening) -> str | None:
    """Ask S3 for a bucket's region.

    Parameters
    ----------
    bucket : str
    opening : Opening
        How it is opened: its endpoint is asked, or the one of its region, or AWS's oldest.

    Returns
    -------
    str or None
        None if the server does not say.
    """
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import quote, urlsplit

    region = opening.config.get("region", "us-east-1")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    parts = urlsplit(opening.config.get("endpoint") or f"https://s3.{region}.{suffix}")
    make = HTTPConnection if parts.scheme == "http" else HTTPSConnection
    connection = make(parts.netloc, timeout=_SECONDS)
    try:
        connection.request("HEAD", f"{parts.path}/{quote(bucket)}")
        return connection.getresponse().getheader(_HEADER)
    except (OSError, HTTPException):
        return None  # the first answer's error is the one to tell
    finally:
        connection.close()
