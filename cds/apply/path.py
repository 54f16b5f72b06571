"""Sets the element that a dynamic value names (cds.definitions.paths), on a copy that shares everything else with the
original.

The type model says what repeats; a value for one form of a choice element takes the place of the other forms.
"""

from __future__ import annotations

import re
from typing import Any

from cds import expr
from cds.definitions.paths import Segment
from cds.errors import EvaluationError
from cds.expr.elm.values import Tuple
from cds.expr.types import PRIMITIVES, model
from cds.fhir import Resource, is_id

#: The Python types of primitives whose JSON form is no string.
_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "boolean": bool,
    "integer": int,
    "positiveInt": int,
    "unsignedInt": int,
    "decimal": (int, float),
}


def with_items(owner: dict[str, Any], kind: str, path: tuple[Segment, ...], items: list[Any]) -> dict[str, Any]:
    """A copy of `owner`, a `kind` (FHIR type name), with the JSON values `items` at `path`; only what lies on the path
    is copied. A repeating element without an index takes all items when it is last, else its first item is meant.

    Where the element is a Reference, a resource among the items becomes a reference to it, or nothing without an id.

    Raises EvaluationError when the type has no such element, or when several items meet an element that takes one."""
    segment, rest = path[0], path[1:]
    name = segment.name
    known = model().key(kind, name)
    if known is None and (segment.choice or name in model().elements(kind)):
        name = _form(kind, name, owner, items[0] if items and not rest else None)
        known = model().key(kind, name)
    if known is None:
        raise EvaluationError(f"the resource has no element '{segment.name}'")
    element_kind, repeats, siblings = known
    if not rest:
        items = _fitting(items, element_kind, name)
        if not items:
            return owner
    copy = dict(owner)
    for sibling in siblings:
        copy.pop(sibling, None)
        copy.pop(f"_{sibling}", None)
    current = copy.get(name)
    if repeats and (rest or segment.index is not None or segment.url is not None):
        values = [] if current is None else list(current) if isinstance(current, list) else [current]
        index = min(segment.index or 0, len(values)) if segment.url is None else _index(values, segment.url)
        held = values[index] if index < len(values) else None if segment.url is None else {"url": segment.url}
        values[index : index + 1] = [_below(held, element_kind, rest, items, name)]
        copy[name] = values
    elif repeats:
        copy[name] = items
    else:
        copy[name] = _below(current, element_kind, rest, items, name)
    return copy


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


def _below(held: Any, kind: str, rest: tuple[Segment, ...], items: list[Any], name: str) -> Any:
    if rest:
        return with_items(held if isinstance(held, dict) else {}, kind, rest, items)
    if len(items) != 1:
        raise EvaluationError(f"'{name}' takes one value, the expression gave {len(items)}")
    return items[0]


def _fitting(items: list[Any], kind: str, name: str) -> list[Any]:
    """The items as values of an element of type `kind`; EvaluationError when one is of another JSON type."""
    if kind == "Reference":
        items = [reference for item in items if (reference := _reference(item)) is not None]
    elif kind in ("CodeableConcept", "Coding"):
        items = [_coded(item, kind) for item in items]
    wanted = _JSON_TYPES.get(kind, str) if kind in PRIMITIVES else dict
    for item in items:
        if not isinstance(item, wanted) or (item.__class__ is bool and wanted is not bool):
            raise EvaluationError(f"'{name}' is of type {kind}, the expression gave another")
    return items


def _coded(item: Any, kind: str) -> Any:
    """A code as the text or the Coding of a concept, or as a Coding without system; anything else as it is."""
    if isinstance(item, str):
        coding = {"code": item}
        if kind == "Coding":
            return coding
        return {"coding": [coding], "text": item} if _CODE.fullmatch(item) else {"text": item}
    if kind == "CodeableConcept" and isinstance(item, dict) and "code" in item and "coding" not in item:
        return {"coding": [item]}
    return item


_CODE = re.compile(r"\S+")


def _reference(item: Any) -> Any:
    """A reference to a resource or to what `Type/id` names; anything else as it is; None for a resource without id."""
    if isinstance(item, str):
        return {"reference": item}
    if not isinstance(item, dict) or "resourceType" not in item:
        return item
    return {"reference": f"{item['resourceType']}/{item['id']}"} if is_id(item.get("id")) else None


def with_value(resource: Resource, path: tuple[Segment, ...], items: list[Any]) -> Resource:
    """The resource with the items of a dynamic value, which sets nothing when there are none."""
    return with_items(resource, resource["resourceType"], path, list(map(as_json, items))) if items else resource


def as_json(item: Any) -> Any:
    """An item as FHIR JSON; a Tuple of CQL is an element with what it has."""
    if type(item) is str:
        return item
    if type(item) is Tuple:
        return {name: as_json(part) for name, part in item.elements.items() if part is not None and part != []}
    return [as_json(part) for part in item] if isinstance(item, list) else expr.to_json(item)
