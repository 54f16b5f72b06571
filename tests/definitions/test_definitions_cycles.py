"""Circles of references."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cds.definitions.cycles import cycles


def test_each_circle_is_told_once_from_its_first_node() -> None:
    """Two circles and a self-reference in one graph: three findings in reading order of the references."""
    graph = {"a": ["b"], "b": ["c"], "c": ["b", "a"], "d": ["d", "a"], "e": ["a"]}
    assert sorted(cycles(graph)) == [["a", "b", "c", "a"], ["b", "c", "b"], ["d", "d"]]


@given(st.dictionaries(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=4), max_size=7))
def test_every_circle_follows_real_references(graph: dict[int, list[int]]) -> None:
    """A finding never names a reference that is not there, and a graph without its findings' cuts always ends."""
    for circle in cycles(graph):
        assert circle[0] == circle[-1]
        assert all(target in graph[node] for node, target in pairwise(circle))
