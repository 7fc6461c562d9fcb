"""Where the boxes and edges of a graph are drawn: layers, in the order in which the steps run.

Pure geometry. The *main* axis is the one along which the graph goes on, the *cross* axis the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

#: Space between boxes of a layer, and around the whole.
GAP = 18.0
MARGIN = 14.0
_SWEEPS = 6
#: With more edges than this none is led around the boxes in its way: such a graph cannot be followed anyway.
_MOST_LED_EDGES = 600

Point = tuple[float, float]


class Size(NamedTuple):
    """Extent of a box along the main and the cross axis."""

    main: float
    cross: float


class Box(NamedTuple):
    """Where a step is drawn: its first corner and its extent."""

    main: float
    cross: float
    size: Size

    @property
    def middle(self) -> float:
        """Its middle on the cross axis."""
        return self.cross + self.size.cross / 2


class Edge(NamedTuple):
    """How the line between two steps goes.

    Attributes
    ----------
    source, target : str
    points : tuple of (float, float)
        Main and cross positions, from the source's box to the target's.
    goes_back : bool
        Whether it leads to a step that ran before, or to the source itself.
    """

    source: str
    target: str
    points: tuple[Point, ...]
    goes_back: bool


class Layout(NamedTuple):
    """A drawing.

    Attributes
    ----------
    boxes : dict of str to Box
    edges : list of Edge
    size : Size
        Of the whole.
    """

    boxes: dict[str, Box]
    edges: list[Edge]
    size: Size


def lay_out(targets: Mapping[str, Sequence[str]], sizes: Mapping[str, Size], layer_gap: float) -> Layout:
    """Place the steps of a graph.

    Parameters
    ----------
    targets : mapping of str to sequence of str
        For each step, those that it leads to. Those that are no key are ignored.
    sizes : mapping of str to Size
        Of each step's box.
    layer_gap : float
        Space between layers.

    Returns
    -------
    Layout
        Boxes do not overlap; there is one edge for each pair of source and target.
    """
    if not targets:
        return Layout({}, [], Size(2 * MARGIN, 2 * MARGIN))
    pairs = [(name, other) for name, nexts in targets.items() for other in dict.fromkeys(nexts) if other in targets]
    back = _edges_back(targets)
    forward = [pair for pair in pairs if pair not in back]
    layer_of = _layers(targets, forward)
    chains = _chains(forward, layer_of)
    layers = _ordered_layers(targets, layer_of, chains)
    # What only passes a layer gets as much room as a box, so that the lines of parallel branches are straight.
    room = min(sizes[name].cross for name in targets)
    middles = _middles(layers, chains, {**dict.fromkeys(_passing(chains), room), **_cross(sizes)})
    starts, ends, length = _main_positions(layers, sizes, layer_gap)
    boxes = {
        name: Box(
            starts[layer] + (ends[layer] - starts[layer] - sizes[name].main) / 2,
            middles[name] - sizes[name].cross / 2,
            sizes[name],
        )
        for name, layer in layer_of.items()
    }
    edges = [_edge(pair, chains.get(pair), boxes, layer_of, starts, ends, middles) for pair in pairs]
    lowest = max(point[1] for edge in edges for point in edge.points) if edges else 0.0
    width = max(lowest, *(box.cross + box.size.cross for box in boxes.values()), 0.0)
    return Layout(boxes, edges, Size(length + MARGIN, width + MARGIN))


def nearest(targets: Mapping[str, Sequence[str]], centre: str | None, most: int) -> list[str]:
    """Up to `most` steps of a graph: those that are the fewest transitions away from `centre`, either way.

    They are given in the graph's own order. Without a centre, it is the first step.
    """
    names = list(targets)
    if len(names) <= most:
        return names
    around: dict[str, list[str]] = {name: [] for name in names}
    for name, nexts in targets.items():
        for other in nexts:
            if other in around:
                around[name].append(other)
                around[other].append(name)
    queue = [centre if centre in around else names[0]]
    found = dict.fromkeys(queue)
    for name in queue:
        for other in around[name]:
            if other not in found and len(found) < most:
                found[other] = None
                queue.append(other)
    return [name for name in names if name in found]


# Stands in a layer for a step, or for an edge that passes it: (source, target, layer).
_Item = str | tuple[str, str, int]
_Chains = dict[tuple[str, str], list[_Item]]


def _cross(sizes: Mapping[str, Size]) -> dict[_Item, float]:
    return {name: size.cross for name, size in sizes.items()}


def _passing(chains: _Chains) -> list[_Item]:
    return [item for chain in chains.values() for item in chain[1:-1]]


def _edges_back(targets: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    """Edges that close a circle, in the order of a walk from the first step on."""
    back: set[tuple[str, str]] = set()
    state: dict[str, int] = {}  # 1: on the way that is walked, 2: done
    for root in targets:
        if root in state:
            continue
        state[root] = 1
        way = [(root, iter(targets[root]))]
        while way:
            name, nexts = way[-1]
            for other in nexts:
                if other not in targets:
                    continue
                if other not in state:
                    state[other] = 1
                    way.append((other, iter(targets[other])))
                    break
                if state[other] == 1:
                    back.add((name, other))
            else:
                state[name] = 2
                way.pop()
    return back


def _layers(targets: Mapping[str, Sequence[str]], forward: list[tuple[str, str]]) -> dict[str, int]:
    """Number of each step's layer: one more than the last of those that lead to it."""
    waits = dict.fromkeys(targets, 0)
    nexts: dict[str, list[str]] = {name: [] for name in targets}
    for source, target in forward:
        waits[target] += 1
        nexts[source].append(target)
    layer_of = dict.fromkeys(targets, 0)
    ready = [name for name, count in waits.items() if count == 0]
    for name in ready:
        for target in nexts[name]:
            layer_of[target] = max(layer_of[target], layer_of[name] + 1)
            waits[target] -= 1
            if waits[target] == 0:
                ready.append(target)
    return layer_of


def _chains(forward: list[tuple[str, str]], layer_of: dict[str, int]) -> _Chains:
    """What each edge goes through: its source, an item in each layer that it passes, its target."""
    chains: _Chains = {}
    led = len(forward) <= _MOST_LED_EDGES
    for source, target in forward:
        between = range(layer_of[source] + 1, layer_of[target]) if led else ()
        chains[source, target] = [source, *((source, target, layer) for layer in between), target]
    return chains


def _ordered_layers(targets: Mapping[str, object], layer_of: dict[str, int], chains: _Chains) -> list[list[_Item]]:
    """Items of each layer, in an order in which few edges cross."""
    layers: list[list[_Item]] = [[] for _ in range(max(layer_of.values()) + 1)]
    for name in targets:
        layers[layer_of[name]].append(name)
    for item in _passing(chains):
        layers[int(item[2])].append(item)  # those that pass are tuples with their layer
    before, after = _neighbours(chains)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = before if down else after
        place = {item: index / len(layer) for layer in layers for index, item in enumerate(layer)}
        for layer in layers if down else reversed(layers):
            here = {item: index / len(layer) for index, item in enumerate(layer)}
            weights = {item: _mean([place[other] for other in near.get(item, ())], here[item]) for item in layer}
            layer.sort(key=weights.__getitem__)
            place.update((item, index / len(layer)) for index, item in enumerate(layer))
    return layers


def _neighbours(chains: _Chains) -> tuple[dict[_Item, list[_Item]], dict[_Item, list[_Item]]]:
    before: dict[_Item, list[_Item]] = {}
    after: dict[_Item, list[_Item]] = {}
    for chain in chains.values():
        for one, other in pairwise(chain):
            after.setdefault(one, []).append(other)
            before.setdefault(other, []).append(one)
    return before, after


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _middles(layers: list[list[_Item]], chains: _Chains, extents: Mapping[_Item, float]) -> dict[_Item, float]:
    """Where each item is on the cross axis: as near to its neighbours as the order allows."""
    before, after = _neighbours(chains)
    middles: dict[_Item, float] = {}
    for layer in layers:
        middles.update(zip(layer, _spread([0.0] * len(layer), [extents[item] for item in layer]), strict=True))
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        near = before if down else after
        for layer in layers if down else reversed(layers):
            wanted = [_mean([middles[other] for other in near.get(item, ())], middles[item]) for item in layer]
            middles.update(zip(layer, _spread(wanted, [extents[item] for item in layer]), strict=True))
    lowest = min(middle - extents[item] / 2 for item, middle in middles.items())
    return {item: middle - lowest + MARGIN for item, middle in middles.items()}


def _spread(wanted: list[float], extents: list[float]) -> list[float]:
    """Positions in this order without overlaps, as near as possible to those that are wanted (least squares)."""
    offsets = [0.0]
    for one, other in pairwise(extents):
        offsets.append(offsets[-1] + one / 2 + GAP + other / 2)
    # Without the room that items need, what is left is to find the nearest sequence that never falls.
    pools: list[tuple[float, int]] = []
    for position, offset in zip(wanted, offsets, strict=True):
        total, count = position - offset, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            other_total, other_count = pools.pop()
            total, count = total + other_total, count + other_count
        pools.append((total, count))
    levels = [total / count for total, count in pools for _ in range(count)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]


def _main_positions(
    layers: list[list[_Item]], sizes: Mapping[str, Size], layer_gap: float
) -> tuple[list[float], list[float], float]:
    starts, ends = [], []
    position = MARGIN
    for layer in layers:
        starts.append(position)
        position += max((sizes[item].main for item in layer if isinstance(item, str)), default=0.0)
        ends.append(position)
        position += layer_gap
    return starts, ends, ends[-1]


def _edge(
    pair: tuple[str, str],
    chain: list[_Item] | None,
    boxes: dict[str, Box],
    layer_of: dict[str, int],
    starts: list[float],
    ends: list[float],
    middles: dict[_Item, float],
) -> Edge:
    source, target = boxes[pair[0]], boxes[pair[1]]
    if chain is None:
        return Edge(*pair, _way_back(source, target, pair[0] == pair[1]), True)
    points: list[Point] = [(source.main + source.size.main, source.middle)]
    for layer, item in enumerate(chain[1:-1], layer_of[pair[0]] + 1):
        points += [(starts[layer], middles[item]), (ends[layer], middles[item])]
    points.append((target.main, target.middle))
    return Edge(*pair, tuple(points), False)


def _way_back(source: Box, target: Box, is_loop: bool) -> tuple[Point, ...]:
    """Out of the far side of the source's box, and into that of the target's."""
    far = max(source.cross + source.size.cross, target.cross + target.size.cross)
    out, back = source.main + source.size.main / 2, target.main + target.size.main / 2
    if is_loop:
        out, back = out + source.size.main / 4, back - source.size.main / 4
    return (
        (out, source.cross + source.size.cross),
        (out, far + GAP * 0.8),
        (back, far + GAP * 0.8),
        (back, target.cross + target.size.cross),
    )
