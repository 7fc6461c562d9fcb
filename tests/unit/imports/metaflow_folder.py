"""Writes a folder as Netflix's Metaflow leaves it, from what is known of its layout, without that package."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import pickle
import tarfile
from collections import namedtuple
from datetime import datetime, timezone
from pathlib import Path

SYSTEM_TAGS = ["metaflow_version:2.19.39", "python_version:3.11.7", "runtime:dev", "user:ada"]
START = 1_700_000_000.0


class _Pickler(pickle._Pickler):
    """Pickles classes of these tests under the names that Metaflow's have, importable or not."""

    def save_global(self, obj, name=None):
        if getattr(obj, "foreign", False):
            self.save(obj.__module__)
            self.save(obj.__qualname__)
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)
        else:
            super().save_global(obj, name)


def foreign(cls, module, name):
    """Have `cls` pickled as ``module.name``."""
    cls.foreign, cls.__module__, cls.__qualname__ = True, module, name
    return cls


ForeachFrame = foreign(
    namedtuple("ForeachFrame", ("step", "var", "num_splits", "index", "value")), "__main__", "ForeachFrame"
)


class ExceptionWrapper:
    def __init__(self, kind, text, trace):
        self.__dict__.update(exception=text, type=kind, stacktrace=trace)

    def __reduce__(self):
        return type(self), (None,), self.__dict__


class IncludedFile:
    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._cached_size = None


class ParallelUBF:
    def __init__(self, num_parallel):
        self.num_parallel = num_parallel


foreign(ExceptionWrapper, "metaflow.exception", "MetaflowExceptionWrapper")
foreign(IncludedFile, "metaflow.includefile", "IncludedFile")
foreign(ParallelUBF, "metaflow.flowspec", "ParallelUBF")


def pickled(value):
    file = io.BytesIO()
    _Pickler(file, 4).dump(value)
    return file.getvalue()


def type_of(value):
    cls = type(value)
    return str(cls) if cls.__module__ == "builtins" else f"<class '{cls.__module__}.{cls.__qualname__}'>"


class Folder:
    """A folder ``.metaflow`` being written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = START

    def tick(self):
        self.clock += 1
        return int(self.clock * 1000)

    def json(self, path: str, content: object) -> Path:
        return self.file(path, json.dumps(content).encode())

    def file(self, path: str, content: bytes) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target

    def blob(self, flow: str, data: bytes, raw: bool = False) -> str:
        key = hashlib.sha1(data).hexdigest()
        path = f"{flow}/data/{key[:2]}/{key}"
        if not (self.root / path).exists():
            self.file(path, data if raw else gzip.compress(data, 3))
            self.json(f"{path}_meta", {"cas_raw": raw, "cas_version": 1})
        return key

    def included_file(self, flow: str, content: bytes, **changes) -> IncludedFile:
        key = hashlib.sha1(content).hexdigest()
        self.file(f"data/{flow}/{key}", gzip.compress(content, 3))
        url = f"local:///elsewhere/.metaflow/data/{flow}/{key}"
        descriptor = {"type": "uploader-v2", "sub-type": "uploaded", "url": url, "size": len(content)}
        return IncludedFile({**descriptor, "is_text": True, "encoding": "utf-8", **changes})

    def run(self, flow="F", run_id="1700000000000000", tags=(), user="ada", graph=None, parameters=None):
        self.json(f"{flow}/_meta/_self.json", {"flow_id": flow, "ts_epoch": self.tick()})
        run = WrittenRun(self, flow, run_id, user)
        run.describe(tags)
        artifacts = {"name": flow, **(parameters or {})}
        if graph is not None:
            artifacts["_graph_info"] = {"file": "flow.py", "start_step": "start", "end_step": "end", "steps": graph}
        task = run.task("_parameters", "0", artifacts, way=None, log=None)
        task.field("start_step", "start", "graph_structure", attempt=None)
        task.field("end_step", "end", "graph_structure", attempt=None)
        return run


class WrittenRun:
    def __init__(self, folder, flow, run_id, user):
        self.folder, self.flow, self.run_id, self.user = folder, flow, run_id, user
        self.path = f"{flow}/{run_id}"

    def describe(self, tags):
        """Write what the run says of itself, as a change of its tags does."""
        self.folder.json(f"{self.path}/_meta/_self.json", self.described(tags=list(tags)))

    def described(self, **fields):
        return {
            "flow_id": self.flow,
            "run_number": self.run_id,
            "user_name": self.user,
            "tags": [],
            "system_tags": SYSTEM_TAGS,
            "ts_epoch": self.folder.tick(),
            **fields,
        }

    def task(
        self,
        step,
        task_id,
        artifacts=None,
        *,
        attempt=0,
        ok=True,
        success=None,
        way=None,
        stack=(),
        done=True,
        log="",
        **more,
    ):
        """Write an attempt of a task. `way` is ``(targets, foreach variable)``."""
        task = WrittenTask(self, step, task_id)
        if attempt == 0:
            self.folder.json(f"{self.path}/{step}/_meta/_self.json", self.described(step_name=step))
            self.folder.json(f"{task.path}/_meta/_self.json", self.described(step_name=step, task_id=task_id))
        self.folder.json(f"{task.path}/{attempt}.attempt.json", {"time": self.folder.tick() / 1000})
        task.field("attempt", str(attempt), attempt=attempt)
        task.field("script-name", "flow.py", attempt=attempt)
        task.field("origin-run-id", more.pop("origin_run_id", "None"), attempt=attempt)
        if stack and more.get("origin_task_id") is None:
            path = ",".join(f"{frame.step}:{frame.index}" for frame in stack)
            task.field("foreach-execution-path", path, attempt=attempt)
            task.field("foreach-stack", [f"{frame.var}={frame.value}" for frame in stack], attempt=attempt)
        if more.get("origin_task_id") is not None:
            task.field("origin-task-id", more.pop("origin_task_id"), attempt=attempt)
        if not done:
            return task
        own = {
            "_task_ok": ok,
            "_success": ok if success is None else success,
            "_transition": way,
            "_foreach_stack": list(stack),
            "_current_step": step,
            "_iteration_stack": more.pop("iteration", []),
            "_exception": more.pop("exception", None),
            "_foreach_var": way[1] if way else None,
            "_foreach_num_splits": more.pop("num_splits", None),
            "_foreach_values": more.pop("labels", None),
        }
        assert not more, more
        task.artifacts({"name": self.flow, **(artifacts or {}), **own}, attempt)
        if log is not None:
            task.log("stdout", log, attempt)
            self.folder.json(
                f"{task.path}/{attempt}.runtime", {"return_code": 0 if ok else 1, "killed": False, "success": ok}
            )
        task.field("attempt_ok", str(ok), "internal_attempt_status", attempt=attempt)
        self.folder.file(f"{task.path}/{attempt}.DONE.lock", b'""')
        task.field("attempt-done", str(attempt), attempt=attempt)
        return task


class WrittenTask:
    def __init__(self, run, step, task_id):
        self.run, self.folder = run, run.folder
        self.step, self.task_id = step, task_id
        self.path = f"{run.path}/{step}/{task_id}"

    def artifacts(self, values, attempt=0, encoding="pickle-v4", **changes):
        objects, info = {}, {}
        for name, value in values.items():
            data = value if isinstance(value, memoryview) else pickled(value)
            objects[name] = self.folder.blob(self.run.flow, bytes(data))
            info[name] = {"size": len(data), "type": type_of(value), "encoding": encoding}
        content = {"datastore": "local", "version": "1.0", "attempt": attempt, "objects": objects, "info": info}
        self.folder.json(f"{self.path}/{attempt}.data.json", {**content, **changes})

    def field(self, name, value, kind=None, attempt=0):
        at = self.folder.tick()
        tags = [] if attempt is None else [f"attempt_id:{attempt}"]
        content = self.run.described(field_name=name, value=value, type=kind or name, tags=tags, ts_epoch=at)
        return self.folder.json(f"{self.path}/_meta/sysmeta_{name}_{at}.json", content)

    def log(self, stream, text, attempt=0, source="runtime"):
        lines = b""
        for number, line in enumerate(text.splitlines()):
            at = datetime.fromtimestamp(self.folder.clock + number / 1000, timezone.utc)
            stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            lines += f"[MFLOG|0|{stamp}|{source}|0-{number}]{line}\n".encode()
        return self.folder.file(f"{self.path}/{attempt}.{source}_{stream}.log", lines)

    def code_package(self, files):
        """Give the task the code of `files`, by name."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        key = self.folder.blob(self.run.flow, archive.getvalue(), raw=True)
        description = json.dumps({"version": 0, "archive_format": "tgz", "mfcontent_version": 1})
        value = {"ds_type": "local", "sha": key, "location": f"/elsewhere/{key}", "metadata": description}
        self.field("code-package", json.dumps(value))
        return archive.getvalue()

    def card(self, kind, html, hash="0" * 32, name=None):
        folder = f"mf.cards/{self.run.flow}/runs/{self.run.run_id}/steps/{self.step}/tasks/{self.task_id}"
        stem = "-".join([kind, *([name] if name else []), hash])
        self.folder.json(f"{folder}/runtime/{stem}.data.json", {"data": {}})
        self.field(hash, json.dumps({"card_uuid": hash, "type": kind}), "card-info")
        return self.folder.file(f"{folder}/cards/{stem}.html", html)


def foreach_run(folder, run_id="1700000000000000", size=12, flow="F", **options):
    """A finished run: start, a foreach over letters, join, end."""
    letters = [chr(ord("a") + number % 26) for number in range(size)]
    graph = {
        "start": {"name": "start", "type": "split-foreach", "next": ["work"], "foreach_artifact": "letters"},
        "work": {"name": "work", "type": "linear", "next": ["join"]},
        "join": {"name": "join", "type": "join", "next": ["end"]},
        "end": {"name": "end", "type": "end", "next": []},
    }
    run = folder.run(flow, run_id, graph=graph, **options)
    shared = {"letters": letters}
    run.task("start", "1", shared, way=(["work"], "letters"), num_splits=size, labels=letters, log="from start")
    for index, letter in enumerate(letters):
        stack = [ForeachFrame("work", "letters", size, index, letter)]
        values = {**shared, "square": index * index}
        run.task("work", str(index + 2), values, way=(["join"], None), stack=stack, log=f"letter {letter}")
    run.task("join", str(size + 2), {"total": sum(i * i for i in range(size))}, way=(["end"], None))
    run.task("end", str(size + 3), {"total": sum(i * i for i in range(size))})
    return run
