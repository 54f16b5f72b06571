"""`prefetchData` of `$apply` (CPG): data as the answers to searches, each by a key, a DataRequirement or both."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
import pytest
from operations_support import PATIENT, activity, body, bundle, dynamic, group_of, issues_of, plan

from cds.errors import RequestError
from cds.service import Engine

PAIN = {"system": "http://snomed.info/sct", "code": "279039007"}
SET = {
    "resourceType": "ValueSet",
    "url": "http://example.org/ValueSet/pain",
    "status": "active",
    "compose": {"include": [{"system": PAIN["system"], "concept": [{"code": PAIN["code"]}]}]},
}
FILTERED = {"type": "Condition", "codeFilter": [{"path": "code", "valueSet": SET["url"]}]}
CQL = """library L version '1'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
valueset "Pain": 'http://example.org/ValueSet/pain'
parameter Prescriptions List<MedicationRequest>
context Patient
define "No pain": not exists [Condition: "Pain"]
define "Two prescriptions": Count(Prescriptions) = 2
"""
LOGIC = {
    "resourceType": "Library",
    "id": "L",
    "url": "http://example.org/Library/L",
    "name": "L",
    "version": "1",
    "status": "active",
    "type": {"text": "logic-library"},
    "content": [{"contentType": "text/cql", "data": b64encode(CQL.encode()).decode()}],
}
NAMES = {
    **LOGIC,
    "url": "http://example.org/Library/N",
    "name": "N",
    "content": [],
    "dataRequirement": [{"id": "conditions", "type": "Condition"}, {"id": "requests", "type": "ServiceRequest"}],
}


def searched(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**bundle(*resources), "type": "searchset", **more}


def prefetched(**members: Any) -> dict[str, Any]:
    """One prefetchData: `key`, `descriptor`, `data`."""
    forms = {"key": "valueString", "descriptor": "valueDataRequirement", "data": "resource"}
    return {"name": "prefetchData", "part": [{"name": name, forms[name]: value} for name, value in members.items()]}


def call(engine: Engine, definition: dict[str, Any], *sent: dict[str, Any], **more: Any) -> dict[str, Any]:
    name = definition["resourceType"][0].lower() + definition["resourceType"][1:]
    given = orjson.loads(body(**{name: definition}, content=bundle(LOGIC, NAMES, SET), subject="p", **more))
    given["parameter"] += sent
    return engine.run_apply(definition["resourceType"], None, body=orjson.dumps(given))


def asking(text: str, language: str = "text/fhirpath", library: dict[str, Any] = NAMES) -> dict[str, Any]:
    expression = {"language": language, "expression": text}
    applies = {"kind": "applicability", "expression": expression}
    return plan({"id": "a", "title": "A", "condition": [applies]}, library=[library["url"]])


def outcome(answer: dict[str, Any]) -> str:
    """Whether the one action applies: yes, no, or unknown."""
    told = " ".join(text for _, text in issues_of(answer))
    return "unknown" if "unknown" in told else "yes" if group_of(answer).get("action") else "no"


CONDITION = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"coding": [PAIN]}}
NO_CONDITION = asking("%conditions.empty()")
NO_PAIN = asking("No pain", "text/cql-identifier", LOGIC)


@pytest.mark.parametrize(
    ("definition", "sent", "expected"),
    [
        (NO_CONDITION, [], "unknown"),
        (NO_CONDITION, [prefetched(key="conditions")], "yes"),
        (NO_CONDITION, [prefetched(key="conditions", data=searched())], "yes"),
        (NO_CONDITION, [prefetched(key="conditions", data=searched(CONDITION))], "no"),
        (NO_CONDITION, [prefetched(descriptor={"type": "Condition"})], "yes"),
        (NO_CONDITION, [prefetched(key="mine", descriptor={"type": "Condition"}, data=searched())], "yes"),
        (NO_CONDITION, [prefetched(descriptor=FILTERED)], "unknown"),
        (NO_CONDITION, [prefetched(descriptor=FILTERED, data=searched(CONDITION))], "no"),
        (NO_CONDITION, [prefetched(descriptor=FILTERED), prefetched(key="conditions")], "yes"),
        (NO_CONDITION, [prefetched(key="serviceRequests")], "unknown"),
        (NO_CONDITION, [prefetched(key="conditions", data=searched(total=3))], "unknown"),
        (
            NO_CONDITION,
            [prefetched(key="conditions", data=searched({**CONDITION, "subject": {"reference": "Patient/q"}}))],
            "yes",
        ),
        (NO_PAIN, [], "unknown"),
        (NO_PAIN, [prefetched(descriptor=FILTERED)], "yes"),
        (NO_PAIN, [prefetched(descriptor={**FILTERED, "mustSupport": ["code"]}, data=searched(CONDITION))], "no"),
        (NO_PAIN, [prefetched(descriptor={**FILTERED, "limit": 1})], "unknown"),
        (NO_PAIN, [prefetched(key="conditions")], "yes"),
    ],
)
def test_what_was_prefetched_is_what_is_known(
    engine: Engine, definition: dict[str, Any], sent: list[dict[str, Any]], expected: str
) -> None:
    """An absence is a fact where the answers cover what the plan asks for: the whole type, or each of its requirements.
    What a page or a filter may have left out stays open."""
    assert outcome(call(engine, definition, *sent)) == expected


def test_a_key_that_names_a_parameter_gives_it_its_value(engine: Engine) -> None:
    """The resources are the value of the parameter of a Library; one that `parameters` give goes first."""
    definition = asking("Two prescriptions", "text/cql-identifier", LOGIC)
    orders = [{"resourceType": "MedicationRequest", "id": one, "subject": {"reference": "Patient/p"}} for one in "ab"]
    sent = prefetched(key="Prescriptions", data=searched(*orders))
    assert outcome(call(engine, definition, sent)) == "yes"
    one = {
        "resourceType": "Parameters",
        "parameter": [{"name": "Prescriptions", "resource": orders[0]}],
    }
    assert outcome(call(engine, definition, sent, parameters=one)) == "no"


def test_an_activity_takes_prefetched_data_too(engine: Engine) -> None:
    """`%subject` is found in it."""
    made = activity(dynamicValue=[dynamic("note.text", "%subject.gender")])
    answer = call(engine, made, prefetched(key="patient", data=searched(PATIENT)))
    assert answer["note"] == [{"text": "female"}]


def test_the_requirements_that_the_service_states_can_be_answered_one_by_one(engine: Engine) -> None:
    """What `$data-requirements` lists, sent back as descriptors, leaves nothing unknown."""
    given = body(planDefinition=NO_PAIN, content=bundle(LOGIC, NAMES, SET))
    listed = engine.run_requirements("PlanDefinition", None, body=given)["dataRequirement"]
    assert listed
    assert outcome(call(engine, NO_PAIN, *(prefetched(descriptor=one) for one in listed))) == "yes"


@pytest.mark.parametrize(
    ("sent", "more", "place"),
    [
        (prefetched(key="conditions"), {"data": bundle()}, "/parameter/3"),  # both
        (prefetched(data=searched()), {}, "/parameter/3"),
        (prefetched(key="condition"), {}, "/parameter/3/part/0/valueString"),
        (prefetched(descriptor={"type": "Condtion"}), {}, "/parameter/3/part/0/valueDataRequirement"),
        (prefetched(descriptor="Condition"), {}, "/parameter/3/part/0/valueDataRequirement"),
        (prefetched(key="conditions", data=PATIENT), {}, "/parameter/3/part/1/resource"),
        ({"name": "prefetchData", "part": [{"name": "kye", "valueString": "x"}]}, {}, "/parameter/3/part/0"),
        ({"name": "prefetchData", "valueString": "x"}, {}, "/parameter/3"),
        ({"name": "prefetchData", "part": {"name": "key"}}, {}, "/parameter/3/part"),
    ],
)
def test_refusals(engine: Engine, sent: dict[str, Any], more: dict[str, Any], place: str) -> None:
    """What is not understood is refused with its place, the nearest key where one is unknown."""
    with pytest.raises(RequestError) as refused:
        call(engine, NO_CONDITION, sent, **more)
    assert refused.value.status == 400
    assert refused.value.issues[0].expression == place


def test_an_unknown_key_names_the_nearest(engine: Engine) -> None:
    """A slip in a key is told with what it may have meant."""
    with pytest.raises(RequestError) as refused:
        call(engine, NO_CONDITION, prefetched(key="condition"))
    assert "conditions" in str(refused.value.issues[0].diagnostics)
