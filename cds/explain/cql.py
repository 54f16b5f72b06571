"""What decided the value of an expression in CQL: its ELM read beside the steps of one traced evaluation.

Of `and` and `or` the operands that settled the value count, of a name its define, of `exists` and a query the rows and
what each criterion said of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cds.apply.reason import Reason
from cds.errors import Location
from cds.explain.values import shown
from cds.expr.elm.code import Node, Place, text_of
from cds.expr.elm.facts import parts_of
from cds.expr.elm.library import Library
from cds.expr.elm.steps import name_of
from cds.expr.trace import Step

#: The text of a library and where it stands: None for one whose text is not there.
Texts = Callable[[str], "tuple[str, Callable[[int, int], Location]] | None"]

_MOST_ROWS = 5
_DEEPEST = 12
_LONGEST = 100
_MISSING: Any = object()
#: Nodes that say all by their value, and those whose value their text says.
_SINGLE = frozenset({"Property", "AliasRef", "QueryLetRef", "Retrieve", "OperandRef", "ParameterRef"})
_CONSTANT = frozenset({"Literal", "ValueSetRef", "CodeRef", "ConceptRef", "Quantity", "Null"})


class Reasons:
    """Reasons from the steps of one evaluation."""

    def __init__(self, steps: Iterable[Step], texts: Texts) -> None:
        self._texts = texts
        self._values: dict[tuple[str, int, int, str], list[tuple[int | None, Any]]] = defaultdict(list)
        for step in steps:
            place = (step.library, step.line, step.column, step.name)
            self._values[place].append((step.index, step.items[0].raw))

    def of(self, library: Library, node: Node, index: int | None = None, depth: int = 0) -> Reason | None:
        """Why a node has its value, in the row `index` of the query around it; None for one that was not asked."""
        node = _written(node)
        value = self._value(library, node, index)
        if value is _MISSING:
            return None
        because = tuple(self._because(library, node, value, index, depth)) if depth < _DEEPEST else ()
        return Reason(self._text(library, node), shown(value), self._location(library, node), because)

    def _value(self, library: Library, node: Node, index: int | None) -> Any:
        place = Place(library.name).of(node)
        found = self._values.get((place.library, place.line, place.column, name_of(node)), [])
        fitting = [value for at, value in found if at == index] if index is not None else [value for _, value in found]
        return fitting[-1] if fitting else _MISSING

    def _because(self, library: Library, node: Node, value: Any, index: int | None, depth: int) -> Iterator[Reason]:
        kind = node["type"]
        if kind in ("And", "Or"):
            yield from self._settled(library, node, value, index, depth)
        elif kind == "ExpressionRef":
            owner = library.includes[node["libraryName"]] if node.get("libraryName") else library
            define = owner.defines[node["name"]]
            if (reason := self.of(define.library, define.node["expression"], None, depth + 1)) is not None:
                yield reason
        elif kind == "Query":
            yield from self._rows(library, node, depth)
        elif kind == "If":
            condition = self.of(library, node["condition"], index, depth + 1)
            chosen = [self.of(library, node[part], index, depth + 1) for part in ("then", "else") if part in node]
            yield from (reason for reason in (condition, *chosen) if reason is not None)
        elif kind not in _SINGLE:
            for part in _operands(node):
                reason = self.of(library, part, index, depth + 1)
                if reason is not None and _written(part)["type"] not in _CONSTANT:
                    yield reason

    def _settled(self, library: Library, node: Node, value: Any, index: int | None, depth: int) -> Iterator[Reason]:
        """The operands that alone give the value: for a false `and` the first false one, for a null one those that are
        null, else all."""
        operands = [_written(operand) for operand in _chain(node, node["type"])]
        asked = [(operand, self._value(library, operand, index)) for operand in operands]
        same = [operand for operand, own in asked if own is value]
        decisive = value is (node["type"] == "Or")
        for operand in same[:1] if decisive and value is not None else same:
            if (reason := self.of(library, operand, index, depth + 1)) is not None:
                yield reason

    def _rows(self, library: Library, node: Node, depth: int) -> Iterator[Reason]:
        """The source where it is empty; else of each row what the criterion said."""
        source = node["source"][0]
        items = self._value(library, _written(source["expression"]), None)
        if len(node["source"]) > 1 or not isinstance(items, list) or not items or node.get("where") is None:
            if (reason := self.of(library, source["expression"], None, depth + 1)) is not None:
                yield reason
            return
        where = _written(node["where"])
        for index, item in enumerate(items[:_MOST_ROWS]):
            if (reason := self.of(library, where, index, depth + 1)) is not None:
                yield Reason(f"{source['alias']} = {shown([item]).partition(': ')[2]}", reason.value, None, (reason,))
        if len(items) > _MOST_ROWS:
            yield Reason(f"and {len(items) - _MOST_ROWS} more", "")

    def _text(self, library: Library, node: Node) -> str:
        if node["type"] == "Query":  # its criterion is told row by row
            return f"rows of {self._text(library, _written(node['source'][0]['expression']))}"
        found = self._texts(library.name)
        written = text_of(node, found[0]) if found is not None else None
        if written is None:
            return name_of(node)
        text = _balanced(" ".join(written.split()))
        return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."

    def _location(self, library: Library, node: Node) -> Location | None:
        found, place = self._texts(library.name), Place(library.name).of(node)
        return found[1](place.line, place.column) if found is not None and place.line else None


def _written(node: Node) -> Node:
    """The node, or the one below it where a translator put it in, such as an implicit conversion."""
    while "locator" not in node:
        below = [part for name, part in parts_of(node) if name == "operand"]
        if len(below) != 1:
            return node
        node = below[0]
    return node


def _operands(node: Node) -> Iterator[Node]:
    """The nodes right below this one; of a list that is written out its items, and what stands in the parts of a case
    or the elements of a tuple, which are no expressions."""
    for _, part in parts_of(node):
        if _written(part).get("type", "List") == "List":
            yield from _operands(_written(part))
        else:
            yield part


def _balanced(text: str) -> str:
    """The text with the brackets that stand outside of the node's own place."""
    depth = lowest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        lowest = min(lowest, depth)
    return "(" * -lowest + text + ")" * (depth - lowest)


def _chain(node: Node, kind: str) -> list[Node]:
    """The operands of a chain of one operator."""
    if node.get("type") != kind:
        return [node]
    return [operand for part in node["operand"] for operand in _chain(part, kind)]
