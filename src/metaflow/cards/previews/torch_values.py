"""Tensors and models of PyTorch. Nothing is moved between devices, and nothing of a model's own code runs."""

from __future__ import annotations

import sys

from metaflow.cards.nodes import Node
from metaflow.cards.previews.facts import facts_node
from metaflow.cards.previews.numbers import histogram_of_array
from metaflow.datastore.sizes import size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NUMPY_TYPES = {"bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"}
_MOST_LAYERS = 100


def torch_nodes(value: Any, full: bool) -> list[Node] | None:
    """Shape, type, device and distribution of a tensor; layers and parameters of a model."""
    import torch  # type: ignore[import-not-found,import-untyped,unused-ignore]

    if isinstance(value, torch.nn.Module):
        return _model(value, torch)
    return _tensor(value, torch) if isinstance(value, torch.Tensor) else None


def _tensor(value: Any, torch: Any) -> list[Node]:
    dtype = str(value.dtype).removeprefix("torch.")
    facts: dict[str, Any] = {"shape": list(value.shape), "dtype": dtype, "device": str(value.device)}
    if value.requires_grad:
        facts["requires grad"] = "yes"
    nodes: list[Node] = []
    on_hand = value.device.type == "cpu" and value.layout == torch.strided and dtype in _NUMPY_TYPES
    if on_hand and value.dim() and "numpy" in sys.modules:
        # NumPy looks at the same memory without starting the threads that torch would.
        sample = value.detach().resolve_neg().numpy()
        nodes, found = histogram_of_array(sample)
        facts.update(found)
    return [facts_node(facts), *nodes]


def _model(value: Any, torch: Any) -> list[Node]:
    module = torch.nn.Module
    parameters = list(module.parameters(value))
    total = sum(each.numel() for each in parameters)
    trained = sum(each.numel() for each in parameters if each.requires_grad)
    facts = {
        "parameters": total,
        "trainable": trained if trained != total else None,
        "size": size_text(sum(each.numel() * each.element_size() for each in parameters)),
        "dtype": ", ".join(sorted({str(each.dtype).removeprefix("torch.") for each in parameters})) or None,
        "device": ", ".join(sorted({str(each.device) for each in parameters})) or None,
        "mode": "training" if value.training else "evaluation",
    }
    layers = [(name, each) for name, each in module.named_modules(value) if name and not each._modules]
    rows = [_layer(name, each, module) for name, each in layers[:_MOST_LAYERS]]
    nodes: list[Node] = [facts_node(facts)]
    if rows:
        columns = ["layer", "kind", "parameters", "shapes"]
        nodes.append({"type": "table", "columns": columns, "data": rows, "left_out": len(layers) - len(rows)})
    return nodes


def _layer(name: str, layer: Any, module: Any) -> list[Any]:
    own = list(module.named_parameters(layer, recurse=False))
    shapes = ", ".join(f"{each} {tuple(parameter.shape)}" for each, parameter in own)
    return [name, type(layer).__name__, sum(parameter.numel() for _, parameter in own), shapes]
