"""Data requirements: only those filters that a retrieve really applies, and searches that servers understand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cds import fhir
from cds.definitions.element import Element
from cds.definitions.load import Document
from cds.errors import Problem, did_you_mean
from cds.expr.types import model

_HINT = "use one codeFilter with a valueSet, and filter the rest in an expression"

_PATIENT = re.compile(r"(patient|subject)=\{\{(context\.)?patientId\}\}")
#: Equality with ids, tokens and dates, `:in`, `_count` and `_sort`, of what needs no encoding (cds-hooks.md AP7-AP10,
#: AP12).
_PARAMETER = re.compile(r"""([a-z][a-z-]*(:in)?|_count|_sort)=(?!(ne|sa|eb|ap)[0-9])[!"$%'-<>@-\[\]-z|~]+""")
_LONGEST = 2000


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
            else:
                yield from _path(code_filter, requirement.text("type") or "")
        for extension in requirement.extensions(fhir.QUERY_PATTERN):
            kind, pattern = requirement.text("type") or "", extension.text("valueString") or ""
            if fault := query_fault(kind, pattern):
                message, part = fault
                problem = f"{message} '{part}'" if part else message
                hint = f"write it like `{kind}?patient={{{{context.patientId}}}}&category=laboratory`"
                yield extension.problem("query-pattern", problem, "valueString", hint=hint)


def query_fault(kind: str, query: str) -> tuple[str, str] | None:
    """What is wrong with a search for a type as a prefetch template, and the part of it that is, "" for the whole
    (cds-hooks.md AP1-AP13); None when nothing is."""
    first, *parameters = re.split("[?&]", query)
    if first != kind or not parameters:
        return f"not a search for {kind}", ""
    patients = [parameter for parameter in parameters if _PATIENT.fullmatch(parameter)]
    if len(patients) != 1:
        return "the search is not by patient", ""
    for parameter in parameters:
        if parameter not in patients and _PARAMETER.fullmatch(parameter) is None:
            return "many servers do not understand", parameter
    return (f"longer than {_LONGEST} characters", "") if len(query) > _LONGEST else None


def _path(code_filter: Element, kind: str) -> Iterator[Problem]:
    """A path to an element that the type does not have: nothing would ever be found."""
    known = model().elements(kind)
    name = (code_filter.text("path") or "code").partition(".")[0]
    if known and name not in known and model().key(kind, name) is None:
        hint = did_you_mean(name, known) or "name the coded element that the value set is about"
        at = ["path"] if "path" in code_filter.value else []
        yield code_filter.problem("data-filter", f"{kind} has no element '{name}'", *at, hint=hint)
