"""What a node of ELM can come to as a truth, and which retrieves can leave it null: known without running it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cds.expr.elm.code import Node
from cds.expr.elm.facts import Need, need_of, owner_of, parts_of
from cds.expr.truths import ANY, DECIDED, NONE, UNKNOWN, Truths, chosen, joined, negated

if TYPE_CHECKING:
    from cds.expr.elm.library import Library

_LOGIC = {"And": "and", "Or": "or", "Xor": "xor", "Implies": "implies"}
#: Operators that are never null, whatever they are given.
_NEVER_NULL = frozenset({"IsNull", "IsTrue", "IsFalse", "Equivalent"})
#: (type, member) of what chooses; a case item has no type.
_CRITERIA = frozenset({("If", "condition"), ("Case", "comparand"), (None, "when")})
_TRUTHS = frozenset({*_LOGIC, *_NEVER_NULL, "Not", "Exists", "If", "Case", "Coalesce", "ExpressionRef"})


def truths(library: Library, node: Node) -> Truths:
    """The truths that a boolean node can come to; what the text leaves open counts as possible."""
    kind = node.get("type")
    if kind in _NEVER_NULL:
        return DECIDED
    if kind in _LOGIC:
        return joined(_LOGIC[kind], [truths(library, operand) for operand in node["operand"]])
    if kind in _RULES:
        return _RULES[kind](library, node)
    return ANY


def doubts(library: Library, node: Node) -> Iterator[Need]:
    """The retrieves below a node whose missing items could leave it null. What decides null, does so for good."""
    yield from _doubts(library, node, set())


def _literal(_: Library, node: Node) -> Truths:
    return frozenset({node.get("value") == "true"})


def _null(_: Library, __: Node) -> Truths:
    return UNKNOWN


def _not(library: Library, node: Node) -> Truths:
    return negated(truths(library, node["operand"]))


def _as(library: Library, node: Node) -> Truths:
    return truths(library, node["operand"])


def _exists(library: Library, node: Node) -> Truths:
    return ANY if any(doubts(library, node["operand"])) else DECIDED


def _if(library: Library, node: Node) -> Truths:
    then, otherwise = truths(library, node["then"]), truths(library, node["else"])
    return chosen(truths(library, node["condition"]), then, otherwise)


def _case(library: Library, node: Node) -> Truths:
    branches = [item["then"] for item in node["caseItem"]]
    return NONE.union(*(truths(library, branch) for branch in (*branches, node["else"])))


def _coalesce(library: Library, node: Node) -> Truths:
    """Each operand where those before it can be null."""
    found = NONE
    for operand in node["operand"]:
        own = truths(library, operand)
        found |= own - {None}
        if None not in own:
            return found
    return found | UNKNOWN


def _reference(library: Library, node: Node) -> Truths:
    owner = owner_of(library, node)
    define = owner.defines.get(node["name"])
    return ANY if define is None else truths(owner, define.node["expression"])


def _parameter(library: Library, node: Node) -> Truths:
    owner = owner_of(library, node)
    return DECIDED if "default" in owner.parameters[node["name"]].node else ANY


_RULES = {
    "Literal": _literal,
    "Null": _null,
    "Not": _not,
    "As": _as,
    "Exists": _exists,
    "If": _if,
    "Case": _case,
    "Coalesce": _coalesce,
    "ExpressionRef": _reference,
    "ParameterRef": _parameter,
}


def _doubts(library: Library, node: Node, seen: set[int]) -> Iterator[Need]:
    kind = node.get("type")
    if kind in _TRUTHS and None not in truths(library, node):
        return
    if kind == "Retrieve":
        yield need_of(library, node)
    elif kind == "ExpressionRef":
        owner = owner_of(library, node)
        if node["name"] in owner.defines:
            yield from _of_definition(owner, owner.defines[node["name"]].node, seen)
    elif kind == "FunctionRef" and node.get("libraryName") != "FHIRHelpers":
        owner = owner_of(library, node)
        for overload in owner.functions.get(node["name"], ()):
            yield from _of_definition(owner, overload.node, seen)
    for name, part in parts_of(node):
        if (kind, name) not in _CRITERIA:
            yield from _doubts(library, part, seen)


def _of_definition(owner: Library, definition: Node, seen: set[int]) -> Iterator[Need]:
    if id(definition) not in seen and definition.get("expression") is not None:
        seen.add(id(definition))
        yield from _doubts(owner, definition["expression"], seen)
