"""Static types for ELM that was published without them, so that CQL can be translated against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cds.expr.elm.code import Node
from cds.expr.elm.library import Define, Function, Library, Parameter
from cds.expr.elm.specifiers import of_node, written


def with_types(elm: Mapping[str, Any], library: Library) -> dict[str, Any]:
    """The ELM of a compiled library in which parameters, expressions and functions carry the type the compiler found
    (`resultTypeSpecifier`) where they carry none."""
    inner = dict(elm.get("library", elm))
    functions = [function for overloads in library.functions.values() for function in overloads]
    known = _types((*library.parameters.values(), *library.defines.values(), *functions))
    for section in ("parameters", "statements"):
        definitions = (inner.get(section) or {}).get("def")
        if definitions:
            inner[section] = {"def": [{**node, **known.get(id(node), {})} for node in definitions]}
    return {"library": inner}


def _types(definitions: Iterable[Define | Function | Parameter]) -> dict[int, Node]:
    return {
        id(own.node): {"resultTypeSpecifier": written(own.type)}
        for own in definitions
        if own.type is not None and of_node(own.node) is None
    }
