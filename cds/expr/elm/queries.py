"""Query: sources, let, with and without, where, return or aggregate, sort (CQL 1.5, queries).

Rows are made in nested loops over slots of the frame; a let is computed when first used in a row. A query over an
incomplete list is incomplete, and so is one whose criterion is unknown while data is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cds.expr.elm.code import UNSET, Node, Piece, Run, Scope, Test
from cds.expr.elm.facts import hangs_on_data, mentions_names
from cds.expr.elm.lists import exists as has_items
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.sorting import compile_sort
from cds.expr.elm.specifiers import ANY, BOOLEAN, ListOf, TupleOf, Type
from cds.expr.elm.steps import Walk
from cds.expr.elm.values import Partial, Tuple
from cds.expr.evaluation import FEW, capped

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler

#: Whether a row stays: only True says so, None that it is not known.
Keep = Callable[[Any, list[Any]], bool | None]


class Rows:
    """What makes the rows of a query: its sources with their slots, and what decides which rows stay. `walks` tell a
    trace of each row. `lets` are unset for each row, `held` (sources that do not depend on the row) once per query."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sources: list[Run] = []
        self.slots: list[int] = []
        self.walks: list[Walk | None] = []
        self.lets: list[int] = []
        self.held: list[int] = []
        self.keeps: list[Keep] = []
        #: leaves out items of the only source that a criterion is false for by a look at them
        self.sieve: Callable[[list[Any]], list[Any]] | None = None
        #: whether a row that is left out for a None may be missing from the result
        self.in_doubt = False

    def hold(self, run: Run, node: Node, scope: Scope) -> Run:
        """A source that is evaluated within the rows: once, unless it mentions the row."""
        if mentions_names(node, self.names):
            return run
        slot = scope.slots.new()
        self.held.append(slot)

        def held(ev: Any, frame: list[Any]) -> Any:
            value = frame[slot]
            if value is UNSET:
                value = frame[slot] = run(ev, frame)
            return value

        return held

    def keep(self) -> Keep | None:
        """All that decides about a row, in one."""
        return _all_of(self.keeps) if len(self.keeps) > 1 else self.keeps[0] if self.keeps else None

    def where(self, test: Run, in_doubt: bool) -> None:
        """A criterion; `in_doubt` when missing data may leave it null."""
        self.in_doubt = self.in_doubt or in_doubt
        self.keeps.append(test if in_doubt or not self.keeps else lambda ev, frame: test(ev, frame) is True)


def _all_of(keeps: list[Keep]) -> Keep:
    def keep(ev: Any, frame: list[Any]) -> bool | None:
        answer: bool | None = True
        for one in keeps:
            kept = one(ev, frame)
            if kept is False:
                return False
            if kept is None:
                answer = None
        return answer

    return keep


def read_rows(compiler: Compiler, node: Node, scope: Scope) -> tuple[Rows, Scope, list[Type | None], bool]:
    """What makes the rows of a query, the scope of a row, the types of the items in it, and whether there may be
    several rows."""
    rows, kinds, plural, retrieved = Rows(), list[Type | None](), False, None
    for source in node["source"]:
        piece = compiler.piece(source["expression"], scope)
        run = rows.hold(piece.run, source["expression"], scope) if rows.sources else piece.run
        kind, retrieved = _item_type(piece.type), piece.retrieved
        plural = plural or piece.type is None or kind is not piece.type or piece.type == ANY
        scope, slot = scope.bind(source["alias"], kind)
        scope, walk = compiler.walk(source, kind, scope)
        rows.walks.append(walk)
        rows.names.append(source["alias"])
        rows.sources.append(run)
        rows.slots.append(slot)
        kinds.append(kind)
    for definition in node.get("let") or ():
        piece = compiler.piece(definition["expression"], scope)
        scope, slot = scope.bind(definition["identifier"], piece.type, piece)
        rows.names.append(definition["identifier"])
        rows.lets.append(slot)
    for part in node.get("relationship") or ():
        rows.where(_relationship(compiler, part, scope, rows), True)
    if node.get("where") is not None:
        where = node["where"]
        piece = compiler.piece(where, scope)
        rows.where(piece.run, hangs_on_data(where, scope))
        if piece.test is not None and rows.slots == [piece.test.slot]:
            rows.sieve = piece.test.sieve
            if retrieved is not None and piece.test.wanted is (piece.test.systems is None):
                rows.sources = [_narrowed(retrieved, piece.test, rows.sources[0])]
    return rows, scope, kinds, plural


def _narrowed(resource_type: str, test: Test, run: Run) -> Run:
    """A retrieve of all resources of a type, without those that the data can leave out for a code they have, or for an
    element they have not."""
    name, systems = test.name, test.systems

    def narrowed(ev: Any, frame: list[Any]) -> Any:
        found = None
        if ev.data is not None:
            found = (
                ev.data.having(resource_type, name)
                if systems is None
                else ev.data.uncoded(resource_type, name, systems)
            )
        if found is None:
            return run(ev, frame)
        if type(found) is Partial:
            ev.incomplete = True
        return found

    return narrowed


def compile_query(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Query."""
    rows, scope, kinds, plural = read_rows(compiler, node, scope)
    if node.get("aggregate") is not None:
        return _aggregate(compiler, node["aggregate"], scope, rows)
    select, kind, distinct = _return(compiler, node, scope, kinds)
    sort = compile_sort(compiler, node["sort"]["by"], scope, kind) if node.get("sort") else None
    if len(rows.sources) > 1:
        run = _several(rows, select)
    else:
        run = _known(rows, select) if not compiler.trace and _gives_what_is_known(node) else _single(rows, select)
    if distinct or sort is not None:
        run = _finished(run, sort, distinct=distinct)
    return Piece(run, ListOf(kind or ANY) if plural else kind)


def _item_type(kind: Type | None) -> Type | None:
    return kind.element if isinstance(kind, ListOf) else kind


def _return(
    compiler: Compiler, node: Node, scope: Scope, kinds: list[Type | None]
) -> tuple[Run | None, Type | None, bool]:
    """What a row gives (None: its only item), the type of that, and whether doubles are left out."""
    written = node.get("return")
    if written is not None:
        piece = compiler.piece(written["expression"], scope)
        return piece.run, piece.type, written.get("distinct", True)
    if len(kinds) == 1:
        return None, kinds[0], False
    names = [(source["alias"], scope.names[source["alias"]].slot) for source in node["source"]]
    kind = TupleOf(tuple((name, kind or ANY) for (name, _), kind in zip(names, kinds, strict=True)))
    return lambda _ev, frame: Tuple({name: frame[slot] for name, slot in names}), kind, False


# --- rows ---


def _single(rows: Rows, select: Run | None) -> Run:
    """A query over one source; a source that is no list gives one value or null."""
    source, slot, keep, in_doubt = rows.sources[0], rows.slots[0], rows.keep(), rows.in_doubt
    lets, held, walk, sieve = rows.lets, rows.held, rows.walks[0], rows.sieve

    def run(ev: Any, frame: list[Any]) -> Any:
        items = source(ev, frame)
        if not items and (items is None or isinstance(items, list)):
            return items
        plural = isinstance(items, list)
        if not plural:
            items = [items]
        if len(items) > FEW:
            ev.spend(len(items))
        for position in held:
            frame[position] = UNSET
        found: list[Any] = []
        partial = type(items) is Partial
        if sieve is not None:
            items = sieve(items)
        for item in items if walk is None else walk(ev, frame, items):
            frame[slot] = item
            for position in lets:
                frame[position] = UNSET
            if keep is not None:
                kept = keep(ev, frame)
                if kept is not True:
                    partial = partial or (kept is None and in_doubt and ev.incomplete)
                    continue
            found.append(item if select is None else select(ev, frame))
        if plural:
            return Partial(found) if partial else found
        return found[0] if found else None

    return run


def _gives_what_is_known(node: Node) -> bool:
    """Whether a query over one source only leaves out what is null of what it gives: `X where X is not null`, and
    `list.name` as it is translated."""
    if node.get("let") or node.get("relationship") or (node.get("where") or {}).get("type") != "Not":
        return False
    test, returned = node["where"]["operand"], node.get("return")
    if test.get("type") != "IsNull":
        return False
    tested: Node = test["operand"]
    if returned is not None:
        return bool(tested == returned["expression"])
    return (tested.get("type"), tested.get("name")) == ("AliasRef", node["source"][0]["alias"])


def _known(rows: Rows, select: Run | None) -> Run:
    """Such a query: what a row gives is computed once."""
    source, slot = rows.sources[0], rows.slots[0]

    def run(ev: Any, frame: list[Any]) -> Any:
        items = source(ev, frame)
        if not items and (items is None or isinstance(items, list)):
            return items
        plural, partial = isinstance(items, list), type(items) is Partial
        if not plural:
            items = [items]
        if len(items) > FEW:
            ev.spend(len(items))
        if select is None:
            found = [item for item in items if item is not None]
        else:
            found = []
            for item in items:
                frame[slot] = item
                value = select(ev, frame)
                if value is not None:
                    found.append(value)
        if plural:
            return Partial(found) if partial else found
        return found[0] if found else None

    return run


def exists(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Exists: of a query it is answered by the first row that stays."""
    query = node["operand"]
    plain = query.get("type") == "Query" and len(query["source"]) == 1
    if not plain or any(query.get(part) is not None for part in ("return", "aggregate", "sort")):
        return _exists_of(compiler.piece(query, scope))
    rows = read_rows(compiler, query, scope)[0]
    source, slot, keep, in_doubt = rows.sources[0], rows.slots[0], rows.keep(), rows.in_doubt
    lets, held, walk, sieve = rows.lets, rows.held, rows.walks[0], rows.sieve

    def run(ev: Any, frame: list[Any]) -> bool | None:
        items = source(ev, frame)
        if items is None:
            return False
        if not isinstance(items, list):
            items = [items]
        if len(items) > FEW:
            ev.spend(len(items))
        for position in held:
            frame[position] = UNSET
        partial = type(items) is Partial
        if sieve is not None:
            items = sieve(items)
        for item in items if walk is None else walk(ev, frame, items):
            frame[slot] = item
            for position in lets:
                frame[position] = UNSET
            kept = keep is None or keep(ev, frame)
            if kept is True and item is not None:
                return True
            partial = partial or (kept is None and in_doubt and ev.incomplete)
        return None if partial else False

    return Piece(run, BOOLEAN)


def _exists_of(operand: Piece) -> Piece:
    """Exists of any list: the operator, with its first look taken here."""
    inner = operand.run

    def run(ev: Any, frame: list[Any]) -> bool | None:
        items = inner(ev, frame)
        if not items:
            return None if type(items) is Partial else False
        return True if not isinstance(items, list) or items[0] is not None else has_items(items)

    return Piece(run, BOOLEAN)


def _visitor(rows: Rows) -> Callable[[Any, list[Any], Callable[[], Any]], bool]:
    """A function (ev, frame, each) that calls `each` for every row that stays, and answers whether rows may be
    missing. A source that is null has no rows."""
    sources, slots, walks = rows.sources, rows.slots, rows.walks
    lets, held, keep, in_doubt = rows.lets, rows.held, rows.keep(), rows.in_doubt

    def visit(ev: Any, frame: list[Any], each: Callable[[], Any], depth: int) -> bool:
        if depth == len(sources):
            for position in lets:
                frame[position] = UNSET
            kept = keep is None or keep(ev, frame)
            if kept is True:
                each()
            return kept is None and in_doubt and ev.incomplete
        items = sources[depth](ev, frame)
        if items is None:
            return False
        if not isinstance(items, list):
            items = [items]
        ev.spend(len(items))
        partial, walk = type(items) is Partial, walks[depth]
        for item in items if walk is None else walk(ev, frame, items):
            frame[slots[depth]] = item
            partial = visit(ev, frame, each, depth + 1) or partial
        return partial

    def start(ev: Any, frame: list[Any], each: Callable[[], Any]) -> bool:
        for position in held:
            frame[position] = UNSET
        return visit(ev, frame, each, 0)

    return start


def _several(rows: Rows, select: Run | None) -> Run:
    """A query over several sources."""
    visit = _visitor(rows)

    def run(ev: Any, frame: list[Any]) -> Any:
        found: list[Any] = []
        partial = visit(ev, frame, lambda: capped(found).append(select and select(ev, frame)))
        return Partial(found) if partial else found

    return run


def _finished(run: Run, sort: Callable[..., list[Any]] | None, *, distinct: bool) -> Run:
    """Doubles left out and the rest put in order."""

    def finished(ev: Any, frame: list[Any]) -> Any:
        rows = run(ev, frame)
        if not isinstance(rows, list) or len(rows) < 2:
            return rows
        found = distinct_items(rows) if distinct else rows
        if sort is not None:
            found = sort(ev, frame, found)
        return Partial(found) if type(rows) is Partial else found

    return finished


def distinct_items(items: list[Any]) -> list[Any]:
    """The items without doubles, by `=`, in their order."""
    if len(kinds := set(map(type, items))) == 1 and kinds <= {str, int, bool}:
        return list(dict.fromkeys(items))
    found: list[Any] = OPERATORS["Distinct"].handler(items)
    return found


# --- criteria ---


def _relationship(compiler: Compiler, node: Node, scope: Scope, rows: Rows) -> Keep:
    """With: an item of the related source meets the condition. Without: none does."""
    related = compiler.piece(node["expression"], scope)
    source = rows.hold(related.run, node["expression"], scope)
    kind = _item_type(related.type)
    inner, slot = scope.bind(node["alias"], kind)
    inner, walk = compiler.walk(node, kind, inner)
    such = compiler.piece(node["suchThat"], inner).run
    without: bool = node["type"] == "Without"

    def keep(ev: Any, frame: list[Any]) -> bool | None:
        items = source(ev, frame)
        if items is None:
            return without
        if not isinstance(items, list):
            items = [items]
        if len(items) > FEW:
            ev.spend(len(items))
        unknown = type(items) is Partial
        for item in items if walk is None else walk(ev, frame, items):
            frame[slot] = item
            answer = such(ev, frame)
            if answer:
                return not without
            unknown = unknown or (answer is None and ev.incomplete)
        return None if unknown else without

    return keep


# --- aggregate ---


def _aggregate(compiler: Compiler, node: Node, scope: Scope, rows: Rows) -> Piece:
    """The aggregate clause: a running value over the rows; null when rows may be missing."""
    starting = compiler.optional(node.get("starting"), scope)
    inner, slot = scope.bind(node["identifier"], starting.type)
    body = compiler.piece(node["expression"], inner)
    start, step, visit, distinct = starting.run, body.run, _visitor(rows), node.get("distinct", False)

    def run(ev: Any, frame: list[Any]) -> Any:
        frame[slot] = start(ev, frame)
        seen: list[Any] = []

        def each() -> None:
            if distinct:
                row = [frame[position] for position in rows.slots]
                if len(OPERATORS["Distinct"].handler([*seen, row])) == len(seen):
                    return
                seen.append(row)
            frame[slot] = step(ev, frame)

        return None if visit(ev, frame, each) else frame[slot]

    return Piece(run, body.type)


HANDLERS = {"Query": compile_query, "Exists": exists}
