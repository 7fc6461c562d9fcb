"""Names of the objects in a datastore.

::

    mf-store/index.sqlite
    mf-store/app.sqlite                                           what the web app keeps; only if it kept anything
    mf-store/runs/<flow>/<run>/run.json
    mf-store/runs/<flow>/<run>/<step>/<task>.<attempt>.manifest
    mf-store/runs/<flow>/<run>/<step>/<task>.<attempt>.log
    mf-store/runs/<flow>/<run>/<step>/<task>.<attempt>.resources   only of an attempt that took a second or more
    mf-store/runs/<flow>/<run>/<step>/<task>.cards/<file>
    mf-store/runs/<flow>/<run>/import.json                        only of a run that was imported
    mf-store/runs/<flow>/<run>/reading-runs/<run>.json            a run that takes over tasks of this one right now
    mf-store/runs/<flow>/<run>/deleting.json                      the run is being deleted
    mf-store/runs/<flow>/<run>/gang-nodes/<step>/<task>.<attempt>/<file>  what nodes of a gang tell each other
    mf-store/runs/<flow>/<run>/bundle.json                        where its tasks on other machines get the code
    mf-store/runs/<flow>/<run>/remote-jobs/<job>.json             tasks that were sent to another machine
    mf-store/runs/<flow>/<run>/live-tasks/<step>/<task>.<attempt>.<name>  what such a task says while it runs
    mf-store/runs/<flow>/<run>/live-tasks/heartbeat               the run's process says that it lives
    mf-store/blobs/<first two digits of the hash>/<hash>          the bytes themselves
    mf-store/blobs/<first two digits of the hash>/<hash>.zst      compressed

A flow's name cannot hold a dash, so nothing here collides with what Netflix's package keeps in the same root.
"""

from __future__ import annotations

from typing import NamedTuple

from metaflow.exception import DataException

STORE_DIRECTORY = "mf-store"
#: Key of the database that indexes runs; opened as a file beside the objects, not through the store.
INDEX_KEY = f"{STORE_DIRECTORY}/index.sqlite"
#: Key of the database in which the web app keeps what is its own; opened as a file, too.
APP_KEY = f"{STORE_DIRECTORY}/app.sqlite"
#: Ending of the reference, and of the key, of a blob that is stored compressed.
COMPRESSED_SUFFIX = ".zst"
#: Artifact, of the task that holds the run's parameters, with the code of the run.
SOURCE_ARTIFACT = "_source_files"
#: Artifact of that task with the code package of the run, if one was made.
PACKAGE_ARTIFACT = "_code_package"
#: Artifact of that task with this package and its libraries, for tasks on other machines.
NODE_ARCHIVE_ARTIFACT = "_node_archive"
#: Entry of that task's record: how the run was started.
START_FIELD = "start"

#: What the key of a run's record ends with.
RUN_FILE = "/run.json"

_RUNS = f"{STORE_DIRECTORY}/runs"
_BLOBS = f"{STORE_DIRECTORY}/blobs"
_MANIFEST_SUFFIX = ".manifest"
_CARDS_FOLDER = ".cards"
# A file name may have 255 bytes; what is added to a name (attempt, ending) is well below 55.
_MAXIMUM_NAME_BYTES = 200
_HASH_DIGITS = 64


class AttemptKey(NamedTuple):
    """Which attempt of which task."""

    flow: str
    run_id: str
    step: str
    task_id: str
    attempt: int


def run_key(flow: str, run_id: str) -> str:
    """Key of the record of a run.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return runs_prefix(flow, run_id)[:-1] + RUN_FILE


def runs_prefix(flow: str | None = None, run_id: str | None = None) -> str:
    """What the keys of all runs, of a flow's runs, or of everything in one run begin with.

    Parameters
    ----------
    flow : str, optional
        Name of the flow; all flows if not given.
    run_id : str, optional
        A run of that flow; all its runs if not given.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    if flow is None:
        return f"{_RUNS}/"
    if run_id is None:
        return f"{_RUNS}/{_checked('flow', flow)}/"
    return f"{_RUNS}/{_checked('flow', flow)}/{_checked('run', run_id)}/"


def manifest_key(flow: str, run_id: str, step: str, task_id: str, attempt: int) -> str:
    """Key of the manifest of a task attempt.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return _attempt_key(flow, run_id, step, task_id, attempt) + _MANIFEST_SUFFIX


def log_key(flow: str, run_id: str, step: str, task_id: str, attempt: int) -> str:
    """Key of the log of a task attempt.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return _attempt_key(flow, run_id, step, task_id, attempt) + ".log"


def resources_key(flow: str, run_id: str, step: str, task_id: str, attempt: int) -> str:
    """Key of what a task attempt used of its machine over time.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return _attempt_key(flow, run_id, step, task_id, attempt) + ".resources"


def card_key(flow: str, run_id: str, step: str, task_id: str, name: str) -> str:
    """Key of a file of a card: ``<type>[-<id>]-<hash>.html``, or ``.data.json`` for what it showed while it was made.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return f"{cards_prefix(flow, run_id, step, task_id)}{_checked('card', name)}"


def cards_prefix(flow: str, run_id: str, step: str, task_id: str | None = None) -> str:
    """What the keys of all files of a task's cards begin with; of a step's, among other things, if no task is given.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    folder = f"{runs_prefix(flow, run_id)}{_checked('step', step)}/"
    return folder if task_id is None else f"{folder}{_checked('task', task_id)}{_CARDS_FOLDER}/"


def parse_card_key(key: str) -> tuple[str, str] | None:
    """Task and file that the key of a card's file names; None if it is not one of a card."""
    folder, _, name = key.rpartition("/")
    task_id = folder.rpartition("/")[2].removesuffix(_CARDS_FOLDER)
    return (task_id, name) if name and folder.endswith(f"/{task_id}{_CARDS_FOLDER}") else None


def import_key(flow: str, run_id: str) -> str:
    """Key of the record of how far a run was imported.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return f"{runs_prefix(flow, run_id)}import.json"


def is_blob(key: str) -> bool:
    """Say whether a key is that of a blob."""
    return key.startswith(f"{_BLOBS}/")


def is_manifest(key: str) -> bool:
    """Say whether a key is that of a manifest."""
    return key.endswith(_MANIFEST_SUFFIX) and key.startswith(f"{_RUNS}/")


def deletion_key(flow: str, run_id: str) -> str:
    """Key of the note that a run is being deleted, which is there until nothing else is left of the run.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return f"{runs_prefix(flow, run_id)}deleting.json"


def bundle_key(flow: str, run_id: str) -> str:
    """Key of the note that tells tasks on other machines where their code is.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return f"{runs_prefix(flow, run_id)}bundle.json"


def job_key(flow: str, run_id: str, job: str = "") -> str:
    """Key of the description of a job that runs tasks elsewhere; what all of them begin with, if empty.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    prefix = f"{runs_prefix(flow, run_id)}remote-jobs/"
    return f"{prefix}{_checked('job', job)}.json" if job else prefix


def live_prefix(flow: str, run_id: str) -> str:
    """What the keys begin with of all that tasks on other machines say while they run.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return f"{runs_prefix(flow, run_id)}live-tasks/"


def live_key(flow: str, run_id: str, step: str, task_id: str, attempt: int, name: str = "") -> str:
    """Key of something that a task attempt on another machine says while it runs; of all that it says, if empty.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    beginning = f"{live_prefix(flow, run_id)}{_checked('step', step)}/{_checked('task', task_id)}.{attempt:d}."
    return f"{beginning}{_checked('file', name)}" if name else beginning


def tags_prefix(flow: str, run_id: str) -> str:
    """What the keys of all changes of a run's tags begin with. The dash keeps them apart from folders of steps.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return f"{runs_prefix(flow, run_id)}user-tags/"


def cancel_key(flow: str, run_id: str) -> str:
    """Key of the note that a run shall end, for its process and its tasks wherever they are.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    return f"{live_prefix(flow, run_id)}cancel.json"


def clock_key(name: str) -> str:
    """Key of an object that is written only to see what time its store has, and removed at once."""
    return f"{STORE_DIRECTORY}/clock-{_checked('clock', name)}.json"


def reading_key(flow: str, run_id: str, reader_id: str = "") -> str:
    """Key of the note that another run of the flow takes over tasks of a run; what all of them begin with, if empty.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    prefix = f"{runs_prefix(flow, run_id)}reading-runs/"
    return f"{prefix}{_checked('run', reader_id)}.json" if reader_id else prefix


def gang_prefix(flow: str, run_id: str, step: str, control_task_id: str, attempt: int) -> str:
    """What the keys of all notes begin with by which the nodes of a gang talk to each other while they run.

    Raises
    ------
    DataException
        If a name cannot be part of a key.
    """
    gang = f"{_checked('step', step)}/{_checked('task', control_task_id)}.{attempt}"
    return f"{runs_prefix(flow, run_id)}gang-nodes/{gang}/"


def parse_run_key(key: str) -> tuple[str, str, str] | None:
    """Flow and run that a key belongs to, and the rest of it; None if it belongs to no run."""
    parts = key.split("/", 4)
    return (parts[2], parts[3], parts[4]) if len(parts) == 5 and key.startswith(f"{_RUNS}/") else None


def parse_attempt(name: str) -> tuple[str, str, int]:
    """Step, task and attempt of ``step/task/attempt``, as records and manifests name what a task read from."""
    step, task_id, attempt = name.split("/")
    return step, task_id, int(attempt)


def parse_manifest_key(key: str) -> AttemptKey | None:
    """Say which attempt a manifest's key names; None if the key is not one of a manifest."""
    if not is_manifest(key):
        return None
    parts = key[len(_RUNS) + 1 : -len(_MANIFEST_SUFFIX)].split("/")
    if len(parts) != 4:
        return None
    flow, run_id, step, name = parts
    task_id, _, digits = name.rpartition(".")
    if not (digits.isascii() and digits.isdecimal()) or digits != str(int(digits)):
        return None
    if any(_objection(part) for part in (flow, run_id, step, task_id)):
        return None
    return AttemptKey(flow, run_id, step, task_id, int(digits))


def blob_key(reference: str) -> str:
    """Key of a blob.

    Parameters
    ----------
    reference : str
        The hash of the uncompressed bytes (64 hexadecimal digits), with ``.zst`` behind it if stored
        compressed.

    Raises
    ------
    DataException
        If it is no such reference.
    """
    digits = reference.removesuffix(COMPRESSED_SUFFIX)
    if len(digits) != _HASH_DIGITS or digits.strip("0123456789abcdef"):
        raise DataException(f"{reference!r} is not the reference of a blob. The manifest it comes from is damaged.")
    return f"{_BLOBS}/{reference[:2]}/{reference}"


def blobs_prefix() -> str:
    """What the keys of all blobs begin with."""
    return f"{_BLOBS}/"


def parse_blob_key(key: str) -> str | None:
    """Reference of the blob under a key; None if the key is not one of a blob."""
    reference = key.rpartition("/")[2]
    try:
        return reference if key == blob_key(reference) else None
    except DataException:
        return None


def _attempt_key(flow: str, run_id: str, step: str, task_id: str, attempt: int) -> str:
    if attempt < 0:
        raise DataException(f"{attempt} is not the number of an attempt. Attempts are counted from 0.")
    return f"{runs_prefix(flow, run_id)}{_checked('step', step)}/{_checked('task', task_id)}.{attempt}"


def is_name(name: str) -> bool:
    """Whether this can be the name of a flow or a step, or the id of a run or a task."""
    return _objection(name) is None


def _checked(kind: str, name: str) -> str:
    objection = _objection(name)
    if objection:
        raise DataException(f"{name!r} cannot be the name or id of a {kind}: {objection}.")
    return name


def _objection(name: str) -> str | None:
    """Say why `name` cannot be part of a key, which becomes a path; None if it can."""
    if name.isascii() and name.isalnum() and len(name) <= _MAXIMUM_NAME_BYTES:
        return None
    if not name:
        return "it is empty"
    if name.startswith("."):
        return "it begins with a dot"
    if not name.isprintable() or not {"/", "\\"}.isdisjoint(name):
        return "slashes, backslashes and control characters are not allowed"
    if len(name.encode()) > _MAXIMUM_NAME_BYTES:
        return f"it has more than {_MAXIMUM_NAME_BYTES} bytes"
    return None
