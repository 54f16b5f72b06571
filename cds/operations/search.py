"""Searches of the loaded definitions (FHIR R4, Search): tokens, uris and strings, pages, order, and parts of
resources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from cds import fhir
from cds.definitions.load import Document
from cds.definitions.snapshot import Snapshot
from cds.errors import Issue, RequestError, closest_or_all
from cds.fhir import Resource
from cds.operations.definitions import id_of
from cds.operations.parts import Part, part_of
from cds.operations.served import served

#: Search parameters, each with what of a resource it compares; strings are matched from their start.
TOKENS = ("_id", "url", "version", "status")
STRINGS = ("name", "title", "description")
SEARCHES = (*TOKENS, *STRINGS)
_MODIFIERS = ("exact", "contains")
#: How many definitions a page has where the client does not say, and at most.
PAGE, MOST = 100, 1000
_SHAPES = ("_count", "_offset", "_sort", "_summary", "_elements", "_total")

Pair = tuple[str, str]


@dataclass(slots=True)
class _Query:
    """A search as it was understood; `used` are the parameters that count, for links."""

    terms: list[tuple[str, str, list[str]]] = field(default_factory=list)
    shape: dict[str, str] = field(default_factory=dict)
    used: list[Pair] = field(default_factory=list)


def search(snapshot: Snapshot, kind: str, query: Sequence[Pair], base: str, *, lenient: bool = False) -> Resource:
    """The definitions of a type that fit every search parameter, as a page of a searchset. Links and full urls begin
    with `base`. Raises RequestError 400 for a parameter that there is not, unless `lenient` passes over it, and for a
    value that cannot be read."""
    asked = _read(query, lenient=lenient)
    found = [one for one in snapshot.documents if one.kind == kind and all(_fits(one, *term) for term in asked.terms)]
    for name in reversed([name for name in asked.shape.get("_sort", "").split(",") if name]):
        found.sort(key=_by(name.removeprefix("-")), reverse=name.startswith("-"))
    part = part_of(query)
    count = 0 if part.is_count else min(_number(asked, "_count", PAGE), MOST)
    start = _number(asked, "_offset", 0)
    page = found[start : start + count]
    links = [{"relation": "self", "url": _url(base, kind, asked.used)}]
    if count and start + count < len(found):
        rest = [pair for pair in asked.used if pair[0] not in ("_offset", "_count")]
        further = [*rest, ("_count", str(count)), ("_offset", str(start + count))]
        links.append({"relation": "next", "url": _url(base, kind, further)})
    entries = [_entry(one, base, snapshot, part) for one in page]
    made: Resource = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    return {**made, "entry": entries} if entries else made


def _by(name: str) -> Callable[[Document], str]:
    return lambda document: _value(document, name) or ""


def _entry(document: Document, base: str, snapshot: Snapshot, part: Part) -> dict[str, Any]:
    resource = part.of(served(document.resource, id_of(document), snapshot))
    return {"fullUrl": f"{base}/{document.kind}/{id_of(document)}", "resource": resource, "search": {"mode": "match"}}


def _url(base: str, kind: str, query: Sequence[Pair]) -> str:
    return f"{base}/{kind}?{urlencode(query)}" if query else f"{base}/{kind}"


def _read(query: Sequence[Pair], *, lenient: bool) -> _Query:
    asked = _Query()
    for name, text in query:
        own, _, modifier = name.partition(":")
        if not _is_known(own, modifier, text):
            if lenient:
                continue
            hint = closest_or_all(own, SEARCHES)
            raise RequestError(400, Issue("not-supported", "There is no such search parameter", None, hint))
        asked.used.append((name, text))
        if own in SEARCHES:
            asked.terms.append((own, modifier, [part for part in text.split(",") if part]))
        else:
            asked.shape[own] = text
    return asked


def _is_known(name: str, modifier: str, text: str) -> bool:
    if name in SEARCHES:
        return not modifier or (name in STRINGS and modifier in _MODIFIERS)
    if name == "_sort":
        return not modifier and all(part.removeprefix("-") in SEARCHES for part in text.split(","))
    return name in _SHAPES and not modifier


def _number(asked: _Query, name: str, otherwise: int) -> int:
    text = asked.shape.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RequestError(400, Issue("value", f"'{name}' must be a number from 0", name))
    return int(text)


def _value(document: Document, name: str) -> str | None:
    value = id_of(document) if name == "_id" else document.resource.get(name)
    return value if isinstance(value, str) else None


def _fits(document: Document, name: str, modifier: str, wanted: Sequence[str]) -> bool:
    value = _value(document, name)
    if value is None:
        return False
    if name == "url":
        version = document.version
        parts = (fhir.split_canonical(part) for part in wanted)
        return any(value == url and asked in (None, version) for url, asked in parts)
    if name in TOKENS or modifier == "exact":
        return value in wanted
    low = value.lower()
    return any(part.lower() in low if modifier == "contains" else low.startswith(part.lower()) for part in wanted)
