"""FHIRPath's functions on CQL values: `list.where(...)`, `text.upper()` (CQL 1.5.3, Appendix J)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from cds.expr.cql import ast
from cds.expr.cql.nodes import Elm, cast, item_type, literal, make, null, test
from cds.expr.cql.signatures import system_overloads
from cds.expr.cql.translate_conversions import is_null, negation
from cds.expr.cql.translate_literals import compatible_type
from cds.expr.cql.translate_names import THIS, element_names, element_type, member
from cds.expr.cql.translate_operators import conditional
from cds.expr.cql.translate_system import system_call
from cds.expr.cql.translate_types import named_type
from cds.expr.cql.translator import QueryScope, Translator
from cds.expr.cql.types import ANY, BOOLEAN, ListType, Named, Type, choice_of

Arguments = Sequence[ast.Expression]
Method = Callable[[Translator, Elm, Arguments], Elm]

#: Methods that are the System function of the name behind them, the target being its first argument.
_SAME = {
    "abs": "Abs", "allTrue": "AllTrue", "anyTrue": "AnyTrue", "ceiling": "Ceiling", "count": "Count",
    "convertsToBoolean": "ConvertsToBoolean", "convertsToDate": "ConvertsToDate",
    "convertsToDateTime": "ConvertsToDateTime", "convertsToDecimal": "ConvertsToDecimal",
    "convertsToInteger": "ConvertsToInteger", "convertsToQuantity": "ConvertsToQuantity",
    "convertsToString": "ConvertsToString", "convertsToTime": "ConvertsToTime", "distinct": "Distinct",
    "endsWith": "EndsWith", "exclude": "Except", "exp": "Exp", "first": "First", "floor": "Floor",
    "intersect": "Intersect", "last": "Last", "length": "Length", "ln": "Ln", "log": "Log", "lower": "Lower",
    "matches": "Matches", "memberOf": "InValueSet", "not": "Not", "power": "Power",
    "replaceMatches": "ReplaceMatches", "round": "Round", "single": "SingletonFrom", "skip": "Skip",
    "startsWith": "StartsWith", "subsetOf": "IncludedIn", "substring": "Substring", "subsumes": "Subsumes",
    "subsumedBy": "SubsumedBy", "supersetOf": "Includes", "tail": "Tail", "take": "Take", "toBoolean": "ToBoolean",
    "toChars": "ToChars", "toDate": "ToDate", "toDateTime": "ToDateTime", "toDecimal": "ToDecimal",
    "toInteger": "ToInteger", "toQuantity": "ToQuantity", "toString": "ToString", "toTime": "ToTime",
    "truncate": "Truncate", "union": "Union", "upper": "Upper",
}  # fmt: skip


def _same(name: str) -> Method:
    def method(t: Translator, target: Elm, arguments: Arguments) -> Elm:
        return function(t, name, target, *t.all(arguments))

    return method


def function(t: Translator, name: str, *operands: Elm) -> Elm:
    """A System function of these operands."""
    made = system_call(t, name, list(operands))
    if made is None:
        raise t.no_overload(name, [operand.result for operand in operands], system_overloads()[name])
    return made


def _one(t: Translator, name: str, arguments: Arguments) -> ast.Expression:
    if len(arguments) != 1:
        raise t.error(f"{name} takes one argument, but {len(arguments)} are given")
    return arguments[0]


# --- criteria and projections ---


def _query(target: Elm, result: Type, **clauses: object) -> Elm:
    return make("Query", result, source=[{"alias": THIS, "expression": target}], relationship=[], **clauses)


def _within(t: Translator, target: Elm, body: ast.Expression) -> Elm:
    with t.query(QueryScope({THIS: target.result}, implicit=True)):
        return t.expression(body)


def _where(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    body = _one(t, "where", arguments)
    return _query(target, target.result, where=t.fitted(_within(t, target, body), BOOLEAN, body))


def _exists(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    return function(t, "Exists", _where(t, target, arguments) if arguments else target)


def _all(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    body = _one(t, "all", arguments)
    criterion = t.fitted(_within(t, target, body), BOOLEAN, body)
    return function(t, "AllTrue", _returning(target, criterion))


def _returning(target: Elm, value: Elm) -> Elm:
    result = ListType(value.result) if isinstance(target.result, ListType) else value.result
    return _query(target, result, **{"return": {"distinct": False, "expression": value}})


def _select(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    """What is not null of a projection, lists flattened."""
    value = _within(t, target, _one(t, "select", arguments))
    kept = make("QueryLetRef", value.result, name="$a")
    result = ListType(value.result) if isinstance(target.result, ListType) else value.result
    query = _query(
        target,
        result,
        let=[{"identifier": "$a", "expression": value}],
        where=negation(is_null(kept)),
        **{"return": {"distinct": False, "expression": kept}},
    )
    nested = isinstance(target.result, ListType) and isinstance(value.result, ListType)
    return t.call("Flatten", query) if nested else query


def _extensions(name: str) -> Method:
    """`x.extension(url)`: those of that url."""

    def method(t: Translator, target: Elm, arguments: Arguments) -> Elm:
        url = t.expression(_one(t, name, arguments))
        found = member(t, target, name)
        own = member(t, make("AliasRef", item_type(found.result), name=THIS), "url")
        return _query(found, found.result, where=t.call("Equal", own, url))

    return method


def _repeat(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    value = _within(t, target, _one(t, "repeat", arguments))
    result = value.result if isinstance(value.result, ListType) else ListType(value.result)
    return make("Repeat", result, source=target, element=value, scope=THIS)


# --- types ---


def _type(t: Translator, name: str, arguments: Arguments) -> Named:
    """The type that an argument names, such as `FHIR.Patient`."""
    node: ast.Expression = _one(t, name, arguments)
    parts: list[str] = []
    while isinstance(node, ast.QualifiedMemberInvocation):
        parts.append(node.name)
        node = node.source
    if not isinstance(node, ast.MemberInvocation):
        raise t.error(f"{name} takes the name of a type", at=node)
    return named_type(t, (node.name, *reversed(parts)), node)


def _is(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    return test(target, _type(t, "is", arguments))


def _as(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    return cast(target, _type(t, "as", arguments), strict=False)


def _of_type(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    kind = _type(t, "ofType", arguments)
    this = make("AliasRef", item_type(target.result), name=THIS)
    result = ListType(kind) if isinstance(target.result, ListType) else kind
    returned = {"return": {"distinct": False, "expression": cast(this, kind)}}
    return _query(target, result, where=test(this, kind), **returned)


def _children(name: str, *, deep: bool) -> Method:
    def method(t: Translator, target: Elm, arguments: Arguments) -> Elm:
        kind = item_type(target.result)
        found = [] if deep else [own for name in element_names(kind) if (own := element_type(kind, name)) is not None]
        result = ListType(choice_of(map(item_type, found)) if found else ANY)
        return make(name, result, source=target)

    return method


# --- text, numbers and the rest ---


def _combine(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    other = t.expression(_one(t, "combine", arguments))
    kind = compatible_type((target, other))
    return t.call("Flatten", make("List", ListType(kind), element=[t.fitted(target, kind), t.fitted(other, kind)]))


def _index_of(name: str) -> Method:
    def method(t: Translator, target: Elm, arguments: Arguments) -> Elm:
        return t.call(name, t.expression(_one(t, "indexOf", arguments)), target)

    return method


def _contains(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    return t.call("GreaterOrEqual", _index_of("PositionOf")(t, target, arguments), literal(0))


def _empty(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    return negation(function(t, "Exists", target))


def _has_value(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    return negation(is_null(target))


def _iif(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    if len(arguments) not in (1, 2):
        raise t.error("iif takes a result and, where the condition does not hold, another one")
    condition = t.call("SingletonFrom", target) if isinstance(target.result, ListType) else target
    results = t.all(arguments)
    return conditional(t, condition, results[0], results[1] if len(results) > 1 else null())


def _sqrt(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    return t.call("Power", target, literal(Decimal("0.5")))


def _trace(t: Translator, target: Elm, arguments: Arguments) -> Elm:
    text = t.expression(_one(t, "trace", arguments))
    return t.call("Message", target, literal(True), literal("TRACE"), literal("Trace"), text)


METHODS: dict[str, Method] = {
    **{name: _same(operator) for name, operator in _SAME.items()},
    "all": _all,
    "as": _as,
    "children": _children("Children", deep=False),
    "combine": _combine,
    "contains": _contains,
    "descendants": _children("Descendents", deep=True),
    "descendents": _children("Descendents", deep=True),
    "empty": _empty,
    "exists": _exists,
    "hasValue": _has_value,
    "iif": _iif,
    "indexOf": _index_of("PositionOf"),
    "is": _is,
    "lastIndexOf": _index_of("LastPositionOf"),
    "ofType": _of_type,
    "repeat": _repeat,
    "select": _select,
    "sqrt": _sqrt,
    "trace": _trace,
    "where": _where,
}

#: Methods of FHIR's own FHIRPath; a fluent function of the same name comes before them.
FHIR_METHODS: dict[str, Method] = {name: _extensions(name) for name in ("extension", "modifierExtension")}
