"""`prefetchData` of `$cql` and `Library/$evaluate` (Using CQL with FHIR): the answers to searches, each by a key, a
DataRequirement or both."""

from __future__ import annotations

from typing import Any

import pytest
from cql_calls_support import PAIN, ask, evaluate, issues, nested, pain, patient, refused, sent_library, text, value

from cds.errors import RequestError

CODE = {"path": "code", "code": [{"system": "http://snomed.info/sct", "code": "279039007"}]}
BACK_PAIN = {"type": "Condition", "codeFilter": [CODE]}


def searched(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def prefetched(**members: Any) -> dict[str, Any]:
    """One prefetchData: `key`, `descriptor`, `data`."""
    forms = {"key": "valueString", "descriptor": "valueDataRequirement", "data": "resource"}
    return {"name": "prefetchData", "part": [{"name": name, forms[name]: found} for name, found in members.items()]}


def has_back_pain(*sent: dict[str, Any]) -> bool | None:
    """What `$evaluate` answers; None for null, of which it says why."""
    answer = evaluate(text("expression", "Has Back Pain"), *sent, identifier="pain")
    (found,) = answer["Has Back Pain"]
    assert "valueBoolean" in found or "_messages" in answer
    return found.get("valueBoolean")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], None),
        ([prefetched(key="conditions")], False),
        ([prefetched(key="conditions", data=searched(pain()))], True),
        ([prefetched(key="conditions", data=searched(total=3))], None),
        ([prefetched(key="conditions", data=searched(pain(subject="q")))], False),
        ([prefetched(key="serviceRequests")], None),
        ([prefetched(descriptor={"type": "Condition"})], False),
        ([prefetched(key="mine", descriptor=BACK_PAIN)], False),
        ([prefetched(descriptor=BACK_PAIN, data=searched(pain()))], True),
        ([prefetched(descriptor={"type": "Condition", "codeFilter": [{**CODE, "path": "category"}]})], None),
        ([prefetched(descriptor={**BACK_PAIN, "limit": 1}, data=searched(pain()))], True),
    ],
)
def test_what_was_prefetched_is_what_is_known(sent: list[dict[str, Any]], expected: bool | None) -> None:
    """An absence is a fact where the answers cover what the expressions retrieve: the whole type, or each of the
    requirements. What a page or a filter may have left out stays open."""
    assert has_back_pain(text("subject", "Patient/p"), *sent) is expected


def test_only_what_is_evaluated_has_to_be_covered() -> None:
    """Another expression that retrieves more of the type keeps no absence open, unless it is asked for too."""
    library = sent_library(f'{PAIN}define "All": [Condition]\n'.replace("Pain version '1.1'", "More"))
    sent = [library, text("subject", "p"), prefetched(descriptor=BACK_PAIN)]
    one = evaluate(*sent, text("expression", "Has Back Pain"))
    both = evaluate(*sent, text("expression", "Has Back Pain"), text("expression", "All"))
    assert value(one["Has Back Pain"][0]) is False
    assert "_valueBoolean" in both["Has Back Pain"][0]


def test_an_expression_takes_prefetched_data_too() -> None:
    """`$cql`, with what the expression itself retrieves."""
    sent = [prefetched(key="patient", data=searched(patient(gender="female")))]
    assert value(ask("Patient.gender.value", *sent)[0]) == "female"
    none = ask("exists [Observation]", *sent, prefetched(descriptor={"type": "Observation"}))
    assert value(none[0]) is False
    assert "_valueBoolean" in ask("exists [Observation]", *sent)[0]


def test_a_key_gives_no_parameter_its_value() -> None:
    """Prefetched data is for retrieves, as the guide says; a parameter comes in `parameters`."""
    (found,) = evaluate(
        text("subject", "p"),
        text("expression", "Started"),
        prefetched(key="Period", descriptor={"type": "Encounter"}),
        nested({"name": "Period", "valuePeriod": {"start": "2026-01-01"}}),
        identifier="pain",
    )["Started"]
    assert value(found).startswith("2026-01-01")


@pytest.mark.parametrize(
    ("sent", "code", "place"),
    [
        (prefetched(key="condition"), "not-found", "/parameter/1/part/0/valueString"),
        (prefetched(data=searched()), "required", "/parameter/1"),
        (prefetched(descriptor={"type": "Condtion"}), "structure", "/parameter/1/part/0/valueDataRequirement"),
        (prefetched(key="conditions", data=patient()), "structure", "/parameter/1/part/1/resource"),
        ({"name": "prefetchData", "part": [text("kye", "x")]}, "not-supported", "/parameter/1/part/0"),
    ],
)
def test_what_is_not_understood_is_refused(sent: dict[str, Any], code: str, place: str) -> None:
    """As by `$apply`, with its place."""
    assert [(found, at) for found, _, at in refused(sent)] == [(code, place)]


def test_data_comes_in_one_way() -> None:
    """Either `data` or `prefetchData`; and whose it is has to be clear."""
    one_bundle = {"name": "data", "resource": searched(patient())}
    assert [at for _, _, at in refused(one_bundle, prefetched(key="conditions"))] == ["/parameter/1"]
    with pytest.raises(RequestError) as caught:
        evaluate(prefetched(key="conditions", data=searched(pain())), identifier="pain")
    assert issues(caught.value)[0][0] == "required"
