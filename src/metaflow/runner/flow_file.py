"""A flow's file, and what its command line takes.

The file is never imported here: it is asked, in a process of its own, so that nothing of it (modules, threads, paths,
the memory of its libraries) gets into the caller's. The answer is kept, in memory and in the user's cache, and is good
for as long as none of the files that it was made from has changed. What it says leads to no wrong refusal: before a
value is refused because of an answer that was kept, the file is asked again.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..exception import MetaflowException
from .arguments import arguments
from .captured_output import read_text
from .flow_description import FlowDescription

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FlowFile:
    """A file with one flow, and the options that all of its commands are given.

    Parameters
    ----------
    path : str or path
        Relative to the working directory of this process.
    env : mapping of str to str
        Environment of the flow's processes.
    cwd : str or None
        Their working directory.
    timeout : float
        Seconds that the file may take to tell what its commands take.
    top_level : mapping of str to object
        Options before the command, by name.
    is_lasting : bool
        Whether there will be such a file tomorrow, so that it is worth while to keep its answer.

    Raises
    ------
    MetaflowException
        If there is no such file, it does not hold exactly one flow, or the flow's declarations are wrong.
    ValueError, TypeError
        If an option is unknown or its value wrong.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        env: Mapping[str, str],
        cwd: str | None,
        timeout: float,
        top_level: Mapping[str, Any],
        is_lasting: bool = True,
    ) -> None:
        self.path = os.path.abspath(path)
        self.env = env
        self.cwd = cwd
        self._timeout = timeout
        if not os.path.isfile(self.path):
            raise MetaflowException(f"There is no file {self.path} that could hold a flow.")
        if cwd is not None and not os.path.isdir(cwd):
            raise MetaflowException(f"The working directory cwd={cwd!r} does not exist.")
        self._top_level = dict(top_level)
        self._is_lasting = is_lasting
        self._words: list[str] = []
        self._gives_configs = False
        self.describe()

    @property
    def program(self) -> list[str]:
        """Beginning of every command."""
        return [sys.executable, self.path]

    def is_known(self) -> bool:
        """Whether what the commands take is known without asking the file."""
        words = self._words if self._gives_configs else ()
        return _recall(self._key(())) is not None and _recall(self._key(words)) is not None

    def describe(self) -> FlowDescription:
        """What the commands take, as the file is now."""
        return self._describe(fresh=False)[0]

    def command(self, name: str, values: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Command line that gives a command these values, in its two parts: up to the command's name, and after it.

        Raises
        ------
        ValueError, TypeError
            If a value cannot be given.
        MetaflowException
            If the flow has no such command, or its declarations are wrong.
        """
        description, is_fresh = self._describe(fresh=False)
        given = None
        try:
            given = self._arguments(description, name, values)
        except (ValueError, TypeError):
            if is_fresh:
                raise
        if given is None:
            given = self._arguments(self._describe(fresh=True)[0], name, values)
        return [*self.program, *self._words, name], given

    def _arguments(self, description: FlowDescription, name: str, values: Mapping[str, Any]) -> list[str]:
        options = description.commands.get(name)
        if options is None:
            known = ", ".join(description.commands)
            raise MetaflowException(f"The flow {description.flow} has no command '{name}'; it has {known}.")
        return arguments(options, values)

    def _describe(self, fresh: bool) -> tuple[FlowDescription, bool]:
        """What the commands take, and whether the file was asked just now."""
        description, is_fresh = self._ask_or_recall((), fresh)
        words = None
        try:
            words = arguments(description.top_level, self._top_level)
        except (ValueError, TypeError):
            if is_fresh:
                raise
        if words is None:
            description, is_fresh = self._ask_or_recall((), True)
            words = arguments(description.top_level, self._top_level)
        self._words = words
        self._gives_configs = description.has_configs and any(word.startswith("--config") for word in self._words)
        if self._gives_configs:
            description, is_fresh = self._ask_or_recall(self._words, fresh)
        if description.error is not None and not is_fresh:
            description, is_fresh = self._ask_or_recall(self._words if self._gives_configs else (), True)
        if description.error is not None:
            error = description.error
            raise MetaflowException(error["message"], error["line"], error["file"])
        return description, is_fresh

    def _ask_or_recall(self, words: Sequence[str], fresh: bool) -> tuple[FlowDescription, bool]:
        key = self._key(words)
        known = None if fresh else _recall(key)
        if known is not None:
            return known, False
        content = self._ask(words)
        description = FlowDescription.from_dict(content)
        _known[key] = description
        if self._is_lasting:
            _write(key, content)
        return description, True

    def _key(self, words: Sequence[str]) -> str:
        """Name of the answer: it depends on the file, the environment and the options before the command."""
        import hashlib

        settings = sorted(item for item in self.env.items() if item[0].startswith(("METAFLOW_", "PYTHON")))
        facts = [__version__, sys.executable, self.path, self.cwd or os.getcwd(), list(words), settings]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _ask(self, words: Sequence[str]) -> dict[str, Any]:
        import tempfile

        from .child_process import ChildProcess

        with tempfile.TemporaryDirectory(prefix="metaflow-describe-") as directory:
            answer, stdout, stderr = (os.path.join(directory, name) for name in ("answer", "stdout", "stderr"))
            command = [*self.program, *words, "describe", answer]
            with open(stdout, "wb") as out, open(stderr, "wb") as err:
                # What it prints is shown as a part of a message.
                env = {**self.env, "NO_COLOR": "1", "PYTHON_COLORS": "0"}
                process = ChildProcess(command, env, self.cwd, out, err)
            try:
                code = process.wait(self._timeout)
            finally:
                process.kill()
                process.wait()
            try:
                with open(answer, encoding="utf-8") as file:
                    content: dict[str, Any] = json.load(file)
                    return content
            except (FileNotFoundError, ValueError):
                raise self._no_answer(code, read_text(stdout) + read_text(stderr)) from None

    def _no_answer(self, code: int | None, output: str) -> MetaflowException:
        """Why the file did not say what it holds."""
        if code is None:
            return MetaflowException(f"The flow file {self.path} was not loaded in {self._timeout:g} seconds.")
        try:
            with open(self.path, "rb") as file:
                compile(file.read(), self.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            reason = getattr(error, "msg", None) or str(error)
            return MetaflowException(f"The flow file {self.path} is no valid Python: {reason}.", line, self.path)
        said = f" It said:\n{output.rstrip()}" if output.strip() else ""
        if code == 0:
            return MetaflowException(
                f"The file {self.path} starts no flow. It should hold exactly one FlowSpec class, and end with:\n"
                f"if __name__ == '__main__':\n    NameOfTheFlow(){said}",
                source_file=self.path,
            )
        return MetaflowException(
            f"The flow file {self.path} cannot be loaded: its process ended with exit code {code}.{said}",
            source_file=self.path,
        )


#: Answers by their names.
_known: dict[str, FlowDescription] = {}


def _recall(key: str) -> FlowDescription | None:
    """The answer of that name, if there is one and it still holds."""
    description = _known.get(key) or _read(key)
    if description is None or not all(map(_is_unchanged, description.sources)):
        return None
    _known[key] = description
    return description


def _is_unchanged(source: tuple[str, int, int]) -> bool:
    path, modified, size = source
    try:
        stat = os.stat(path)
    except OSError:
        return False
    return (stat.st_mtime_ns, stat.st_size) == (modified, size)


def _cache_file(key: str) -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "metaflow", "commands", key)


def _read(key: str) -> FlowDescription | None:
    try:
        with open(_cache_file(key), encoding="utf-8") as file:
            return FlowDescription.from_dict(json.load(file))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it is made again


def _write(key: str, content: dict[str, Any]) -> None:
    path = _cache_file(key)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(f"{path}.{os.getpid()}", path)
    except OSError:
        pass  # the file will be asked again the next time
