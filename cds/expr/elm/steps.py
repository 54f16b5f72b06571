"""CQL compiled for a trace: a Step for every node of the text, and one for each row of a query.

What a translator puts in, such as implicit conversions, has no place in the text and is not told of, unless the ELM
carries no places at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cds.expr.elm.code import Node, Piece, Place
from cds.expr.elm.specifiers import ANY, ListOf, Type
from cds.expr.trace import Item, Step

#: The rows of a source: (ev, frame, items) -> the items, each told of when it is its turn.
Walk = Callable[[Any, list[Any], Any], Iterator[Any]]

#: Operators that CQL writes as signs.
_SIGNS = {
    "Equal": "=", "NotEqual": "!=", "Equivalent": "~", "Less": "<", "LessOrEqual": "<=", "Greater": ">",
    "GreaterOrEqual": ">=", "Add": "+", "Subtract": "-", "Negate": "-", "Multiply": "*", "Divide": "/",
    "TruncatedDivide": "div", "Modulo": "mod", "Power": "^", "Concatenate": "+", "Indexer": "[]",
    "Literal": "constant", "Null": "constant",
}  # fmt: skip
#: Those it writes as words: `included in`.
_WORDS = frozenset(
    "After And As Before Case Collapse Contains Convert DateFrom DateTimeComponentFrom DifferenceBetween Distinct "
    "DurationBetween End Ends Except Exists Expand Flatten If Implies In InCodeSystem InValueSet IncludedIn Includes "
    "Intersect Is IsFalse IsNull IsTrue Meets MeetsAfter MeetsBefore Not Or Overlaps OverlapsAfter OverlapsBefore "
    "PointFrom Predecessor ProperContains ProperIn ProperIncludedIn ProperIncludes Query SameAs SameOrAfter "
    "SameOrBefore SingletonFrom Start Starts Successor TimeFrom TimezoneOffsetFrom Union Width Xor".split()
)


class Value(Item):
    """The value of a node in CQL, which is null or a list too, with its static type."""

    __slots__ = ("_kind",)

    def __init__(self, raw: Any, kind: Type | None) -> None:
        super().__init__(raw)
        self._kind = kind

    @property
    def type(self) -> str:
        """Its static type, `List<FHIR.Condition>`; System.Any where it is not known."""
        return str(self._kind or ANY)


def reported(node: Node, piece: Piece, place: Place, index: int | None) -> Piece:
    """`piece` told to the trace of the evaluation; `index` is the slot of the innermost index. Never a constant: what
    is computed once and for all would not be told."""
    if "locator" not in node and place.line:
        return piece
    inner, tell = piece.run, _teller(place, name_of(node), piece.type)

    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        tell(ev, value, None if index is None else frame[index])
        return value

    return Piece(run, piece.type)


def walk(alias: str, kind: Type | None, place: Place, index: int) -> Walk:
    """The rows of a query's source, each told of by its alias and counted in the slot `index`."""
    tell = _teller(place, alias, kind.element if isinstance(kind, ListOf) else kind)

    def rows(ev: Any, frame: list[Any], items: Any) -> Iterator[Any]:
        for at, item in enumerate(items):
            frame[index] = at
            tell(ev, item, at)
            yield item

    return rows


def _teller(place: Place, name: str, kind: Type | None) -> Callable[[Any, Any, int | None], None]:
    line, column, library = place.line, place.column, place.library

    def tell(ev: Any, value: Any, at: int | None) -> None:
        trace = ev.trace
        if trace is not None and trace.step is not None:
            trace.step(Step(line, column, name, [Value(value, kind)], at, library))

    return tell


def name_of(node: Node) -> str:
    """What a node is called: the name it has or refers to, its sign or words in CQL, else its ELM type."""
    kind: str = node.get("type", "")
    if kind == "Property":
        return f".{node['path']}"
    if kind == "Retrieve":
        terms = _terms(node.get("codes"))
        return f"[{node['dataType'].rpartition('}')[2]}{f': {terms}' if terms else ''}]"
    if isinstance(node.get("name"), str):
        return f"{node['libraryName']}.{node['name']}" if node.get("libraryName") else str(node["name"])
    if kind in _WORDS:
        return "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in kind).strip()
    return _SIGNS.get(kind, kind)


def _terms(codes: Any) -> str | None:
    """The name of the value set, code or concept that a retrieve asks for, where it has one."""
    while isinstance(codes, dict) and "name" not in codes:
        codes = codes.get("operand") or codes.get("source")
    return name_of(codes) if isinstance(codes, dict) else None
