"""ELM nodes under construction: plain dicts that remember their static type."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from cds.expr.cql.types import (
    ANY,
    BOOLEAN,
    DECIMAL,
    INTEGER,
    LONG,
    STRING,
    ListType,
    Named,
    Type,
    specifier,
)


class Elm(dict[str, Any]):
    """An ELM node. `result` is its static type, which it also carries as `resultTypeName` or `resultTypeSpecifier`."""

    __slots__ = ("result",)

    result: Type

    def typed(self, result: Type) -> Elm:
        """The same node with another static type."""
        self.pop("resultTypeName", None)
        self.pop("resultTypeSpecifier", None)
        self.result = result
        self.update(result_type(result))
        return self


def result_type(kind: Type) -> dict[str, Any]:
    """The members that tell a node's static type."""
    if isinstance(kind, Named):
        return {"resultTypeName": specifier(kind)["name"]}
    return {"resultTypeSpecifier": specifier(kind)}


def make(kind: str, result: Type, **members: Any) -> Elm:
    """A node of an ELM class; members that are None are left out."""
    node = Elm(type=kind)
    node.result = result
    node.update(result_type(result))
    for name, value in members.items():
        if value is not None:
            node[name] = value
    return node


def signature(kinds: Iterable[Type]) -> list[dict[str, Any]]:
    """The operand types of the overload that an operator node calls."""
    return [specifier(kind) for kind in kinds]


def literal(value: bool | int | Decimal | str, kind: Named | None = None) -> Elm:
    """A constant; an int is an Integer unless `kind` says Long."""
    if isinstance(value, bool):
        kind, text = BOOLEAN, "true" if value else "false"
    elif isinstance(value, int):
        kind, text = kind or INTEGER, str(value)
    elif isinstance(value, Decimal):
        kind, text = DECIMAL, format(value, "f")
    else:
        kind, text = STRING, value
    return make("Literal", kind, valueType=specifier(kind)["name"], value=text)


def long_literal(value: int) -> Elm:
    """A Long constant."""
    return literal(value, LONG)


def null(kind: Type = ANY) -> Elm:
    """The null of a type."""
    return make("Null", kind)


def cast(operand: Elm, kind: Type, *, strict: bool | None = None) -> Elm:
    """`operand as kind`."""
    return make("As", kind, operand=operand, strict=strict, **_named("asType", kind))


def test(operand: Elm, kind: Type) -> Elm:
    """`operand is kind`."""
    return make("Is", BOOLEAN, operand=operand, **_named("isType", kind))


def _named(member: str, kind: Type) -> dict[str, Any]:
    if isinstance(kind, Named):
        return {member: specifier(kind)["name"]}
    return {f"{member}Specifier": specifier(kind)}


def item_type(kind: Type) -> Type:
    """The type of one item of a list, or the type itself."""
    return kind.element if isinstance(kind, ListType) else kind
