"""Values as the reasons of `cds explain` have them: short, resources by reference."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from cds.errors import ExpressionError
from cds.expr.elm.values import Partial, Tuple
from cds.expr.values import to_json

_WORDS = {True: "true", False: "false", None: "unknown"}
_MOST_ITEMS = 3
_LONGEST = 60


def shown(value: Any) -> str:
    """A value in a few words; a list says how many items it has, and whether there may be more."""
    if value is None or type(value) is bool:
        return _WORDS[value]
    if not isinstance(value, list):
        return _brief(value)
    more = ", and perhaps more" if type(value) is Partial else ""
    if not value:
        return f"nothing{' that was obtained' if more else ''}"
    listed = ", ".join(map(_brief, value[:_MOST_ITEMS])) + (", ..." if len(value) > _MOST_ITEMS else "")
    return f"{len(value)} item{'s' if len(value) > 1 else ''}{more}: {listed}"


def reference(resource: dict[str, Any]) -> str:
    """`Type/id`, or the type alone of what has no id."""
    kind, identifier = resource["resourceType"], resource.get("id")
    return f"{kind}/{identifier}" if identifier is not None else f"{kind} without id"


def _brief(item: Any) -> str:
    """One item."""
    if type(item) is Tuple:
        return _row(item)
    if isinstance(item, dict):
        return reference(item) if "resourceType" in item else _clipped(_element(item))
    return _clipped(str(to_json(item)))


def _row(row: Tuple) -> str:
    """A Tuple by the first resource in it, or else by what its elements are, as far as they can be computed."""
    named = _resource(row.held)
    if named is None:
        with suppress(ExpressionError):
            named = _resource(row.elements)
    if named is not None:
        return reference(named)
    told = (f"{name}: {shown(part)}" for name, part in row.held.items() if part is not None and type(part) is not Tuple)
    return _clipped(f"{{ {', '.join(told) or ':'} }}")


def _resource(elements: dict[str, Any]) -> dict[str, Any] | None:
    return next((part for part in elements.values() if isinstance(part, dict) and "resourceType" in part), None)


def _element(item: dict[str, Any]) -> str:
    codings = item.get("coding") or [{}]
    return str(item.get("text") or codings[0].get("display") or codings[0].get("code") or ", ".join(item))


def _clipped(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
