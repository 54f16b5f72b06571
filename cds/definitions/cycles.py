"""Circles in a graph of references, each found once and told in a stable order."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def cycles(graph: Mapping[Node, Sequence[Node]]) -> Iterator[list[Node]]:
    """Circles of `node -> the nodes it refers to`, one per set of references that must be cut. Each begins and ends
    with the node of the circle that comes first in `graph`."""
    remaining = {node: list(dict.fromkeys(targets)) for node, targets in graph.items()}
    order = {node: index for index, node in enumerate(graph)}
    while True:
        try:
            TopologicalSorter(remaining).prepare()
        except CycleError as error:
            circle: list[Node] = list(reversed(error.args[1]))[:-1]
            first = min(range(len(circle)), key=lambda index: order.get(circle[index], len(order)))
            yield [*circle[first:], *circle[:first], circle[first]]
            remaining[circle[0]].remove(circle[1 % len(circle)])
        else:
            return
