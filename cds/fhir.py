"""Helpers over FHIR R4 resources as plain dicts: references, canonicals, codings, contained resources, Bundles.

Nothing here copies or changes a resource. Wrong shapes are read as absent, because requests come from many clients.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha1
from string import ascii_letters, digits
from typing import Any
from uuid import UUID

import orjson

Resource = dict[str, Any]
#: (system, code)
Coding = tuple[str, str]

#: The one place that names our canonical base.
CANONICAL_BASE = "https://pathway-cds.example/fhir"

#: Our FHIR extensions, by their short name (docs/extensions.md).
EXTENSION_BASE = f"{CANONICAL_BASE}/StructureDefinition/"
FOR_EACH = EXTENSION_BASE + "for-each"
TARGET = EXTENSION_BASE + "target"
OVERRIDE_REASONS = EXTENSION_BASE + "override-reasons"
DEFAULT_VALUE = EXTENSION_BASE + "default-value"
EXPANSION_FILE = EXTENSION_BASE + "expansion-file"
OPTIONAL_DATA = EXTENSION_BASE + "optional-data"
CATALOGUE = EXTENSION_BASE + "catalogue"
IGNORE_PROBLEM = EXTENSION_BASE + "ignore-problem"
#: The standard extension that names an expression (FHIR extensions pack, `variable`).
VARIABLE = "http://hl7.org/fhir/StructureDefinition/variable"

#: The standard extensions for the least and the greatest value (FHIR extensions pack; made for Questionnaire.item).
MIN_VALUE = "http://hl7.org/fhir/StructureDefinition/minValue"
MAX_VALUE = "http://hl7.org/fhir/StructureDefinition/maxValue"

#: The standard extension with which a data requirement says its own search (clinical reasoning extensions).
QUERY_PATTERN = "http://hl7.org/fhir/StructureDefinition/cqf-fhirQueryPattern"

DECISION_SYSTEM = f"{CANONICAL_BASE}/CodeSystem/decision"
ACTION_TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/action-type"

SNOMED = "http://snomed.info/sct"
DMD = "https://dmd.nhs.uk"


#: The namespace of our derived ids, so that they are the same each time.
_NAMESPACE = UUID("5b3ad1a5-6a0a-5e0c-9f65-3c7d2f1e8b40").bytes


#: The hex digit with the two highest bits of RFC 9562's variant in place of its own.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def derived_id(identity: str) -> str:
    """The name-based UUID (RFC 9562, version 5) of what `identity` says: same words, same id."""
    text = sha1(_NAMESPACE + identity.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


#: FHIR allows 64 characters; ids of real systems are longer.
_LONGEST_ID = 255
_ID_CHARACTERS = frozenset(ascii_letters + digits + "-._")


def is_id(text: Any) -> bool:
    """Whether it is an id as real systems have them: letters, digits, `-`, `.` and `_` of ASCII (security.md S6)."""
    return type(text) is str and 0 < len(text) <= _LONGEST_ID and _ID_CHARACTERS.issuperset(text)


def sort_key(resource: Resource) -> tuple[str, str]:
    """Type and id; what has no id is told apart by all that it says."""
    identifier = resource.get("id")
    return str(resource.get("resourceType", "")), str(resource if identifier is None else identifier)


def version(resource: Resource) -> tuple[str, str]:
    """Which of two resources with one id is later; where neither says when it was updated, any that is the same in
    whatever order they come (security.md R6)."""
    meta = resource.get("meta")
    updated = meta.get("lastUpdated") if isinstance(meta, dict) else None
    return str(updated or ""), str(resource)


def split_canonical(canonical: str) -> tuple[str, str | None]:
    """`url|version` as (url, version); version is None when the canonical has none. A `#fragment` stays in the url."""
    url, _, version = canonical.partition("|")
    return url, version or None


def reference_key(reference: str) -> tuple[str, str] | None:
    """(type, id) of a relative or absolute literal reference, its `/_history/` part dropped; None for `#contained`,
    `urn:` and anything else."""
    if not reference or reference[0] == "#" or reference.startswith("urn:"):
        return None
    parts = reference.split("/_history/", 1)[0].rstrip("/").rsplit("/", 2)
    if len(parts) < 2 or not parts[-1] or not parts[-2][:1].isupper():
        return None
    return parts[-2], parts[-1]


def reference_of(element: Any) -> str | None:
    """The `reference` string of a Reference element, or None."""
    if isinstance(element, dict):
        reference = element.get("reference")
        if isinstance(reference, str) and reference:
            return reference
    return None


def as_list(value: Any) -> list[Any]:
    """A FHIR element that may be single, repeated or absent, as a list (clients send both forms)."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def entries(bundle: Any) -> Iterator[dict[str, Any]]:
    """The well-formed entries of a Bundle: dicts; anything else is passed over."""
    if isinstance(bundle, dict):
        entry = bundle.get("entry")
        if isinstance(entry, list):
            for item in entry:
                if isinstance(item, dict):
                    yield item


def bundle_resources(bundle: Any) -> list[Resource]:
    """The resources of a Bundle's entries, in order."""
    entry = bundle.get("entry") if isinstance(bundle, dict) else None
    if not isinstance(entry, list):
        return []
    found = [item.get("resource") for item in entry if item.__class__ is dict]
    return [item for item in found if item.__class__ is dict and item.get("resourceType").__class__ is str]


def next_link(links: Any) -> str | None:
    """The address of a searchset's next page by its `link`, "" when the link to it has none; None on the last page."""
    for link in as_list(links):
        if isinstance(link, dict) and link.get("relation") == "next":
            address = link.get("url")
            return address if isinstance(address, str) else ""
    return None


def full_urls(bundle: Any) -> dict[str, Resource]:
    """The resources of a Bundle by the full urls of their entries."""
    return {
        entry["fullUrl"]: resource
        for entry in entries(bundle)
        if isinstance(entry.get("fullUrl"), str)
        and isinstance(resource := entry.get("resource"), dict)
        and isinstance(resource.get("resourceType"), str)
    }


def contained(resource: Mapping[str, Any], fragment: str) -> Resource | None:
    """The contained resource with the id of `#fragment`, or None."""
    wanted = fragment.lstrip("#")
    for item in as_list(resource.get("contained")):
        if isinstance(item, dict) and item.get("id") == wanted:
            return item
    return None


def decision_code(code: Any) -> str:
    """The decision that an action is about, by its `code`: the code of our own system of decisions, else its first; ""
    where it has none."""
    found = codings(code)
    return next((code for system, code in found if system == DECISION_SYSTEM), found[0][1] if found else "")


def codings(element: Any) -> list[tuple[str, str]]:
    """(system, code) of a CodeableConcept, a Coding, or a list of either; incomplete codings are passed over."""
    found = []
    for item in element if element.__class__ is list else (element,):
        if item.__class__ is not dict:
            continue
        coding = item.get("coding", item)
        for entry in coding if coding.__class__ is list else (coding,):
            if entry.__class__ is dict:
                system, code = entry.get("system"), entry.get("code")
                if system.__class__ is str and code.__class__ is str:
                    found.append((system, code))
    return found


def written(value: Any) -> orjson.Fragment:
    """For orjson as its `default`: a Decimal with its own digits, which FHIR keeps."""
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is no JSON value")


def without_empties(value: Any) -> Any:
    """A resource or element without members that are null or empty, which FHIR JSON does not know (G1). What holds none
    is returned as it is."""
    text = orjson.dumps(value)
    return _filled(value) if any(search(text) for search in _EMPTY) else value


#: `re` finds a literal of these in half the time that `in` takes, and one pattern for all of them takes far more.
_EMPTY = [re.compile(literal).search for literal in (b"null", b'""', rb"\[\]", rb"\{\}")]


def _filled(value: Any) -> Any:
    if isinstance(value, list):
        return [item for item in map(_filled, value) if item not in (None, "", [], {})]
    if isinstance(value, dict):
        members = {name: _filled(item) for name, item in value.items()}
        return {name: item for name, item in members.items() if item not in (None, "", [], {})}
    return value


def extension(element: Mapping[str, Any], url: str) -> dict[str, Any] | None:
    """The first extension of `element` with that url, or None."""
    for item in as_list(element.get("extension")):
        if isinstance(item, dict) and item.get("url") == url:
            return item
    return None


def extensions(element: Mapping[str, Any], url: str) -> Iterator[dict[str, Any]]:
    """Every extension of `element` with that url, in order."""
    for item in as_list(element.get("extension")):
        if isinstance(item, dict) and item.get("url") == url:
            yield item
