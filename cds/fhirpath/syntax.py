"""The syntax tree of an expression as the FHIRPath Lab shows it (server-api.md, "AST definition")."""

from __future__ import annotations

from typing import Any

from cds.expr import Expression, ast
from cds.expr.trace import Steps
from cds.expr.types import Types

#: What the lab calls the names that stand for an item.
_AXES = {"$this": "builtin.this", "$index": "builtin.index", "$total": "builtin.total"}


def lab_tree(expression: Expression) -> dict[str, Any]:
    """A JsonNode: ExpressionType, Name, Position, Length, ReturnType where it is known, and Arguments: what a path or
    function is called on comes first."""
    return _Tree(expression).node(expression.tree)


def type_label(types: Types | None) -> str:
    """Possible types as one word: `string`, `Quantity | dateTime`; empty when they are open."""
    return " | ".join(sorted({lab_type(kind) for kind in types or ()}))


def lab_type(kind: str) -> str:
    """A type by the FHIR name the lab knows it by: `System.DateTime` is `dateTime`."""
    name = kind.removeprefix("System.")
    return name if name == kind or name == "Quantity" else name[0].lower() + name[1:]


class _Tree:
    def __init__(self, expression: Expression) -> None:
        self.steps = Steps(expression.text)
        self.types = expression.types_by_position()

    def node(self, node: ast.Node) -> dict[str, Any]:
        node = ast.nested(node)
        kind, name = self._named(node)
        made: dict[str, Any] = {"ExpressionType": kind, "Name": name}
        arguments = [self.node(child) for child in ast.children(node)]
        if arguments:
            made["Arguments"] = arguments
        if isinstance(node, ast.Special) and node.implicit:
            return made
        label = type_label(self.types.get(node.at)) if not isinstance(node, ast.TypeName) else ""
        if label:
            made["ReturnType"] = label
        return {**made, "Position": node.at, "Length": self.steps.length(node)}

    def _named(self, node: ast.Node) -> tuple[str, str]:
        if isinstance(node, ast.Literal):
            return "ConstantExpression", node.value if type(node.value) is str else self.steps.text_of(node)
        if isinstance(node, ast.TypeName):
            return "ConstantExpression", f"{node.namespace}.{node.name}" if node.namespace else node.name
        if isinstance(node, ast.Special):
            return "AxisExpression", "builtin.that" if node.implicit else _AXES[node.name]
        if isinstance(node, ast.Variable):
            return "VariableRefExpression", node.name
        if isinstance(node, ast.Member):
            return "ChildExpression", node.name
        if isinstance(node, ast.Index):
            return "IndexerExpression", "[]"
        if isinstance(node, ast.Unary):
            return "UnaryExpression", node.operator
        if isinstance(node, ast.Call) and not node.operator:
            return "FunctionCallExpression", node.name
        return "BinaryExpression", self.steps.name(node)
