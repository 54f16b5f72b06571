"""Searchsets of a request whose resources are read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import orjson
import pytest

from cds import searchset
from cds.chart import Chart
from cds.clients import Caller
from cds.config import Settings
from cds.data import chart_of_request
from cds.errors import RequestError
from cds.hooks.prefetch import PATIENT, Requirement
from cds.hooks.request import parse
from cds.searchset import Searchset, whole
from cds.service import Engine

SNOMED, LOCAL = "http://snomed.info/sct", "urn:local"
NEEDS = (
    PATIENT,
    *(
        Requirement(f"{kind[0].lower()}{kind[1:]}s", kind, f"{kind}?patient={{{{context.patientId}}}}", False)
        for kind in ("Condition", "MedicationRequest", "Observation", "ServiceRequest")
    ),
)
PATIENT_RESOURCE = {"resourceType": "Patient", "id": "p1"}
DRAFT = {"resourceType": "ServiceRequest", "id": "s1", "status": "draft", "subject": {"reference": "Patient/p1"}}


@pytest.fixture
def _however_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the short texts of tests are read only where they are asked for."""
    monkeypatch.setattr(searchset, "_SHORT", 0)


def condition(number: int, **elements: Any) -> dict[str, Any]:
    coding = {"system": SNOMED, "code": f"{number % 7}"}
    common = {"resourceType": "Condition", "id": f"c{number}", "subject": {"reference": "Patient/p1"}}
    return {**common, "code": {"coding": [coding]}, **elements}


def bundle(resources: list[Any], **elements: Any) -> dict[str, Any]:
    entry = [{"fullUrl": f"urn:{number}", "resource": resource} for number, resource in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entry, **elements}


def body(prefetch: dict[str, Any], *drafts: dict[str, Any], hook: str = "order-sign") -> bytes:
    context = {"patientId": "p1", "draftOrders": bundle(list(drafts))}
    sent = {**prefetch, "patient": PATIENT_RESOURCE}
    return orjson.dumps({"hook": hook, "hookInstance": "i", "context": context, "prefetch": sent})


def chart(text: bytes) -> Chart:
    return chart_of_request(parse(text), NEEDS)


MANY = [condition(number) for number in range(20)]


def test_only_what_is_asked_for_is_read() -> None:
    """Of a long searchset one resource is read when one has the code; the others stay text."""
    request = parse(
        body({"conditions": bundle([*MANY, condition(99, code={"coding": [{"system": SNOMED, "code": "x"}]})])})
    )
    unread = request.prefetch["conditions"]
    assert isinstance(unread, Searchset)
    made = chart_of_request(request, NEEDS)
    assert made.is_complete("Condition")
    assert [found["id"] for found in made.retrieve("Condition", "code", frozenset({(SNOMED, "x")}))] == ["c99"]
    assert made.retrieve("Condition", "code", frozenset({(LOCAL, "x")})) == []
    assert made.resolve("Condition/c7") == condition(7)
    assert list(unread._read) == [20, 7]


def test_what_was_read_before_stays_the_same_object() -> None:
    """Rules compare resources by identity when they are asked for in several ways."""
    made = chart(body({"conditions": bundle(MANY)}))
    (one,) = (found for found in made.retrieve("Condition", "code", frozenset({(SNOMED, "3")})) if found["id"] == "c3")
    assert [found for found in made.of_type("Condition") if found is one] == [one]
    assert made.resolve("Condition/c3") is one


def test_resources_without_a_code_that_is_known_are_found_without_reading_the_others() -> None:
    """A rule that looks at words reads only what has nothing else to go by."""
    odd = [
        condition(50, code={"text": "Back pain"}),
        condition(51, code={"coding": [{"system": LOCAL, "code": "b"}]}),
        condition(52, code={"coding": [{"system": LOCAL, "code": "b"}, {"system": SNOMED, "code": "1"}]}),
        condition(53, code={"coding": [{"system": SNOMED}]}),
        {key: value for key, value in condition(54).items() if key != "code"},
    ]
    made = chart(body({"conditions": bundle([*MANY, *odd])}))
    found = made.uncoded("Condition", "code", frozenset({SNOMED}))
    assert found is not None
    assert [one["id"] for one in found] == ["c50", "c51", "c53", "c54"]
    assert made.uncoded("Condition", "category", frozenset({SNOMED})) is None
    assert made.uncoded("Observation", "code", frozenset({SNOMED})) is None


def test_a_call_reads_the_few_resources_that_its_rules_need() -> None:
    """Of 300 problems and requests that are not about backs none is read, whatever was ordered."""
    engine = Engine(Settings(demo=True))
    back_pain = condition(999, code={"coding": [{"system": SNOMED, "code": "279039007"}]})
    requests = [
        {**DRAFT, "id": f"r{number}", "code": {"coding": [{"system": SNOMED, "code": "x"}]}} for number in range(99)
    ]
    drafts = [{**DRAFT, "id": f"d{number}", "code": {"text": text}} for number, text in enumerate(["Bed rest", "TENS"])]
    for hook in ("order-sign", "patient-view"):
        needs = engine.service(f"back-pain-{hook}").requirements
        prefetch = dict.fromkeys(need.key for need in needs)
        prefetch |= {
            "conditions": bundle([*(condition(number) for number in range(200)), back_pain]),
            "serviceRequests": bundle(requests),
        }
        text = body(prefetch, *drafts, hook=hook)
        answer = engine.answer(f"back-pain-{hook}", text, caller=Caller.demo())
        assert answer.cards
        assert answer.request is not None
        unread = [value for value in answer.request.prefetch.values() if isinstance(value, Searchset)]
        assert [list(each._read) for each in unread] == [[200], []]


def test_resources_with_an_element_are_found_without_reading_the_others() -> None:
    """A rule that looks at a value in words leaves alone what has none."""
    values: list[dict[str, Any]] = [{"valueString": "Off sick"}, {"valueCodeableConcept": {"text": "Off sick"}}, {}]
    found = [condition(number, resourceType="Observation", **values[number % 3]) for number in range(21)]
    made = chart(body({"observations": bundle(found)}))
    for name, first in (("valueString", 0), ("valueCodeableConcept", 1)):
        having = made.having("Observation", name)
        assert having is not None
        assert {one["id"] for one in having} == {f"c{number}" for number in range(first, 21, 3)}
    assert made.having("Observation", "valueQuantity") is None
    assert made.having("Condition", "valueString") is None


# --- the same as read whole ---

CODES = [(system, code) for system in (SNOMED, LOCAL) for code in ("1", "2", "3")]
ABSENT = object()

#: For members of a resource: values that clients send. Most are of the usual form.
CONCEPTS: list[Any] = [
    *({"coding": [{"system": system, "code": code}], "text": "Pain"} for system, code in CODES),
    {"coding": [{"system": SNOMED, "code": "1"}, {"system": LOCAL, "code": "2"}]},
    {"coding": [{"system": SNOMED}, {"code": "1"}, {"system": None, "code": "2"}]},
    {"text": "Schmerz, stärker"},
    {"coding": []},
    {},
    ABSENT,
    None,
]
ODD_CONCEPTS = [
    {"coding": [None, {"system": SNOMED, "code": "1"}]},
    {"coding": [{"system": SNOMED, "code": 1}]},
    {"coding": {"system": SNOMED, "code": "1"}},
    {"system": SNOMED, "code": "1"},
    [{"coding": [{"system": SNOMED, "code": "1"}]}],
    "Pain",
]
ODDITIES: list[dict[str, Any]] = [
    *({"code": concept} for concept in ODD_CONCEPTS),
    *({"id": identifier} for identifier in ("a", "a", "s1", "é", "", None, 5, ABSENT)),
    *(
        {"resourceType": kind}
        for kind in ("Condition", "Observation", "OperationOutcome", "Medication", None, 5, ABSENT)
    ),
    *(
        {"subject": subject}
        for subject in (
            {"reference": "Patient/p2"},
            {"reference": "https://x.example/Patient/p1"},
            [{"reference": "Patient/p2"}],
            {"reference": None},
            {"display": "Ann"},
            "Patient/p2",
            None,
            ABSENT,
        )
    ),
    {"medicationReference": {"reference": "#m"}, "medicationCodeableConcept": ABSENT},
    {"medicationReference": {"reference": "Condition/a"}, "medicationCodeableConcept": ABSENT},
    {"valueCoding": {"system": SNOMED, "code": "3"}, "valueCodeableConcept": ABSENT},
    {"value": {"coding": [{"system": SNOMED, "code": "1"}]}, "valueCodeableConcept": ABSENT},
    *({"valueString": text, "valueCodeableConcept": ABSENT} for text in ("Off sick", "", None, 5)),
    *({"component": component} for component in (None, {"code": CONCEPTS[0]}, [None], [{"code": "Pain"}], "x")),
    *({"component": [{"code": concept}, {"valueCodeableConcept": concept}]} for concept in ODD_CONCEPTS),
    *({"component": [{name: {"system": SNOMED, "code": "1"}}]} for name in ("valueCoding", "value")),
]
MORE: list[dict[str, Any]] = [
    *({"total": total} for total in (0, 2, 50, None, "2", 2.0)),
    *({"link": link} for link in ([{"relation": "next", "url": "x"}], [{"relation": "self"}], None, {}, "x")),
    *({"type": kind} for kind in ("batch-response", "collection", None, 5)),
    *({"resourceType": kind} for kind in ("Condition", None)),
    *({"entry": entry} for entry in (None, [], {}, [{"resource": MANY[0]}, {}], [None], [{"resource": None}])),
]
NO_BUNDLES = [None, {}, MANY[0], {"resource": bundle(MANY[:2])}, {"resourceType": "OperationOutcome"}]
KINDS = ("Condition", "Observation", "MedicationRequest", "ServiceRequest", "OperationOutcome")
CONTAINED = [{"resourceType": "Medication", "id": "m", "code": {"coding": [{"system": SNOMED, "code": "2"}]}}]


def some_resource(random: Random, kind: str, number: int) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": kind, "id": f"{'abc'[number % 3]}{number}", "contained": CONTAINED}
    made["subject"] = {"reference": "Patient/p1"}
    made["meta"] = {"lastUpdated": f"2026-01-0{random.randint(1, 3)}T00:00:00Z"}
    for name in ("code", "medicationCodeableConcept", "valueCodeableConcept"):
        made[name] = random.choice(CONCEPTS)
    if kind == "Observation":
        parts = [{"code": random.choice(CONCEPTS), "valueCodeableConcept": random.choice(CONCEPTS)} for _ in range(2)]
        made["component"] = [{k: v for k, v in part.items() if v is not ABSENT} for part in parts]
    if random.random() < 0.15:
        made |= random.choice(ODDITIES)
    return {name: value for name, value in made.items() if value is not ABSENT}


def some_answer(random: Random, kind: str) -> Any:
    if random.random() < 0.05:
        return random.choice(NO_BUNDLES)
    numbers = random.sample(range(9), random.randint(1, 5))
    more = random.choice(MORE) if random.random() < 0.15 else {}
    return bundle([some_resource(random, kind, number) for number in numbers], **more)


def some_question(random: Random) -> Callable[[Chart], Any]:
    kind = random.choice(KINDS[:4])
    match random.randint(0, 6):
        case 0:
            return lambda made: made.of_type(kind)
        case 1 | 2:
            path, codes = (
                random.choice(["code", "medication", "value", "component.code", "component.value"]),
                random.sample(CODES, 2),
            )
            return lambda made: made.retrieve(kind, path, frozenset(codes))
        case 3 | 4:
            reference = f"{kind}/{random.choice(['a', 'a0', 'b1', 'c2', 's1', 'é'])}"
            return lambda made: made.resolve(reference)
        case 5:
            name = random.choice(["valueCodeableConcept", "valueString"])
            return lambda made: having(made, kind, name)
        case _:
            return lambda made: uncoded(made, kind, frozenset({SNOMED}))


def uncoded(made: Chart, kind: str, systems: frozenset[str]) -> list[Any]:
    """What has no code of the systems, sorted out here where the chart does not do it."""
    found = made.uncoded(kind, "code", systems)
    every = made.of_type(kind) if found is None else found

    def is_coded(resource: dict[str, Any]) -> bool:
        concept = resource.get("code")
        listed = concept.get("coding") if isinstance(concept, dict) else None
        items = listed if isinstance(listed, list) else []
        return any(isinstance(i, dict) and i.get("system") in systems and isinstance(i.get("code"), str) for i in items)

    sorted_out = [one for one in every if not is_coded(one)]
    assert found is None or sorted_out == found
    return sorted_out


def having(made: Chart, kind: str, name: str) -> list[Any]:
    """What has an element, sorted out here where the chart does not do it."""
    found = made.having(kind, name)
    return [one for one in made.of_type(kind) if one.get(name) is not None] if found is None else found


def told(text: bytes, asked: list[Callable[[Chart], Any]]) -> Any:
    """All that a chart says, in the order in which it is asked."""
    try:
        made = chart(text)
    except RequestError as refusal:
        return refusal.status, refusal.issues
    states = {key: answer.completeness for key, answer in made.answers.items()}
    complete = {kind: made.is_complete(kind) for kind in KINDS}
    said = [question(made) for question in asked]
    return states, complete, made.dropped, said, [made.of_type(kind) for kind in KINDS]


@pytest.mark.parametrize("seed", range(20))
def test_it_is_as_if_all_had_been_read(seed: int) -> None:
    """Whatever clients send, and in whatever order rules ask, the chart says the same as one that reads all at once."""
    random, unread = Random(seed), 0  # noqa: S311
    for _ in range(150):
        prefetch = {need.key: some_answer(random, need.resource_type) for need in NEEDS[1:] if random.random() < 0.8}
        drafts = random.choice([(), (DRAFT,), (DRAFT, {**DRAFT, "id": "a0"}, {**DRAFT, "id": "é"})])
        text, asked = body(prefetch, *drafts), [some_question(random) for _ in range(12)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(searchset, "_SHORT", 1 << 30)
            expected = told(text, asked)
            patch.setattr(searchset, "_SHORT", 0)
            assert told(text, asked) == expected, orjson.dumps(prefetch)
            unread += sum(isinstance(value, Searchset) for value in parse(text).prefetch.values())
    assert unread > 90  # else this would show nothing


@pytest.mark.usefixtures("_however_short")
def test_the_last_of_doubled_members_counts_here_too() -> None:
    """As everywhere in a request (security B4)."""
    coding = b'{"system": "x", "code": "1", "code": "2"}'
    twice = (
        b'{"resourceType": "Bundle", "entry": [], "entry": [{"resource": {"resourceType": "Condition", "id": "a", '
        b'"id": "b", "subject": {"reference": "Patient/p2", "reference": "Patient/p1"}, '
        b'"code": {"coding": [{"system": "x", "code": "1"}]}, "code": {"coding": [' + coding + b"]}}}]}"
    )
    text = body({"conditions": "HERE"}).replace(b'"HERE"', twice)
    made = chart(text)
    assert isinstance(parse(text).prefetch["conditions"], Searchset)
    assert [found["id"] for found in made.retrieve("Condition", "code", frozenset({("x", "2")}))] == ["b"]
    assert made.retrieve("Condition", "code", frozenset({("x", "1")})) == []
    assert made.dropped == 0


@pytest.mark.usefixtures("_however_short")
def test_another_key_with_the_same_type_is_not_lost() -> None:
    """Resources that come under several keys are put together; of two versions the later counts."""
    later = condition(1, meta={"lastUpdated": "2026-02-01T00:00:00Z"}, code={"text": "later"})
    needs = (*NEEDS, Requirement("problems", "Condition", "Condition?category=problem-list-item", False))
    request = parse(body({"conditions": bundle(MANY[:3]), "problems": bundle([later, condition(30)])}))
    made = chart_of_request(request, needs)
    assert [found["id"] for found in made.of_type("Condition")] == ["c0", "c1", "c2", "c30"]
    assert made.of_type("Condition")[1] == later


# --- what is not read is not looked at, save that it is JSON ---


@pytest.mark.parametrize(
    ("inside", "diagnostics"),
    [
        (b"[" * 70 + b"]" * 70, "too-deep"),
        (b'"\\u0000"', "nul-character"),
        (b"99999999999999999999", "long-integer"),
        (b"1e400", "bad-json"),
    ],
)
def test_a_value_that_is_refused_is_so_when_it_is_read(inside: bytes, diagnostics: str) -> None:
    """What no rule asks for harms nobody; who asks for it, or all of it, is refused (security B3, security B5)."""
    text = body({"conditions": bundle([*MANY, condition(40, note="HERE")])}).replace(b'"HERE"', inside)
    assert chart(text).retrieve("Condition", "code", frozenset({(SNOMED, "3")}))
    for ask in (
        lambda: chart(text).of_type("Condition"),
        lambda: chart(text).resolve("Condition/c40"),
        lambda: whole(parse(text).prefetch["conditions"]),
    ):
        with pytest.raises(RequestError) as caught:
            ask()
        assert (caught.value.status, caught.value.issues[0].diagnostics) == (400, diagnostics)


@pytest.mark.parametrize("levels", [59, 60])
def test_levels_are_counted_from_the_top_of_the_request(levels: int) -> None:
    """A resource that is read alone may be as deep as in a request that is read whole (security B3)."""
    arrays = b"[" * (levels - 1) + b"]" * (levels - 1)
    text = body({"conditions": bundle([*MANY, condition(40, note="HERE")])}).replace(b'"HERE"', arrays)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searchset, "_SHORT", 1 << 30)
        try:
            parse(text)
            refused = False
        except RequestError:
            refused = True
    for ask in (lambda: chart(text).resolve("Condition/c40"), lambda: chart(text).of_type("Condition")):
        if refused:
            with pytest.raises(RequestError, match="nested"):
                ask()
        else:
            assert ask()
    assert refused is (levels == 60)


@pytest.mark.parametrize(
    "inside", [b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b"01", b"NaN", b'"\x01"', b"[1,]", b'{"a"}', b"'a'"]
)
def test_what_is_no_json_is_refused_wherever_it_stands(inside: bytes) -> None:
    """Also in a resource that no rule asks for (security B5)."""
    text = body({"conditions": bundle([*MANY, condition(40, note="HERE")])}).replace(b'"HERE"', inside)
    with pytest.raises(RequestError) as caught:
        parse(text)
    assert (caught.value.status, caught.value.issues[0].diagnostics) == (400, "bad-json")
    plain = body({"conditions": bundle([*MANY, condition(40, note="é 漢")])})
    assert isinstance(parse(plain).prefetch["conditions"], Searchset)


def test_nesting_without_end_is_refused_too() -> None:
    """The decoder's own limit ends it (security B3)."""
    for inside in (b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000):
        text = body({"conditions": bundle([*MANY, condition(40, note="HERE")])}).replace(b'"HERE"', inside)
        with pytest.raises(RequestError) as caught:
            parse(text)
        assert caught.value.status == 400


def test_more_entries_than_are_taken_are_refused_unread() -> None:
    """413, as for a Bundle that is read."""
    with pytest.raises(RequestError) as caught:
        parse(body({"conditions": bundle([condition(number) for number in range(10_001)])}))
    assert caught.value.status == 413
    assert caught.value.issues[0].expression == "/prefetch"
