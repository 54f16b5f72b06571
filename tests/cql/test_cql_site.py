"""A site's values of parameters: every type CQL has, what is told of a wrong file, and the revision they make."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cds.cql.declared import Declarations
from cds.cql.site import Site, read_site, site_of
from cds.cql.words import said
from cds.definitions.snapshot import load_snapshot
from cds.errors import DefinitionError, EvaluationError, Problem
from cds.expr.elm.values import Code, Concept, Interval
from cds.expr.quantity import Quantity, calendar_quantity
from cds.expr.temporal import Date, DateTime, Time

LIBRARY = """\
resourceType: Library
id: limits
url: https://example.org/fhir/Library/limits
name: Limits
status: active
type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/library-type", code: logic-library}]}
content: [{contentType: text/cql, url: limits.cql}]
parameter:
  - {name: days, use: in, type: integer, documentation: A score counts for this many days (ours).}
"""
CQL = """\
library Limits
using FHIR version '4.0.1'
parameter "days" Integer default 30
parameter long Long
parameter share Decimal default 0.5
parameter word String
parameter open Boolean default true
parameter since Date
parameter moment DateTime
parameter opens Time
parameter dose System.Quantity default 30 'mg'
parameter ratio System.Ratio
parameter "code" Code
parameter "concept" Concept
parameter ages Interval<Integer>
parameter term Interval<Date>
parameter doses Interval<System.Quantity>
parameter words List<String>
parameter draftOrders List<FHIR.ServiceRequest>
context Patient
"""
PLAIN = """\
resourceType: Library
id: plain
url: https://example.org/fhir/Library/plain
status: active
type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/library-type", code: logic-library}]}
parameter:
  - {name: guideline, use: in, type: code}
  - {name: days, use: in, type: integer}
"""


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    root = tmp_path_factory.mktemp("content")
    for name, text in {"limits.yaml": LIBRARY, "limits.cql": CQL, "plain.yaml": PLAIN}.items():
        (root / name).write_text(text, encoding="utf-8")
    return Declarations(load_snapshot(root).registry)


def read(declared: Declarations, tmp_path: Path, text: str) -> dict[str, Any]:
    file = tmp_path / "site.yaml"
    file.write_text(text, encoding="utf-8")
    return read_site(file, declared)


def problems(declared: Declarations, tmp_path: Path, text: str) -> list[Problem]:
    with pytest.raises(DefinitionError) as caught:
        read(declared, tmp_path, text)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("days: 14", 14),
        ("long: 5000000000", 5_000_000_000),
        ("share: 0.25", Decimal("0.25")),
        ("share: 1", Decimal(1)),
        ("word: nhs", "nhs"),
        ("open: false", False),
        ("since: 2026-01-31", Date((2026, 1, 31))),
        ("moment: 2026-01-31T09:30:00Z", DateTime((2026, 1, 31, 9, 30, 0), 0)),
        ('opens: "09:30:00"', Time((9, 30, 0))),
        ("dose: 25 mg", Quantity(Decimal(25), "mg")),
        ("dose: {value: 2.5, unit: mL}", Quantity(Decimal("2.5"), "mL")),
        ("dose: 6 weeks", calendar_quantity(Decimal(6), "weeks")),
        ("code: {system: urn:s, code: a, display: An A}", Code("a", "urn:s", None, "An A")),
        ("ages: {low: 18, high: 65}", Interval(18, 65, point="System.Integer")),
        ("term: {start: 2026-01-01}", Interval(Date((2026, 1, 1)), None, point="System.Date")),
        ("words: [a, b]", ["a", "b"]),
        ("words: []", []),
    ],
)
def test_a_value_is_typed_as_its_parameter(declared: Declarations, tmp_path: Path, written: str, value: object) -> None:
    """Issue 5.3: YAML says the value, the Library its type; a date is no text and a decimal no binary fraction."""
    found = read(declared, tmp_path, f"Limits:\n  {written}\n")[f"Limits.{written.partition(':')[0]}"]
    assert found == value
    assert type(found) is type(value)


def test_concepts_ratios_and_intervals_of_quantities_are_read(declared: Declarations, tmp_path: Path) -> None:
    """The structured types are written as FHIR writes them."""
    text = """\
Limits:
  concept: {coding: [{system: urn:s, code: a}], text: An A}
  ratio: {numerator: {value: 1, unit: mg}, denominator: {value: 2, unit: mL}}
  doses: {low: 1 mg, high: {value: 2, unit: mg}}
"""
    found = read(declared, tmp_path, text)
    concept, doses = found["Limits.concept"], found["Limits.doses"]
    assert isinstance(concept, Concept)
    assert (concept.display, [code.code for code in concept.codes]) == ("An A", ["a"])
    assert said(found["Limits.ratio"])
    assert (doses.low, doses.high) == (Quantity(Decimal(1), "mg"), Quantity(Decimal(2), "mg"))


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("days: 14.5", "write a whole number such as 14"),
        ('days: "14"', "write a whole number such as 14"),
        ("days:", "write a whole number such as 14"),
        ("days: 3000000000", "write a whole number such as 14"),
        ("days: [14]", "write a whole number such as 14"),
        ("share: half", "write a number such as 0.5"),
        ("word: 5", "write a text; put it in quotes if it looks like a number"),
        ("open: yes", "write true or false"),
        ("since: 31.1.2026", "write a date such as 2026-01-31"),
        ("since: 2026-02-30", "write a date such as 2026-01-31"),
        ("dose: mg", "write a number with its unit such as 30 mg, or {value: 30, unit: mg}"),
        ("dose: 5 mgg", "write it as in 30 mg, 5 mL or 6 weeks"),
        ("code: a", "write {system: ..., code: ..., display: ...}"),
        ("ages: 18", "write {low: ..., high: ...}, or of dates {start: ..., end: ...}"),
        ("words: a", "write a list: each item a text; put it in quotes if it looks like a number"),
        ("words: [1]", "write a list: each item a text; put it in quotes if it looks like a number"),
    ],
)
def test_a_value_of_another_type_is_told_with_place_and_remedy(
    declared: Declarations, tmp_path: Path, written: str, hint: str
) -> None:
    """A wrong value stops start-up at its line and column instead of a rule for each patient."""
    (problem,) = problems(declared, tmp_path, f"Limits:\n  {written}\n")
    name, _, value = written.partition(":")
    column = 3 + len(name) + 1 + (len(value) - len(value.lstrip()))
    assert (problem.code, problem.hint) == ("parameters-type", hint)
    assert (problem.location.line, problem.location.column) == (2, column) or not value
    assert problem.message.startswith(f"Limits.{name}: ")


def test_unknown_names_are_told_with_the_nearest(declared: Declarations, tmp_path: Path) -> None:
    """A misspelt name is not silently without effect; all mistakes are told at once, in order."""
    found = problems(declared, tmp_path, "Limitz: {days: 1}\nLimits:\n  day: 14\n  draftOrders: []\nplain: 3\n")
    assert [(p.code, p.location.line, p.location.column) for p in found] == [
        ("parameters-unknown", 1, 1),
        ("parameters-unknown", 3, 3),
        ("parameters-unknown", 4, 3),
        ("parameters-type", 5, 8),
    ]
    assert [p.hint for p in found[:2]] == ["did you mean 'Limits'?", "did you mean 'days'?"]


def test_the_guideline_is_one_of_its_words(declared: Declarations, tmp_path: Path) -> None:
    """A word that no decision knows would leave every conflict to chance."""
    (problem,) = problems(declared, tmp_path, "plain: {guideline: nice}\n")
    assert (problem.code, problem.hint) == ("parameters-type", "it takes one of nhs, spine, both")
    assert read(declared, tmp_path, "plain: {guideline: nhs}\n") == {"plain.guideline": "nhs"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff", "parameters-file"),
        (b"a: 1\n---\nb: 2\n", "parameters-file"),
        (b"a: [", "yaml-syntax"),
        (b"Limits: {days: 1, days: 2}", "duplicate-key"),
        (b"[]", "parameters-type"),
        (b"Limits: 5", "parameters-type"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(declared: Declarations, tmp_path: Path, content: bytes, code: str) -> None:
    """Every way in which the file is none."""
    file = tmp_path / "site.yaml"
    file.write_bytes(content)
    with pytest.raises(DefinitionError) as caught:
        read_site(file, declared)
    assert caught.value.problems[0].code == code
    file.unlink()
    with pytest.raises(DefinitionError, match="parameters-file"):
        read_site(file, declared)


def test_an_empty_file_and_values_as_shipped_change_nothing(declared: Declarations, tmp_path: Path) -> None:
    """Only what differs from the Library counts as changed, and makes another revision."""
    assert read(declared, tmp_path, "# nothing yet\n") == {}
    same = site_of(declared, read(declared, tmp_path, "Limits: {days: 30, dose: 30 mg, open: true}\n"))
    other = site_of(declared, read(declared, tmp_path, "Limits: {days: 31}\n"))
    assert (dict(same.changes), same.revision("abc"), Site().revision("abc")) == ({}, "abc", "abc")
    assert list(other.changes) == ["Limits.days"]
    assert len({other.revision("abc"), other.revision("abd"), "abc"}) == 3


def test_a_change_is_one_plain_sentence(declared: Declarations) -> None:
    """What a card says: both values, and what the parameter means without our marks."""
    changes = site_of(declared, {"Limits.days": 31, "Limits.dose": Quantity(Decimal(20), "mg")}).changes
    assert [change.sentence for change in changes.values()] == [
        "This site uses 31 instead of 30: a score counts for this many days.",
        "This site uses 20 mg instead of 30 mg: dose.",
    ]


def test_a_name_means_the_parameter_in_every_library_that_has_it(declared: Declarations) -> None:
    """`guideline` is one setting however many Libraries read it; `Library.name` is that one alone."""
    assert declared.typed({"days": 5}) == {"Limits.days": 5, "plain.days": 5}
    assert declared.typed({"plain.days": 5}) == {"plain.days": 5}
    assert declared.typed({"draftOrders": []}) == {}
    with pytest.raises(EvaluationError, match="not of type System"):
        declared.typed({"days": "5"})
