"""The loaded definitions as FHIR resources, by type and id."""

from __future__ import annotations

from collections.abc import Sequence

from cds.definitions.load import Document
from cds.definitions.snapshot import Snapshot
from cds.definitions.versions import version_key
from cds.errors import Issue, RequestError, did_you_mean
from cds.fhir import Resource
from cds.operations.parts import part_of
from cds.operations.served import served

#: The types that are served.
KINDS = ("PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "CodeSystem", "ConceptMap", "Questionnaire")


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


def read(snapshot: Snapshot, kind: str, identifier: str, query: Sequence[tuple[str, str]] = ()) -> Resource:
    """A definition of one of KINDS as it is served, or the part of it that the query asks for. Raises RequestError 404,
    and 400 for a part that there is not."""
    return part_of(query).of(served(find_by_id(snapshot, kind, identifier), identifier, snapshot))
