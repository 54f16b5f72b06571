"""Parts of resources that a client asks for: `_summary` and `_elements` (FHIR R4, Search)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cds.errors import Issue, RequestError
from cds.fhir import Resource

_SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
#: In every answer: what a resource is, and what R4 requires of definitions.
_ALWAYS = frozenset({"resourceType", "id", "meta", "status", "type", "content"})
_SUMMARY = frozenset(
    "url identifier version name title experimental subjectCodeableConcept subjectReference subjectType date publisher"
    " contact description useContext jurisdiction effectivePeriod immutable caseSensitive valueSet hierarchyMeaning"
    " compositional versionNeeded supplements count code sourceUri sourceCanonical targetUri targetCanonical".split()
)
_SUMMARIES = ("true", "false", "text", "data", "count")


@dataclass(frozen=True, slots=True)
class Part:
    """`elements` are those asked for, None for all; `is_count` says that no resource is wanted."""

    elements: frozenset[str] | None = None
    without_text: bool = False
    is_count: bool = False

    def of(self, resource: Resource) -> Resource:
        """The part of a resource, tagged as one where something may be missing."""
        if self.elements is None and not self.without_text:
            return resource
        kept = {name: value for name, value in resource.items() if self._has(name, value)}
        meta = kept.pop("meta", {})
        kind, identifier = kept.pop("resourceType"), kept.pop("id")
        tagged = {**meta, "tag": [*meta.get("tag", ()), _SUBSETTED]}
        return {"resourceType": kind, "id": identifier, "meta": tagged, **kept}

    def _has(self, name: str, value: object) -> bool:
        if self.elements is None:
            return name != "text"
        own = name.removeprefix("_")
        return own in self.elements or (own in _ALWAYS and not (own == "content" and isinstance(value, list)))


def part_of(query: Sequence[tuple[str, str]]) -> Part:
    """What a query asks for. Raises RequestError 400 for a summary that there is not."""
    asked = dict(query)
    summary, elements = asked.get("_summary", "false"), asked.get("_elements")
    if summary not in _SUMMARIES:
        raise RequestError(400, Issue("code-invalid", f"'_summary' is one of {', '.join(_SUMMARIES)}", "_summary"))
    if elements is not None:
        return Part(frozenset(part.strip() for part in elements.split(",")), is_count=summary == "count")
    if summary == "true":
        return Part(_SUMMARY)
    return Part(frozenset({"text"}) if summary == "text" else None, summary == "data", summary == "count")
