"""Sets the element that a dynamic value names, on a copy that shares everything else with the original.

Paths are element names with constant indexes (`dosageInstruction[0].patientInstruction`), as FHIR R4 allows for
PlanDefinition.action.dynamicValue.path. The type model says what repeats; a value for one form of a choice element
takes the place of the other forms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cds.errors import EvaluationError, ExpressionSyntaxError
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


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: an element's JSON name and the index asked for, if any."""

    name: str
    index: int | None = None


def parse_path(text: str) -> tuple[Segment, ...]:
    """The segments of a path. Raises ExpressionSyntaxError at the column of the first segment that is not one."""
    segments = []
    column = 1
    for part in text.split("."):
        name, bracket, rest = part.partition("[")
        index = rest[:-1]
        well_formed = name.isalnum() and (not bracket or (rest.endswith("]") and index.isdigit()))
        if not well_formed:
            raise ExpressionSyntaxError(
                f"'{part}' is not an element name with an optional index",
                line=1,
                column=column,
                hint="write a path such as dosageInstruction[0].text",
            )
        segments.append(Segment(name, int(index) if bracket else None))
        column += len(part) + 1
    return tuple(segments)


def with_items(owner: dict[str, Any], kind: str, path: tuple[Segment, ...], items: list[Any]) -> dict[str, Any]:
    """A copy of `owner`, a `kind` (FHIR type name), with the JSON values `items` at `path`; only what lies on the path
    is copied. A repeating element without an index takes all items when it is last, else its first item is meant.

    Where the element is a Reference, a resource among the items becomes a reference to it, or nothing without an id.

    Raises EvaluationError when the type has no such element, or when several items meet an element that takes one."""
    segment, rest = path[0], path[1:]
    known = model().key(kind, segment.name)
    if known is None:
        raise EvaluationError(f"the resource has no element '{segment.name}'")
    element_kind, repeats, siblings = known
    if not rest:
        items = _fitting(items, element_kind, segment.name)
        if not items:
            return owner
    copy = dict(owner)
    for name in siblings:
        copy.pop(name, None)
        copy.pop(f"_{name}", None)
    current = copy.get(segment.name)
    if repeats and (rest or segment.index is not None):
        values = [] if current is None else list(current) if isinstance(current, list) else [current]
        index = min(segment.index or 0, len(values))
        held = values[index] if index < len(values) else None
        values[index : index + 1] = [_below(held, element_kind, rest, items, segment.name)]
        copy[segment.name] = values
    elif repeats:
        copy[segment.name] = items
    else:
        copy[segment.name] = _below(current, element_kind, rest, items, segment.name)
    return copy


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
    wanted = _JSON_TYPES.get(kind, str) if kind in PRIMITIVES else dict
    for item in items:
        if not isinstance(item, wanted) or (item.__class__ is bool and wanted is not bool):
            raise EvaluationError(f"'{name}' is of type {kind}, the expression gave another")
    return items


def _reference(item: Any) -> Any:
    """A reference to a resource; anything else as it is; None for a resource that cannot be referred to."""
    if not isinstance(item, dict) or "resourceType" not in item:
        return item
    return {"reference": f"{item['resourceType']}/{item['id']}"} if is_id(item.get("id")) else None
