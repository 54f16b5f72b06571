"""A walk over FHIRPath that knows what its names stand for: FHIR elements, and Tuples that CQL gives.

It finds what the compiler leaves to run time: elements that a Tuple does not have, and comparisons with a code that an
element can never hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cds.definitions.name_types import type_names
from cds.definitions.structure import COMMON, codes_of_element
from cds.errors import did_you_mean
from cds.expr import ast
from cds.expr.cql.types import ListType, TupleType, Type
from cds.expr.functions import FUNCTIONS
from cds.expr.types import model


@dataclass(frozen=True, slots=True)
class Shape:
    """What items are, as far as it is known: FHIR types, or the elements of a Tuple. `owners` and `name` are the
    element they were read from."""

    types: frozenset[str] = frozenset()
    elements: Mapping[str, Type] | None = None
    owners: frozenset[str] = frozenset()
    name: str = ""


OPEN = Shape()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that cannot be as it is written, at an offset into the text."""

    kind: Literal["element", "code"]
    at: int
    message: str
    hint: str | None


def shape_of(kind: Type, types: str) -> Shape:
    """The shape of a `%name`: of its CQL type when that is a Tuple, else of its types as FHIRPath names them."""
    kind = kind.element if isinstance(kind, ListType) else kind
    if isinstance(kind, TupleType):
        return Shape(elements=dict(kind.elements))
    return Shape(frozenset(types.split("|"))) if types else OPEN


def result_shape(tree: ast.Node, names: Mapping[str, Shape], this: Shape = OPEN) -> Shape:
    """The shape of what an expression gives."""
    return _Walk(names).shape(tree, this)


def faults(tree: ast.Node, names: Mapping[str, Shape], this: Shape = OPEN) -> list[Fault]:
    """Every fault of an expression whose `%names` have these shapes."""
    walk = _Walk(names)
    walk.shape(tree, this)
    return sorted(walk.faults, key=lambda fault: fault.at)


@dataclass(slots=True)
class _Walk:
    names: Mapping[str, Shape]
    faults: list[Fault] = field(default_factory=list)

    def shape(self, node: ast.Node, this: Shape) -> Shape:
        """The shape of a node; what is wrong below it is noted."""
        match node:
            case ast.Special(name="$this"):
                return this
            case ast.Variable(name=name):
                return self.names.get(name, OPEN)
            case ast.Member():
                return self._member(node, this)
            case ast.Index(base=base, index=index):
                self.shape(index, this)
                return self.shape(base, this)
            case ast.Call():
                return self._call(node, this)
            case ast.Binary() | ast.Chain():
                return self._operator(node, this)
        for child in ast.children(node):
            self.shape(child, this)
        return OPEN

    def _member(self, node: ast.Member, this: Shape) -> Shape:
        base = self.shape(node.base, this)
        if base.elements is not None:
            if node.name not in base.elements:
                message = f"the Tuple has no element '{node.name}'"
                hint = did_you_mean(node.name, base.elements) or f"its elements are {', '.join(base.elements)}"
                self.faults.append(Fault("element", node.at, message, hint))
                return OPEN
            kind = base.elements[node.name]
            return shape_of(kind, type_names(kind))
        if isinstance(node.base, ast.Special) and node.base.implicit and node.name in model().resources:
            return Shape(frozenset({node.name}))
        known = model().element(base.types, node.name) if base.types else None
        if known is not None and not known:
            names = [name for kind in base.types for name in model().elements(kind)]
            message = f"{' or '.join(sorted(base.types)[:3])} has no element '{node.name}'"
            hint = did_you_mean(node.name, names) or f"its elements are {', '.join(sorted({*names} - COMMON)[:20])}"
            self.faults.append(Fault("element", node.at, message, hint))
        return Shape(known, owners=base.types, name=node.name) if known else OPEN

    def _call(self, node: ast.Call, this: Shape) -> Shape:
        base = self.shape(node.base, this)
        function = FUNCTIONS.get(node.name)
        inner = base if function is not None and function.lambdas else this
        if node.args and isinstance(node.args[0], ast.TypeName):
            known = node.args[0].name in model()
            return Shape(frozenset({node.args[0].name}), None, base.owners, base.name) if known else OPEN
        found = [self.shape(argument, inner) for argument in node.args]
        if node.name in ("select", "repeat"):
            return found[0] if found and node.name == "select" else OPEN
        if node.name in ("combine", "union"):
            return _joined([base, *found])
        if node.name == "iif":
            return _joined(found[1:])
        return base if function is not None and function.passes else OPEN

    def _operator(self, node: ast.Binary | ast.Chain, this: Shape) -> Shape:
        operands = ast.children(node)
        found = [self.shape(operand, this) for operand in operands]
        if isinstance(node, ast.Binary) and node.operator in _COMPARISONS:
            for one, other in ((0, 1), (1, 0)):
                self._compared(found[one], operands[other])
        return _joined(found) if node.operator == "|" else OPEN

    def _compared(self, shape: Shape, other: ast.Node) -> None:
        """A coded element beside literals: each must be one of its codes."""
        codes = codes_of(shape.owners, shape.name) if shape.name and shape.types == _CODE else None
        for literal in _literals(other) if codes else ():
            if literal.value not in (codes or ()):
                self.faults.append(Fault("code", literal.at, *never(literal.value, shape.name, codes or ())))


_CODE = frozenset({"code"})
_COMPARISONS = frozenset({"=", "!=", "~", "!~", "in", "contains"})


def _literals(node: ast.Node) -> Iterator[ast.Literal]:
    if isinstance(node, ast.Literal) and isinstance(node.value, str):
        yield node
    elif isinstance(node, (ast.Chain, ast.Binary)) and node.operator == "|":
        for operand in ast.children(node):
            yield from _literals(operand)


def _joined(shapes: list[Shape]) -> Shape:
    """What is known of items of several shapes: open as soon as one is."""
    if not shapes or any(not shape.types for shape in shapes):
        return shapes[0] if len(shapes) == 1 else OPEN
    return Shape(frozenset[str]().union(*(shape.types for shape in shapes)))


def never(code: str, name: str, codes: tuple[str, ...]) -> tuple[str, str]:
    """The message and the remedy for a comparison with a code that an element cannot hold."""
    hint = did_you_mean(code, codes) or f"its codes are {', '.join(codes[:12])}"
    return f"'{name}' is never '{code}'", hint


def codes_of(owners: frozenset[str], name: str) -> tuple[str, ...] | None:
    """The codes of the required binding of an element, of all the types that may own it; None where one has none."""
    found: dict[str, None] = {}
    for owner in sorted(owners):
        if name not in model().elements(owner):
            continue
        codes = codes_of_element(owner, name)
        if not codes:
            return None
        found |= dict.fromkeys(codes)
    return tuple(found) or None
