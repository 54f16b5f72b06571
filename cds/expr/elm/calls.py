"""Calls of the operators in the table: nulls, precision and types are settled when compiled, errors get a place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr.elm.code import Node, Piece, Place, Run, Scope, located
from cds.expr.elm.operator import Operator
from cds.expr.elm.results import result_type
from cds.expr.elm.specifiers import ANY, BOOLEAN, named, read
from cds.expr.elm.work import paid
from cds.expr.evaluation import LONG
from cds.expr.functions.strings import full_matcher

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler


def compile_call(compiler: Compiler, node: Node, scope: Scope, row: Operator) -> Piece:
    """A call of one operator."""
    pieces = [compiler.optional(operand, scope) for operand in operand_nodes(node, row)]
    operands = [paid(row.name, piece) for piece in pieces]
    if row.arity not in (-1, len(operands)):
        raise compiler.semantic(f"{row.name} takes {row.arity} operands, not {len(operands)}")
    types = static_types(node, operands)
    handler: Callable[..., Any] = row.special.get(types, row.handler) if row.special else row.handler
    keywords: dict[str, Any] = {}
    if handler is row.handler:
        if row.needs_precision:
            written = node.get("precision")
            keywords["precision"] = written.lower() if isinstance(written, str) else None
        if row.needs_types:
            keywords["types"] = types
    if keywords:
        handler = partial(handler, **keywords)
    if len(pieces) == 2 and pieces[1].constant and (make := _FIXED_RIGHT.get(node["type"])) is not None:
        quick = make(pieces[0].run, pieces[1].value, handler, compiler.place)
        if quick is not None:
            return Piece(quick, BOOLEAN)
    kind = result_type(node["type"], operands)
    needs_evaluation = row.needs_evaluation and not row.special.get(types)
    if needs_evaluation:
        return Piece(_with_evaluation(handler, operands, row.nulls == "propagate", compiler.place), kind)
    run = call(handler, operands, row.nulls == "propagate", compiler.place)
    return compiler.folded(run, operands, kind)


def _among(operand: Run, items: Any, otherwise: Callable[..., Any], place: Place) -> Run | None:
    """`in` a list of constant texts: one look-up for a text; what is none is compared as ever."""
    if type(items) is not list or not {str}.issuperset(map(type, items)):
        return None
    words = frozenset(items)

    def run(ev: Any, frame: list[Any]) -> Any:
        value = operand(ev, frame)
        if type(value) is str:
            return value in words
        try:
            return otherwise(value, items)
        except Exception as error:
            raise located(error, place) from error

    return run


def _matching(operand: Run, pattern: Any, _otherwise: Callable[..., Any], place: Place) -> Run | None:
    """`Matches` a constant pattern, read once; one that cannot be read fails when it is asked for."""
    try:
        matches = full_matcher(pattern)
    except EvaluationError:
        return None

    def run(ev: Any, frame: list[Any]) -> Any:
        value = operand(ev, frame)
        if value is None:
            return None
        try:
            if len(value) > LONG:
                ev.spend(len(value) // LONG)
            return matches(value)
        except Exception as error:
            raise located(error, place) from error

    return run


#: Operators that are quicker where the right operand is always the same: what makes their closure of the left one.
_FIXED_RIGHT: dict[str, Callable[[Run, Any, Callable[..., Any], Place], Run | None]] = {
    "In": _among,
    "Matches": _matching,
}


def operand_nodes(node: Node, row: Operator) -> list[Node | None]:
    """The operand nodes in the order the handler takes them; None for an optional one that is absent."""
    if row.operands:
        return [node.get(name) for name in row.operands]
    found = node.get("operand")
    if found is None:
        found = node.get("source")
    return found if isinstance(found, list) else [] if found is None else [found]


def static_types(node: Node, operands: list[Piece]) -> tuple[str, ...]:
    """The operand types: as the signature of the node says, or else as known."""
    if "valueType" in node:
        return (str(named(node["valueType"])),)
    signature = node.get("signature") or ()
    if len(signature) == len(operands):
        return tuple(str(read(part)) for part in signature)
    return tuple(str(piece.type or ANY) for piece in operands)


def call(handler: Callable[..., Any], operands: list[Piece], propagate: bool, place: Place) -> Run:
    """The closure of a call with any operands."""
    runs = [operand.run for operand in operands]
    if len(runs) == 1:
        return _unary(handler, runs[0], propagate, place)
    if len(runs) == 2:
        right = operands[1]
        if right.constant and (right.value is not None or not propagate):
            return _binary_constant(handler, runs[0], right.value, propagate, place)
        return _binary(handler, runs[0], runs[1], propagate, place)

    def run(ev: Any, frame: list[Any]) -> Any:
        values = [operand(ev, frame) for operand in runs]
        if propagate and None in values:
            return None
        try:
            return handler(*values)
        except Exception as error:
            raise located(error, place) from error

    return run


def _unary(handler: Callable[..., Any], operand: Run, propagate: bool, place: Place) -> Run:
    def run(ev: Any, frame: list[Any]) -> Any:
        value = operand(ev, frame)
        if propagate and value is None:
            return None
        try:
            return handler(value)
        except Exception as error:
            raise located(error, place) from error

    return run


def _binary(handler: Callable[..., Any], left: Run, right: Run, propagate: bool, place: Place) -> Run:
    def run(ev: Any, frame: list[Any]) -> Any:
        first = left(ev, frame)
        if propagate and first is None:
            return None
        second = right(ev, frame)
        if propagate and second is None:
            return None
        try:
            return handler(first, second)
        except Exception as error:
            raise located(error, place) from error

    return run


def _binary_constant(handler: Callable[..., Any], left: Run, second: Any, propagate: bool, place: Place) -> Run:
    def run(ev: Any, frame: list[Any]) -> Any:
        first = left(ev, frame)
        if propagate and first is None:
            return None
        try:
            return handler(first, second)
        except Exception as error:
            raise located(error, place) from error

    return run


def _with_evaluation(handler: Callable[..., Any], operands: list[Piece], propagate: bool, place: Place) -> Run:
    runs = [operand.run for operand in operands]

    def run(ev: Any, frame: list[Any]) -> Any:
        values = [operand(ev, frame) for operand in runs]
        if propagate and None in values:
            return None
        try:
            return handler(*values, ev=ev)
        except Exception as error:
            raise located(error, place) from error

    return run
