"""What an evaluation tells of its way."""

from __future__ import annotations

import pytest
from cql_calls_support import content, data, pain, patient, surroundings

from cds.cql.record import record_of
from cds.cql.session import Lookup, Session
from cds.errors import NotFoundError

SOURCE = """library L
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
include Pain version '1.1' called P
context Patient
define A: P."Has Back Pain" and B
define B: exists [Observation]
define C: A or exists [Procedure]
define D: false and B
define E: Message(B, true, 'E', 'Error', 'no')
define function F(x Integer): Count([Encounter]) + x
define G: F(1)
"""


@pytest.fixture
def library() -> object:
    return content().libraries.compile(SOURCE)


def session(*resources: dict[str, object]) -> Session:
    return Session(surroundings(), record_of(data(*resources)["resource"] if resources else None))


def names(found: Session, library: object, name: str) -> tuple[list[str], list[str]]:
    """The expressions called and the types looked up."""
    outcome = found.outcome(library, name)  # type: ignore[arg-type]
    return [define.name for define in outcome.called], [lookup.resource_type for lookup in outcome.lookups]


def test_an_outcome_tells_calls_and_lookups(library: object) -> None:
    """Of an expression and of all below, also when they were computed before for another; functions count as part of
    their caller."""
    found = session(patient(), pain(), {"resourceType": "Observation", "id": "o"})
    assert names(found, library, "B") == ([], ["Observation"])
    assert names(found, library, "C") == (["A", "Has Back Pain", "B", "Back Pain"], ["Observation", "Condition"])
    assert names(found, library, "G") == ([], ["Encounter"])


def test_what_was_not_evaluated_is_not_told(library: object) -> None:
    """An expression nobody asks for is never evaluated."""
    assert names(session(patient()), library, "D") == ([], [])
    assert names(session(patient()), library, "A") == (["Has Back Pain", "Back Pain"], ["Condition"])


def test_a_failure_keeps_what_led_to_it(library: object) -> None:
    """And does not mix with what is evaluated after it."""
    found = session(patient())
    outcome = found.outcome(library, "E")  # type: ignore[arg-type]
    assert outcome.error is not None
    assert (outcome.error.library, outcome.error.line) == ("L", 10)
    assert [define.name for define in outcome.called] == ["B"]
    assert names(found, library, "G") == ([], ["Encounter"])


def test_a_lookup_tells_what_was_found(library: object) -> None:
    """And whether there may be more."""
    codes = frozenset({("http://snomed.info/sct", "279039007")})
    found = session(patient(), pain()).outcome(library, "A")  # type: ignore[arg-type]
    assert found.lookups[-1] == Lookup("Condition", "code", None, codes, 1, True)
    nothing = session().outcome(library, "A")  # type: ignore[arg-type]
    assert (nothing.value, nothing.missing) == (None, ("Condition", "Observation"))


def test_an_unknown_expression_is_told(library: object) -> None:
    """With the nearest name."""
    with pytest.raises(NotFoundError):
        session().outcome(library, "H")  # type: ignore[arg-type]
