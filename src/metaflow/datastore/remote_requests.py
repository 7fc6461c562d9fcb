"""Requests to an object store: whose failures pass are made again, and a signal is heard while one is on its way."""

from __future__ import annotations

from time import monotonic
from typing import Any, TypeVar

from metaflow import settings
from metaflow.datastore.remote_config import Opening, open_bucket, opening_of, retry_count
from metaflow.datastore.remote_errors import Failure, examine, explain, out_of_reach, region_in
from metaflow.datastore.remote_library import abandon, generation
from metaflow.exception import DataException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 20.0


class RequestFailed(Exception):
    """A request failed for good.

    Parameters
    ----------
    failure : Failure
        What obstore said.
    uncertain : bool
        Whether an earlier try may have been carried out, although no answer came.
    """

    def __init__(self, failure: Failure, uncertain: bool) -> None:
        super().__init__(failure.text)
        self.failure = failure
        self.uncertain = uncertain


class BucketClient:
    """Requests to one bucket, from any thread of any process.

    Parameters
    ----------
    kind : str
        ``s3``, ``gs`` or ``azure``.
    bucket : str
    opening : Opening, optional
        How to open it; found out from settings and environment if not given.
    patient : bool
        Whether a server that cannot be reached is waited for as long as ``DATASTORE_PATIENCE`` says.

    Notes
    -----
    obstore itself repeats requests that got no answer or one of a busy server. What it leaves to its callers is done
    here: answers that ask for another try in words of their own, writes with a condition and deletions that were not
    answered, lists that broke off, and buckets in another region.
    """

    def __init__(self, kind: str, bucket: str, opening: Opening | None = None, patient: bool = False) -> None:
        self.kind = kind
        self.bucket = bucket
        self._patient = patient
        self._opening = opening
        self._clients: dict[bool, Any] = {}
        self._generation = generation()

    def request(self, call: Callable[[Any], _Result], large: bool = False) -> _Result:
        """Make a request.

        Parameters
        ----------
        call : callable
            Is given obstore's client, perhaps several times.
        large : bool
            Whether the request sends more than a mebibyte.

        Returns
        -------
        object
            What `call` returned.

        Raises
        ------
        RequestFailed
            If it failed, and no further try can help.
        """
        uncertain = moved = False
        tries = waits = 0
        began = monotonic()
        while True:
            client = self._client(large)
            try:
                return _interruptible(lambda: call(client))  # noqa: B023 -- called at once
            except BaseException as error:
                if not _is_of_obstore(error):
                    raise
                failure = examine(error)
                region = None if moved or not failure.elsewhere else self._find_region(error)
            uncertain = uncertain or failure.retries > 0 or failure.disconnected
            if region is not None:
                self._move(region)
                moved = True
            elif failure.passing and tries < retry_count():
                pause(tries)
                tries += 1
            elif self._waits(failure, monotonic() - began):
                pause(waits)
                waits += 1
            else:
                raise RequestFailed(failure._replace(retries=max(failure.retries, tries)), uncertain)

    def ask(self, action: str, place: str, call: Callable[[Any], _Result], large: bool = False) -> _Result:
        """Make a request, and turn its failure into an error for a person.

        Parameters
        ----------
        action : str
            ``read``, ``write``, ``list`` or ``delete``.
        place : str
            URL of what it is done to, for the error.
        call : callable
        large : bool

        Raises
        ------
        FileNotFoundError
            If there is no such object.
        DataException
            If it failed otherwise.
        """
        try:
            return self.request(call, large)
        except RequestFailed as error:
            if error.failure.object_missing and action in ("read", "delete"):
                raise FileNotFoundError(place) from None
            raise explain(error.failure, action, place) from None

    def _waits(self, failure: Failure, seconds: float) -> bool:
        """Whether to go on trying, after so many seconds: what a task has computed is lost if it cannot be stored."""
        return self._patient and seconds < settings.get("DATASTORE_PATIENCE") and out_of_reach(failure, self.kind)

    def _client(self, large: bool) -> Any:
        if self._generation != generation():  # this process was forked from one that used them
            abandon(self._clients)
            self._clients = {}
        client = self._clients.get(large)
        if client is None:
            if self._opening is None:
                self._opening = opening_of(self.kind, self.bucket)
            client = self._clients[large] = open_bucket(self.kind, self.bucket, self._opening, large)
            self._generation = generation()
        return client

    def _find_region(self, error: BaseException) -> str | None:
        if self.kind != "s3":
            return None
        found = region_in(error)
        if found is None:
            from metaflow.datastore.remote_region import region_of_bucket

            found = region_of_bucket(self.bucket, self._opening or opening_of(self.kind, self.bucket))
        return found

    def _move(self, region: str) -> None:
        assert self._opening is not None
        self._opening = self._opening._replace(config={**self._opening.config, "region": region})
        self._clients = {}


def pause(tries: int) -> None:
    """Wait before another try: longer each time, and not all who failed together as long as each other."""
    import time
    from random import SystemRandom  # the others' numbers belong to the user, who may have seeded them

    time.sleep(SystemRandom().uniform(0.5, 1.0) * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries))


def _interruptible(call: Callable[[], _Result]) -> _Result:
    """Call what blocks without looking for signals, such as Ctrl-C or a step's time-out, and still hear them.

    Signals are handled in the main thread, so the call is made in another one while that one waits. After a signal the
    call is left to itself.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        return call()
    results: list[_Result] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _is_of_obstore(error: BaseException) -> bool:
    """Say whether obstore raised it; its runtime's panics are not even exceptions of the usual kind."""
    if isinstance(error, DataException):
        return False
    kind = type(error)
    return kind.__module__.startswith("obstore") or kind.__name__ == "PanicException" or _is_plain(error)


def _is_plain(error: BaseException) -> bool:
    return isinstance(error, (FileNotFoundError, ValueError, OSError)) and not isinstance(error, UnicodeError)
