"""What the engine offers to functions that a library declares external, and the quick ways of some operators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from cds.errors import EvaluationError
from cds.expr import Evaluation
from cds.expr.functions.strings import full_matcher, matches_full
from cds.expr.libraries import Libraries
from cds.expr.trace import Trace

TEXT = """library Tested
using FHIR version '4.0.1'
valueset Known: 'http://example.org/known'
parameter given System.Any
parameter coded FHIR.CodeableConcept
parameter texts List<String>
parameter orders List<FHIR.ServiceRequest>
context Patient
define function Resolve(reference FHIR.Reference) returns FHIR.Condition: external
define function Resolve(reference FHIR.Reference, container Any) returns FHIR.Condition: external
define function CalendarDay(value Choice<FHIR.dateTime, FHIR.Period, FHIR.string>) returns Date: external
define function HasCodeOf(concept FHIR.CodeableConcept, systems List<String>) returns Boolean: external
define function HasKnownCode(concept FHIR.CodeableConcept): HasCodeOf(concept, { 's', 't' })
define function HasCodeIn(systems List<String>, concept FHIR.CodeableConcept): HasCodeOf(concept, systems)
define function Elsewhere(value Integer) returns Integer: external
define Referred: Resolve(given as FHIR.Reference).id
define Contained: Resolve(given as FHIR.Reference, given).id
define "Day": CalendarDay(given as FHIR.dateTime)
define Fails: Elsewhere(1)
define Member: coded in Known
define Coded: HasCodeOf(coded, { 's', 't' })
define CodedByFunction: HasKnownCode(coded)
define CodedTheOtherWay: HasCodeIn({ 't', 's' }, coded)
define CodedInTexts: HasCodeIn(texts, coded)
define Uncoded: (orders O where not HasKnownCode(O.code) and O.status = 'active') O return all O.id
define KnownToUs: (orders O where HasKnownCode(O.code) and O.status = 'active') O return all O.id
define NotKnownToUs: (orders O where not (HasKnownCode(O.code) and O.status = 'active')) O return all O.id
define OfNoOrder: exists (orders O let item: O.code where not HasKnownCode(item))
define AnyUncoded: exists (orders O where not HasKnownCode(O.code))
define WithReason: (orders O with texts T such that T = O.id where not HasKnownCode(O.code)) O return all O.id
define Among: texts T where T in { 'a', 'b' }
define Matching: texts T where Matches(T, '(?is).*\\\\bpain\\\\b.*')
define Unreadable: Matches(First(texts), '(')
define FirstOnly: exists (texts T where Message(T = 'a', true, T, 'Message', 'asked'))
"""


class Codes:
    """A terminology of one value set."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        return code == "1" and system in (None, "s") if value_set == "http://example.org/known" else None

    def codes(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        return frozenset({("s", "1")}) if value_set == "http://example.org/known" else None

    def subsumes(self, _system: str, _ancestor: str, _code: str) -> bool | None:
        return None


def resolve(reference: str, base: dict[str, Any] | None) -> dict[str, Any] | None:
    return {"id": f"{reference}<{(base or {}).get('id', '')}"} if reference != "Condition/gone" else None


def evaluation(**options: Any) -> Evaluation:
    return Evaluation(
        now=datetime(2026, 3, 2, 12, tzinfo=UTC),
        zone=timezone(timedelta(hours=1)),
        resolve=resolve,
        terminology=Codes(),
        **options,
    )


def value(define: str, **parameters: Any) -> Any:
    return Libraries().compile(TEXT).evaluate(evaluation(parameters=parameters), define)


@pytest.mark.parametrize(
    ("define", "given", "expected"),
    [
        ("Referred", {"reference": "Condition/1"}, "Condition/1<"),
        ("Contained", {"reference": "#c", "id": "own"}, "#c<own"),
        ("Referred", {"reference": "Condition/gone"}, None),
        ("Referred", {"reference": 5}, None),
        ("Referred", {"display": "Pain"}, None),
        ("Referred", None, None),
    ],
)
def test_resolve_finds_what_a_reference_names(define: str, given: Any, expected: str | None) -> None:
    """A reference leads to data of the call, with the container for what it contains, and never further."""
    assert value(define, given=given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-03", "2026-03-01"),
        ("2026-03-02", "2026-03-02"),
        ("2026-03-02T23:30:00Z", "2026-03-03"),
        ("soon", "None"),
        (None, "None"),
    ],
)
def test_calendar_day_is_the_earliest_in_the_zone(given: str | None, expected: str) -> None:
    """Partial dates begin their first day; a moment is read in the zone of the evaluation."""
    assert str(value("Day", given=given)) == expected


def test_another_external_function_fails_with_its_name() -> None:
    """What nobody offers is an error when it is asked for."""
    with pytest.raises(EvaluationError, match=r"Elsewhere\(\) is not available"):
        value("Fails")


@pytest.mark.parametrize(
    ("concept", "expected"),
    [
        ({"coding": [{"system": "t", "code": "1"}, {"system": "s", "code": "1"}]}, True),
        ({"coding": [{"system": "s", "code": "2"}]}, False),
        ({"coding": [{"code": "1"}]}, True),
        ({"coding": {"system": "s", "code": "1"}}, True),
        ({"text": "one"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_concept_is_in_a_value_set_by_any_of_its_codings(concept: Any, expected: bool) -> None:
    """The element itself is looked up: the answer is that of the Concept it converts to."""
    assert value("Member", coded=concept) is expected


@pytest.mark.parametrize(
    ("concept", "expected"),
    [
        ({"coding": [{"system": "u", "code": "1"}, {"system": "s", "code": "1"}]}, True),
        ({"coding": [{"system": "u", "code": "1"}]}, False),
        ({"coding": [{"system": "s"}, {"code": "1"}, "s"]}, False),
        ({"coding": [{"system": ["s"], "code": "1"}, {"system": "s", "code": 1}]}, False),
        ({"coding": {"system": "s", "code": "1"}}, True),
        ({"text": "one"}, False),
        (None, False),
    ],
)
def test_a_code_of_a_known_system_is_asked_for(concept: Any, expected: bool) -> None:
    """A coding counts with its code, and only in one of the systems; also where a function hands on what it was
    given."""
    for define in ("Coded", "CodedByFunction", "CodedTheOtherWay", "CodedInTexts"):
        assert value(define, coded=concept, texts=["s", None, "t"]) is expected, define


def order(name: str, system: str | None = None, status: str | None = "active") -> dict[str, Any]:
    coding = {"coding": [{"system": system, "code": "1"}]} if system else {"text": name}
    return {"resourceType": "ServiceRequest", "id": name, "code": coding, "status": status}


ORDERS = [
    order("a", "s"),
    order("b"),
    order("c", "u"),
    order("d", "t", None),
    order("e", status="draft"),
    order("f", "s", "draft"),
    None,
]


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize(
    ("define", "expected"),
    [
        ("Uncoded", ["b", "c"]),
        ("KnownToUs", ["a"]),
        ("NotKnownToUs", ["b", "c", "e", "f", None]),
        ("OfNoOrder", True),
        ("AnyUncoded", True),
        ("WithReason", ["b"]),
    ],
)
def test_rows_left_out_by_a_look_at_them(define: str, expected: Any, trace: bool) -> None:
    """A criterion that begins with a test of an element leaves out the same rows as one that is evaluated for each."""
    told = evaluation(
        parameters={"orders": ORDERS, "texts": ["a", "b"]}, trace=Trace(step=lambda _: None) if trace else None
    )
    assert Libraries().compile(TEXT).evaluate(told, define) == expected


@pytest.mark.parametrize("pattern", ["(?is).*\\bpain\\b.*", "[a-c]+", "", "(?m)^a$", ".", "a{1,900}b{1,900}c{1,900}"])
def test_a_pattern_read_once_matches_as_one_read_each_time(pattern: str) -> None:
    """The quick form of a constant pattern answers as matchesFull() does, whatever the text and its length."""
    matches = full_matcher(pattern)
    for text in ("", "a", "abc", "PAIN", "no\npain", "\ud800", "é", "b" * 5_000, "a" * 900 + "b" * 900 + "c" * 900):
        assert matches(text) is matches_full(text, pattern), (pattern, text[:20])


def test_constant_operands_change_no_answer() -> None:
    """`in` constant texts and `Matches` a constant pattern answer as with any operands; a null is kept by neither."""
    texts = ["a", "c", None, "Back PAIN\nhere", "painful", "b"]
    assert value("Among", texts=texts) == ["a", "b"]
    assert value("Matching", texts=texts) == ["Back PAIN\nhere"]
    with pytest.raises(EvaluationError, match="regular expression"):
        value("Unreadable", texts=["x"])


def test_exists_stops_at_the_first_row() -> None:
    """`exists` of a query asks no further once the answer is known."""
    ev = evaluation(parameters={"texts": ["b", "a", "a"]})
    assert Libraries().compile(TEXT).evaluate(ev, "FirstOnly") is True
    assert [message.code for message in ev.messages] == ["b", "a"]
