"""Reading and searching the loaded definitions as FHIR resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cds import fhir
from cds.definitions.load import Document
from cds.definitions.snapshot import Snapshot
from cds.definitions.versions import version_key
from cds.errors import Issue, RequestError, did_you_mean
from cds.fhir import Resource
from cds.operations.served import served

#: The types that are served.
KINDS = ("PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "CodeSystem", "ConceptMap", "Questionnaire")
#: Search parameters, each with what of a resource it compares; strings are matched from their start.
_TOKENS = ("_id", "url", "version", "status")
_STRINGS = ("name", "title", "description")
SEARCHES = (*_TOKENS, *_STRINGS)
_RESULTS = ("_count", "_format", "_summary", "_total")


def id_of(document: Document) -> str:
    """The id of a definition: its own, else the last part of its url."""
    own = document.resource.get("id")
    return str(own) if own else (document.url or "").rstrip("/").rpartition("/")[2]


def find_by_id(snapshot: Snapshot, kind: str, identifier: str) -> Resource:
    """The definition of a type and id, of several versions the highest. Raises RequestError 404."""
    found = [one for one in snapshot.documents if one.kind == kind and id_of(one) == identifier]
    if not found:
        hint = did_you_mean(identifier, [id_of(one) for one in snapshot.documents if one.kind == kind])
        raise RequestError(404, Issue("not-found", f"There is no {kind} of this id", "id", hint))
    return max(found, key=lambda document: version_key(document.version)).resource


def read(snapshot: Snapshot, kind: str, identifier: str) -> Resource:
    """A definition of one of KINDS as it is served. Raises RequestError 404."""
    return served(find_by_id(snapshot, kind, identifier), identifier, snapshot)


def search(snapshot: Snapshot, kind: str, query: Sequence[tuple[str, str]], base: str) -> Resource:
    """The definitions of one of KINDS that fit every search parameter, as a searchset. Raises RequestError 400 for a
    parameter that there is not."""
    for name, _ in query:
        if name.partition(":")[0] not in (*SEARCHES, *_RESULTS):
            hint = did_you_mean(name, SEARCHES) or f"there are {', '.join(SEARCHES)}"
            raise RequestError(400, Issue("not-supported", "There is no such search parameter", None, hint))
    found = [one for one in snapshot.documents if one.kind == kind and all(_fits(one, *term) for term in query)]
    count = next((int(text) for name, text in query if name == "_count" and text.isdigit()), len(found))
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        **_entries(found[:count], base, snapshot),
    }


def _entries(found: Sequence[Document], base: str, snapshot: Snapshot) -> dict[str, Any]:
    entries = [
        {
            "fullUrl": f"{base}/{one.kind}/{id_of(one)}",
            "resource": served(one.resource, id_of(one), snapshot),
            "search": {"mode": "match"},
        }
        for one in found
    ]
    return {"entry": entries} if entries else {}


def _fits(document: Document, name: str, text: str) -> bool:
    name, _, modifier = name.partition(":")
    if name in _RESULTS:
        return True
    value = id_of(document) if name == "_id" else document.resource.get(name)
    if not isinstance(value, str):
        return False
    wanted = [part for part in text.split(",") if part]
    if name in _TOKENS or modifier == "exact":
        return any(value == fhir.split_canonical(part)[0] if name == "url" else value == part for part in wanted)
    places: Iterator[bool] = (
        part.lower() in value.lower() if modifier == "contains" else value.lower().startswith(part.lower())
        for part in wanted
    )
    return any(places)
