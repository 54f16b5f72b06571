"""Definitions as they are served: whole, without the files that stand beside them on disk."""

from __future__ import annotations

import base64
from typing import Any

from cds import fhir
from cds.definitions.logic import CQL, ELM
from cds.definitions.snapshot import Snapshot
from cds.fhir import Resource
from cds.terminology import ValueSet


def served(resource: Resource, identifier: str, snapshot: Snapshot) -> Resource:
    """A definition of the snapshot with the id that it is served under. The CQL or ELM that a Library runs is in its
    `content`, and the codes that a ValueSet has from a CSV file in its `compose`."""
    rest = {name: value for name, value in resource.items() if name not in ("resourceType", "id")}
    made = {"resourceType": resource["resourceType"], "id": identifier, **rest}
    if made["resourceType"] == "Library" and "content" in made:
        return _library(made, resource, snapshot)
    if made["resourceType"] == "ValueSet" and fhir.extension(resource, fhir.EXPANSION_FILE):
        canonical = "|".join(str(resource[name]) for name in ("url", "version") if name in resource)
        expansion = snapshot.terminology.expansion(canonical)
        return made if expansion is None else _value_set(made, expansion)
    return made


def _library(made: Resource, resource: Resource, snapshot: Snapshot) -> Resource:
    source = snapshot.registry.logic.sources.get(id(resource))
    content: list[dict[str, Any]] = []
    for attachment in fhir.as_list(made["content"]):
        kind = str(attachment.get("contentType", "")).partition(";")[0].strip()
        if "data" in attachment or "url" not in attachment or ":" in attachment["url"]:
            content.append(attachment)
        elif source is not None and kind == (CQL if isinstance(source.code, str) else ELM):
            data = base64.b64encode(source.text.text.encode()).decode()
            content.append({**{name: value for name, value in attachment.items() if name != "url"}, "data": data})
    return {**made, "content": content} if content else {name: made[name] for name in made if name != "content"}


def _value_set(made: Resource, expansion: ValueSet) -> Resource:
    extensions = [one for one in made["extension"] if one.get("url") != fhir.EXPANSION_FILE]
    rest = {name: value for name, value in made.items() if name != "extension"}
    return {**rest, **({"extension": extensions} if extensions else {}), "compose": {"include": includes(expansion)}}


def includes(value_set: ValueSet) -> list[dict[str, Any]]:
    """The members of an expanded value set as the includes of one that lists them."""
    systems: dict[str, list[dict[str, str]]] = {}
    for (system, code), display in value_set.displays.items():
        systems.setdefault(system, []).append({"code": code, **({"display": display} if display else {})})
    return [{"system": system, "concept": concepts} for system, concepts in systems.items()]
