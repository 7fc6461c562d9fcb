"""What an EC2 instance knows of itself, and that it is about to be taken away: its metadata service, version 2."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple

from ..flow.spot_notice import notice_path

if TYPE_CHECKING:
    from collections.abc import Callable

#: Environment variable that says that a process runs on an EC2 instance.
ON_EC2_VARIABLE = "METAFLOW_KUBERNETES_FETCH_EC2_METADATA"
#: Environment variable with another address of the service, as the tools of AWS have it.
_ADDRESS_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
_ADDRESS = "http://169.254.169.254"
#: Seconds that an answer may take, that a token is valid, and between two questions.
_TIMEOUT, _TOKEN_SECONDS, _POLL_SECONDS = 2.0, 21_600, 5.0
_FACTS = (
    ("ec2-instance-id", "instance-id"),
    ("ec2-instance-type", "instance-type"),
    ("ec2-region", "placement/region"),
    ("ec2-availability-zone", "placement/availability-zone"),
)


class SpotNotice(NamedTuple):
    """The instance will be taken away.

    Attributes
    ----------
    received_at : str
        When we were told.
    time : str
        When that will happen, as the service says it.
    """

    received_at: str
    time: str

    def metadata(self) -> dict[str, str]:
        """What is recorded with the task."""
        return {"spot-termination-received-at": self.received_at, "spot-termination-time": self.time}


class InstanceMetadata:
    """The metadata service of this instance.

    Parameters
    ----------
    address : str, optional
        Where it is, if not where it is on every instance.
    """

    def __init__(self, address: str | None = None) -> None:
        from urllib.parse import urlsplit

        parts = urlsplit(address or os.environ.get(_ADDRESS_VARIABLE) or _ADDRESS)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._token: tuple[str, float] | None = None

    def get(self, name: str) -> str | None:
        """Something that the service knows; None if it does not, or does not answer."""
        try:
            status, text = self._request(
                "GET", f"/latest/meta-data/{name}", {"X-aws-ec2-metadata-token": self._fresh()}
            )
        except OSError:
            return None
        if status == 401:
            self._token = None
        return text if status == 200 else None

    def facts(self) -> dict[str, str]:
        """What is recorded of an instance with the tasks that it runs; empty if this is none."""
        found: dict[str, str] = {}
        for name, path in _FACTS:
            value = self.get(path)
            if value is None and not found:
                return {}  # no such service: it need not be waited for again and again
            if value is not None:
                found[name] = value
        return found

    def spot_notice(self) -> SpotNotice | None:
        """That the instance will be taken away, if it will."""
        text = self.get("spot/instance-action")
        if text is None:
            return None
        try:
            when = str(json.loads(text)["time"])
        except (ValueError, KeyError, TypeError):
            when = ""
        return SpotNotice(datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), when)

    def _fresh(self) -> str:
        """A token that is valid."""
        now = time.monotonic()
        if self._token is None or now >= self._token[1]:
            header = {"X-aws-ec2-metadata-token-ttl-seconds": str(_TOKEN_SECONDS)}
            status, token = self._request("PUT", "/latest/api/token", header)
            if status != 200:
                raise OSError(f"status {status}")
            self._token = token, now + _TOKEN_SECONDS / 2
        return self._token[0]

    def _request(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        # Here, as it takes a quarter of the time that a node needs to start, and few are such instances.
        import http.client

        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "replace")
        except http.client.HTTPException as error:
            raise OSError(f"no answer that can be understood: {error!r}") from error
        finally:
            connection.close()


class SpotWatch:
    """A thread that waits for the notice, and leaves it in a file for the step's code.

    Parameters
    ----------
    instance : InstanceMetadata
    tell : callable
        Called once, in the thread, with the notice.
    poll_seconds : float
    """

    def __init__(
        self, instance: InstanceMetadata, tell: Callable[[SpotNotice], None], poll_seconds: float = _POLL_SECONDS
    ) -> None:
        self._instance = instance
        self._tell = tell
        self._poll_seconds = poll_seconds
        self._over = threading.Event()
        threading.Thread(target=self._wait, name="spot", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._over.set()

    def _wait(self) -> None:
        while not self._over.is_set():
            notice = self._instance.spot_notice()
            if notice is not None:
                try:
                    with open(notice_path(), "w", encoding="utf-8") as file:
                        json.dump(notice._asdict(), file)
                finally:
                    self._tell(notice)
                return
            self._over.wait(self._poll_seconds)
