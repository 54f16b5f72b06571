"""Which forms of data the case files of each decision bring: code systems, products and ingredients, boundary days,
partial dates, several drafts, and text with markup in it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from content_support import CONTENT, cases, engine

from cds.apply.reached import parameters
from cds.booklet.chapters import decision_named, decisions, parts_of
from cds.cases import Case

DIAGNOSES = {
    "http://snomed.info/sct": "SNOMED CT",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
}
ATC, RXNORM = "http://www.whocc.no/atc", "http://www.nlm.nih.gov/research/umls/rxnorm"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
DRUGS = {"product", "ingredient", "ATC"}
MARKUP = {"HTML", "Markdown"}

#: Decisions that look at medicines.
OF_MEDICINES = frozenset(
    "adjuvant-analgesic escalate-care first-analgesic muscle-relaxant nsaid-caution opioid-short-course "
    "paracetamol-alone spinal-injection surgery-gate".split()
)
#: What makes a name of RxNorm that of a product.
_PRODUCT = re.compile(r"\d|\b(Oral|Tablet|Capsule|Product|Pack|Injection)\b", re.IGNORECASE)
_DAY, _PARTIAL = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}(-\d\d)?")


@cache
def products() -> frozenset[str]:
    """The RxNorm codes of the value sets that name a product."""
    texts = [file.read_text(encoding="utf-8") for file in CONTENT.glob("valuesets/*.csv")]
    rows = (row for text in texts for row in csv.DictReader(text.splitlines()))
    return frozenset(row["code"] for row in rows if row["system"] == RXNORM and _PRODUCT.search(row["display"]))


def codings(element: Any) -> Iterator[tuple[str, str]]:
    """Every coding below an element."""
    for value in element.values() if isinstance(element, dict) else element if isinstance(element, list) else ():
        yield from codings(value)
    if isinstance(element, dict) and isinstance(element.get("code"), str) and "system" in element:
        yield element["system"], element["code"]


def leaves(element: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every simple value below an element with the name of its member."""
    if isinstance(element, dict):
        for key, value in element.items():
            yield from leaves(value, key)
    elif isinstance(element, list):
        for value in element:
            yield from leaves(value, name)
    else:
        yield name, element


def resources(case: Case) -> list[dict[str, Any]]:
    return [*case.data, *case.drafts, *case.appointments]


def forms(case: Case) -> Iterator[str]:
    """The forms of data in a case; those that a card must show only of one in which it does."""
    speaks = any(card.decision == case.decision for card in case.expect)
    stated = [{"reasonCode": draft.get("reasonCode")} for draft in case.drafts]
    problems = [resource for resource in case.data if resource["resourceType"] == "Condition"]
    for system, _ in codings([*stated, *problems]) if speaks else ():
        if system in DIAGNOSES:
            yield DIAGNOSES[system]
    for resource in resources(case):
        if resource["resourceType"].startswith("Medication"):
            yield from map(drug, codings(resource))
    texts = [value for resource in resources(case) for _, value in leaves(resource) if isinstance(value, str)]
    if speaks and any(re.search("<[a-z]", text) for text in texts):
        yield "HTML"
    if speaks and any("](" in text for text in texts):
        yield "Markdown"
    if speaks and len(case.drafts) + len(case.appointments) > 1:
        yield "two drafts"
    if any(_PARTIAL.fullmatch(value) for _, value in dates(case)):
        yield "partial date"


def drug(coding: tuple[str, str]) -> str:
    system, code = coding
    if system == RXNORM:
        return "product" if code in products() else "ingredient"
    return {ATC: "ATC", HCPCS: "product"}.get(system, "")


def dates(case: Case) -> Iterator[tuple[str, str]]:
    for resource in [*resources(case), case.patient]:
        for name, value in leaves(resource):
            is_date = name in ("start", "end", "started", "authoredOn") or "Date" in name
            if is_date and isinstance(value, str):
                yield name, value


@cache
def found() -> dict[str, set[str]]:
    """decision -> the forms of data in its cases."""
    seen: dict[str, set[str]] = {}
    for case in cases().values():
        seen.setdefault(case.decision, set()).update(forms(case))
    return seen


@cache
def reads() -> dict[str, tuple[frozenset[str], set[str]]]:
    """decision -> its hooks, and the parameters it reads."""
    plan = next(iter(engine().services.values())).plan
    return {
        decision_named(action): (
            frozenset(action.hooks or ()),
            set(parameters([one for part in parts_of(action) for one in part.expressions()])),
        )
        for action, _ in decisions(plan, plan.actions)
    }


def applying(decision: str) -> set[str]:
    """The forms that a decision's data can have. All decisions look at problems and show text beside words of the
    record; days matter where a length of time is a parameter, red flags aside, which all share."""
    hooks, read = reads()[decision]
    wanted = {*DIAGNOSES.values(), *MARKUP}
    if decision in OF_MEDICINES:
        wanted |= DRUGS
    if hooks & {"order-sign", "appointment-book"}:
        wanted.add("two drafts")
    if any(re.search(r"(Days|Months)$", key) for key in read - {"BackPainLogic.redFlagDays"}):
        wanted.add("partial date")
    return wanted


@pytest.mark.parametrize(
    "decision", sorted(path.parent.name for path in CONTENT.glob("back-pain/*/plandefinition.yaml"))
)
def test_the_cases_of_a_decision_bring_each_form_that_applies(decision: str) -> None:
    """Issue 5.7: drug classes by product, ingredient and ATC; conditions by SNOMED, ICD-10-CM and ICD-10; partial
    dates; two drafts at once; patient text with HTML and Markdown in it."""
    assert applying(decision) - found()[decision] == set()


def ages(case: Case) -> set[int]:
    """How many days ago each date of a case is."""
    return {(case.today - date.fromisoformat(text[:10])).days for _, text in dates(case) if _DAY.match(text)}


def numbers(case: Case) -> set[float]:
    """The values of quantities, and the lengths of periods in days."""
    values = {
        value
        for one in resources(case)
        for name, value in leaves(one)
        if name == "value" and not isinstance(value, str)
    }
    return values | set(lengths(resources(case)))


def lengths(element: Any) -> Iterator[int]:
    for value in element.values() if isinstance(element, dict) else element if isinstance(element, list) else ():
        yield from lengths(value)
    if isinstance(element, dict) and _DAY.match(str(element.get("start"))) and _DAY.match(str(element.get("end"))):
        yield (date.fromisoformat(element["end"][:10]) - date.fromisoformat(element["start"][:10])).days + 1


def past(case: Case, months: int) -> set[int]:
    """How many days ago the day that many months before a case is, and the day before."""
    years, month = divmod(case.today.month - 1 - months, 12)
    day = (case.today - case.today.replace(year=case.today.year + years, month=month + 1)).days
    return {day, day + 1}


#: Limits that are no length of time since a day: the values on both sides of each.
VALUES: dict[str, set[float]] = {
    "BackPainHistory.moderatePainScore": {4, 5},
    "BackPainMedicines.egfrLimit": {59, 60},
    "BackPainMedicines.aspirinAnalgesicMg": {299, 300},
    "BackPainMedicines.opioidDays": {3, 4},
    "BackPainLogic.bedRestShortDays": {3, 4},
}
#: No limit that data can be on either side of, or one that is counted otherwise.
OTHERS = {
    "BackPainLogic.guideline": "a choice",
    "BackPainLogic.bedRestLimitDays": "what a suggestion writes",
    "SpinalInjection.steroidInjectionLimit": "a number of procedures: yearly-limit.yaml",
    "BackPainMedicines.opioidAge": "below",
}


def stands_on_both_sides(key: str) -> bool:
    """Whether the cases of the decisions that read a limit have data on both sides of it."""
    of_readers = [case for case in cases().values() if key in reads().get(case.decision, ((), set()))[1]]
    default = engine().declared.all[key].default
    if key in VALUES:
        return VALUES[key] <= set().union(*map(numbers, of_readers))
    seen = set().union(*map(ages, of_readers))
    if key.endswith("Months"):
        return past(of_readers[0], default) <= seen
    return default in seen and bool({default - 1, default + 1} & seen)


def test_cases_stand_on_both_sides_of_each_limit() -> None:
    """Issue 5.7: boundary days, and the boundary of every other limit that a site can change."""
    assert [key for key in engine().declared.all if key not in OTHERS and not stands_on_both_sides(key)] == []


def test_cases_stand_on_both_sides_of_the_age_for_opioids() -> None:
    """The eighteenth birthday, and the day before it."""
    limit = engine().declared.all["BackPainMedicines.opioidAge"].default
    births = {(case.today, case.patient.get("birthDate")) for case in cases().values()}
    days = {day.replace(year=day.year - limit) for day, _ in births}
    assert any((day.replace(year=day.year + limit), day.isoformat()) in births for day in days)
    assert any((day.replace(year=day.year + limit), (day + timedelta(1)).isoformat()) in births for day in days)
