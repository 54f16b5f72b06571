"""The paths of dynamic values: what they look like, and whether a FHIR type has such an element.

A path is element names with constant indexes (`dosageInstruction[0].patientInstruction`), as FHIR R4 allows for
PlanDefinition.action.dynamicValue.path, extensions by their url (`extension('http://...').valueCode`) and choices
without their type (`medication[x]`), which the value then decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cds.definitions.structure import COMMON
from cds.errors import ExpressionSyntaxError, did_you_mean
from cds.expr.types import model

_SEGMENT = re.compile(
    r"(?P<name>[A-Za-z0-9]+)(?:\[(?:(?P<index>[0-9]{1,9})|(?P<choice>x))\]|\('(?P<url>[^']*)'\))?(?P<dot>\.|$)"
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: an element's JSON name and the index asked for, if any. `url` picks an extension, `choice`
    says that the name lacks its type."""

    name: str
    index: int | None = None
    url: str | None = None
    choice: bool = False


@lru_cache
def parse_path(text: str) -> tuple[Segment, ...]:
    """The segments of a path. Raises ExpressionSyntaxError at the column of the first segment that is not one."""
    segments = []
    start = 0
    while True:
        found = _SEGMENT.match(text, start)
        if found is None:
            raise ExpressionSyntaxError(
                f"'{text[start:].partition('.')[0]}' is not an element name with an optional index",
                line=1,
                column=start + 1,
                hint="write a path such as dosageInstruction[0].text",
            )
        index = found["index"]
        segments.append(Segment(found["name"], int(index) if index else None, found["url"], bool(found["choice"])))
        start = found.end()
        if not found["dot"]:
            return tuple(segments)


def unknown_element(kind: str, path: tuple[Segment, ...]) -> tuple[str, str | None] | None:
    """What is wrong with a path below a FHIR type, and a remedy; None when there may be such an element."""
    for segment in path:
        if model().is_abstract(kind):
            return None
        known = model().key(kind, segment.name)
        if known is None:
            if segment.choice or segment.name in model().elements(kind):
                return None  # the value decides
            names = _names(kind)
            own = sorted(set(names) - COMMON)[:12]
            hint = did_you_mean(segment.name, names) or f"its elements are {', '.join(own)}"
            return f"{_shown(kind)} has no element '{segment.name}'", hint
        kind = known[0]
    return None


def _names(kind: str) -> list[str]:
    """The JSON names of a type's elements, choices with their types."""
    names: list[str] = []
    for name, kinds in model().elements(kind).items():
        forms = [name + form[0].upper() + form[1:] for form in kinds]
        names += [name] if model().key(kind, name) else forms
    return names


def _shown(kind: str) -> str:
    return "an action" if kind == "PlanDefinitionAction" else kind
