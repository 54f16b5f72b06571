"""Sets the element that a dynamic value names (cds.definitions.paths), on a copy that shares everything else with the
original.

The type model says what repeats; a value for one form of a choice element takes the place of the other forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from cds import expr
from cds.definitions.paths import Segment, parse_path
from cds.errors import EvaluationError
from cds.expr.elm.values import Tuple
from cds.expr.temporal import Temporal
from cds.expr.types import PRIMITIVES, model
from cds.fhir import is_id

#: The Python types of primitives whose JSON form is no string.
_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "positiveInt": int,
    "unsignedInt": int,
    "decimal": (int, float),
}


#: Sets the items of an expression below an owner, and gives the copy.
Put = Callable[[dict[str, Any], list[Any]], dict[str, Any]]


class Place(dict[str, Put]):
    """Where a dynamic value goes: what puts items at a path, by the type of the owner (FHIR type name), made when that
    is first met. An owner is copied, but nothing that does not lie on the path; items come as an expression gives them.
    A repeating element without an index takes all items when it is last, else its first item is meant. Where the
    element is a Reference, a resource among the items becomes a reference to it, or nothing without an id.

    Raises EvaluationError when the type has no such element, or when several items meet an element that takes one."""

    __slots__ = ("path",)

    def __init__(self, path: tuple[Segment, ...]) -> None:
        self.path = path

    def __missing__(self, kind: str) -> Put:
        put = self[kind] = _putter(kind, self.path)
        return put


@lru_cache
def place(path: str) -> Place:
    """The Place of a path as text. Raises ExpressionSyntaxError where it is none."""
    return Place(parse_path(path))


def _putter(kind: str, path: tuple[Segment, ...]) -> Put:
    segment, rest = path[0], path[1:]
    known = model().key(kind, segment.name)
    if known is not None:
        return _element(segment, rest, *known)
    if segment.choice or segment.name in model().elements(kind):
        return _choice(kind, segment, rest)
    raise EvaluationError(f"the resource has no element '{segment.name}'")


def _choice(kind: str, segment: Segment, rest: tuple[Segment, ...]) -> Put:
    """For a choice element without its type, which the value decides each time."""
    puts: dict[str, Put] = {}

    def put(owner: dict[str, Any], items: list[Any]) -> dict[str, Any]:
        items = list(map(as_json, items))
        name = _form(kind, segment.name, owner, items[0] if items and not rest else None)
        known = model().key(kind, name)
        if known is None:
            raise EvaluationError(f"the resource has no element '{segment.name}'")
        if name not in puts:
            puts[name] = _element(replace(segment, name=name), rest, *known)
        return puts[name](owner, items)

    return put


def _element(segment: Segment, rest: tuple[Segment, ...], kind: str, repeats: bool, siblings: frozenset[str]) -> Put:
    """For an element of the type `kind`; `siblings` are the keys of the other forms of its choice."""
    replaced = tuple(key for sibling in siblings for key in (sibling, f"_{sibling}"))
    if rest:
        return _branch(segment, _putter(kind, rest), repeats, replaced)
    return _leaf(segment, kind, repeats, replaced)


def _leaf(segment: Segment, kind: str, repeats: bool, replaced: tuple[str, ...]) -> Put:
    """For the element that takes the items."""
    name, fit = segment.name, _fitter(kind, segment.name)
    convert, wanted = _CONVERTED.get(kind), _wanted(kind)
    takes_all = repeats and segment.index is None and segment.url is None

    def put(owner: dict[str, Any], items: list[Any]) -> dict[str, Any]:
        if len(items) == 1 and items[0].__class__ is wanted:  # most often, and then it fits
            value = items[0] if convert is None else convert(items[0])
            if value is None:
                return owner
            values = [value]
        else:
            values = fit(items)
            if not values:
                return owner
            if len(values) > 1 and not takes_all:
                raise EvaluationError(f"'{name}' takes one value, the expression gave {len(values)}")
        copy = dict(owner)
        for key in replaced:
            copy.pop(key, None)
        if not repeats:
            copy[name] = values[0]
        elif takes_all:
            copy[name] = values
        else:
            copy[name], index = _picked(segment, copy.get(name))
            copy[name][index] = values[0]
        return copy

    return put


def _branch(segment: Segment, below: Put, repeats: bool, replaced: tuple[str, ...]) -> Put:
    """For an element above it."""
    name = segment.name

    def put(owner: dict[str, Any], items: list[Any]) -> dict[str, Any]:
        copy = dict(owner)
        for key in replaced:
            copy.pop(key, None)
        held = copy.get(name)
        if repeats:
            values, index = _picked(segment, held)
            held = values[index]
        value = below(held if isinstance(held, dict) else {}, items)
        if repeats:
            values[index] = value
        copy[name] = values if repeats else value
        return copy

    return put


def _picked(segment: Segment, current: Any) -> tuple[list[Any], int]:
    """A copy of the values of a repeating element, and where the one that the segment picks stands: a new one where
    there is none."""
    values = [] if current is None else list(current) if isinstance(current, list) else [current]
    index = min(segment.index or 0, len(values)) if segment.url is None else _index(values, segment.url)
    if index == len(values):
        values.append(None if segment.url is None else {"url": segment.url})
    return values, index


def _index(extensions: list[Any], url: str) -> int:
    """Where the extension with that url stands, or would."""
    urls = [item.get("url") if isinstance(item, dict) else None for item in extensions]
    return urls.index(url) if url in urls else len(extensions)


def _form(kind: str, name: str, owner: dict[str, Any], item: Any) -> str:
    """The JSON name of a choice element for a value: of the first type the value can be. Below one that is there
    already, that one."""
    known = sorted(model().elements(kind).get(name, ()), key=lambda form: (form in _SPECIAL, form))
    forms = {name + form[0].upper() + form[1:]: form for form in known}
    if item is None:
        return next((form for form in forms if form in owner), name)
    return next((form for form, of in forms.items() if _can_be(item, of)), name)


#: Types that are others with something more: a value that could be both is of the other.
_SPECIAL = frozenset({"Age", "Count", "Distance", "Duration", "Money"})

#: Text that may be of several types is of the first of these that its form allows.
_TEXTS = {
    "dateTime": re.compile(r"\d{4}(-\d\d(-\d\d(T.+)?)?)?"),
    "date": re.compile(r"\d{4}(-\d\d(-\d\d)?)?"),
    "time": re.compile(r"\d\d:\d\d(:.+)?"),
    "string": re.compile(r".*", re.DOTALL),
}


def _can_be(item: Any, kind: str) -> bool:
    if isinstance(item, dict):
        if "resourceType" in item:
            return kind == "Reference"
        return kind not in PRIMITIVES and all(model().key(kind, member.removeprefix("_")) for member in item)
    if isinstance(item, str):
        return kind in _TEXTS and _TEXTS[kind].fullmatch(item) is not None
    wanted = _JSON_TYPES.get(kind)
    return wanted is not None and isinstance(item, wanted) and (type(item) is bool) == (wanted is bool)


def _wanted(kind: str) -> type | tuple[type, ...]:
    """The Python types of values of a FHIR type."""
    return _JSON_TYPES.get(kind, str) if kind in PRIMITIVES else dict


def _fitter(kind: str, name: str) -> Callable[[list[Any]], list[Any]]:
    """Items as values of an element of type `kind`, in a new list; EvaluationError when one is of another JSON type."""
    convert, wanted = _CONVERTED.get(kind), _wanted(kind)

    def fit(items: list[Any]) -> list[Any]:
        values = []
        for item in items:
            value = item if item.__class__ in _JSON else as_json(item)
            if convert is not None:
                value = convert(value)
                if value is None:
                    continue
            if value.__class__ is not wanted and (not isinstance(value, wanted) or value.__class__ is bool):
                raise EvaluationError(f"'{name}' is of type {kind}, the expression gave another")
            values.append(value)
        return values

    return fit


def _as_coding(item: Any) -> Any:
    """A code as a Coding without system; anything else as it is."""
    return {"code": item} if isinstance(item, str) else item


def _as_concept(item: Any) -> Any:
    """Text, a code or a Coding as a CodeableConcept; anything else as it is."""
    if isinstance(item, str):
        return {"coding": [{"code": item}], "text": item} if _CODE.fullmatch(item) else {"text": item}
    return {"coding": [item]} if isinstance(item, dict) and "code" in item and "coding" not in item else item


_CODE = re.compile(r"\S+")


def _as_reference(item: Any) -> Any:
    """A reference to a resource or to what `Type/id` names; anything else as it is; None for a resource without id."""
    if type(item) is str:
        return {"reference": item}
    if type(item) is not dict or "resourceType" not in item:
        return item
    return {"reference": f"{item['resourceType']}/{item['id']}"} if is_id(item.get("id")) else None


#: What a value becomes as an element of these types.
_CONVERTED = {"Reference": _as_reference, "Coding": _as_coding, "CodeableConcept": _as_concept}


#: The types of items that are FHIR JSON as they are.
_JSON = frozenset({str, dict})


def as_json(item: Any) -> Any:
    """An item as FHIR JSON; a Tuple of CQL is an element with what it has."""
    if isinstance(item, Temporal):
        return str(item)
    if type(item) is Tuple:
        return {name: as_json(part) for name, part in item.elements.items() if part is not None and part != []}
    return [as_json(part) for part in item] if isinstance(item, list) else expr.to_json(item)
