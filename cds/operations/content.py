"""The definitions a call sees: its own, then those that are loaded (apply-protocol.md, "Which definition is meant")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from cds import fhir
from cds.apply.conform import conformed
from cds.apply.plan import Plans
from cds.cql.call import Sent
from cds.definitions.files import NO_FILES
from cds.definitions.load import Document, in_memory
from cds.definitions.logic import read_logic
from cds.definitions.registry import Registry
from cds.definitions.snapshot import Snapshot
from cds.definitions.value_sets import expand
from cds.errors import Issue, RequestError
from cds.fhir import Resource, split_canonical
from cds.terminology import Terminology

#: What a content Bundle may bring; other types are ignored.
KINDS = ("PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "CodeSystem", "Questionnaire")


class CallRegistry(Registry):
    """A Registry that also knows a definition by `.../Type/id`, as content without urls refers to it."""

    def find(self, canonical: str, *kinds: str) -> Document | None:
        found = super().find(canonical, *kinds)
        key = fhir.reference_key(split_canonical(canonical)[0]) if found is None else None
        if key is None or (kinds and key[0] not in kinds):
            return found
        return next((one for one in self.documents if (one.kind, one.resource.get("id")) == key), None)


class CallContent:
    """What one call may apply. `snapshot` holds it, `plans` compiles it, `dropped` are paths of elements that FHIR R4
    does not have in the definition the call brought."""

    def __init__(self, snapshot: Snapshot, plans: Plans, dropped: Sequence[str] = ()) -> None:
        self.snapshot = snapshot
        self.plans = plans
        self.dropped = tuple(dropped)


def with_content(
    loaded: Snapshot, plans: Plans, inline: Resource | None, bundles: Sequence[Sent]
) -> tuple[CallContent, Resource | None]:
    """The content of a call, and the inline definition as it is in there.

    Raises RequestError: 400 when one canonical means two things in the bundles, 422 for CQL that does not compile."""
    if inline is None and not bundles:
        return CallContent(loaded, plans), None
    places: list[list[Document]] = []
    dropped: list[str] = []
    definition = None
    if inline is not None:
        definition, dropped = conformed(inline)
        places.append([in_memory(definition)])
    seen: dict[tuple[str, str | None], bytes] = {}
    places += [list(_documents(sent, seen)) for sent in bundles]
    own = list(_first_known(places))
    urls = {document.url for document in own if document.url}
    rest = [document for document in loaded.documents if document.url not in urls]
    logic, problems = read_logic(own, NO_FILES, base=loaded.registry.logic)
    if problems:
        raise RequestError(
            422, [Issue("invalid", f"{one.location}: {one.message}", one.location.path) for one in problems]
        )
    registry = CallRegistry([*own, *rest], logic)
    snapshot = Snapshot(loaded.revision, registry, _terminology(own, loaded))
    return CallContent(snapshot, Plans(snapshot, lenient=True), dropped), definition


def _documents(sent: Sent, seen: dict[tuple[str, str | None], bytes]) -> Iterable[Document]:
    """The definitions of a content Bundle, each canonical once."""
    bundle = sent.parameter.get("resource")
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise RequestError(400, Issue("structure", "'content' must be a Bundle resource", f"{sent.pointer}/resource"))
    for resource in fhir.bundle_resources(bundle):
        if resource["resourceType"] not in KINDS:
            continue
        document = in_memory(_named(conformed(resource)[0]))
        if document.url is not None:
            text = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
            first = seen.setdefault((document.url, document.version), text)
            if first is not text:
                if first != text:
                    message = "The content defines one canonical and version twice, and differently"
                    raise RequestError(400, Issue("duplicate", message, f"{sent.pointer}/resource"))
                continue
        yield document


def _named(resource: Resource) -> Resource:
    """CQL includes a Library by its name, or by the last part of its url."""
    if resource["resourceType"] != "Library" or "name" in resource or "url" not in resource:
        return resource
    return {**resource, "name": str(resource["url"]).rpartition("/")[2]}


def _first_known(places: Iterable[Sequence[Document]]) -> Iterable[Document]:
    """The first place that knows a canonical wins: another does not add a version to it."""
    known: set[str] = set()
    for place in places:
        yield from (document for document in place if document.url not in known)
        known |= {document.url for document in place if document.url}


def _terminology(own: Sequence[Document], loaded: Snapshot) -> Terminology:
    """The loaded terminology with the call's own value sets before it. What these include of loaded ones is taken from
    their expansions; parts that cannot be expanded leave a set without them."""
    sets = [document for document in own if document.kind in ("ValueSet", "CodeSystem")]
    if not sets:
        return loaded.terminology
    urls = {document.url for document in sets}
    included = {
        split_canonical(canonical)[0]
        for document in sets
        for part in fhir.as_list(document.resource.get("compose", {}).get("include"))
        for canonical in fhir.as_list(part.get("valueSet"))
    }
    systems = [one for one in loaded.documents if one.kind == "CodeSystem" and one.url not in urls]
    borrowed = [in_memory(made) for url in included - urls if (made := _written_out(url, loaded.terminology))]
    terminology, _ = expand([*sets, *borrowed, *systems], NO_FILES)
    return terminology.before(loaded.terminology, {url for url in urls if url})


def _written_out(url: str | None, terminology: Terminology) -> Resource | None:
    expansion = terminology.expansion(url or "")
    if expansion is None:
        return None
    systems: dict[str, list[Any]] = {}
    for (system, code), display in expansion.displays.items():
        systems.setdefault(system, []).append({"code": code, **({"display": display} if display else {})})
    include = [{"system": system, "concept": concepts} for system, concepts in systems.items()]
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": include}}
