"""ActivityDefinition `$apply`: the draft resource an activity stands for (FHIR R4, Clinical Reasoning module).

cds.apply.kinds says for each kind which element of the resource takes which of the definition's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds import fhir
from cds.apply.kinds import ASKED, KINDS, Kind
from cds.apply.path import place
from cds.definitions.paths import parse_path
from cds.errors import EvaluationError, did_you_mean
from cds.fhir import Resource, derived_id

#: The CPG extension that says what an activity makes, before `kind` (apply-protocol.md).
CPG_KIND = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-activity-kind"
INSTANTIATES = "http://hl7.org/fhir/StructureDefinition/workflow-instantiatesCanonical"
DO_NOT_PERFORM = "http://hl7.org/fhir/StructureDefinition/request-doNotPerform"

#: Elements of a definition that say something about the resource.
_OWN = (
    "code",
    "priority",
    "doNotPerform",
    "timingTiming",
    "timingDateTime",
    "timingAge",
    "timingPeriod",
    "timingRange",
    "timingDuration",
    "location",
    "productReference",
    "productCodeableConcept",
    "quantity",
    "dosage",
    "bodySite",
    "title",
)
_REQUIREMENTS = ("specimenRequirement", "observationRequirement", "observationResultRequirement")
#: What is made of elements of a definition, and of which.
_DERIVED: Mapping[str, tuple[str, ...]] = {
    "roles": ("participant",),
    "requirements": _REQUIREMENTS,
    "instruction": ("dosage",),
    "urgency": ("priority",),
    "urgencyCode": ("priority",),
    "minutes": ("timingDuration",),
    "due": ("timingDateTime", "timingPeriod"),
    "timingStart": ("timingPeriod",),
    "timingEnd": ("timingPeriod",),
    "attendees": ("participant", "location"),
}
#: Elements that a resource need not take: nothing is missed without them.
_OPTIONAL = frozenset({"title", "text", "doNotPerform"})
_URGENCY = {"stat": 1, "asap": 2, "urgent": 3, "routine": 5}
_MINUTES = {"min": 1, "h": 60}


@dataclass(frozen=True, slots=True)
class People:
    """References (`Practitioner/1`) to those a call is about beside its patient; "" for nobody."""

    encounter: str = ""
    practitioner: str = ""
    organization: str = ""


NOBODY = People()


def kind_of(activity: Resource) -> str:
    """The type of resource an activity makes. Raises EvaluationError when it names none that can be made."""
    extension = fhir.extension(activity, CPG_KIND) or {}
    named = next((value for name, value in extension.items() if name.startswith("value")), None) or activity.get("kind")
    if not isinstance(named, str) or not named:
        raise EvaluationError("the ActivityDefinition has no kind", hint="say in `kind` what it makes")
    if named not in KINDS:
        hint = did_you_mean(named, KINDS)
        raise EvaluationError(f"an ActivityDefinition of the kind '{named}' makes no resource", hint=hint)
    return named


def resource_template(activity: Resource) -> Resource:
    """What the resource of an ActivityDefinition is for every patient. Made once, when content is loaded.

    Raises EvaluationError when its kind is missing or makes no resource."""
    return _made(activity)[0]


def unplaced(activity: Resource) -> tuple[str, ...]:
    """The elements of an ActivityDefinition that its kind of resource has no place for, `transform` among them: no
    StructureMap is run. Raises EvaluationError as resource_template()."""
    return _made(activity)[1]


def draft_resource(template: Resource, *, subject: str, today: str, identity: str, people: People = NOBODY) -> Resource:
    """The draft for one patient, before dynamic values. `subject` is a reference, `today` (a FHIR date) is written as
    its date; the id is derived from `identity`, which names this application."""
    name = template["resourceType"]
    kind = KINDS[name]
    draft = place(kind.subject)[name]({**template, "id": derived_id(identity)}, [{"reference": subject}])
    for element in kind.dates:
        draft.setdefault(element, today)
    if people is not NOBODY:
        author = people.practitioner if kind.author else ""
        path = kind.author if author else kind.organization
        if reference := author or people.organization:
            draft = _put(draft, name, path, {"reference": reference})
        if people.encounter:
            draft = _put(draft, name, kind.encounter, {"reference": people.encounter})
    return draft


def _put(resource: Resource, kind: str, path: str, value: Any) -> Resource:
    return place(path)[kind](resource, [value]) if path else resource


def _made(activity: Resource) -> tuple[Resource, tuple[str, ...]]:
    """The template, and the elements of the definition that have no place in it."""
    name = kind_of(activity)
    kind = KINDS[name]
    resource: Resource = {
        "resourceType": name,
        **_profile(activity),
        **_instantiates(activity, name, kind),
        **kind.base,
    }
    if kind.intents is not None:
        intent = activity.get("intent")
        resource["intent"] = intent if intent in kind.intents else "proposal"
    given = _given(activity, kind)
    rest = {element for element in given if element not in _DERIVED}
    for path, elements in _rows(kind, given).items():
        items = [item for element in elements for item in given[element]]
        try:
            if path.endswith("]") or not _is_there(resource, path):
                resource = place(path)[name](resource, items)
                rest -= {source for element in elements for source in (element, *_DERIVED.get(element, ()))}
        except EvaluationError:  # it is of no use there: told as one that has no place
            continue
    for path, value in kind.companions.items():
        if path.partition("[")[0] in resource:
            resource = _put(resource, name, path, value)
    if name == "Task" and rest & set(_INPUTS):
        resource["input"] = [
            part for element in _INPUTS if element in rest for part in _inputs(element, given[element])
        ]
        rest -= set(_INPUTS)
    if given.get("doNotPerform") == [True] and "doNotPerform" not in resource:
        resource["modifierExtension"] = [{"url": DO_NOT_PERFORM, "valueBoolean": True}]
    return resource, tuple(sorted(rest - _OPTIONAL))


def _rows(kind: Kind, given: Mapping[str, list[Any]]) -> dict[str, list[str]]:
    """The paths of a resource that something is given for, and what."""
    rows: dict[str, list[str]] = {}
    for element, path in kind.elements.items():
        if element in given:
            rows.setdefault(path, []).append(element)
    return rows


def _is_there(resource: Resource, path: str) -> bool:
    """Whether the element at the path has a value, so that a second one has no place."""
    current: Any = resource
    for segment in parse_path(path):
        current = current.get(segment.name) if isinstance(current, dict) else None
        if isinstance(current, list):
            current = current[0] if current else None
    return current is not None


def _profile(activity: Resource) -> Resource:
    profile = activity.get("profile")
    return {"meta": {"profile": [profile]}} if isinstance(profile, str) and profile else {}


def _instantiates(activity: Resource, name: str, kind: Kind) -> Resource:
    """The element, or the extension, that says which definition the resource comes from."""
    url, version = activity.get("url"), activity.get("version")
    if not isinstance(url, str) or not url:
        return {}
    canonical = f"{url}|{version}" if version else url
    if not kind.canonical:
        return {"extension": [{"url": INSTANTIATES, "valueCanonical": canonical}]}
    one = name in ("Task", "Contract")
    return {kind.canonical: canonical if one else [canonical]}


def _given(activity: Resource, kind: Kind) -> dict[str, list[Any]]:
    """What a definition gives, by the names that the tables of kinds have for it."""
    given = {
        name: fhir.as_list(activity[name]) for name in (*_OWN, "transform") if activity.get(name) not in (None, [])
    }
    given |= {name: items for name, items in _derived(activity) if items}
    if "timingTiming" in kind.elements and not any(name in kind.elements for name in _timings(given)):
        given |= _as_timing(given)
    if "timingDateTime" in given and "timingDateTime" not in kind.elements and "timingPeriod" in kind.elements:
        given["timingPeriod"] = [{"start": moment} for moment in given.pop("timingDateTime")]
    if kind.is_product and "productCodeableConcept" in given:
        given["code"] = given.pop("productCodeableConcept")
    if "due" in kind.elements:
        given |= {"due": list(_due(given))} if _timings(given) & {"timingDateTime", "timingPeriod"} else {}
    if "dosage" not in kind.elements and "instruction" not in kind.elements:
        given.pop("instruction", None)
    return given


def _derived(activity: Resource) -> Iterator[tuple[str, list[Any]]]:
    participants = [item for item in fhir.as_list(activity.get("participant")) if isinstance(item, dict)]
    if participants:
        yield "participant", participants
    roles = [item["role"] for item in participants if isinstance(item.get("role"), dict)]
    yield "roles", roles
    places = [{**ASKED, "actor": place} for place in fhir.as_list(activity.get("location"))]
    yield "attendees", [ASKED, *({**ASKED, "type": [role]} for role in roles), *places]
    yield "requirements", [item for name in _REQUIREMENTS for item in fhir.as_list(activity.get(name))]
    for name in _REQUIREMENTS:
        yield name, fhir.as_list(activity.get(name))
    yield "text", [text for text in (activity.get("description") or activity.get("title"),) if isinstance(text, str)]
    dosages = [item for item in fhir.as_list(activity.get("dosage")) if isinstance(item, dict)]
    texts = [item.get("patientInstruction") or item.get("text") for item in dosages]
    if texts and all(isinstance(text, str) for text in texts):
        yield "instruction", ["; ".join(map(str, texts))]
    priority = activity.get("priority")
    if priority in _URGENCY:
        yield "urgency", [_URGENCY[priority]]
        code = "stat" if priority == "stat" else "normal"
        yield "urgencyCode", [{"coding": [{"system": _PRIORITIES, "code": code}]}]
    duration = activity.get("timingDuration")
    if isinstance(duration, dict) and duration.get("code") in _MINUTES and isinstance(duration.get("value"), int):
        yield "minutes", [duration["value"] * _MINUTES[duration["code"]]]
    period = activity.get("timingPeriod")
    if isinstance(period, dict):
        yield "timingStart", [period[name] for name in ("start",) if name in period]
        yield "timingEnd", [period[name] for name in ("end",) if name in period]


_PRIORITIES = "http://terminology.hl7.org/CodeSystem/processpriority"


def _timings(given: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in given if name in _OWN and name.startswith("timing"))


def _as_timing(given: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Another form of timing[x] as a Timing; an Age says nothing of when on a calendar."""
    forms = {"timingPeriod": "boundsPeriod", "timingRange": "boundsRange", "timingDuration": "boundsDuration"}
    if "timingDateTime" in given:
        return {"timingTiming": [{"event": given.pop("timingDateTime")}]}
    for name, bounds in forms.items():
        if name in given:
            return {"timingTiming": [{"repeat": {bounds: given.pop(name)[0]}}]}
    return {}


#: LOINC's names of the dates of a recommended vaccine (FHIR immunization-recommendation-date-criterion).
_EARLIEST, _DUE, _LATEST = "30981-5", "30980-7", "59777-3"


def _due(given: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    period = given.get("timingPeriod", [{}])[0]
    dates = {_DUE: given.get("timingDateTime", [None])[0], _EARLIEST: period.get("start"), _LATEST: period.get("end")}
    for code, date in dates.items():
        if date:
            yield {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "value": date}


_INPUTS = {
    "timingTiming": "valueTiming",
    "timingDateTime": "valueDateTime",
    "timingAge": "valueAge",
    "timingRange": "valueRange",
    "timingDuration": "valueDuration",
    "productReference": "valueReference",
    "productCodeableConcept": "valueCodeableConcept",
    "quantity": "valueQuantity",
    "dosage": "valueDosage",
    "bodySite": "valueCodeableConcept",
    **dict.fromkeys(_REQUIREMENTS, "valueReference"),
}


def _inputs(element: str, items: list[Any]) -> list[dict[str, Any]]:
    """A Task takes whatever else there is as its input, named as in the definition."""
    return [{"type": {"text": element}, _INPUTS[element]: item} for item in items]
