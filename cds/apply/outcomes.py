"""What a condition can come to, known without data: true, false, unknown (docs/cases.md says the rule).

It is read off the expression, in FHIRPath or CQL: `exists()` on retrieved data is unknown where the data was not
obtained, `iif()` decides what unknown means. What the text leaves open counts as possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds import expr
from cds.apply.scope import Expression, Name, Parameter, Retrieve, Scope
from cds.expr import ast
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.facts import Need
from cds.expr.truths import ANY, DECIDED, LOGIC, UNKNOWN, Truths, chosen, joined, negated

#: Functions that always give a truth, save where items may be missing (docs/ARCHITECTURE.md, "Unknown is not false").
_OF_PRESENCE = frozenset(
    "exists empty all allTrue anyTrue allFalse anyFalse isDistinct subsetOf supersetOf hasValue".split()
)
#: Operators that are decided when both operands surely have a value.
_COMPARISONS = frozenset({"=", "!=", "<", ">", "<=", ">="})


def truths(expression: Expression, scope: Scope) -> Truths:
    """The truths that a condition in `scope` can come to."""
    if isinstance(expression, CqlExpression):
        return expression.truths
    if expression.constant is not None:
        return frozenset({expr.truth(expression.constant)})
    return _truths(expression.tree, scope)


def doubts(expression: Expression, scope: Scope) -> frozenset[Retrieve]:
    """The retrieves that can make it unknown when they were not fully answered."""
    if isinstance(expression, CqlExpression):
        return frozenset(_retrieves(expression.doubts, scope))
    return frozenset(_doubts(expression.tree, scope, set()))


def _truths(node: ast.Node, scope: Scope) -> Truths:
    match node:
        case ast.Literal(value=value):
            return frozenset({value if isinstance(value, bool) or value is None else True})
        case ast.Variable(name=name):
            return _of_name(scope.names.get(name))
        case ast.Call():
            return _of_call(node, scope)
        case ast.Chain(operator=operator, operands=operands) if operator in LOGIC:
            return joined(operator, [_truths(operand, scope) for operand in operands])
        case ast.Binary(operator=operator, left=left, right=right):
            return _of_binary(operator, left, right, scope)
    return ANY


def _of_name(name: Name | None) -> Truths:
    if name is None or isinstance(name.meaning, Retrieve):
        return ANY
    if isinstance(name.meaning, Parameter):
        return DECIDED if name.meaning.default else ANY
    return truths(name.meaning, name.scope)


def _of_call(call: ast.Call, scope: Scope) -> Truths:
    if call.name in _OF_PRESENCE:
        return ANY if any(_doubts(call, scope, set())) else DECIDED
    if call.name == "not":
        return negated(_truths(call.base, scope))
    if call.name == "iif":
        criterion, then, *otherwise = (_truths(argument, scope) for argument in call.args)
        return chosen(criterion, then, *(otherwise or [UNKNOWN]))
    return ANY


def _of_binary(operator: str, left: ast.Node, right: ast.Node, scope: Scope) -> Truths:
    if operator in LOGIC:
        return joined(operator, [_truths(left, scope), _truths(right, scope)])
    if operator in ("~", "!~"):
        return DECIDED
    if operator in _COMPARISONS and _is_sure(left, scope) and _is_sure(right, scope):
        return DECIDED
    return ANY


def _is_sure(node: ast.Node, scope: Scope) -> bool:
    """True for what always has one value that compares: a plain literal, a setting with a default, a count."""
    match node:
        case ast.Literal(value=value):
            return isinstance(value, (bool, int, str))
        case ast.Variable(name=name) if name in scope.names:
            meaning = scope.names[name].meaning
            return isinstance(meaning, Parameter) and bool(meaning.default)
        case ast.Call(name="count"):
            return not any(_doubts(node, scope, set()))
    return False


def _doubts(node: ast.Node, scope: Scope, seen: set[Name]) -> Iterator[Retrieve]:
    """The retrieves below a node whose missing items would be missed: all but what only a criterion of iif() asks."""
    if isinstance(node, ast.Variable) and node.name in scope.names:
        name = scope.names[node.name]
        if name not in seen:
            seen.add(name)
            yield from _doubts_of_name(name, seen)
    for child in ast.children(node):
        if not (isinstance(node, ast.Call) and node.name == "iif" and child is node.args[0]):
            yield from _doubts(child, scope, seen)


def _doubts_of_name(name: Name, seen: set[Name]) -> Iterator[Retrieve]:
    if isinstance(name.meaning, Retrieve):
        yield name.meaning
    elif isinstance(name.meaning, Parameter) or (name.meaning.boolean and None not in truths(name.meaning, name.scope)):
        return
    elif isinstance(name.meaning, CqlExpression):
        yield from _retrieves(name.meaning.needs, name.scope)
    else:
        yield from _doubts(name.meaning.tree, name.scope, seen)


def _retrieves(needs: Iterable[Need], scope: Scope) -> Iterator[Retrieve]:
    for need in needs:
        yield Retrieve(need.resource_type, optional=need.resource_type in scope.optional)
