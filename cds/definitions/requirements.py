"""Data requirements: only those filters that a retrieve really applies."""

from __future__ import annotations

from collections.abc import Iterator

from cds.definitions.element import Element
from cds.definitions.load import Document
from cds.errors import Problem

_HINT = "use one codeFilter with a valueSet, and filter the rest in an expression"


def check_requirements(document: Document) -> Iterator[Problem]:
    """Filters of a Library's data requirements that would be passed over, so that a name held more than it says."""
    for requirement in Element.root(document).each("dataRequirement"):
        for member in ("dateFilter", "limit", "sort", "subjectCodeableConcept", "subjectReference"):
            if member in requirement.value:
                yield requirement.problem("data-filter", f"not supported: {member}", member, key=True, hint=_HINT)
        for index, code_filter in enumerate(requirement.each("codeFilter")):
            if index:
                yield code_filter.problem("data-filter", "not supported: a second codeFilter", hint=_HINT)
            elif code_filter.text("valueSet") is None:
                yield code_filter.problem("data-filter", "not supported: a codeFilter without valueSet", hint=_HINT)
