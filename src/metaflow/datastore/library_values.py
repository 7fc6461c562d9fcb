"""Facts about values of known libraries: arrays, frames, tensors, models.

Looked at is only what is there already: attributes that are plain data, and numbers of a sample of bounded size. Which
library a value is of is told by its exact type, so a user's class that is derived from one of a library is asked
nothing, but for torch models, which always are of such a class.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from metaflow.datastore.preview import preview, shortened, type_name
from metaflow.datastore.value_samples import pandas_stats, thumbnail
from metaflow.exception import MetaflowException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Facts: TypeAlias = dict[str, Any]

#: Up to this many elements the smallest, the largest and the mean are those of all, beyond it of a sample of that size.
_SAMPLE = 100_000
_MAXIMUM_COLUMNS = 50
_HEAD_ROWS = 5
_HEAD_COLUMNS = 20
_MAXIMUM_CELL = 30
_MAXIMUM_REPR = 400
#: Types of tensors that NumPy has too.
_NUMPY_TYPES = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}
#: Libraries whose estimators show their parameters in their `repr`, and cut it.
_ESTIMATORS = {"sklearn", "xgboost", "lightgbm", "catboost"}


def facts_of(value: object, briefly: bool = False) -> Facts | None:
    """Tell facts about a value.

    Parameters
    ----------
    value : object
    briefly : bool
        Only what needs no look at the content.

    Returns
    -------
    dict or None
        In JSON's terms, such of these as the value has: ``shape``, ``dtype``, ``length``, ``columns`` (names),
        ``dtypes`` (of the columns), ``head`` (the first rows, each a list of texts), ``min``, ``max``, ``mean`` (of the
        finite numbers; ``sampled`` is true if not all were looked at), ``device``, ``parameters`` (how many numbers a
        model has), ``item`` (a scalar's text), ``repr``, ``histogram`` (how many numbers of a sample are in each of
        equal parts between ``min`` and ``max``), ``stats`` (of the first columns), ``mode`` and ``thumbnail`` (of an
        image, a ``data:`` address). None if it is of no known library, or cannot tell.
    """
    cls = type(value)
    module = type.__getattribute__(cls, "__module__")
    library = module.partition(".")[0] if isinstance(module, str) else ""
    describe = _LIBRARIES.get(library)
    if describe is None:
        if not _is_torch_model(value):
            return None
        describe = _torch
    facts = _contained(describe, value, briefly=True)
    if facts and not briefly:
        # What it is can be told, even if what is in it cannot.
        facts = _contained(describe, value, briefly=False) or facts
    return facts or None


def _contained(describe: Callable[[Any, bool], Facts], value: object, briefly: bool) -> Facts | None:
    try:
        return describe(value, briefly)
    except (MemoryError, MetaflowException):
        # Neither is about the value: the latter is a timeout of the step.
        raise
    except Exception:
        # No array, or one that cannot tell its shape: still an object that can be named.
        return None


def text_of(value: object, facts: Facts) -> str:
    """Show a value in words that its facts give."""
    name = type_name(type(value)) if "parameters" in facts else type(value).__name__
    if "repr" in facts:
        return str(facts["repr"])
    if "item" in facts:
        return f"{facts.get('dtype', name)}: {facts['item']}"
    parts = [name]
    if "shape" in facts:
        shape = facts["shape"]
        parts.append(f"shape=({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})")
    parts += [f"{key}={facts[key]}" for key in ("length", "dtype", "device", "parameters", "nonzero") if key in facts]
    parts += [f"{key}={_number(facts[key])}" for key in ("min", "max", "mean") if key in facts]
    if facts.get("sampled"):
        parts.append("(of a sample)")
    if "columns" in facts:
        columns = preview(facts["columns"])
        if len(facts["columns"]) == _MAXIMUM_COLUMNS and len(facts["shape"]) == 2:
            columns = columns.replace(f"{_MAXIMUM_COLUMNS} items]", f"{facts['shape'][1]} items]")
        parts.append(f"columns={columns}")
    return " ".join(parts)


def _number(number: Any) -> str:
    return f"{number:.6g}" if isinstance(number, float) else str(number)


def _numpy(value: Any, briefly: bool) -> Facts:
    facts: Facts = {"shape": _shape(value), "dtype": shortened(str(value.dtype))}
    if value.shape == () and not value.dtype.names:
        return _with_item(facts, value.item())
    if value.dtype.names:
        facts["columns"] = list(value.dtype.names)[:_MAXIMUM_COLUMNS]
    if not briefly and value.dtype.kind in "biuf" and isinstance(value, sys.modules["numpy"].ndarray):
        sample = value
        if value.size > _SAMPLE:
            flags = value.flags
            flat = value.ravel(order="K") if flags.c_contiguous or flags.f_contiguous else value.flat
            sample = flat[:: -(-value.size // _SAMPLE)]
            facts["sampled"] = True
        facts.update(_numbers(sample))
    return facts


def _numbers(sample: Any) -> Facts:
    """Smallest, largest and mean of the finite numbers in a NumPy array."""
    import numpy  # type: ignore[import-not-found,import-untyped,unused-ignore]

    from metaflow.datastore.value_samples import histogram

    if sample.dtype.kind == "f":
        finite = numpy.isfinite(sample)
        if not finite.all():
            sample = sample[finite]
    if not sample.size:
        return {}
    with numpy.errstate(all="ignore"):  # a sum that is too large is nothing to warn of
        mean = float(sample.mean(dtype="f8"))
    facts: Facts = {"min": sample.min().item(), "max": sample.max().item()}
    if math.isfinite(mean):
        facts["mean"] = mean
    counts = histogram(sample, facts["min"], facts["max"])
    if counts:
        facts["histogram"] = counts
    return facts


def _with_item(facts: Facts, item: Any) -> Facts:
    """Facts of an array of one element: a scalar."""
    if type(item) in (bool, int, float, complex, str, bytes):
        facts["item"] = preview(item)
    return facts


def _pandas(value: Any, briefly: bool) -> Facts:
    facts: Facts = {"shape": _shape(value)} if hasattr(value, "shape") else {}
    if hasattr(value, "columns"):
        facts["columns"] = _names(value.columns)
        if not briefly:
            facts["dtypes"] = [str(kind) for kind in value.dtypes.iloc[:_MAXIMUM_COLUMNS]]
            facts["stats"] = pandas_stats(value)
            head = value.iloc[:_HEAD_ROWS, :_HEAD_COLUMNS]
            facts["head"] = [[_cell(cell) for cell in row] for row in head.itertuples(index=False, name=None)]
    elif facts:
        facts["dtype"] = str(value.dtype)
        if not briefly and isinstance(value.dtype, sys.modules["numpy"].dtype) and value.dtype.kind in "biuf":
            facts.update(_without(_numpy(value.to_numpy(), briefly), "shape", "dtype"))
    return facts


def _polars(value: Any, briefly: bool) -> Facts:
    if not hasattr(value, "shape"):
        return {}  # a query that has not run yet
    facts: Facts = {"shape": _shape(value)}
    if hasattr(value, "columns"):
        facts["columns"] = _names(value.columns)
        if not briefly:
            facts["dtypes"] = [str(kind) for kind in value.dtypes[:_MAXIMUM_COLUMNS]]
            facts["stats"] = [
                {"missing": value.get_column(name).null_count()} for name in value.columns[:_HEAD_COLUMNS]
            ]
            facts["head"] = [[_cell(cell) for cell in row[:_HEAD_COLUMNS]] for row in value.head(_HEAD_ROWS).rows()]
        return facts
    # Polars would start all its threads to find the smallest and the largest number.
    facts["dtype"] = str(value.dtype)
    return facts


def _pyarrow(value: Any, briefly: bool) -> Facts:
    if hasattr(value, "schema") and hasattr(value, "num_rows"):
        names = value.schema.names
        facts: Facts = {"shape": [int(value.num_rows), len(names)], "columns": _names(names)}
        if not briefly:
            facts["dtypes"] = [str(kind) for kind in value.schema.types[:_MAXIMUM_COLUMNS]]
            facts["stats"] = [{"missing": value.column(i).null_count} for i in range(min(len(names), _HEAD_COLUMNS))]
            rows = value.slice(0, _HEAD_ROWS).select(list(range(min(len(names), _HEAD_COLUMNS)))).to_pydict()
            facts["head"] = [[_cell(cell) for cell in row] for row in zip(*rows.values())]
        return facts
    return (
        {"length": len(value), "dtype": str(value.type)} if hasattr(value, "type") and hasattr(value, "nbytes") else {}
    )


def _torch(value: Any, briefly: bool) -> Facts:
    import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

    if isinstance(value, torch.nn.Module):
        # The class's own methods, so that none of the model's runs.
        return {"parameters": sum(each.numel() for each in torch.nn.Module.parameters(value))}
    if not isinstance(value, torch.Tensor):
        return {}
    facts: Facts = {"shape": _shape(value), "dtype": str(value.dtype).removeprefix("torch.")}
    if value.device.type != "cpu":
        facts["device"] = str(value.device)
        return facts  # looking at its numbers would mean waiting for the device
    value = value.detach()
    if value.dim() == 0:
        return _with_item(facts, value.item())
    # NumPy looks at the same memory without starting the threads that torch would. It knows fewer types.
    is_known = value.layout == torch.strided and facts["dtype"] in _NUMPY_TYPES
    if not briefly and is_known and "numpy" in sys.modules:
        facts.update(_without(_numpy(value.resolve_neg().numpy(), briefly), "shape", "dtype"))
    return facts


def _scipy(value: Any, briefly: bool) -> Facts:
    if not hasattr(value, "nnz"):
        return {}
    return {"shape": _shape(value), "dtype": str(value.dtype), "nonzero": int(value.nnz)}


def _pillow(value: Any, briefly: bool) -> Facts:
    if not hasattr(value, "getbands"):
        return {}
    facts: Facts = {"shape": [int(value.height), int(value.width)], "mode": str(value.mode)}
    small = None if briefly else thumbnail(value)
    return facts if small is None else {**facts, "thumbnail": small}


def _estimator(value: Any, briefly: bool) -> Facts:
    text = " ".join(repr(value).split())
    return {"repr": text if len(text) <= _MAXIMUM_REPR else f"{text[:_MAXIMUM_REPR]}..."}


def _shape(value: Any) -> list[int]:
    return [int(length) for length in value.shape]


def _names(names: Any) -> list[Any]:
    """The first names of columns, which may be of any type."""
    plain = (str, int, float, bool, type(None))
    return [name if type(name) in plain else _cell(name) for name in list(names[:_MAXIMUM_COLUMNS])]


def _cell(cell: Any) -> str:
    """A short text for an element of a frame."""
    cls = type(cell)
    if cls is str:
        text = cell
    elif str(type.__getattribute__(cls, "__module__")).partition(".")[0] in ("datetime", "decimal", "pandas", "uuid"):
        text = str(cell)
    else:
        text = preview(cell)
    text = shortened(text)
    return text if len(text) <= _MAXIMUM_CELL else f"{text[: _MAXIMUM_CELL - 3]}..."


def _without(facts: Facts, *names: str) -> Facts:
    return {name: fact for name, fact in facts.items() if name not in names}


def _is_torch_model(value: object) -> bool:
    network = getattr(sys.modules.get("torch"), "nn", None)
    model_type = getattr(network, "Module", None)
    return isinstance(model_type, type) and model_type in type.__getattribute__(type(value), "__mro__")


_LIBRARIES: Mapping[str, Callable[[Any, bool], Facts]] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "scipy": _scipy,
    "torch": _torch,
    "PIL": _pillow,
    **dict.fromkeys(_ESTIMATORS, _estimator),
}
