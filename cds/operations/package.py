"""The operation `$package`: a definition with all that it depends on, as far as the content has it (CRMI)."""

from __future__ import annotations

from collections.abc import Sequence

from cds.cql.call import Call, Sent, refused
from cds.definitions.snapshot import Snapshot
from cds.errors import Issue, RequestError
from cds.fhir import Resource
from cds.operations.definitions import find_by_id, id_of
from cds.operations.dependencies import reached
from cds.operations.served import served


def package(sent: Sequence[Sent], snapshot: Snapshot, base: str, kind: str, identifier: str | None = None) -> Resource:
    """Answer `$package` of a definition by its `url` or id: a Bundle `collection`, the definition first. Raises
    RequestError 400 and 404."""
    call = Call(sent, ("url",))
    url = call.text("url")
    if (url is None) is (identifier is None):
        raise refused("required", "Name the definition by 'url' or in the address", call.pointer("url"))
    if identifier is None:
        document = snapshot.registry.find(str(url), kind)
        if document is None:
            hint = snapshot.registry.hint(str(url), kind)
            raise RequestError(404, Issue("not-found", f"There is no such {kind}", call.pointer("url"), hint))
        first = document.resource
    else:
        first = find_by_id(snapshot, kind, identifier)
    ids = {id(document.resource): id_of(document) for document in snapshot.documents}
    entries = [
        {"fullUrl": f"{base}/{one['resourceType']}/{ids[id(one)]}", "resource": served(one, ids[id(one)], snapshot)}
        for one in reached(first, snapshot.registry)
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}
