"""Requests to AWS, through boto3."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from metaflow.exception import MetaflowException

from .errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CONNECT_SECONDS, _READ_SECONDS = 10, 30
_ATTEMPTS = 4
#: How many jobs one request may ask about.
_MOST_DESCRIBED = 100


class BatchClient:
    """AWS Batch, and the logs of its jobs. Connects when first asked something; several threads may use it."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, bool], Any] = {}
        self._making = Lock()

    def call(self, operation: str, service: str = "batch", **request: Any) -> Any:
        """Send one request.

        Parameters
        ----------
        operation : str
            Name of the method of boto3's client.
        service : str
            Name of the AWS service.

        Raises
        ------
        EngineUnavailable
            If AWS cannot be reached or does not want to be asked now.
        JobRefused
            If it does not take a job.
        MetaflowException
            If it refuses for another reason, or boto3 is not installed.
        """
        client = self._client(service, operation != "submit_job")
        from botocore import exceptions as boto  # type: ignore[import-untyped]

        try:
            return getattr(client, operation)(**request)
        except (boto.BotoCoreError, boto.ClientError) as error:
            raise translated(operation, error) from error

    def pages(self, operation: str, key: str, **request: Any) -> Iterator[Any]:
        """Items of all pages of an answer.

        Parameters
        ----------
        operation : str
        key : str
            Where in an answer the items are.
        """
        while True:
            answer = self.call(operation, **request)
            yield from answer[key]
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]

    def jobs(self, ids: Sequence[str]) -> dict[str, Any]:
        """Jobs as ``describe_jobs`` has them, by their ids; without those that AWS does not know."""
        found: dict[str, Any] = {}
        for start in range(0, len(ids), _MOST_DESCRIBED):
            answer = self.call("describe_jobs", jobs=list(ids[start : start + _MOST_DESCRIBED]))
            found.update((job["jobId"], job) for job in answer["jobs"])
        return found

    def close(self) -> None:
        """Close the connections."""
        with self._making:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _client(self, service: str, try_again: bool) -> Any:
        with self._making:
            key = (service, try_again)
            if key not in self._clients:
                self._clients[key] = _made(service, try_again)
            return self._clients[key]


def _made(service: str, try_again: bool) -> Any:
    try:
        from boto3 import Session  # type: ignore[import-untyped]
        from botocore import exceptions as boto
        from botocore.config import Config  # type: ignore[import-untyped]
    except ImportError as error:
        raise MetaflowException(
            "AWS Batch needs the package boto3. Install it with: pip install 'metaflow[aws]'"
        ) from error
    # A submission that is sent twice may start a job twice.
    attempts = {"mode": "standard", "total_max_attempts": _ATTEMPTS if try_again else 1}
    config = Config(retries=attempts, connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS)
    try:
        return Session().client(service, config=config)
    except (boto.BotoCoreError, ValueError) as error:  # ValueError: an address of a server that is none
        raise translated("client", error) from error
