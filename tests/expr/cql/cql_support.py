"""What the tests of CQL share: syntax trees as short text."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from cds.expr.cql import ast
from cds.expr.cql.parser import parse_expression

_PLACES = {"at", "end", "operator_at", "text"}


def shape(node: Any) -> str:
    """A node as text: operators as `(a + b)`, names and literals bare, any other node as `Kind(field field ...)`.
    Fields that are None, False or empty are left out."""
    if isinstance(node, ast.BinaryExpression):
        return f"({shape(node.left)} {node.operator} {shape(node.right)})"
    if isinstance(node, ast.UnaryExpression):
        return f"({node.operator} {shape(node.operand)})"
    if isinstance(node, (ast.MemberInvocation, ast.ExternalConstant)):
        return node.name
    if isinstance(node, ast.QualifiedMemberInvocation):
        return f"{shape(node.source)}.{node.name}"
    if isinstance(node, ast.NullLiteral):
        return "null"
    if isinstance(node, ast.Node):
        parts = [getattr(node, field.name) for field in fields(node) if field.name not in _PLACES]
        inside = " ".join(shape(part) for part in parts if part is not None and part is not False and part != ())
        kind = type(node).__name__
        return inside if kind.endswith("Literal") and kind != "RatioLiteral" else f"{kind}({inside})"
    if isinstance(node, tuple):
        return f"[{' '.join(shape(item) for item in node)}]"
    return str(node)


def parsed(text: str) -> str:
    """The shape of an expression."""
    return shape(parse_expression(text))
