"""Checking that all is there that runs left behind, and that it is as they left it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from metaflow.client.upkeep.chunk_check import ChunkCheck
from metaflow.client.upkeep.deletion import delete_runs
from metaflow.client.upkeep.findings import SEVERITIES, Finding, Report
from metaflow.client.upkeep.index_check import check_index, forgotten_runs
from metaflow.client.upkeep.inventory import names_of_runs
from metaflow.client.upkeep.many_objects import delete_each, each, read_each
from metaflow.client.upkeep.run_check import RunCheck, chunk_sizes
from metaflow.client.upkeep.temporary_files import abandoned, temporary_files
from metaflow.datastore.layout import blob_key, deletion_key, parse_manifest_key, runs_prefix
from metaflow.datastore.manifest import Manifest
from metaflow.exception import DataException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from metaflow.client.provider import Provider
    from metaflow.client.upkeep.inventory import RunName
    from metaflow.datastore.store import ObjectStore, StoredObject


class Scope(NamedTuple):
    """What to check.

    Attributes
    ----------
    flow, run_id : str or None
        Only this flow, only this run.
    hashes : bool
        Read all chunks, and compare them with their hashes. Otherwise only those are read that may have been altered:
        in a directory, those whose seal is broken.
    repair : bool
        Set right what can be without losing anything.
    """

    flow: str | None = None
    run_id: str | None = None
    hashes: bool = False
    repair: bool = False


def verify(
    provider: Provider, store: ObjectStore, scope: Scope, progress: Callable[[str], None] | None = None
) -> Report:
    """Check a datastore, and the index of its runs.

    Parameters
    ----------
    provider : Provider
        Whose index knows of its runs.
    store : ObjectStore
    scope : Scope
        What to check.
    progress : callable, optional
        Told now and then what is being done, in words.

    Returns
    -------
    Report

    Raises
    ------
    DataException, MetadataException
        If a store fails.
    """
    say = progress or (lambda _: None)
    # Not the copies that a store may keep on this machine of what is elsewhere.
    store = getattr(store, "remote", store)
    findings: list[Finding] = []
    chunks = ChunkCheck(store, scope.hashes)
    runs: dict[RunName, RunCheck] = {}
    tasks = 0
    ending: set[RunName] = set()
    for name, objects in _objects_of_runs(store, scope):
        if not objects:
            continue  # a folder that a deleted run left
        if any(found.key == deletion_key(*name) for found in objects):
            ending.add(name)
            findings.append(_unfinished(provider, store, name, scope.repair))
            continue
        check = RunCheck(store, provider.index, name, objects)
        findings += check.findings(scope.hashes, scope.repair)
        findings += check_index(store, provider.index, check, scope.repair)
        chunks.expect(check.chunks)
        tasks += len(check.attempts)
        runs[name] = check
        check.forget_contents()
        say(f"{len(runs):,} runs with {tasks:,} tasks read")
    is_all = scope.flow is None
    findings += chunks.check(is_all, scope.repair, say)
    findings += _bad_chunks(store, chunks.bad, runs)
    if is_all:
        findings += forgotten_runs(store, provider.home, provider.index, ending | runs.keys(), scope.repair)
        findings += _litter(store, scope.repair)
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(tuple(findings), len(runs), tasks, chunks.seen, chunks.size, chunks.hashed)


def _objects_of_runs(store: ObjectStore, scope: Scope) -> Iterator[tuple[RunName, list[StoredObject]]]:
    """Give runs with all that they have."""
    if scope.flow is not None and scope.run_id:
        names = [(scope.flow, scope.run_id)]
    else:
        names = list(names_of_runs(store, scope.flow))
    return each(store, lambda name: (name, list(store.scan(runs_prefix(*name)))), names)


def _unfinished(provider: Provider, store: ObjectStore, name: RunName, repair: bool) -> Finding:
    problem = "its deletion was begun and did not come to an end"
    repaired = False
    if repair:
        done = delete_runs(provider, store, [name])
        repaired = not done.refused
        problem = f"{problem}: {done.refused[0][1]}" if done.refused else problem
    pathspec = "/".join(name)
    advice = "`metaflow gc --yes` or `metaflow verify --repair` finishes it"
    return Finding("wrong", pathspec, problem, (pathspec,), advice, repaired)


def _bad_chunks(store: ObjectStore, bad: dict[str, str], runs: dict[RunName, RunCheck]) -> Iterator[Finding]:
    """Say which artifacts need the chunks that are lost; for that, all manifests are read once more."""
    if not bad:
        return
    affected: dict[str, list[tuple[float, str, RunName, tuple[str, str, int]]]] = {}
    for name, check in runs.items():
        for key, content in read_each(store, check.manifests):
            names = parse_manifest_key(key)
            if names is None or isinstance(content, DataException):
                continue
            try:
                manifest = Manifest.decode(content, key)
            except DataException:
                continue  # which has been told
            for artifact, entry in manifest.artifacts.items():
                alone = manifest._replace(artifacts={artifact: entry})
                for reference in bad.keys() & {reference for reference, _ in chunk_sizes(alone)}:
                    began = float(manifest.record.get("task", {}).get("started_at", 0.0))
                    attempt = (names.step, names.task_id, names.attempt)
                    affected.setdefault(reference, []).append((began, f"{manifest.pathspec}/{artifact}", name, attempt))
    for reference, problem in bad.items():
        if reference not in affected:
            continue  # its run was deleted meanwhile
        found = sorted(affected[reference])
        _, _, name, attempt = found[0]
        what = blob_key(reference)
        again = f"restore it from a backup, or {runs[name].again(attempt)}; saving the same data repairs it everywhere"
        yield Finding("lost", what, problem, tuple(dict.fromkeys(each[1] for each in found)), again)


def _litter(store: ObjectStore, repair: bool) -> Iterator[Finding]:
    """Files of writers that were killed."""
    found = abandoned(temporary_files(store))
    if not found:
        return
    if repair:
        delete_each(store, [each.key for each in found])
    size = sum(each.size for each in found)
    yield Finding(
        "litter",
        f"{len(found):,} files",
        f"of {size:,} bytes that killed processes left half-written more than a day ago",
        (),
        "`metaflow gc --yes` or `metaflow verify --repair` removes them",
        repair,
    )
