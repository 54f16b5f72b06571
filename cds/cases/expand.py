"""Shorthand of case files written out as FHIR: codes, statuses, references and dates relative to the case's today.

The FHIR element model says what each element is, so a name that FHIR does not have is a problem at its line.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from cds import fhir
from cds.definitions.nodes import Node
from cds.errors import did_you_mean
from cds.expr.types import PRIMITIVES, model
from cds.fhir import Resource

#: Shorthand name -> code system.
CODE_SYSTEMS = {
    "snomed": fhir.SNOMED,
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "atc": "http://www.whocc.no/atc",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "dmd": fhir.DMD,
    "loinc": "http://loinc.org",
    "local": f"{fhir.CANONICAL_BASE}/CodeSystem/order",
}

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_CLINICAL = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
_VERIFICATION = ("unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error")

#: (type, element) that is a CodeableConcept in FHIR and a status word in a case -> its system and its words.
STATUS_WORDS = {
    ("Condition", "clinicalStatus"): (f"{_TERMINOLOGY}condition-clinical", _CLINICAL),
    ("Condition", "verificationStatus"): (f"{_TERMINOLOGY}condition-ver-status", _VERIFICATION),
    ("AllergyIntolerance", "clinicalStatus"): (f"{_TERMINOLOGY}allergyintolerance-clinical", _CLINICAL),
    ("AllergyIntolerance", "verificationStatus"): (f"{_TERMINOLOGY}allergyintolerance-verification", _VERIFICATION),
}

_RELATIVE = re.compile(r"today(?:\s*([+-])\s*(\d{1,5})\s*(d|wk|mo|a))?")
_PARTIAL = re.compile(r"(month|year)\((.*)\)")
_LITERAL = re.compile(r"\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?)?)?")
_DATES = ("date", "dateTime", "instant")
_DATE_HINT = "write a FHIR date, or `today`, `today - 10 d` (d, wk, mo, a), `month(today - 3 mo)`, `year(today - 1 a)`"

Display = Callable[[str, str], "str | None"]


class Words(str):
    """A text that must be contained in another, where a plain str must equal it."""

    __slots__ = ()


class Expander:
    """Writes out the values of one case. `display` finds the display of a coding. With `pattern` the result describes
    what another resource must hold: texts become Words, and displays are left out."""

    def __init__(self, today: date, display: Display, *, pattern: bool = False) -> None:
        self._today = today
        self._display = display
        self._pattern = pattern

    def resource(self, node: Node, kind: str | None = None) -> Resource:
        """A resource, or parts of one of that `kind`. Empty when its type is missing or unknown; problems are noted."""
        members = node.members()
        kind = kind or self._kind(node, members)
        if kind not in model().resources:
            if kind:
                hint = did_you_mean(kind, model().resources)
                node.report("case-unknown", f"'{kind}' is not a FHIR resource type", hint)
            return {}
        return {"resourceType": kind, **self._members(kind, members)}

    def _kind(self, node: Node, members: dict[str, Node]) -> str:
        if "resourceType" in members:
            return members["resourceType"].text()
        node.report("case-missing", "the resource has no resourceType", "add `resourceType: Condition` or the like")
        return ""

    def _members(self, kind: str, members: dict[str, Node]) -> dict[str, Any]:
        expanded = {}
        for name, node in members.items():
            if name == "resourceType":
                continue
            if name.startswith("_"):
                expanded[name] = node.value
            elif (element := model().key(kind, name)) is None:
                node.report_name("case-unknown", f"{kind} has no element '{name}'", did_you_mean(name, _names(kind)))
            elif (kind, name) in STATUS_WORDS and isinstance(node.value, str):
                expanded[name] = self._status(node, *STATUS_WORDS[kind, name])
            else:
                element_kind, many, _ = element
                value = self._value(element_kind, node)
                expanded[name] = [value] if many and value is not None and not isinstance(value, list) else value
        return expanded

    def _value(self, kind: str, node: Node) -> Any:
        if isinstance(node.value, list):
            return [self._value(kind, item) for item in node.items()]
        if node.value is None:
            return None
        if kind == "CodeableConcept":
            return self._concept(node)
        if kind == "Reference" and isinstance(node.value, str):
            return {"reference": node.value}
        if kind in _DATES:
            return self._date(node, kind)
        if kind in PRIMITIVES:
            return Words(node.value) if self._pattern and kind in ("string", "markdown") else node.value
        if kind == "Resource":
            return self.resource(node)
        return self._members(kind, node.members())

    def _concept(self, node: Node) -> dict[str, Any]:
        members = node.members()
        if not members or "coding" in members:
            return self._members("CodeableConcept", members)
        concept: dict[str, Any] = {}
        codings = []
        for name, member in members.items():
            if name == "text":
                concept["text"] = Words(member.text()) if self._pattern else member.value
            elif name in CODE_SYSTEMS:
                codings.append(self._coding(CODE_SYSTEMS[name], str(member.value)))
            else:
                known = (*CODE_SYSTEMS, "text", "coding")
                hint = did_you_mean(name, known) or f"known here: {', '.join(known)}"
                member.report_name("case-unknown", f"'{name}' is not a code system known here", hint)
        return {"coding": codings, **concept} if codings else concept

    def _coding(self, system: str, code: str) -> dict[str, str]:
        display = None if self._pattern else self._display(system, code)
        coding = {"system": system, "code": code}
        return {**coding, "display": display} if display else coding

    def _status(self, node: Node, system: str, words: tuple[str, ...]) -> dict[str, Any]:
        if node.value not in words:
            hint = did_you_mean(node.value, words) or f"known here: {', '.join(words)}"
            node.report("case-unknown", f"'{node.value}' is not a status known here", hint)
        return {"coding": [{"system": system, "code": node.value}]}

    def _date(self, node: Node, kind: str) -> str | None:
        found = written_date(node.value, self._today) if isinstance(node.value, str) else None
        if found is None:
            node.report("case-value", f"'{node.value}' is not a date", _DATE_HINT)
            return None
        return f"{found}T12:00:00Z" if kind == "instant" and len(found) == len("2026-01-01") else found


def written_date(text: str, today: date) -> str | None:
    """A FHIR date for `today - 10 d`, `month(today - 3 mo)`, or a date that is written out; None when it is none."""
    partial = _PARTIAL.fullmatch(text)
    if partial:
        whole = _relative(partial[2].strip(), today)
        return whole.isoformat()[: 7 if partial[1] == "month" else 4] if whole else None
    whole = _relative(text, today)
    if whole is not None:
        return whole.isoformat()
    return text if _LITERAL.fullmatch(text) else None


def _relative(text: str, today: date) -> date | None:
    found = _RELATIVE.fullmatch(text)
    if found is None:
        return None
    if found[1] is None:
        return today
    amount = int(found[2]) * (-1 if found[1] == "-" else 1)
    if found[3] in ("d", "wk"):
        return today + timedelta(days=amount * (7 if found[3] == "wk" else 1))
    months = today.year * 12 + today.month - 1 + amount * (12 if found[3] == "a" else 1)
    year, month = divmod(months, 12)
    return date(year, month + 1, min(today.day, calendar.monthrange(year, month + 1)[1]))


def _names(kind: str) -> list[str]:
    """The JSON members of a type: elements, and for a choice each of its forms."""
    keys = {*model().elements(kind), *(key for forms in model().choices.values() for key in forms)}
    return sorted(key for key in keys if model().key(kind, key) is not None)
