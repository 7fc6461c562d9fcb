"""Whether tasks can be forked from this process, or need new interpreters."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, NamedTuple

from ..exception import MetaflowException

#: Threads of these native names wait for signals or tidy memory; a child can do without them.
_HARMLESS_THREADS = ("jemalloc_bg_thd",)


class StartMethod(NamedTuple):
    """How tasks start.

    Attributes
    ----------
    name : str
        ``fork`` or ``spawn``.
    reason : str or None
        Why a fork is unsafe, if the method was chosen for that.
    """

    name: str
    reason: str | None = None


def choose(setting: str) -> StartMethod:
    """The method that the setting ``START_METHOD`` asks for; with ``auto``, fork unless something speaks against it.

    Raises
    ------
    MetaflowException
        If the setting has another value.
    """
    if setting not in ("auto", "fork", "spawn"):
        raise MetaflowException(f"METAFLOW_START_METHOD is {setting!r}; it can be auto, fork or spawn.")
    if setting == "fork" and sys.platform != "linux":
        raise MetaflowException("METAFLOW_START_METHOD=fork works on Linux only; leave it at auto.")
    if setting != "auto":
        return StartMethod(setting)
    reason = why_fork_is_unsafe()
    return StartMethod("fork") if reason is None else StartMethod("spawn", reason)


def why_fork_is_unsafe() -> str | None:
    """What lives in this process that a forked child could not use, in words; None if there is nothing."""
    if sys.platform != "linux":
        return f"system libraries of {sys.platform} do not survive a fork"
    others = [t.name for t in threading.enumerate() if t is not threading.main_thread() and t.is_alive()]
    if others:
        return f"the flow's module-level code started threads ({', '.join(sorted(others)[:3])})"
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        return "the flow's module-level code initialised CUDA"
    jax: Any = sys.modules.get("jax._src.xla_bridge")
    if jax is not None and getattr(jax, "_backends", None):
        return "the flow's module-level code initialised JAX"
    native = sorted(_foreign_threads())
    if native:
        return f"a library that the flow imports started threads of its own ({', '.join(native[:3])})"
    return None


def _foreign_threads() -> set[str]:
    """Names of native threads other than those of OpenBLAS and OpenMP, which bear the process's name and cope."""
    own = _comm("/proc/self/comm")
    names = set()
    for thread in os.listdir("/proc/self/task"):
        name = _comm(f"/proc/self/task/{thread}/comm")
        if name and name != own and name not in _HARMLESS_THREADS:
            names.add(name)
    return names


def _comm(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:  # the thread has just ended
        return ""
