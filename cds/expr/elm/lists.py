"""Operators of lists (CQL 1.5, B.8). Lists that may lack items (`Partial`) stay so, and nothing is concluded from what
they do not hold."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from cds.errors import EvaluationError, SizeLimitError
from cds.expr.elm.equality import Items, equal
from cds.expr.elm.logic import and_
from cds.expr.elm.values import Partial, Tuple
from cds.expr.evaluation import FEW, MAX_ITEMS, capped

List = list[Any]


def alike(items: List, *sources: Any) -> List:
    """`items` marked as partial when one of the lists they come from is."""
    capped(items)
    return Partial(items) if Partial in map(type, sources) else items


def whole(items: List) -> bool:
    """True unless the list may lack items."""
    return type(items) is not Partial


# --- members -----------------------------------------------------------------------------------------------------


def exists(items: List | None) -> bool | None:
    """`exists`: an item that is not null; null when there is none and the list may lack items."""
    if items and (not isinstance(items, list) or any(item is not None for item in items)):
        return True  # data of another form is an item
    return None if type(items) is Partial else False


def contains(items: List, item: Any) -> bool | None:
    """`contains`: by `=`, where null equals null; null when only partial dates or missing data leave it open."""
    if item is None:
        return True if None in items else absent(items)
    if type(item) is str:
        return True if item in items else absent(items)
    answer = absent(items)
    for other in items:
        same = equal(item, other)
        if same is True:
            return True
        if same is None and other is not None:
            answer = None
    return answer


def absent(items: List) -> bool | None:
    """What it means not to find something in the list."""
    return False if whole(items) else None


def proper_contains(items: List, item: Any) -> bool | None:
    """`properly includes` an item: contained, beside another one."""
    return and_(contains(items, item), _other(items, item))


def _other(items: List, item: Any) -> bool | None:
    """Whether the list has an item that is not the given one."""
    answer = absent(items)
    for other in items:
        same = (other is None) if item is None else equal(item, other)
        if same is False:
            return True
        if same is None:
            answer = None
    return answer


def _all(answers: Iterable[bool | None]) -> bool | None:
    result: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        if answer is None:
            result = None
    return result


def includes(left: List, right: List) -> bool | None:
    """`includes`: every item of right is in left."""
    held = Items(left) if len(right) > FEW else ()
    every = _all(item in held or contains(left, item) for item in right)
    return None if every is True and not whole(right) else every


def proper_includes(left: List, right: List) -> bool | None:
    """`properly includes`: includes, and left has more items."""
    every = includes(left, right)
    larger = len(left) > len(right) if whole(left) and whole(right) else None
    return and_(every, larger)


def index_of(items: List, item: Any) -> int | None:
    """`IndexOf`: the position of the first equal item, -1 when there is none."""
    for index, other in enumerate(items):
        if equal(item, other) is True:
            return index if whole(items) else None
    return -1 if whole(items) else None


def indexer(items: List, index: int) -> Any:
    """`list[index]`: null outside the list."""
    return items[index] if 0 <= index < len(items) and whole(items) else None


def first(items: List) -> Any:
    """`First`: null for an empty list."""
    return items[0] if items and whole(items) else None


def last(items: List) -> Any:
    """`Last`: null for an empty list."""
    return items[-1] if items and whole(items) else None


def singleton_from(items: List) -> Any:
    """`singleton from`: the only item, null for none; EvaluationError for several."""
    if len(items) > 1:
        raise EvaluationError(f"singleton from a list of {len(items)} items", hint="use First() with a sort")
    return items[0] if items and whole(items) else None


def length(items: List | None) -> int | None:
    """`Length` of a list: 0 for null."""
    if items is None:
        return 0
    return len(items) if whole(items) else None


def slice_(items: List | None, start: int | None, end: int | None) -> List | None:
    """`Slice`, which Skip, Take and Tail are made of: items from `start` (0) up to before `end` (the end of the list).
    A negative `start` gives an empty list."""
    if items is None:
        return None
    low = 0 if start is None else start
    high = len(items) if end is None else end
    return alike(items[low:high] if 0 <= low < high else [], items)


# --- sets --------------------------------------------------------------------------------------------------------


def distinct(items: List) -> List:
    """`distinct`: the first of each group of equal items."""
    seen = Items()
    return alike([item for item in items if seen.add(item)], items)


def union(left: List | None, right: List | None) -> List | None:
    """`union`: distinct items of both; a null list counts as empty."""
    if not left and not right:  # so it is with most of what is retrieved for a patient
        return None if left is None and right is None else alike([], left, right)
    seen = Items()
    return alike([item for item in chain(left or (), right or ()) if seen.add(item)], left, right)


def intersect(left: List, right: List) -> List:
    """`intersect`: distinct items of left that are in right."""
    held, seen = Items(right), Items()
    return alike([item for item in left if item in held and seen.add(item)], left, right)


def except_(left: List | None, right: List | None) -> List | None:
    """`except`: distinct items of left that are not in right; what is missing in right makes the result partial."""
    if left is None:
        return None
    held, seen = Items(right or ()), Items()
    return alike([item for item in left if item not in held and seen.add(item)], left, right)


def flatten(lists: List) -> List:
    """`flatten`: the items of the lists."""
    found: List = []
    partial = type(lists) is Partial
    for items in lists:
        if items:
            found += items if isinstance(items, list) else [items]  # data of another form is an item
        partial = partial or type(items) is Partial
    capped(found)
    return Partial(found) if partial else found


def times(left: List, right: List) -> List:
    """`Times`: each tuple of left joined with each of right."""
    if len(left) * len(right) > MAX_ITEMS:
        raise SizeLimitError(f"a collection grew beyond {MAX_ITEMS} items")
    joined = [Tuple({**one.elements, **other.elements}) for one in left for other in right]
    return alike(joined, left, right)


def to_list(item: Any) -> List:
    """`ToList`: a list of the item, empty for null."""
    return [] if item is None else [item]


def coalesce(*operands: Any) -> Any:
    """`Coalesce`: the first operand, or the first item of a single list, that is not null."""
    items = operands[0] if len(operands) == 1 and isinstance(operands[0], list) else operands
    return next((item for item in items if item is not None), None)


# --- elements ----------------------------------------------------------------------------------------------------


def children(item: Any) -> List:
    """`Children`: the values of the elements of an object or tuple, lists item by item."""
    found = item.elements if type(item) is Tuple else item if type(item) is dict else {}
    return list(chain.from_iterable(value if isinstance(value, list) else (value,) for value in found.values()))


def descendents(item: Any) -> List:
    """`Descendents`: children, their children, and so on."""
    result: List = []
    todo = children(item)
    while todo:
        result.extend(todo)
        capped(result)
        todo = [child for parent in todo for child in children(parent)]
    return result
