"""Hook calls read from their bytes: what is put right, what is refused, and where it says so."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.errors import RequestError
from cds.hooks.request import HookRequest, parse

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "examples" / "hooks"
CALL: dict[str, Any] = {
    "hook": "patient-view",
    "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
    "context": {"patientId": "p1", "userId": "Practitioner/1"},
}


def _parse(**changes: Any) -> HookRequest:
    return parse(orjson.dumps({**CALL, **changes}))


def _with_context(**members: Any) -> HookRequest:
    return _parse(context={**CALL["context"], **members})


def _pointers(call: Any) -> list[str | None]:
    with pytest.raises(RequestError) as caught:
        parse(orjson.dumps(call))
    assert caught.value.status == 400
    return [issue.expression for issue in caught.value.issues]


def test_a_plain_call_is_read() -> None:
    """The members of a conformant call arrive under their names (B3-B9)."""
    request = _parse(
        fhirServer="https://ehr.example/fhir",
        context={"patientId": "p1", "encounterId": "e1", "userId": "PractitionerRole/7", "zzz": {"a": 1}},
        prefetch={"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": None},
        extension={"org.example": 1},
        zzz=1,
    )
    assert (request.hook, request.hook_instance) == (CALL["hook"], CALL["hookInstance"])
    assert (request.patient_id, request.encounter_id, request.user_id) == ("p1", "e1", "PractitionerRole/7")
    assert request.context["zzz"] == {"a": 1}
    assert request.prefetch == {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": None}
    assert request.fhir_server == "https://ehr.example/fhir"
    assert request.extension == {"org.example": 1}


def test_references_are_taken_for_ids() -> None:
    """`Patient/` and `Encounter/` before an id are dropped, in the context too (recommended reading, M10)."""
    request = _with_context(patientId="Patient/p1", encounterId="Encounter/e1")
    assert (request.patient_id, request.encounter_id) == ("p1", "e1")
    assert (request.context["patientId"], request.context["encounterId"]) == ("p1", "e1")


@pytest.mark.parametrize("nothing", [None, "", [], {}])
@pytest.mark.parametrize("name", ["encounterId", "userId", "draftOrders", "appointments", "selections", "medications"])
def test_null_and_empty_context_members_are_absent(name: str, nothing: Any) -> None:
    """Null and empty values of optional members mean nothing was sent (B12, K)."""
    assert name not in _with_context(**{name: nothing}).context


def test_null_and_empty_top_members_are_absent() -> None:
    """Null and empty optional members beside the context mean nothing was sent (B7, B8, B12)."""
    request = _parse(fhirServer=None, fhirAuthorization=None, prefetch=None, extension=None)
    assert (request.fhir_server, request.prefetch, request.extension) == (None, {}, {})
    assert _parse(fhirServer="", prefetch={}).fhir_server is None


def test_a_missing_user_is_no_reason_to_refuse() -> None:
    """`userId` may be missing: 13 of 97 collected calls lack it (section B)."""
    assert _parse(context={"patientId": "p1"}).user_id is None


def test_the_hook_instance_may_be_any_text() -> None:
    """Test tools send hook instances that are no UUIDs (B4)."""
    assert _parse(hookInstance="123").hook_instance == "123"


def test_the_old_prefetch_wrapper_is_unwrapped() -> None:
    """`{"response", "resource"}` of clients before 1.0 gives the resource itself (section B)."""
    wrapped = {"response": {"status": "200 OK"}, "resource": {"resourceType": "Patient", "id": "p1"}}
    assert _parse(prefetch={"item1": wrapped}).prefetch == {"item1": {"resourceType": "Patient", "id": "p1"}}


@pytest.mark.parametrize("value", [{}, {"response": {"status": "404"}}, {"id": "x"}, {"resourceType": 7}])
def test_a_prefetch_value_that_is_no_resource_was_not_obtained(value: Any) -> None:
    """An object without a resource type says nothing, and unknown is not empty (P2, P3)."""
    assert _parse(prefetch={"a": value, "b": None}).prefetch == {"b": None}


def test_context_resources_stay_as_sent() -> None:
    """Draft orders, selections and the members of deprecated hooks are handed on untouched (H)."""
    sent = {
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationRequest"}}]},
        "selections": ["MedicationRequest/1"],
        "medications": {"resourceType": "Bundle"},
        "order": "ServiceRequest/1",
        "medication": {"resourceType": "MedicationRequest"},
    }
    context = _with_context(**sent).context
    assert {name: context[name] for name in sent} == sent


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hook": 1}, ["/hook"]),
        ({"hook": " "}, ["/hook"]),
        ({"hookInstance": None}, ["/hookInstance"]),
        ({"context": []}, ["/context"]),
        ({"context": {}}, ["/context/patientId"]),
        ({"context": {"patientId": None}}, ["/context/patientId"]),
        ({"context": {"patientId": 1}}, ["/context/patientId"]),
        ({"context": {"patientId": "p1", "encounterId": 1}}, ["/context/encounterId"]),
        ({"context": {"patientId": "p1", "userId": ["x"]}}, ["/context/userId"]),
        ({"context": {"patientId": "p1", "draftOrders": [{}]}}, ["/context/draftOrders"]),
        ({"context": {"patientId": "p1", "draftOrders": "x"}}, ["/context/draftOrders"]),
        ({"context": {"patientId": "p1", "selections": "x"}}, ["/context/selections"]),
        ({"prefetch": []}, ["/prefetch"]),
        ({"context": {"patientId": "p1", "draftOrders": {"entry": []}}}, ["/context/draftOrders/resourceType"]),
        (
            {"context": {"patientId": "p1", "draftOrders": {"resourceType": "Patient"}}},
            ["/context/draftOrders/resourceType"],
        ),
        (
            {"context": {"patientId": "p1", "draftOrders": {"resourceType": "Bundle", "entry": {}}}},
            ["/context/draftOrders/entry"],
        ),
        ({"context": {"patientId": "p1", "appointments": {"a": 1}}}, ["/context/appointments/resourceType"]),
        ({"prefetch": {"a": [], "b": "x", "c": 1, "d": True}}, ["/prefetch"] * 4),
        ({"fhirServer": 1}, ["/fhirServer"]),
        ({"fhirAuthorization": {"access_token": "t"}}, ["/fhirServer"]),
        ({"fhirServer": "https://e", "fhirAuthorization": {}}, ["/fhirAuthorization/access_token"]),
        ({"extension": []}, ["/extension"]),
    ],
)
def test_wrong_shapes_are_refused_with_their_pointers(changes: dict[str, Any], expected: list[str]) -> None:
    """Every wrong type is 400 and named by its JSON pointer, all of them at once (B3, B5-B8, security B6)."""
    assert _pointers({**CALL, **changes}) == expected


@pytest.mark.parametrize("missing", ["hook", "hookInstance", "context"])
def test_required_members(missing: str) -> None:
    """hook, hookInstance and context are required (B3, B4, B6)."""
    assert _pointers({name: value for name, value in CALL.items() if name != missing}) == [f"/{missing}"]


@pytest.mark.parametrize("body", [[], "x", 1, None, True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    """The body is an object (B2)."""
    assert _pointers(body) == [""]


@pytest.mark.parametrize(
    "identifier",
    ["1/../../x", "1?_count=9", "a\r\nb", "{{context.userId}}", "a b", "x" * 256, "Observation/1", "ä", "%2e"],
)
@pytest.mark.parametrize("name", ["patientId", "encounterId"])
def test_ids_that_could_change_a_url_are_refused(name: str, identifier: str) -> None:
    """Ids hold what FHIR allows, so they are safe in URLs (S6)."""
    assert _pointers({**CALL, "context": {"patientId": "p1", name: identifier}}) == [f"/context/{name}"]


@pytest.mark.parametrize(
    "identifier", ["x" * 255, "eLpmT6.mtTSVA4r7aKiaomQ3", "egICGav-o1PPZqCGJ02G0rZfgFquWZ3QQeahd8_KF154c3"]
)
def test_long_ids_of_real_systems_are_taken(identifier: str) -> None:
    """Ids of real EHRs are longer than 64 characters (J, Epic)."""
    assert _with_context(patientId=identifier).patient_id == identifier


@pytest.mark.parametrize("user", ["Practitioner/1/2", "a b/1", "Practitioner/", "/1", "Practitioner/1?x"])
def test_users_that_could_change_a_url_are_refused(user: str) -> None:
    """userId fills prefetch templates too (S6)."""
    assert _pointers({**CALL, "context": {"patientId": "p1", "userId": user}}) == ["/context/userId"]


def test_an_order_without_its_bundle_is_read() -> None:
    """A client that sends the one draft instead of a Bundle of drafts is understood (section B, K)."""
    order = {"resourceType": "ServiceRequest", "id": "s1", "status": "draft"}
    request = _parse(context={"patientId": "p1", "draftOrders": order})
    assert request.context["draftOrders"]["entry"] == [{"resource": order}]


def test_a_bundle_has_at_most_10000_entries() -> None:
    """One prefetched Bundle has a cap of its own (security B1)."""
    bundle = {"resourceType": "Bundle", "entry": [{}] * 10_000}
    _parse(prefetch={"a": bundle})
    bundle["entry"] = [{}] * 10_001
    with pytest.raises(RequestError) as caught:
        _parse(prefetch={"a": bundle})
    assert (caught.value.status, caught.value.issues[0].expression) == (413, "/prefetch")


def test_refusals_repeat_nothing_that_was_sent() -> None:
    """No value, and no name that could carry data, comes back in a refusal (security A2, D3)."""
    canary = "Zebra Quagga 123456789"
    calls = [
        {**CALL, "hook": {canary: canary}},
        {**CALL, "prefetch": {canary: [canary], "k": canary}},
        {**CALL, "context": {"patientId": canary}},
        {**CALL, "context": {"patientId": "p1", "userId": canary}},
        {**CALL, "context": {"patientId": "p1", "selections": {canary: canary}}},
        [canary],
    ]
    for call in calls:
        with pytest.raises(RequestError) as caught:
            parse(orjson.dumps(call))
        assert "Zebra" not in json.dumps(caught.value.as_fhir())
    with pytest.raises(RequestError) as caught:
        parse(b'{"a": Zebra}')
    assert "Zebra" not in json.dumps(caught.value.as_fhir())


def _payloads() -> list[Path]:
    return [path for path in sorted(EXAMPLES.glob("*.json")) if not path.name.startswith(("MANIFEST", "feedback."))]


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="shared/examples is not beside this checkout")
@pytest.mark.parametrize("path", _payloads(), ids=lambda path: path.stem)
def test_collected_payloads_are_read(path: Path) -> None:
    """Every collected real request parses; the one that names no patient is refused for just that (section B, K)."""
    body = path.read_bytes()
    if "patientId" in json.loads(body)["context"]:
        assert parse(body).hook == path.name.split(".")[0]
    else:
        assert _pointers(json.loads(body)) == ["/context/patientId"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("hook", "hookInstance", "fhirServer", "fhirAuthorization", "prefetch", "extension"), JSON)
    | {
        "context": JSON
        | st.fixed_dictionaries(
            {"patientId": JSON | st.just("p1")}, optional=dict.fromkeys(("userId", "draftOrders"), JSON)
        )
    },
)


@given(JSON | MEMBERS | MEMBERS.map(lambda changes: {**CALL, **changes}))
def test_no_json_raises_anything_else(call: Any) -> None:
    """Arbitrary JSON is a request or a RequestError , never another exception (security B6)."""
    with contextlib.suppress(RequestError):
        assert parse(json.dumps(call).encode()).patient_id
