"""The operation `$package`: a definition with all that it depends on, as far as the content has it (CRMI)."""

from __future__ import annotations

from collections.abc import Sequence

from cds.cql.call import Call, Sent, refused
from cds.definitions.load import Document
from cds.definitions.snapshot import Snapshot
from cds.errors import Issue, RequestError
from cds.fhir import Resource
from cds.operations.content import canonicals
from cds.operations.definitions import find_by_id, id_of, served


def package(sent: Sequence[Sent], snapshot: Snapshot, base: str, kind: str, identifier: str | None = None) -> Resource:
    """Answer `$package` of a definition by its `url` or id: a Bundle `collection`, the definition first. Raises
    RequestError 400 and 404."""
    call = Call(sent, ("url",))
    url = call.text("url")
    if (url is None) is (identifier is None):
        raise refused("required", "Name the definition by 'url' or in the address", call.pointer("url"))
    first = (
        snapshot.registry.find(str(url), kind)
        if identifier is None
        else _document(snapshot, find_by_id(snapshot, kind, identifier))
    )
    if first is None:
        raise RequestError(404, Issue("not-found", f"There is no such {kind}", call.pointer("url")))
    found = [first]
    for document in found:
        known = (snapshot.registry.find(canonical) for canonical in canonicals(document.resource))
        found += dict.fromkeys(one for one in known if one is not None and one not in found)
    entries = [
        {"fullUrl": f"{base}/{one.kind}/{id_of(one)}", "resource": served(one.resource, id_of(one))} for one in found
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _document(snapshot: Snapshot, resource: Resource) -> Document:
    return next(document for document in snapshot.documents if document.resource is resource)
