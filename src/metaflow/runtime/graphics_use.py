"""What processes use of NVIDIA's graphics processors, as the driver's own library tells (NVML).

Its first call may take seconds, and each further one milliseconds, so a thread of its own asks, and what it last heard
is what counts. Nothing is installed for it: the library comes with the driver.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any, NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_LIBRARY = "libnvidia-ml.so.1"
_SECONDS = 1.0
_MOST_PROCESSES = 256
_TOO_SMALL = 7
#: What the driver says of memory that it cannot tell.
_UNKNOWN = 2**64 - 1


class Device(NamedTuple):
    """One graphics processor at some moment.

    Attributes
    ----------
    busy : float
        Share of the last moments in which it worked.
    used : int
        Bytes of its memory that are taken.
    processes : dict of int to int
        Bytes that each process has taken; 0 if only that is not known.
    """

    busy: float
    used: int
    processes: dict[int, int]


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class _Process(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    ]


class GraphicsUse:
    """Asks the driver once a second, from the first question on until it is closed."""

    def __init__(self) -> None:
        self._devices: tuple[Device, ...] = ()
        self._total = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def used_by(self, pids: Collection[int]) -> tuple[float | None, int | None]:
        """How many processors work for these processes, and how much of their memory is taken.

        Returns
        -------
        tuple of (float or None, int or None)
            None if none of them uses any.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._ask, name="metaflow-graphics", daemon=True)
            self._thread.start()
        return used_by(self._devices, pids)

    def facts(self) -> dict[str, int]:
        """How many processors there are, and how much memory they have."""
        return {"gpus": len(self._devices), "gpu_memory": self._total} if self._devices else {}

    def close(self) -> None:
        """Ask no more."""
        self._over.set()

    def _ask(self) -> None:
        try:
            library = ctypes.CDLL(_LIBRARY)
            if library.nvmlInit_v2():
                return
        except (OSError, AttributeError):
            return  # no driver of theirs, or one that is too old
        try:
            handles = _handles(library)
            self._total = sum(_memory(library, handle).total for handle in handles)
            while handles and not self._over.is_set():
                self._devices = tuple(_device(library, handle) for handle in handles)
                self._over.wait(_SECONDS)
        except AttributeError:
            self._devices = ()
        finally:
            library.nvmlShutdown()


def used_by(devices: Collection[Device], pids: Collection[int]) -> tuple[float | None, int | None]:
    """What processes use of devices, see :meth:`GraphicsUse.used_by`."""
    busy, memory, found = 0.0, 0, False
    for device in devices:
        own = [device.processes[pid] for pid in pids if pid in device.processes]
        if own:
            found = True
            busy += device.busy
            memory += sum(own) or device.used
    return (busy, memory) if found else (None, None)


def _handles(library: Any) -> list[ctypes.c_void_p]:
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return []
    handles = []
    for index in range(count.value):
        handle = ctypes.c_void_p()
        if not library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
            handles.append(handle)
    return handles


def _memory(library: Any, handle: ctypes.c_void_p) -> _Memory:
    memory = _Memory()
    library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    return memory


def _device(library: Any, handle: ctypes.c_void_p) -> Device:
    utilization = _Utilization()
    library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(utilization))
    processes = (_Process * _MOST_PROCESSES)()
    count = ctypes.c_uint(_MOST_PROCESSES)
    status = library.nvmlDeviceGetComputeRunningProcesses_v3(handle, ctypes.byref(count), processes)
    listed = processes[: min(count.value, _MOST_PROCESSES)] if status in (0, _TOO_SMALL) else []
    used = {each.pid: 0 if each.used == _UNKNOWN else int(each.used) for each in listed}
    return Device(utilization.gpu / 100, int(_memory(library, handle).used), used)
