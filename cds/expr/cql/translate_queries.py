"""Queries: sources, let, with, without, where, return, aggregate, sort (CQL 1.5.3, Author's Guide "Queries")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cds.expr.cql import ast
from cds.expr.cql.nodes import Elm, item_type, make, null
from cds.expr.cql.signatures import system_overloads
from cds.expr.cql.translator import Handlers, QueryScope, Translator
from cds.expr.cql.types import ANY, ListType, Type, tuple_of


def _query(t: Translator, node: ast.Query) -> Elm:
    values = t.all(source.expression for source in node.sources)
    scope = QueryScope({source.alias: value.result for source, value in zip(node.sources, values, strict=True)})
    singular = not any(isinstance(value.result, ListType) for value in values)
    with t.query(scope):
        lets = [_let(t, scope, item) for item in node.lets]
        clauses: dict[str, Any] = {"let": lets or None}
        clauses["relationship"] = [_inclusion(t, scope, inclusion) for inclusion in node.inclusions]
        clauses["where"] = t.condition(node.where) if node.where else None
        result = values[0].result
        if node.aggregate is not None:
            clauses["aggregate"] = aggregate = _aggregate(t, scope, node.aggregate)
            result = aggregate["expression"].result
        elif returned := _return(t, node, values):
            clauses["return"] = returned
            kind = returned["expression"].result
            result = kind if singular else ListType(kind)
    if node.sort is not None:
        if singular or node.aggregate is not None:
            raise t.error("there is nothing to sort: the query gives a single value", at=node.sort)
        clauses["sort"] = _sort(t, item_type(result), node.sort)
    sources = [{"alias": source.alias, "expression": value} for source, value in zip(node.sources, values, strict=True)]
    return make("Query", result, source=sources, **clauses)


def _let(t: Translator, scope: QueryScope, item: ast.LetClauseItem) -> dict[str, Any]:
    value = t.expression(item.expression)
    scope.lets[item.name] = value.result
    return {"identifier": item.name, "expression": value}


def _inclusion(t: Translator, scope: QueryScope, node: ast.WithClause | ast.WithoutClause) -> dict[str, Any]:
    alias = node.source.alias
    value = t.expression(node.source.expression)
    scope.aliases[alias] = value.result
    try:
        condition = t.condition(node.condition)
    finally:
        del scope.aliases[alias]
    kind = "With" if isinstance(node, ast.WithClause) else "Without"
    return {"type": kind, "alias": alias, "expression": value, "suchThat": condition}


def _return(t: Translator, node: ast.Query, values: Sequence[Elm]) -> dict[str, Any] | None:
    """The return clause; several sources without one give tuples of their items."""
    if node.returns is not None:
        returned: dict[str, Any] = {"expression": t.expression(node.returns.expression)}
        if node.returns.modifier is not None:
            returned["distinct"] = node.returns.modifier == "distinct"
        return returned
    if len(values) == 1:
        return None
    kinds = {source.alias: item_type(value.result) for source, value in zip(node.sources, values, strict=True)}
    element = [{"name": name, "value": make("AliasRef", kind, name=name)} for name, kind in kinds.items()]
    return {"distinct": True, "expression": make("Tuple", tuple_of(kinds.items()), element=element)}


def _aggregate(t: Translator, scope: QueryScope, node: ast.AggregateClause) -> dict[str, Any]:
    """The accumulator has the type of the starting value; without one it is null and of any type."""
    starting = t.expression(node.starting) if node.starting else None
    scope.lets[node.name] = starting.result if starting is not None else ANY
    value = t.expression(node.expression)
    made: dict[str, Any] = {"identifier": node.name, "expression": value}
    if node.modifier is not None:
        made["distinct"] = node.modifier == "distinct"
    made["starting"] = starting if starting is not None else null(value.result)
    return made


def _sort(t: Translator, kind: Type, node: ast.SortClause) -> dict[str, Any]:
    if node.direction is not None:
        _check_order(t, kind, node)
        return {"by": [{"type": "ByDirection", "direction": node.direction}]}
    with t.query(QueryScope(sorted=kind)):
        return {"by": [_sort_item(t, item) for item in node.items]}


def _sort_item(t: Translator, item: ast.SortByItem) -> dict[str, Any]:
    value = t.expression(item.expression)
    _check_order(t, value.result, item)
    if value["type"] == "IdentifierRef":
        return make("ByColumn", value.result, path=value["name"], direction=item.direction)
    return make("ByExpression", value.result, expression=value, direction=item.direction)


def _check_order(t: Translator, kind: Type, at: ast.Node) -> None:
    """Only what `<` compares can be sorted by."""
    probe = make("Null", kind)
    if kind != ANY and t.resolved("Less", (probe, probe)) is None:
        names = ", ".join(str(overload.operands[0]) for overload in system_overloads()["Less"])
        raise t.error(f"{kind} has no order to sort by", f"sort by one of {names}", at)


HANDLERS: Handlers = {ast.Query: _query}
