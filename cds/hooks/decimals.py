"""Decimals of an updated draft as the client wrote them.

FHIR decimals have a precision (`2.50` is not `2.5`) that parsing to floats loses (security.md, section 3), so what an
update echoes is taken from the request's own text.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import orjson

from cds import fhir


class _Drafted(msgspec.Struct):
    """The member of a call that its drafts are in: the prefetch may hold what nobody has looked at."""

    context: msgspec.Raw


_drafted = msgspec.json.Decoder(_Drafted).decode


class _Written(float):
    """A number with the text it was written as."""

    text: str

    def __new__(cls, text: str) -> _Written:
        number = super().__new__(cls, text)
        number.text = text
        return number


def with_written_decimals(cards: list[dict[str, Any]], body: bytes) -> list[dict[str, Any]]:
    """The cards, in whose updates each decimal that the request's context holds too is an orjson.Fragment of its text.
    The context is read again only when an update holds a decimal."""
    updates = [
        action
        for card in cards
        for suggestion in card.get("suggestions", ())
        for action in suggestion.get("actions", ())
        if action["type"] == "update"
    ]
    if not any(_has_decimal(action["resource"]) for action in updates):
        return cards
    sent = json.loads(bytes(_drafted(body).context), parse_float=_Written)
    written = {
        (resource["resourceType"], resource.get("id")): resource
        for bundle in ("draftOrders", "appointments")
        for resource in reversed(fhir.bundle_resources(sent.get(bundle)))
    }
    for action in updates:
        resource = action["resource"]
        action["resource"] = _restored(resource, written.get((resource["resourceType"], resource["id"])))
    return cards


def _has_decimal(value: Any) -> bool:
    """Whether an object or array holds a decimal, at any depth."""
    for item in value.values() if value.__class__ is dict else value:
        kind = item.__class__
        if kind is float or ((kind is dict or kind is list) and _has_decimal(item)):
            return True
    return False


def _restored(value: Any, written: Any) -> Any:
    if isinstance(value, dict):
        known = written if isinstance(written, dict) else {}
        return {name: _restored(item, known.get(name)) for name, item in value.items()}
    if isinstance(value, list):
        known_items = written if isinstance(written, list) and len(written) == len(value) else [None] * len(value)
        return [_restored(item, known) for item, known in zip(value, known_items, strict=True)]
    if isinstance(value, float) and isinstance(written, _Written) and written == value:
        return orjson.Fragment(written.text)
    return value
