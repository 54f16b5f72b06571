"""What the work of an operator costs in steps of the budget, about a microsecond each: so that the budget bounds the
time an evaluation takes, whatever its lists and texts (security.md E2)."""

from __future__ import annotations

from typing import Any

from cds.expr.elm.code import Piece, Run
from cds.expr.elm.specifiers import ANY, ChoiceOf, ListOf
from cds.expr.evaluation import FEW, LONG

#: Operators that look at a few items however many there are.
_QUICK = frozenset({"Exists", "First", "Last", "Indexer", "Length", "SingletonFrom"})
#: Those that go through a text, and those that may take it apart at each character.
_READING = frozenset({"Combine", "Concatenate", "LastPositionOf", "Lower", "Matches", "PositionOf", "Upper"})
_SPLITTING = frozenset({"ReplaceMatches", "Split", "SplitOnMatches", "ToChars"})


def paid(name: str, operand: Piece) -> Piece:
    """An operand of an operator, whose size is taken from the budget where it is large. Constants are as large as their
    author wrote them."""
    if operand.constant:
        return operand
    if name in _READING or name in _SPLITTING:
        return _replaced(operand, _text(operand.run, 1 if name in _SPLITTING else LONG))
    kind = operand.type
    if name not in _QUICK and (kind is None or kind == ANY or isinstance(kind, (ListOf, ChoiceOf))):
        return _replaced(operand, _list(operand.run))
    return operand


def _replaced(piece: Piece, run: Run) -> Piece:
    return Piece(run, piece.type)


def _list(inner: Run) -> Run:
    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        if isinstance(value, list) and len(value) > FEW:
            ev.spend(len(value))
        return value

    return run


def _text(inner: Run, characters: int) -> Run:
    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        if type(value) is str:
            if len(value) > characters:
                ev.spend(len(value) // characters)
        elif type(value) is list and len(value) > FEW:
            ev.spend(len(value))
        return value

    return run
