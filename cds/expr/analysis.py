"""Questions about a syntax tree that the compiler asks before it compiles: which pieces need typed items."""

from __future__ import annotations

from collections.abc import Mapping

from cds.expr import ast
from cds.expr.code import Function
from cds.expr.types import PRIMITIVES, Model, Types

#: Members that a primitive has too.
_ON_PRIMITIVES = frozenset({"id", "extension"})
#: Functions that give primitives and elements alike.
_OF_ALL_TYPES = frozenset({"children", "descendants"})


class Analysis:
    """Answers over one model and one function table. `primitive` says whether `$this` may be a primitive."""

    def __init__(self, model: Model, functions: Mapping[str, Function]) -> None:
        self.model = model
        self.functions = functions

    def maybe_primitive(self, node: ast.Node, primitive: bool) -> bool:
        """True unless the items are surely elements or resources, judged by the last name of the path."""
        if isinstance(node, ast.Member):
            if node.name in self.model.primitive_names:
                kinds = self._types(node)
                return kinds is None or any(kind in PRIMITIVES for kind in kinds)
            known = node.name in self.model.choices or node.name[:1].isupper()
            return not known and node.name not in self.model.element_names
        if isinstance(node, ast.Call) and self.by_resource_type(node):
            return False
        if isinstance(node, ast.Call) and node.name in _OF_ALL_TYPES:
            return True
        if isinstance(node, ast.Call) and node.name in self.functions:
            function, base = self.functions[node.name], self.maybe_primitive(node.base, primitive)
            inner = base if function.lambdas else primitive
            projected = function.projects and any(self.maybe_primitive(arg, inner) for arg in node.args)
            return projected or (function.passes and base)
        if isinstance(node, ast.Index):
            return self.maybe_primitive(node.base, primitive)
        return isinstance(node, ast.Chain) or (isinstance(node, ast.Special) and primitive)

    def _types(self, node: ast.Node) -> Types | None:
        """The possible types of a path from a type name or a resource type on; None when they are open."""
        if isinstance(node, ast.Call) and self.by_resource_type(node):
            kind = type_argument(node)
            return frozenset({kind.name}) if kind else None
        if isinstance(node, ast.Index):
            return self._types(node.base)
        if not isinstance(node, ast.Member):
            return None
        if isinstance(node.base, ast.Special) and node.base.implicit and node.name in self.model:
            return frozenset({node.name}) if node.name[:1].isupper() else None
        owners = self._types(node.base)
        if not owners or any(self.model.is_abstract(owner) for owner in owners):
            return None
        found = frozenset[str]().union(*(self.model.elements(owner).get(node.name, ()) for owner in owners))
        return found or None

    def member_needs_type(self, node: ast.Member, primitive: bool) -> bool:
        """True for `id` and `extension` below what may be a primitive: they live in the sibling `_name`."""
        return node.name in _ON_PRIMITIVES and self.maybe_primitive(node.base, primitive)

    def call_needs_type(self, node: ast.Call, primitive: bool) -> bool:
        """True when a function needs typed items as its input."""
        function = self.functions.get(node.name)
        if function is None or not function.typed:
            return False
        if node.name == "extension":
            return self.maybe_primitive(node.base, primitive)
        return not (self.by_resource_type(node) or self.fused_choice(node))

    def by_resource_type(self, node: ast.Call) -> bool:
        """True for is, as and ofType with a resource type: `resourceType` answers it."""
        kind = type_argument(node)
        return kind is not None and kind.namespace in ("", "FHIR") and kind.name in self.model.resources

    def fused_choice(self, node: ast.Call) -> bool:
        """True for `value.ofType(Quantity)` and its like: the JSON key of the choice answers it."""
        kind = type_argument(node)
        return (
            node.name == "ofType"
            and kind is not None
            and kind.namespace in ("", "FHIR")
            and (kind.name in PRIMITIVES or kind.name in self.model)
            and isinstance(node.base, ast.Member)
            and node.base.name in self.model.choices
        )

    def touches(self, node: ast.Node, typed: bool, primitive: bool) -> bool:
        """True when compiling `node` (for typed items, or plain ones) asks for a typed `$this`."""
        if isinstance(node, ast.Special):
            return typed and node.name == "$this"
        if isinstance(node, ast.Member):
            return self.touches(node.base, typed or self.member_needs_type(node, primitive), primitive)
        if isinstance(node, ast.Call):
            return self._call_touches(node, typed, primitive)
        if isinstance(node, ast.Index):
            return self.touches(node.base, typed, primitive) or self.touches(node.index, False, primitive)
        if isinstance(node, ast.Chain):
            return any(self.touches(operand, typed and node.operator == "|", primitive) for operand in node.operands)
        return any(self.touches(child, False, primitive) for child in ast.children(node))

    def bodies_touch(self, node: ast.Call, typed: bool, primitive: bool) -> bool:
        """True when a lambda of a call asks for a typed `$this`: an item of its input."""
        function = self.functions[node.name]
        inner = self.maybe_primitive(node.base, primitive)
        return any(self.touches(arg, typed and function.projects, inner) for arg in node.args)

    def _call_touches(self, node: ast.Call, typed: bool, primitive: bool) -> bool:
        function = self.functions.get(node.name)
        if function is None:
            return False
        base_typed = self.call_needs_type(node, primitive) or (typed and function.passes)
        if function.lambdas:
            base_typed = base_typed or self.bodies_touch(node, typed, primitive)
            return self.touches(node.base, base_typed, primitive)
        handed_on = typed and (function.passes or function.projects)
        return self.touches(node.base, base_typed, primitive) or any(
            self.touches(arg, handed_on, primitive) for arg in node.args
        )


def type_argument(node: ast.Call) -> ast.TypeName | None:
    """The type specifier of is, as and ofType."""
    if node.args and isinstance(node.args[0], ast.TypeName):
        return node.args[0]
    return None


def mentions(node: ast.Node, special: str) -> bool:
    """True when `$index` or `$total` occurs anywhere below."""
    if isinstance(node, ast.Special):
        return node.name == special
    return any(mentions(child, special) for child in ast.children(node))
