"""The syntax tree of an expression. Every node keeps the offset of its first significant character."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """Any node; `at` is an offset into the text, `depth` the nesting below."""

    at: int
    depth: int


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """A constant: `value` is an item, None for the empty collection `{}`."""

    value: Any


@dataclass(frozen=True, slots=True, eq=False)
class Faulty(Node):
    """What reads as a literal and has no value; the message says why."""

    message: str
    hint: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Special(Node):
    """`$this`, `$index` or `$total`; `$this` also stands for the implicit focus (`implicit`)."""

    name: str
    implicit: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Variable(Node):
    """`%name`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Member(Node):
    """`base.name`."""

    base: Node
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """`base.name(args)`; an operator `is` or `as` is a Call too (`operator`)."""

    base: Node
    name: str
    args: tuple[Node, ...]
    operator: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TypeName(Node):
    """A type specifier: the argument of is, as and ofType. `namespace` is "" when none was written."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Index(Node):
    """`base[index]`."""

    base: Node
    index: Node


@dataclass(frozen=True, slots=True, eq=False)
class Unary(Node):
    """`+operand` or `-operand`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True, eq=False)
class Binary(Node):
    """`left operator right`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Chain(Node):
    """Two or more operands joined by one associative operator: `|`, `and`, `or`, `&`, `+`; `places` are the offsets of
    the operators."""

    operator: str
    operands: tuple[Node, ...]
    places: tuple[int, ...]


def children(node: Node) -> tuple[Node, ...]:
    """The direct sub-expressions of a node."""
    if isinstance(node, Call):
        return (node.base, *node.args)
    if isinstance(node, Binary):
        return (node.left, node.right)
    if isinstance(node, Chain):
        return node.operands
    if isinstance(node, Member):
        return (node.base,)
    if isinstance(node, Index):
        return (node.base, node.index)
    return (node.operand,) if isinstance(node, Unary) else ()


#: A chain of more operands stays one node when it is taken apart: nesting has its limits.
_MOST_NESTED = 100


def nested(node: Node) -> Node:
    """A Chain of several operands as its author reads it: `(a | b) | c`. Every other node as it is."""
    if not isinstance(node, Chain) or not 2 < len(node.operands) <= _MOST_NESTED:
        return node
    left = Chain(node.places[-2], node.depth, node.operator, node.operands[:-1], node.places[:-1])
    return Chain(node.places[-1], node.depth, node.operator, (left, node.operands[-1]), node.places[-1:])
