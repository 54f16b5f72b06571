"""What tests/bench/fhirpath.py asks, and of what: R4 resources as an EHR sends them, and each question as an expression
and as the Python that a programmer would write for it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

Resource = dict[str, Any]

SCT, LOINC, RXNORM = "http://snomed.info/sct", "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
CORE = "http://hl7.org/fhir/us/core/StructureDefinition"
TERMS = "http://terminology.hl7.org/CodeSystem"
LIFE_YEARS = "http://synthetichealth.github.io/synthea/disability-adjusted-life-years"

PROBLEMS = (
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("279039007", "Low back pain"),
    ("195967001", "Asthma"),
    ("13645005", "Chronic obstructive lung disease"),
    ("35489007", "Depressive disorder"),
    ("49436004", "Atrial fibrillation"),
    ("40930008", "Hypothyroidism"),
    ("55822004", "Hyperlipidemia"),
    ("84114007", "Heart failure"),
    ("396275006", "Osteoarthritis"),
    ("414916001", "Obesity"),
)
MEASURES = (
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 5.0, 11.0),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 95, 180),
    ("8462-4", "Diastolic blood pressure", "mm[Hg]", 55, 110),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 0.5, 2.5),
    ("29463-7", "Body weight", "kg", 45, 130),
    ("39156-5", "Body mass index (BMI) [Ratio]", "kg/m2", 18, 42),
    ("8867-4", "Heart rate", "/min", 50, 120),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 9, 17),
)
DRUGS = (
    ("314076", "lisinopril 10 MG Oral Tablet"),
    ("197361", "amlodipine 5 MG Oral Tablet"),
    ("313782", "acetaminophen 325 MG Oral Tablet"),
    ("310965", "ibuprofen 200 MG Oral Tablet"),
    ("197591", "diazepam 5 MG Oral Tablet"),
)
GIVEN = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jun", "Kofi", "Lena")
FAMILY = ("Abe", "Brandt", "Costa", "Diaz", "Eze", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kaya")


# --- resources ---------------------------------------------------------------------------------------------------


def coded(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def common(kind: str, number: int, profile: str) -> Resource:
    profiles = [f"{CORE}/{profile}"]
    meta = {"versionId": "3", "lastUpdated": "2026-01-05T10:20:30.000+00:00", "profile": profiles}
    return {"resourceType": kind, "id": f"{kind.lower()}-{number:05d}", "meta": meta}


def race(code: str, display: str) -> Resource:
    coding = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": code, "display": display}
    category = {"url": "ombCategory", "valueCoding": coding}
    return {"url": f"{CORE}/us-core-race", "extension": [category, {"url": "text", "valueString": display}]}


def patient(rng: random.Random, number: int) -> Resource:
    given, family = rng.sample(GIVEN, 2), rng.choice(FAMILY)
    place = {"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": [
        {"url": "latitude", "valueDecimal": 42.36}, {"url": "longitude", "valueDecimal": -71.06}
    ]}  # fmt: skip
    organization = {"resourceType": "Organization", "id": "org", "name": "Harbour Clinic"}
    return {
        **common("Patient", number, "us-core-patient"),
        "contained": [organization],
        "extension": [
            race(*rng.choice((("2106-3", "White"), ("2054-5", "Black or African American"), ("2028-9", "Asian")))),
            {"url": f"{CORE}/us-core-birthsex", "valueCode": rng.choice("FM")},
            {"url": LIFE_YEARS, "valueDecimal": rng.choice((0.5, 3.25, 12.75, 20.5))},
        ],
        "identifier": [
            {"system": "https://ehr.example/mrn", "value": f"MRN{number:06d}"},
            {"system": "https://ehr.example/old", "value": f"X{number:06d}", "period": {"end": "2019-06-30"}},
        ],
        "active": True,
        "name": [
            {"use": "official", "family": family, "given": given, "prefix": ["Dr."]},
            {"use": "nickname", "given": given[:1]},
            {"use": "maiden", "family": rng.choice(FAMILY), "given": given},
        ],
        "telecom": [
            {"system": "email", "value": f"p{number}@example.org"},
            {"system": "phone", "value": "555-0100", "use": "home"},
            {"system": "phone", "value": "555-0101", "use": "mobile"},
        ],
        "gender": rng.choice(("female", "male")),
        "birthDate": rng.choice(("1950", f"{rng.randint(1930, 2024)}-{rng.randint(1, 12):02d}-15")),
        "_birthDate": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                                      "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
        "address": [{"extension": [place], "line": ["1 Main St"], "city": "Boston", "state": "MA", "country": "US"}],
        "maritalStatus": coded(f"{TERMS}/v3-MaritalStatus", "M", "Married"),
        "communication": [
            {"language": coded("urn:ietf:bcp:47", "de", "German")},
            {"language": coded("urn:ietf:bcp:47", "en", "English"), "preferred": True},
        ],
        "managingOrganization": {"reference": "#org"},
    }  # fmt: skip


def days_ago(rng: random.Random, weeks: int) -> str:
    """A day never within a day of a whole number of weeks or years ago."""
    return (date.today() - timedelta(days=7 * rng.randrange(weeks) + 3)).isoformat()  # noqa: DTZ011


def condition(rng: random.Random, number: int, subject: str) -> Resource:
    onset = days_ago(rng, 60) + rng.choice(("", "T08:30:00+00:00"))
    return {
        **common("Condition", number, "us-core-condition-problems-health-concerns"),
        "clinicalStatus": coded(f"{TERMS}/condition-clinical", *rng.choice((("active", "Active"), ("resolved", "R")))),
        "verificationStatus": coded(f"{TERMS}/condition-ver-status", "confirmed", "Confirmed"),
        "category": [coded(f"{TERMS}/condition-category", "problem-list-item", "Problem List Item")],
        "code": coded(SCT, *rng.choice(PROBLEMS)),
        "subject": {"reference": subject},
        **({"onsetDateTime": onset} if rng.random() < 0.9 else {}),
        "recordedDate": days_ago(rng, 60),
    }


def observation(rng: random.Random, number: int, subject: str) -> Resource:
    code, display, unit, low, high = rng.choice(MEASURES)
    quantity = {"value": round(rng.uniform(low, high), 1), "unit": unit, "system": "http://unitsofmeasure.org"}
    value = {"valueQuantity": {**quantity, "code": unit}} if rng.random() < 0.9 else {"valueString": "hemolyzed"}
    return {
        **common("Observation", number, "us-core-observation-lab"),
        "status": "final",
        "category": [coded(f"{TERMS}/observation-category", "laboratory", "Laboratory")],
        "code": coded(LOINC, code, display),
        "subject": {"reference": subject},
        "effectiveDateTime": days_ago(rng, 100) + "T09:15:00+00:00",
        "issued": "2026-01-05T10:20:30.000+00:00",
        **value,
        "referenceRange": [{"low": {**quantity, "value": low}, "high": {**quantity, "value": high}}],
    }


def medication_request(rng: random.Random, number: int, subject: str) -> Resource:
    return {
        **common("MedicationRequest", number, "us-core-medicationrequest"),
        "status": rng.choice(("active", "completed", "stopped")),
        "intent": "order",
        "medicationCodeableConcept": coded(RXNORM, *rng.choice(DRUGS)),
        "subject": {"reference": subject},
        "authoredOn": days_ago(rng, 100) + "T10:00:00+00:00",
        "requester": {"reference": "Practitioner/1", "display": "Dr. Who"},
        "dosageInstruction": [{"text": "one a day", "timing": {"repeat": {"frequency": 1, "period": 1.0}}}],
    }


def small_patient() -> Resource:
    return {**patient(random.Random(4), 1), "birthDate": "1974-12-25"}  # noqa: S311


def bundle(size: int) -> Resource:
    """A searchset of `size` resources: a tenth patients, each followed by problems, results and prescriptions."""
    rng = random.Random(size)  # noqa: S311 - the same data each time
    made = (condition, observation, observation, condition, medication_request, observation, condition,
            observation, medication_request)  # fmt: skip
    resources: list[Resource] = []
    for number in range(size):
        if number % 10 == 0:
            resources.append(patient(rng, number))
        else:
            resources.append(made[number % 10 - 1](rng, number, f"Patient/patient-{number - number % 10:05d}"))
    url = "https://ehr.example/fhir/{resourceType}/{id}"
    entries = [{"fullUrl": url.format(**r), "resource": r, "search": {"mode": "match"}} for r in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": size, "entry": entries}


# --- the questions by hand ---------------------------------------------------------------------------------------


def of_type(bundle: Resource, kind: str) -> Iterator[Resource]:
    return (entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind)


def years_ago(years: int) -> str:
    today = date.today()  # noqa: DTZ011
    try:
        return today.replace(year=today.year - years).isoformat()
    except ValueError:
        return today.replace(year=today.year - years, day=28).isoformat()


def weeks_ago(weeks: int) -> str:
    return (date.today() - timedelta(weeks=weeks)).isoformat()  # noqa: DTZ011


def official(patient: Resource) -> list[str]:
    return [n["family"] for n in patient.get("name", ()) if n.get("use") == "official" and "family" in n]


def all_names(patients: list[Resource]) -> list[str]:
    names = [name for p in patients for name in p.get("name", ())]
    given = [text for name in names for text in name.get("given", ())]
    return list(dict.fromkeys([*given, *(name["family"] for name in names if "family" in name)]))


def has_code(concept: Resource | None, system: str, codes: frozenset[str]) -> bool:
    codings = concept.get("coding", ()) if concept else ()
    return any(coding.get("code") in codes and coding.get("system") == system for coding in codings)


def is_active(condition: Resource) -> bool:
    codings = condition.get("clinicalStatus", {}).get("coding", ())
    return any(coding.get("code") == "active" for coding in codings)


def all_extensions(element: Resource) -> Iterator[Resource]:
    for extension in element.get("extension", ()):
        yield extension
        yield from all_extensions(extension)


def categories(resource: Resource) -> list[str]:
    found = (e for e in all_extensions(resource) if e["url"] == "ombCategory")
    return [e["valueCoding"]["code"] for e in found if "code" in e.get("valueCoding", ())]


def resources_below(bundle: Resource) -> list[Resource]:
    found = []
    for entry in bundle.get("entry", ()):
        if "resource" in entry:
            found.append(entry["resource"])
            if entry["resource"]["resourceType"] == "Bundle":
                found += resources_below(entry["resource"])
    return found


CHRONIC = frozenset({"38341003", "44054006", "279039007"})
LANGUAGES = frozenset({"en", "es", "fr"})
A1C = frozenset({"4548-4"})


def adult(p: Resource) -> list[Any]:
    return [p["birthDate"] <= years_ago(18)] if "birthDate" in p else []


def adults(b: Resource) -> list[Any]:
    limit = years_ago(18)
    return [sum(p["birthDate"] <= limit for p in of_type(b, "Patient") if "birthDate" in p)]


def reachable(p: Resource) -> list[Any]:
    mobile = any(t.get("system") == "phone" and t.get("use") == "mobile" for t in p.get("telecom", ()))
    return [mobile and any(a.get("country") == "US" for a in p.get("address", ()))]


def active_and_held(b: Resource) -> list[Any]:
    active = any(is_active(c) for c in of_type(b, "Condition"))
    return [active and any(m.get("status") == "on-hold" for m in of_type(b, "MedicationRequest"))]


def chosen_languages(p: Resource) -> list[Any]:
    wanted = (c["language"] for c in p.get("communication", ()) if c.get("preferred"))
    return [concept["text"] for concept in wanted if has_code(concept, "urn:ietf:bcp:47", LANGUAGES)]


def chronic(b: Resource) -> list[Any]:
    return [c["id"] for c in of_type(b, "Condition") if is_active(c) and has_code(c.get("code"), SCT, CHRONIC)]


def ended(p: Resource) -> list[Any]:
    limit = weeks_ago(12)
    return [i["value"] for i in p.get("identifier", ()) if i.get("period", {}).get("end", "9999") < limit]


def old_onset(b: Resource) -> list[Any]:
    limit = weeks_ago(12)
    return [c["id"] for c in of_type(b, "Condition") if c.get("onsetDateTime", "9999") < limit]


def many_life_years(p: Resource) -> list[Any]:
    found = p.get("extension", ())
    return [any(e["url"] == LIFE_YEARS and e.get("valueDecimal", 0) > 10 for e in found)]


def high_a1c(b: Resource) -> list[Any]:
    found = (o for o in of_type(b, "Observation") if has_code(o.get("code"), LOINC, A1C))
    return [o["id"] for o in found if o.get("valueQuantity", {}).get("value", 0) > 7.0]


def problem_names(b: Resource) -> list[Any]:
    codings = (coding for c in of_type(b, "Condition") for coding in c["code"]["coding"])
    return ["; ".join(dict.fromkeys(c["display"] for c in codings if "display" in c))]


def ages_of_orders(b: Resource) -> list[Any]:
    limit = years_ago(1)
    return ["old" if m.get("authoredOn", "9999") < limit else "recent" for m in of_type(b, "MedicationRequest")]


# --- the questions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """One expression, and the same by hand."""

    name: str
    text: str
    by_hand: Callable[[Resource], list[Any]]


PATIENT = (
    Question("filtered name", "Patient.name.where(use = 'official').family", official),
    Question("age", "Patient.birthDate <= today() - 18 years", adult),
    Question(
        "union and join",
        "(Patient.name.given | Patient.name.family).join(' ')",
        lambda p: [" ".join(all_names([p]))],
    ),
    Question(
        "exists and exists",
        "Patient.telecom.exists(system = 'phone' and use = 'mobile') and Patient.address.exists(country = 'US')",
        reachable,
    ),
    Question("repeat over extensions", "Patient.repeat(extension).where(url = 'ombCategory').value.code", categories),
    Question(
        "code in a set of three",
        "Patient.communication.where(preferred = true and language.coding.exists(system = 'urn:ietf:bcp:47' "
        "and code in ('en' | 'es' | 'fr'))).language.text",
        chosen_languages,
    ),
    Question("before 12 weeks ago", "Patient.identifier.where(period.end < today() - 12 weeks).value", ended),
    Question(
        "ofType and count",
        "Patient.extension.value.ofType(code).count()",
        lambda p: [sum("valueCode" in e for e in p.get("extension", ()))],
    ),
    Question(
        "code and value above",
        f"Patient.extension.where(url = '{LIFE_YEARS}' and value.ofType(decimal) > 10).exists()",
        many_life_years,
    ),
    Question(
        "distinct and join",
        "Patient.name.given.distinct().join(', ')",
        lambda p: [", ".join(dict.fromkeys(g for n in p.get("name", ()) for g in n.get("given", ())))],
    ),
    Question(
        "iif with dates",
        "iif(Patient.birthDate < today() - 65 years, 'senior', 'adult')",
        lambda p: ["senior" if p.get("birthDate", "9999") < years_ago(65) else "adult"],
    ),
    Question("repeat over resources", "Patient.repeat(contained)", lambda p: p.get("contained", [])),
)

BUNDLE = (
    Question(
        "filtered name",
        "Bundle.entry.resource.ofType(Patient).name.where(use = 'official').family",
        lambda b: [family for p in of_type(b, "Patient") for family in official(p)],
    ),
    Question("age", "Bundle.entry.resource.ofType(Patient).where(birthDate <= today() - 18 years).count()", adults),
    Question(
        "union and join",
        "(Bundle.entry.resource.ofType(Patient).name.given | Bundle.entry.resource.ofType(Patient).name.family)"
        ".join(' ')",
        lambda b: [" ".join(all_names([*of_type(b, "Patient")]))],
    ),
    Question(
        "exists and exists",
        "Bundle.entry.resource.ofType(Condition).exists(clinicalStatus.coding.code = 'active') "
        "and Bundle.entry.resource.ofType(MedicationRequest).exists(status = 'on-hold')",
        active_and_held,
    ),
    Question(
        "repeat over extensions",
        "Bundle.entry.resource.repeat(extension).where(url = 'ombCategory').value.code",
        lambda b: list(dict.fromkeys(code for entry in b["entry"] for code in categories(entry["resource"]))),
    ),
    Question(
        "code in a set of three",
        "Bundle.entry.resource.ofType(Condition).where(clinicalStatus.coding.exists(code = 'active') and "
        "code.coding.exists(system = 'http://snomed.info/sct' and "
        "code in ('38341003' | '44054006' | '279039007'))).id",
        chronic,
    ),
    Question(
        "before 12 weeks ago",
        "Bundle.entry.resource.ofType(Condition).where(onset < today() - 12 weeks).id",
        old_onset,
    ),
    Question(
        "ofType and count",
        "Bundle.entry.resource.ofType(Observation).count()",
        lambda b: [sum(1 for _ in of_type(b, "Observation"))],
    ),
    Question(
        "code and value above",
        "Bundle.entry.resource.ofType(Observation).where(code.coding.exists(system = 'http://loinc.org' "
        "and code = '4548-4') and value.ofType(Quantity).value > 7.0).id",
        high_a1c,
    ),
    Question(
        "distinct and join",
        "Bundle.entry.resource.ofType(Condition).code.coding.display.distinct().join('; ')",
        problem_names,
    ),
    Question(
        "iif with dates",
        "Bundle.entry.resource.ofType(MedicationRequest).select(iif(authoredOn < today() - 1 year, 'old', 'recent'))",
        ages_of_orders,
    ),
    Question("repeat over resources", "Bundle.repeat(entry.resource)", resources_below),
)
