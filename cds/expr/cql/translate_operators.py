"""Operators: logic, comparison, arithmetic, membership, conditionals, dates and intervals."""

from __future__ import annotations

from decimal import Decimal

from cds.expr.cql import ast
from cds.expr.cql.nodes import Elm, cast, literal, make, null
from cds.expr.cql.translate_conversions import negation
from cds.expr.cql.translate_literals import compatible_type, interval
from cds.expr.cql.translator import Handlers, Translator
from cds.expr.cql.types import (
    ANY,
    BOOLEAN,
    CODE_SYSTEM,
    QUANTITY,
    STRING,
    VALUE_SET,
    IntervalType,
    ListType,
    Type,
    choice_of,
    is_compatible,
    is_subtype,
)

_UNARY = {
    "-": "Negate",
    "not": "Not",
    "exists": "Exists",
    "distinct": "Distinct",
    "flatten": "Flatten",
    "start of": "Start",
    "end of": "End",
    "width of": "Width",
    "successor of": "Successor",
    "predecessor of": "Predecessor",
    "singleton from": "SingletonFrom",
    "point from": "PointFrom",
}
_BINARY = {
    "^": "Power",
    "*": "Multiply",
    "/": "Divide",
    "div": "TruncatedDivide",
    "mod": "Modulo",
    "+": "Add",
    "-": "Subtract",
    "<": "Less",
    "<=": "LessOrEqual",
    ">": "Greater",
    ">=": "GreaterOrEqual",
    "=": "Equal",
    "~": "Equivalent",
    "and": "And",
    "or": "Or",
    "xor": "Xor",
    "implies": "Implies",
}
_SETS = {"union": "Union", "intersect": "Intersect", "except": "Except"}
#: `timezone` is the word of CQL 1.3 for what `timezoneoffset` gives.
_COMPONENTS = {
    "date": "DateFrom",
    "time": "TimeFrom",
    "timezone": "TimezoneOffsetFrom",
    "timezoneoffset": "TimezoneOffsetFrom",
}


def precision(word: str | None) -> str | None:
    """A precision as ELM writes it."""
    return word.capitalize() if word else None


def _unary(t: Translator, node: ast.UnaryExpression) -> Elm:
    operand = t.expression(node.operand)
    return operand if node.operator == "+" else t.call(_UNARY[node.operator], operand)


def _binary(t: Translator, node: ast.BinaryExpression) -> Elm:
    """Chains lean to the left; they are walked down first, so that their length is no depth."""
    chain = [node]
    while isinstance(chain[-1].left, ast.BinaryExpression):
        chain.append(chain[-1].left)
    operands = t.all([chain[-1].left, *(link.right for link in reversed(chain))])
    made = operands[0]
    for link, right in zip(reversed(chain), operands[1:], strict=True):
        t.place = link
        made = _operation(t, link.operator, made, right)
        made["locator"] = t.locator(link)
    return made


def _operation(t: Translator, operator: str, left: Elm, right: Elm) -> Elm:
    if operator in _SETS:
        return _set_operation(t, _SETS[operator], left, right)
    if operator == "&":
        empty = literal("")
        return t.call("Concatenate", t.call("Coalesce", left, empty), t.call("Coalesce", right, empty))
    if operator in ("!=", "!~"):
        return negation(t.call("Equal" if operator == "!=" else "Equivalent", left, right))
    made = t.call(_BINARY[operator], left, right)
    if operator == "+" and made.result == STRING:
        made["type"] = "Concatenate"
    return made


def _set_operation(t: Translator, name: str, left: Elm, right: Elm) -> Elm:
    """Lists of different items become lists of a choice of both."""
    if isinstance(left.result, ListType) and isinstance(right.result, ListType):
        one, other = left.result, right.result
        related = is_subtype(one, other) or is_subtype(other, one) or is_compatible(one, other)
        if not (related or is_compatible(other, one)):
            wide = ListType(choice_of((one.element, other.element)))
            left, right = cast(left, wide), cast(right, wide)
    return t.call(name, left, right)


# --- membership ---


def _membership(t: Translator, node: ast.MembershipExpression) -> Elm:
    left, right = t.all((node.left, node.right))
    if node.precision is not None:
        name = "In" if node.operator == "in" else "Contains"
        return t.call(name, left, right, precision=precision(node.precision))
    if node.operator == "in":
        return is_in(t, left, right)
    if right.result != ANY and is_subtype(left.result, VALUE_SET):
        return in_terminology(t, "InValueSet", right, left)
    if right.result != ANY and is_subtype(left.result, CODE_SYSTEM):
        return in_terminology(t, "InCodeSystem", right, left)
    return t.call("Contains", left, right)


def is_in(t: Translator, left: Elm, right: Elm) -> Elm:
    """`left in right`: an interval, a list, a value set or a code system."""
    for kind, name in ((VALUE_SET, "InValueSet"), (CODE_SYSTEM, "InCodeSystem")):
        if right.result != ANY and is_compatible(right.result, kind):
            return in_terminology(t, f"Any{name}" if isinstance(left.result, ListType) else name, left, right)
    return t.call("In", left, right)


def in_terminology(t: Translator, name: str, code: Elm, terminology: Elm) -> Elm:
    """`InValueSet`, `AnyInCodeSystem` and so on, with their named operands."""
    made = t.call(name, code, terminology)
    code, terminology = made.pop("operand")
    made["codes" if name.startswith("Any") else "code"] = code
    member = "valueset" if name.endswith("ValueSet") else "codesystem"
    plain = terminology["type"] in ("ValueSetRef", "CodeSystemRef")
    made[member if plain else f"{member}Expression"] = terminology
    return made


# --- truths ---


def _boolean(t: Translator, node: ast.BooleanExpression) -> Elm:
    made = t.call({"null": "IsNull", "true": "IsTrue", "false": "IsFalse"}[node.test], t.expression(node.operand))
    return negation(made) if node.negated else made


def _between(t: Translator, node: ast.BetweenExpression) -> Elm:
    operand, low, high = t.all((node.operand, node.low, node.high))
    if isinstance(operand.result, IntervalType):
        name = "ProperIncludedIn" if node.proper else "IncludedIn"
        return t.call(name, operand, interval(t, low, True, high, True))
    above = t.call("Greater" if node.proper else "GreaterOrEqual", operand, low)
    below = t.call("Less" if node.proper else "LessOrEqual", operand, high)
    return t.call("And", above, below)


def _if(t: Translator, node: ast.IfThenElse) -> Elm:
    condition, consequent, alternative = t.all((node.condition, node.consequent, node.alternative))
    return conditional(t, condition, consequent, alternative, at=node.condition)


def conditional(t: Translator, condition: Elm, consequent: Elm, alternative: Elm, at: ast.Node | None = None) -> Elm:
    """`if condition then consequent else alternative`, both results of one type."""
    kind = compatible_type((consequent, alternative))
    return make(
        "If",
        kind,
        condition=t.fitted(condition, BOOLEAN, at),
        then=t.fitted(consequent, kind),
        **{"else": t.fitted(alternative, kind)},
    )


def _case(t: Translator, node: ast.Case) -> Elm:
    comparand = t.expression(node.comparand) if node.comparand else None
    conditions = t.all(item.condition for item in node.items)
    results = t.all([*(item.result for item in node.items), node.alternative])
    expected: Type = BOOLEAN
    if comparand is not None:
        expected = compatible_type((comparand, *conditions))
        comparand = t.fitted(comparand, expected)
    kind = compatible_type(results)
    items = [
        {"when": t.fitted(condition, expected, item.condition), "then": t.fitted(result, kind)}
        for item, condition, result in zip(node.items, conditions, results, strict=False)
    ]
    return make("Case", kind, comparand=comparand, caseItem=items, **{"else": t.fitted(results[-1], kind)})


def _indexed(t: Translator, node: ast.IndexedExpression) -> Elm:
    return t.call("Indexer", *t.all((node.source, node.index)))


# --- dates and intervals ---


def _duration_between(t: Translator, node: ast.DurationBetweenExpression) -> Elm:
    return _elapsed(t, node.operator, node.precision, *t.all((node.low, node.high)))


def _duration(t: Translator, node: ast.DurationExpression) -> Elm:
    operand = t.expression(node.operand)
    return _elapsed(t, node.operator, node.precision, t.call("Start", operand), t.call("End", operand))


def _elapsed(t: Translator, operator: str, word: str, low: Elm, high: Elm) -> Elm:
    name = "DurationBetween" if operator == "duration" else "DifferenceBetween"
    return t.call(name, low, high, precision=precision(word))


def _component(t: Translator, node: ast.TimeUnitExpression) -> Elm:
    operand = t.expression(node.operand)
    if node.component in _COMPONENTS:
        return t.call(_COMPONENTS[node.component], operand)
    if node.component == "week":
        raise t.error("a date has no component 'week'", "write 'weeks between' or 'duration in weeks of'")
    return t.call("DateTimeComponentFrom", operand, precision=precision(node.component))


def _set_aggregate(t: Translator, node: ast.SetAggregateExpression) -> Elm:
    operand = t.expression(node.operand)
    per = null(QUANTITY)
    if node.per is not None:
        per = t.expression(node.per)
        if per["type"] == "Literal" and per.result != STRING:
            per = make("Quantity", QUANTITY, value=Decimal(per["value"]), unit="1")
    return t.call("Expand" if node.operator == "expand" else "Collapse", operand, per)


HANDLERS: Handlers = {
    ast.UnaryExpression: _unary,
    ast.BinaryExpression: _binary,
    ast.MembershipExpression: _membership,
    ast.BooleanExpression: _boolean,
    ast.BetweenExpression: _between,
    ast.IfThenElse: _if,
    ast.Case: _case,
    ast.IndexedExpression: _indexed,
    ast.DurationBetweenExpression: _duration_between,
    ast.DurationExpression: _duration,
    ast.TimeUnitExpression: _component,
    ast.SetAggregateExpression: _set_aggregate,
}
