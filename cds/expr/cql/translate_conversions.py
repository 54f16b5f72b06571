"""ELM for implicit conversions: what a Conversion plans, done to a node."""

from __future__ import annotations

from cds.expr.cql.conversions import Conversion
from cds.expr.cql.nodes import Elm, cast, item_type, make, null, signature, test
from cds.expr.cql.types import BOOLEAN, ChoiceType, IntervalType, ListType, Type, is_narrower


def convert(value: Elm, plan: Conversion) -> Elm:
    """`value`, which has the plan's source type, as its target type."""
    match plan.kind:
        case "operator":
            return _call(value, plan)
        case "cast":
            return _cast(value, plan)
        case "narrow":
            return _narrow(value, plan)
        case "widen":
            return _inner(value, plan)
        case "list":
            return _items(value, plan)
        case "interval":
            return _boundaries(value, plan)
        case "demote list":
            return _inner(_single("SingletonFrom", value, item_type(plan.source)), plan)
        case "demote interval":
            return _inner(_single("PointFrom", value, _point(plan.source)), plan)
        case "promote list":
            return to_list(_inner(value, plan))
        case "promote interval":
            return _to_interval(_inner(value, plan))


def _inner(value: Elm, plan: Conversion) -> Elm:
    return convert(value, plan.inner) if plan.inner else value


def _single(name: str, value: Elm, kind: Type) -> Elm:
    return make(name, kind, operand=value, signature=signature((value.result,)))


def _point(kind: Type) -> Type:
    return kind.point if isinstance(kind, IntervalType) else kind


def to_list(value: Elm) -> Elm:
    """A list of one item; a null gives an empty list."""
    return make("ToList", ListType(value.result), operand=value, signature=signature((value.result,)))


def is_null(value: Elm) -> Elm:
    """`value is null`."""
    return make("IsNull", BOOLEAN, operand=value, signature=signature((value.result,)))


def negation(value: Elm) -> Elm:
    """`not value`."""
    return make("Not", BOOLEAN, operand=value, signature=signature((BOOLEAN,)))


def _call(value: Elm, plan: Conversion) -> Elm:
    taken = signature((plan.source,))
    if plan.library is None:
        return make(plan.operator, plan.target, operand=value, signature=taken)
    return make(
        "FunctionRef", plan.target, libraryName=plan.library, name=plan.operator, operand=[value], signature=taken
    )


def _cast(value: Elm, plan: Conversion) -> Elm:
    source, target = plan.source, plan.target
    if isinstance(source, ChoiceType) and isinstance(target, ChoiceType) and is_narrower(source, target):
        return value
    if value["type"] == "Null":
        return null(plan.target)
    return _chosen(value, plan) or cast(value, plan.target)


def _chosen(value: Elm, plan: Conversion) -> Elm | None:
    """The case of a type case that already gives the wanted type."""
    if value["type"] != "Case" or "comparand" in value or not isinstance(value.result, ChoiceType):
        return None
    if value["else"]["type"] != "Null" or any(item["when"]["type"] != "Is" for item in value["caseItem"]):
        return None
    results: list[Elm] = [item["then"] for item in value["caseItem"]]
    return next((result for result in results if result.result == plan.target), None)


def _narrow(value: Elm, plan: Conversion) -> Elm:
    plans = [plan for plan in (plan.inner, *plan.others) if plan]
    results = [convert(cast(value, plan.source), plan) for plan in plans]
    if len(results) == 1:
        return results[0]
    kind = results[0].result
    items = [{"when": test(value, plan.source), "then": result} for plan, result in zip(plans, results, strict=True)]
    return make("Case", kind, caseItem=items, **{"else": null(kind)})


def _items(value: Elm, plan: Conversion) -> Elm:
    item = make("AliasRef", item_type(plan.source), name="X")
    return make(
        "Query",
        plan.target,
        source=[{"alias": "X", "expression": value}],
        relationship=[],
        **{"return": {"distinct": False, "expression": _inner(item, plan)}},
    )


def _boundaries(value: Elm, plan: Conversion) -> Elm:
    point = _point(plan.source)
    if value["type"] == "Interval" and "lowClosed" in value:
        closed = {name: value[name] for name in ("lowClosed", "highClosed")}
        ends = {name: _inner(value[name], plan) for name in ("low", "high")}
        return make("Interval", plan.target, **ends, **closed)
    ends = {name: _inner(make("Property", point, path=name, source=value), plan) for name in ("low", "high")}
    tests = {
        f"{name}Expression": make("Property", BOOLEAN, path=name, source=value) for name in ("lowClosed", "highClosed")
    }
    return make("Interval", plan.target, **ends, **tests)


def _to_interval(point: Elm) -> Elm:
    kind = IntervalType(point.result)
    interval = make("Interval", kind, low=point, high=point, lowClosed=True, highClosed=True)
    return make("If", kind, condition=is_null(point), then=null(kind), **{"else": interval})
