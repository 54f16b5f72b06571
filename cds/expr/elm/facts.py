"""What is known of a library without running it: names a node mentions, and the data each define needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from cds.expr.elm.code import Node


def nodes(node: Any) -> Iterator[Node]:
    """Every node below and including this one."""
    stack = [node]
    while stack:
        found = stack.pop()
        if isinstance(found, dict):
            yield found
            stack.extend(value for key, value in found.items() if key not in _TYPES)
        elif isinstance(found, list):
            stack.extend(found)


_TYPES = frozenset({"resultTypeSpecifier", "signature", "annotation", "asTypeSpecifier", "isTypeSpecifier"})
_DATA = frozenset({"Retrieve", "ExpressionRef", "FunctionRef"})


def mentions_data(node: Node) -> bool:
    """True when the value may hang on data beyond the row at hand."""
    return any(
        found.get("type") in _DATA and found.get("libraryName") != "FHIRHelpers" and found.get("name") != "Patient"
        for found in nodes(node)
    )


def mentions_names(node: Node, names: Collection[str]) -> bool:
    """True when the node mentions one of the aliases or lets."""
    return any(
        found.get("scope") in names
        or (found.get("type") in ("AliasRef", "QueryLetRef", "IdentifierRef") and found.get("name") in names)
        for found in nodes(node)
    )
