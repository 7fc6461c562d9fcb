"""Torch tensors: the bytes of their storages are stored as they are, each once however many tensors share it.

A tensor is kept as its place in a storage (type, offset, size, strides), so that views of one storage are views of one
storage when they are loaded. What is more than that (sparse or quantised tensors, subclasses, hooks) torch pickles in
its own way.
"""

from __future__ import annotations

import ctypes
import pickle
import sys

from metaflow.datastore.reducers import unless_it_fails
from metaflow.datastore.serializer import OUT_OF_BAND_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from metaflow.datastore.reducers import Reduced, Reducer
    from metaflow.datastore.store import Buffer


class _Storage:
    """Memory of tensors.

    Parameters
    ----------
    memory : bytes-like
        Keeps the storage alive.
    device : str
        Where the storage was.
    """

    __slots__ = ("_device", "_memory")

    def __init__(self, memory: Any, device: str) -> None:
        self._memory = memory
        self._device = device

    def __reduce__(self) -> tuple[Any, ...]:
        return _load_storage, (pickle.PickleBuffer(self._memory), self._device)


def reducers(value: object) -> dict[type, Reducer]:
    """By type, how to pickle parts of `value`."""
    torch = sys.modules["torch"]
    if not hasattr(torch, "Tensor") or not hasattr(torch, "UntypedStorage"):
        return {}
    return {torch.Tensor: unless_it_fails(_Reducer(value))}


class _Reducer:
    """Pickles the tensors of one value.

    Parameters
    ----------
    whole : object
        The value.
    """

    def __init__(self, whole: object) -> None:
        self._whole = whole
        self._storages: dict[tuple[str, int], _Storage] = {}

    def __call__(self, tensor: Any) -> Reduced:
        if not _is_plain(tensor):
            reduced: Reduced = tensor.__reduce_ex__(5)
            return reduced
        offset = tensor.storage_offset()
        if tensor is self._whole and (part := _used_part(tensor)) is not None:
            storage, offset = part, 0
        else:
            storage = self._storage(tensor.untyped_storage())
        return _load_tensor, (
            storage,
            tensor.dtype,
            offset,
            tuple(tensor.size()),
            tuple(tensor.stride()),
            tensor.requires_grad,
        )

    def _storage(self, storage: Any) -> _Storage:
        key = (str(storage.device), storage.data_ptr())
        found = self._storages.get(key)
        if found is None:
            found = _Storage(_memory(storage.cpu(), 0, storage.nbytes()), key[0])
            if storage.nbytes():
                self._storages[key] = found
        return found


def _is_plain(tensor: Any) -> bool:
    """Whether storage, type, offset, size, strides and the need for a gradient say all about a tensor."""
    import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

    return (
        tensor.layout == torch.strided
        and tensor.device.type in ("cpu", "cuda")
        and not (tensor.is_quantized or tensor.is_nested or tensor.is_conj() or tensor.is_neg())
        and not (hasattr(tensor, "has_names") and tensor.has_names())  # newer versions have no names
        and not tensor.__dict__
        and not tensor._backward_hooks
    )


def _used_part(tensor: Any) -> _Storage | None:
    """The part of its storage that a tensor uses, if that is much less than all of it.

    Only of use for a tensor that is an artifact by itself: others in the same artifact may use the rest.
    """
    storage = tensor.untyped_storage()
    if str(storage.device) != "cpu":
        return None
    used = 0
    if tensor.numel():
        used = 1 + sum((length - 1) * stride for length, stride in zip(tensor.size(), tensor.stride(), strict=True))
    size = used * tensor.element_size()
    if storage.nbytes() - size < OUT_OF_BAND_BYTES:
        return None
    return _Storage(_memory(storage, tensor.storage_offset() * tensor.element_size(), size), "cpu")


def _memory(storage: Any, start: int, size: int) -> Any:
    """Bytes of a storage in the computer's own memory, not copied."""
    if not size:
        return bytearray()
    memory = (ctypes.c_ubyte * size).from_address(storage.data_ptr() + start)
    memory.owner = storage  # type: ignore[attr-defined]  # lives as long as any view of the memory
    return memory


def _load_storage(buffer: Buffer, device: str) -> Any:
    """The storage again, on its device if that is there, and in the computer's own memory if not."""
    import torch as library  # type: ignore[import-not-found,import-untyped,unused-ignore]

    torch: Any = library  # which is typed, where it is there, but not as far as this
    view = memoryview(buffer)
    if not view.nbytes:
        storage = torch.UntypedStorage(0)  # type: ignore[no-untyped-call,unused-ignore]
    else:
        memory = bytearray(view) if view.readonly else view
        storage = torch.frombuffer(memory, dtype=torch.uint8).untyped_storage()
    place = torch.device(device)
    if place.type == "cuda" and torch.cuda.is_available() and (place.index or 0) < torch.cuda.device_count():
        return storage.cuda(place.index or 0)
    return storage


def _load_tensor(
    storage: Any, dtype: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], requires_grad: bool
) -> Any:
    import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

    tensor = torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, size, stride)
    return tensor.requires_grad_() if requires_grad else tensor
