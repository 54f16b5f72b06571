"""ELM's own iteration: ForEach, Filter, Repeat, Sort, Aggregate, Children, Descendents, and what stands inside them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from cds.expr.elm.code import Node, Piece, Scope
from cds.expr.elm.equality import Items
from cds.expr.elm.facts import hangs_on_data
from cds.expr.elm.sorting import compile_sort
from cds.expr.elm.specifiers import INTEGER, ListOf, Type
from cds.expr.elm.values import Code, Concept, Interval, Partial, Ratio, Tuple
from cds.expr.evaluation import capped
from cds.expr.quantity import Quantity

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler


def _inside(node: Node, scope: Scope, kind: Type | None) -> tuple[Scope, int, int]:
    """The scope of the body, and the slots of the item and of its index."""
    name = node.get("scope") or "$this"
    inner, item = scope.bind(name, kind.element if isinstance(kind, ListOf) else None)
    inner, index = inner.bind("$index", INTEGER)
    return replace(inner, index=index), item, index


def for_each(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """ForEach: the element expression for each item."""
    source = compiler.piece(node["source"], scope)
    inner, slot, index = _inside(node, scope, source.type)
    body = compiler.piece(node["element"], inner)
    items, element = source.run, body.run

    def run(ev: Any, frame: list[Any]) -> Any:
        found = items(ev, frame)
        if found is None:
            return None
        ev.spend(len(found))
        result: list[Any] = Partial() if type(found) is Partial else []
        for position, item in enumerate(found):
            frame[slot], frame[index] = item, position
            result.append(element(ev, frame))
        return result

    return Piece(run, ListOf(body.type) if body.type is not None else None)


def filter_items(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Filter: the items for which the condition is true."""
    source = compiler.piece(node["source"], scope)
    inner, slot, index = _inside(node, scope, source.type)
    test, items = compiler.piece(node["condition"], inner).run, source.run
    doubtful = hangs_on_data(node["condition"], inner)

    def run(ev: Any, frame: list[Any]) -> Any:
        found = items(ev, frame)
        if found is None:
            return None
        ev.spend(len(found))
        partial, result = type(found) is Partial, []
        for position, item in enumerate(found):
            frame[slot], frame[index] = item, position
            answer = test(ev, frame)
            if answer:
                result.append(item)
            elif answer is None and doubtful and ev.incomplete:
                partial = True
        return Partial(result) if partial else result

    return Piece(run, source.type)


def repeat(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Repeat: the element expression for each item and for each new result, until there is none."""
    source = compiler.piece(node["source"], scope)
    inner, slot, index = _inside(node, scope, source.type)
    items, element = source.run, compiler.piece(node["element"], inner).run

    def run(ev: Any, frame: list[Any]) -> Any:
        found = items(ev, frame)
        if found is None:
            return None
        result: list[Any] = Partial() if type(found) is Partial else []
        seen, waiting = Items(), deque(found)
        while waiting:
            ev.spend(1)
            frame[slot], frame[index] = waiting.popleft(), len(result)
            more = element(ev, frame)
            for item in more if isinstance(more, list) else [] if more is None else [more]:
                if seen.add(item):
                    capped(result).append(item)
                    waiting.append(item)
        return result

    return Piece(run, source.type)


def aggregate(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Aggregate: a running value, `$total`, over the items."""
    source = compiler.piece(node["source"], scope)
    initial = compiler.optional(node.get("initialValue"), scope)
    inner, slot, index = _inside(node, scope, source.type)
    inner, total = inner.bind("$total", initial.type)
    body = compiler.piece(node["iteration"], inner)
    items, start, step = source.run, initial.run, body.run

    def run(ev: Any, frame: list[Any]) -> Any:
        found = items(ev, frame)
        if found is None or type(found) is Partial:
            return None
        ev.spend(len(found))
        frame[total] = start(ev, frame)
        for position, item in enumerate(found):
            frame[slot], frame[index] = item, position
            frame[total] = step(ev, frame)
        return frame[total]

    return Piece(run, body.type)


def current(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Current, Iteration, Total: the item, its index, the running value."""
    name = {"Current": node.get("scope") or "$this", "Iteration": "$index", "Total": "$total"}[node["type"]]
    return compiler.alias(name, scope)


def sort(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Sort: the items in order."""
    source = compiler.piece(node["source"], scope)
    order = compile_sort(compiler, node["by"], scope, source.type.element if isinstance(source.type, ListOf) else None)
    items = source.run

    def run(ev: Any, frame: list[Any]) -> Any:
        found = items(ev, frame)
        if found is None:
            return None
        ordered = order(ev, frame, list(found))
        return Partial(ordered) if type(found) is Partial else ordered

    return Piece(run, source.type)


def children(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Children: the elements of a value, one level down."""
    source = compiler.piece(node["source"], scope).run

    def run(ev: Any, frame: list[Any]) -> Any:
        value = source(ev, frame)
        return None if value is None else list(_children(value))

    return Piece(run)


def descendents(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Descendents: the elements of a value on all levels."""
    source = compiler.piece(node["source"], scope).run

    def run(ev: Any, frame: list[Any]) -> Any:
        value = source(ev, frame)
        if value is None:
            return None
        found: list[Any] = []
        waiting = [*_children(value)][::-1]
        while waiting:
            ev.spend(1)
            capped(found).append(waiting.pop())
            waiting += [*_children(found[-1])][::-1]
        return found

    return Piece(run)


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        values: list[Any] = [child for item in value for child in _children(item)]
    elif isinstance(value, dict):
        values = [child for name, child in value.items() if name != "resourceType"]
    elif type(value) is Tuple:
        values = list(value.elements.values())
    elif type(value) in _PARTS:
        values = list(_PARTS[type(value)](value))
    else:
        return
    for child in values:
        if isinstance(child, (list, tuple)):
            yield from (item for item in child if item is not None)
        elif child is not None:
            yield child


_PARTS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    Quantity: attrgetter("value", "unit"),
    Code: attrgetter("code", "system", "version", "display"),
    Concept: attrgetter("codes", "display"),
    Ratio: attrgetter("numerator", "denominator"),
    Interval: attrgetter("low", "low_closed", "high", "high_closed"),
}

HANDLERS = {
    "ForEach": for_each,
    "Filter": filter_items,
    "Repeat": repeat,
    "Aggregate": aggregate,
    "Current": current,
    "Iteration": current,
    "Total": current,
    "Sort": sort,
    "Children": children,
    "Descendents": descendents,
}
