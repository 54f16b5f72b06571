"""Retrieve: a look-up in the data's index by type, code path and codes, never a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr.elm import fhirhelpers
from cds.expr.elm.code import Node, Piece, Run, Scope, located
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.paths import step
from cds.expr.elm.specifiers import ListOf, fhir_name, named
from cds.expr.elm.terminologies import members
from cds.expr.elm.values import Code, Concept, Partial, ValueSet
from cds.expr.temporal import Temporal

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler


def compile_retrieve(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Retrieve."""
    kind = named(node["dataType"])
    name = fhir_name(kind)
    if name is None or name not in compiler.model:
        raise compiler.unknown("resource type", str(kind), (f"FHIR.{known}" for known in compiler.model.resources))
    run = _look_up(compiler, node, scope, name)
    every = node.get("codes") is None and node.get("dateRange") is None
    if node.get("dateRange") is not None and node.get("dateProperty"):
        item = Piece(lambda _ev, frame: frame[0], kind)
        date = step(compiler, item, node["dateProperty"]).run
        run = _within(run, compiler.piece(node["dateRange"], scope).run, date)
    return Piece(run, ListOf(kind), retrieved=name if every else None)


def _look_up(compiler: Compiler, node: Node, scope: Scope, name: str) -> Run:
    path, place = node.get("codeProperty"), compiler.place
    wanted = _wanted(compiler, node, scope)

    def run(ev: Any, frame: list[Any]) -> Any:
        if ev.data is None:
            raise located(EvaluationError("there is no data to retrieve from"), place)
        try:
            if wanted is None:
                found = ev.data.retrieve(name, None, None, None)
            else:
                codes, value_set = wanted(ev, frame)
                if codes is None:
                    return []
                found = ev.data.retrieve(name, path, codes, value_set)
        except Exception as error:
            raise located(error, place) from error
        if type(found) is Partial:
            ev.incomplete = True
        return found

    return run


#: The codes to look up, None for the null that gives nothing, and the value set they come from.
_Wanted = tuple[frozenset[tuple[str, str]] | None, str | None]


def _wanted(compiler: Compiler, node: Node, scope: Scope) -> Callable[[Any, list[Any]], _Wanted] | None:
    written = node.get("codes")
    if written is None:
        return None
    if written.get("type") == "ExpandValueSet":
        written = written["operand"]
    if written.get("type") == "ValueSetRef":
        reference = compiler.value_set(written)
        return lambda ev, _frame: (members(ev, reference), reference.canonical)
    codes = compiler.piece(written, scope).run
    return lambda ev, frame: _codes(ev, codes(ev, frame))


def _codes(ev: Any, wanted: Any) -> _Wanted:
    if wanted is None:
        return None, None
    if type(wanted) is ValueSet:
        return members(ev, wanted), wanted.canonical
    items = wanted if isinstance(wanted, list) else [wanted]
    codes: set[tuple[str, str]] = set()
    for item in items:
        for code in item.codes if type(item) is Concept else (item,):
            if type(code) is Code and code.code is not None:
                codes.add((code.system or "", code.code))
    return frozenset(codes), None


def _within(run: Run, bounds: Run, date: Run) -> Run:
    """Only resources whose date, or period, is within the range."""
    inside, included = OPERATORS["In"].handler, OPERATORS["IncludedIn"].handler

    def filtered(ev: Any, frame: list[Any]) -> Any:
        found, limits = run(ev, frame), bounds(ev, frame)
        if limits is None:
            return found
        kept = []
        for resource in found:
            value = date(ev, [resource])
            when = fhirhelpers.to_interval(ev, value) if type(value) is dict else fhirhelpers.to_datetime(ev, value)
            if when is None:
                continue
            if inside(when, limits) if isinstance(when, Temporal) else included(when, limits):
                kept.append(resource)
        return Partial(kept) if type(found) is Partial else kept

    return filtered


HANDLERS = {"Retrieve": compile_retrieve}
