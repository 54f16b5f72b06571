"""Conversion, strings, math, dates, types, tree and utility functions."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from expr_support import NOW, Run

from cds import expr
from cds.errors import EvaluationError, ExpressionSemanticError
from cds.expr.code import Function
from cds.expr.functions import FUNCTIONS

SCALARS = [
    ("'12'.toInteger() + 1", ["13"]),
    ("'1.5'.toDecimal() * 2", ["3.0"]),
    ("'1.5'.toInteger()", []),
    ("'4 days'.toQuantity()", ["4 days"]),
    ("'1 wk'.convertsToQuantity()", ["false"]),
    ("1000 'mg'.toQuantity('g')", ["1 'g'"]),
    ("'yes'.toBoolean()", ["true"]),
    ("'2020-05-01T10:00:00Z'.toDate()", ["2020-05-01"]),
    ("@2020-05.toDateTime()", ["2020-05"]),
    ("'25:00'.convertsToTime()", ["false"]),
    ("1.0.toString()", ["1.0"]),
    ("'abcdef'.substring(2, 3)", ["cde"]),
    ("'abc'.substring(3)", []),
    ("'abcabc'.lastIndexOf('b')", ["4"]),
    ("'a-b'.replace('-', '+')", ["a+b"]),
    ("'ab12'.replaceMatches('([a-z]+)([0-9]+)', '$2$1')", ["12ab"]),
    ("'2020-05'.replaceMatches('(?P<y>[0-9]{4})', '<${y}>')", ["<2020>-05"]),
    ("'Ab'.matches('ab', 'i')", ["true"]),
    ("'xaby'.matches('ab') and 'xaby'.matchesFull('ab').not()", ["true"]),
    ("'a,b'.split(',').join('+')", ["a+b"]),
    ("'é'.encode('base64').decode('base64')", ["é"]),
    ("'<a href=\"x\">'.escape('html')", ["&lt;a href=&quot;x&quot;&gt;"]),
    ("'a\\nb\"'.escape('json')", ['a\\nb\\"']),
    ("'a\\nb\"'.escape('json').unescape('json')", ['a\nb"']),
    ("2.power(10)", ["1024"]),
    ("(-8).power(0.5)", []),
    ("2.5.round()", ["3"]),
    ("(-2.5).truncate()", ["-2"]),
    ("1000.log(10)", ["3"]),
    ("0.ln()", []),
    ("7 div 2 + 7 mod 2", ["4"]),
    ("(-7) mod 2", ["-1"]),
    ("1 / 0", []),
    ("0.1 + 0.2 = 0.3", ["true"]),
    ("6 'mg' / 2 'mL'", ["3 'mg/mL'"]),
    ("1 'g' + 500 'mg'", ["1500 'mg'"]),
    ("3 'cm' - 3 'm'", ["-297 'cm'"]),
    ("60 's' + 2 minutes", ["180 seconds"]),
    ("1 'wk' + 2 days", ["9 days"]),
    ("3 'd' + 1 'wk'", ["10 'd'"]),
    ("1 year + 2 year", ["3 year"]),
    ("1 year + 12 months", []),
    ("1 'Cel' + 1 '[degF]'", []),
    ("2 + 2 'cm'", []),
    ("12 'cm' * 3 'cm'", ["36 'cm2'"]),
    ("10 'm/s' * 10 's'", ["100 'm'"]),
    ("12 'cm2' / 3 'cm'", ["4 'cm'"]),
    ("60 / 1 's'", ["60 '/s'"]),
    ("1 'm' / 1 'm'", ["1 '1'"]),
    ("2 'mg' * 3 'mL{x}'", ["6 '(mg).(mL{x})'"]),
    ("12 day * 45 'm'", []),
    ("2 * 12 days", ["24 days"]),
    ("2 'Cel' * 2 'm'", []),
    ("1 year.toQuantity('a')", ["1 'a'"]),
    ("182.5 days.toQuantity('a')", ["0.5 'a'"]),
    ("7 days.toQuantity('wk')", ["1 'wk'"]),
    ("1 'wk'.toQuantity('days')", ["7 days"]),
    ("1 'g' + 1 's'", []),
    ("@2020-01-31 + 1 month", ["2020-02-29"]),
    ("@2020-01-31 + 1.6'd'.floor()", ["2020-02-01"]),
    ("@2020-01-31 - 1 'd'", ["2020-01-30"]),
    ("1.587.lowBoundary(2)", ["1.58"]),
    ("@2014-05.precision()", ["6"]),
    ("1 'cm'.comparable(1 'm')", ["true"]),
    ("true xor false implies false", ["false"]),
    ("{} implies true", ["true"]),
    ("iif({}, 'a', 'b')", ["b"]),
    ("iif(true, 'a', 1 / 0)", ["a"]),
    ("(1 | 2).defineVariable('all').select($this + %all.count())", ["3", "4"]),
    ("1.type().namespace & '.' & 1.type().name", ["System.Integer"]),
    ("5L.type().name", ["Long"]),
    ("5L is Long and (5L is Integer).not() and 5L = 5", ["true"]),
    ("(1 + 5L).type().name & (6L div 4).type().name & (-5L).abs().type().name", ["LongLongLong"]),
    ("1 + 5L", ["6"]),
    ("5L + 4.5", ["9.5"]),
    ("9223372036854775807L + 1", []),
    ("'9223372036854775808'.toLong()", []),
    ("'42'.toLong() is Long", ["true"]),
    ("42L.toInteger() is Integer", ["true"]),
    ("(3 | 1 | 2).sort($this desc)", ["3", "2", "1"]),
    ("(3 | 1 | 2).sort($this asc)", ["1", "2", "3"]),
    ("('b' | 'a' | 'c').sort(length(), $this desc).join()", ["cba"]),
    ("'aé'.encode('ascii')", ["a?"]),
    ("'zz'.decode('hex')", []),
    ("'ff'.decode('hex')", []),
    ("'a\\u00a0'.trim().length()", ["2"]),
    ("'a b' ~ 'A\\tb'", ["true"]),
    ("'a  b' ~ 'a b'", ["false"]),
    ("1.10 ~ 1.14", ["true"]),
    ("1.12 ~ 1.14", ["false"]),
    ("2.5 ~ 3", ["true"]),
    ("(-5.6 'mg').abs().round()", ["6 'mg'"]),
    ("2.4 'cm'.ceiling()", ["3 'cm'"]),
    ("2.6 weeks.truncate()", ["2 weeks"]),
    ("1 year.comparable(1 'a')", ["false"]),
    ("1.comparable(2)", ["true"]),
    ("'a'.comparable(1)", []),
]


@pytest.mark.parametrize(("text", "result"), SCALARS, ids=[text for text, _ in SCALARS])
def test_functions_of_single_values(text: str, result: list[str], run: Run) -> None:
    """Each function gives what the specification says, shown as text."""
    shown = [str(item).lower() if type(item) is bool else str(item) for item in run(text)]
    assert shown == result


@pytest.mark.parametrize(
    "text",
    [
        "'abc'.upper(1)",
        "now(1)",
        "name.where()",
        "iif(true)",
        "name.cnt()",
        "name.ofType(Strin)",
        "iif('x', 1, 2)",
        "defineVariable(name)",
        "defineVariable('sct', 1)",
        "@2020-01-01 + 7",
        "Patient.identifier.startsWith('x')",
    ],
)
def test_mistakes_of_the_author_are_found_at_compile_time(text: str) -> None:
    """Wrong arity, unknown names and impossible types never reach a patient."""
    with pytest.raises(ExpressionSemanticError) as caught:
        expr.compile(text)
    assert caught.value.line == 1


@pytest.mark.parametrize("criterion", ["1", "0", "'hi'"])
def test_a_criterion_that_is_no_boolean_is_true_where_the_language_rules(criterion: str) -> None:
    """A single item is true (FHIRPath 3.0, iif); only strict compilation takes it for a mistake."""
    text = f"iif({criterion}, 'yes', 'no')"
    assert expr.compile(text, strict=False)(expr.Evaluation(now=NOW)) == ["yes"]
    with pytest.raises(ExpressionSemanticError, match="is no boolean"):
        expr.compile(text)


def test_the_type_of_each_item_is_told(run: Run, patient: dict[str, Any]) -> None:
    """type() takes collections (FHIRPath 3.0)."""
    assert run("('John' | 1).type().name") == ["String", "Integer"]
    assert run("(birthDate | gender).type().select(namespace & '.' & name)", patient) == ["FHIR.date", "FHIR.code"]


@pytest.mark.parametrize(
    "text", ["'a' - 'b'", "1.upper()", "('a' | 'b').upper()", "'a'.matches('a', 'x')", "(1 | 2) + 1"]
)
def test_mistakes_of_the_data_are_found_at_run_time(text: str, run: Run) -> None:
    """They raise our own errors, with a place."""
    with pytest.raises((EvaluationError, ExpressionSemanticError)) as caught:
        run(text)
    assert caught.value.column > 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a*b_c", "a\\*b\\_c"),
        ("<b>&[x](y)", "\\<b\\>\\&\\[x\\]\\(y\\)"),
        ("one\n# two\r\n\t three\x00", "one \\# two three"),
        ("rtl\u202etxt\u2066", "rtltxt"),
        ("1. x", "1\\. x"),
    ],
)
def test_markdown_escaping_leaves_plain_text(text: str, shown: str, run: Run) -> None:
    """Patient data in a card's markdown has no meaning there: punctuation, line breaks and direction marks go."""
    assert run("%x.escape('markdown')", x=[text]) == [shown]


def test_markdown_unescaping_is_the_way_back(run: Run) -> None:
    """Escaped text reads as before, backslashes too."""
    assert run("%x.escape('markdown').unescape('markdown')", x=["a\\*b [c]\\\\"]) == ["a\\*b [c]\\\\"]


DAYS = [
    ("%x.calendarDay()", "2026-03-03T23:30:00Z", ["2026-03-04"]),
    ("%x.calendarDay()", "2026-03", ["2026-03-01"]),
    ("%x.calendarDay()", {"start": "2026-02-01", "end": "2026-02-05"}, ["2026-02-01"]),
    ("%x.calendarDay()", {"end": "2026"}, []),
    ("%x.calendarDay()", "someday", []),
    ("today()", "", ["2026-03-04"]),
    ("%x.formatDate()", "2026-03-03", ["3 March 2026"]),
    ("%x.formatDate()", "2026-03", ["March 2026"]),
    ("%x.formatDate()", "2026", ["2026"]),
]


@pytest.mark.parametrize(("text", "value", "result"), DAYS)
def test_our_own_functions_of_days(text: str, value: Any, result: list[str], run: Run) -> None:
    """Calendar days are those of the evaluation's zone, here Sydney (C: calendar days)."""
    now = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)
    assert [str(item) for item in run(text, x=[value], zone=ZoneInfo("Australia/Sydney"), now=now)] == result


TYPES = [
    ("active is boolean", [True]),
    ("active is System.Boolean", [False]),
    ("birthDate is date", [True]),
    ("gender is string", [True]),
    ("gender.ofType(string)", []),
    ("gender.ofType(code)", ["female"]),
    ("deceased is boolean", [True]),
    ("deceased.ofType(dateTime)", []),
    ("deceased.ofType(boolean)", [False]),
    ("Patient is DomainResource", [True]),
    ("Observation.status", []),
    ("name.first() is HumanName", [True]),
    ("name.given.where($this is string).count()", [4]),
    ("descendants().where($this is code)", ["female", "x", "official", "usual", "unknown"]),
    ("children().where($this is HumanName).count()", [2]),
    ("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", [True]),
    ("contained.ofType(Patient).count()", [0]),
    ("name.first().conformsTo('http://hl7.org/fhir/StructureDefinition/HumanName')", [True]),
    ("name.first().conformsTo('http://hl7.org/fhir/StructureDefinition/Address')", [False]),
    ("birthDate.conformsTo('http://hl7.org/fhir/StructureDefinition/Element')", [True]),
]


@pytest.mark.parametrize(("text", "result"), TYPES, ids=[text for text, _ in TYPES])
def test_types_of_fhir_elements(text: str, result: list[Any], run: Run, patient: dict[str, Any]) -> None:
    """FHIR types come from the element model; FHIR primitives are no System types."""
    assert sorted(map(str, run(text, patient))) == sorted(map(str, result))


def test_type_of_values_handed_in_by_name_is_judged_by_form(run: Run) -> None:
    """A string behind a variable has no known FHIR type."""
    assert run("%x.where($this is date)", x=["2020-01", "abc"]) == ["2020-01"]
    assert run("%x.ofType(integer)", x=[1, "1", True]) == [1]


def test_choices_are_read_by_their_element_name(run: Run) -> None:
    """`onset`, `medication` and `value` find their typed keys, in plain dicts too."""
    condition = {"resourceType": "Condition", "onsetDateTime": "2025-12-01"}
    assert run("onset < today() - 12 weeks", condition) == [True]
    assert run("onset.ofType(dateTime)", condition) == ["2025-12-01"]
    assert run("onset.ofType(Period)", condition) == []
    assert run("%x.medication.coding.code", x=[{"medicationCodeableConcept": {"coding": [{"code": "a"}]}}]) == ["a"]
    assert run("%x.value.ofType(Quantity).value", x=[{"valueQuantity": {"value": 2.5}}]) == [2.5]
    assert run("%x.value is Quantity", x=[{"resourceType": "Extension", "valueAge": {"value": 2}}]) == [True]


def test_a_plain_element_is_judged_by_its_own_type_where_another_type_has_a_choice_of_the_name(run: Run) -> None:
    """`start` is a choice in Goal and a dateTime in Period; `value` of a telecom is a string."""
    patient = {
        "resourceType": "Patient",
        "address": [{"period": {"start": "2020-01-01"}}],
        "telecom": [{"value": "1"}],
        "extension": [{"url": "u", "valueString": "2"}],
    }
    assert run("address.period.start.ofType(dateTime)", patient) == ["2020-01-01"]
    assert run("address.period.start.ofType(string)", patient) == []
    assert run("telecom.value.ofType(string)", patient) == ["1"]
    assert run("extension.value.ofType(string)", patient) == ["2"]


def test_member_of_takes_codes_codings_and_concepts(run: Run) -> None:
    """A concept is a member when any coding is; an unknown value set is unknown."""
    concept = {"coding": [{"system": "sys", "code": "b"}, {"system": "sys", "code": "a"}]}
    assert run("%x.memberOf('vs')", x=[concept]) == [True]
    assert run("%x.coding.first().memberOf('vs')", x=[concept]) == [False]
    assert run("%x.memberOf('vs')", x=["a"]) == [True]
    assert run("%x.memberOf('vs')", x=[{"text": "only words"}]) == [False]
    assert run("%x.memberOf('other')", x=[concept]) == []
    assert run("%x.memberOf('vs')", x=[]) == []


def test_resolve_asks_the_evaluation(run: Run, patient: dict[str, Any]) -> None:
    """References go to the resolver with the resource they stand in; what it has not is left out."""
    asked: list[tuple[str, Any]] = []

    def resolve(reference: str, base: dict[str, Any] | None) -> dict[str, Any] | None:
        asked.append((reference, base))
        return {"resourceType": "Organization", "name": "N"} if reference == "Organization/1" else None

    held = [{"reference": "Organization/1"}, {"reference": "Organization/2"}, {"display": "x"}]
    assert run("%x.resolve().name", patient, resolve=resolve, x=held) == ["N"]
    assert asked == [("Organization/1", patient), ("Organization/2", patient)]


def test_clock_functions_read_the_evaluation_only(run: Run) -> None:
    """now() and timeOfDay() are the evaluation's, in its zone (R6)."""
    assert str(run("now()", zone=ZoneInfo("Europe/Berlin"))[0]) == "2026-03-03T13:30:00.000+01:00"
    assert str(run("timeOfDay()")[0]) == "12:30:00.000"


def test_the_function_table_tells_ours_from_the_standard() -> None:
    """Exactly two functions go beyond the standard, and every row says what it needs to be documented."""
    assert {name for name, function in FUNCTIONS.items() if not function.standard} == {
        "calendarDay",
        "formatDate",
    }
    assert all(row.summary and row.section and row.empty for row in FUNCTIONS.values())


def test_decimals_of_arithmetic_are_decimals(run: Run) -> None:
    """JSON floats count with the digits they were written with."""
    assert run("%x + 0.2", x=[0.1]) == [Decimal("0.3")]


@pytest.mark.parametrize(
    ("arguments", "signature", "arity"),
    [
        ("", "f()", "no arguments"),
        ("other", "f(other)", "1 argument"),
        ("unit?", "f([unit])", "at most 1 argument"),
        ("a b", "f(a, b)", "2 arguments"),
        ("a b c?", "f(a, b [, c])", "2 to 3 arguments"),
        ("key*", "f([key, ...])", "0 or more arguments"),
        ("value+", "f(value, ...)", "1 or more arguments"),
    ],
)
def test_a_row_names_its_arguments(arguments: str, signature: str, arity: str) -> None:
    """The notation of the table reads as a call with named arguments."""
    row = Function("f", arguments, "special", lambda: None, "5", "A row")
    assert (row.signature, row.arity) == (signature, arity)


def test_a_wrong_number_of_arguments_shows_the_signature() -> None:
    """The author sees what the function wants."""
    with pytest.raises(ExpressionSemanticError, match=r"iif\(\) takes 2 to 3 arguments, found 1") as caught:
        expr.compile("iif(true)")
    assert caught.value.hint == "it is iif(criterion, true-result [, otherwise-result])"


def test_coalesce_evaluates_no_more_than_it_needs(run: Run, patient: dict[str, Any]) -> None:
    """Arguments behind the first with items are left alone; they see the variables of the input."""
    assert run("coalesce(name.where(use = 'none'), name.first(), ('a' | 'b').single()).family", patient) == ["Cole"]
    assert run("coalesce({}, {})") == []
    assert run("defineVariable('a', 'b').coalesce({}, %a)", patient) == ["b"]
    assert run("coalesce(birthDate, gender).extension('e').value", patient) == []
    assert run("coalesce({}, gender).extension('e').value", patient) == ["x"]
    assert run("iif(true, gender).extension('e').value | select(gender).extension('e').value", patient) == ["x"]


def test_dates_move_by_the_ages_of_resources(run: Run) -> None:
    """A FHIR Quantity in years or months counts as calendar units (FHIR R4 fhirpath, implicit conversion)."""
    condition = {
        "resourceType": "Condition",
        "onsetAge": {"value": 2, "code": "a", "system": "http://unitsofmeasure.org"},
    }
    assert [str(day) for day in run("@2020-02-29 + onset.ofType(Age)", condition)] == ["2022-02-28"]


@pytest.mark.parametrize(
    ("element", "text", "result"),
    [
        ({"code": "mg", "unit": "milligram"}, "value = 0.001 'g'", [True]),
        ({"code": "mg", "system": "http://unitsofmeasure.org"}, "value = 0.001 'g'", [True]),
        ({"unit": "mg"}, "value = 0.001 'g'", [True]),
        ({"code": "258684004", "unit": "mg", "system": "http://snomed.info/sct"}, "value = 0.001 'g'", [True]),
        ({"code": "258684004", "system": "http://snomed.info/sct"}, "value = 258684004 '1'", []),
        ({}, "value = 1 '1'", [True]),
    ],
)
def test_units_of_fhir_quantities(element: dict[str, str], text: str, result: list[Any], run: Run) -> None:
    """A code counts as UCUM where it is UCUM's; without one the unit for people does."""
    assert run(text, {"resourceType": "Observation", "valueQuantity": {"value": 1, **element}}) == result


def coded(*codes: str, system: str = "sys") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def test_subsumption_asks_the_terminology(run: Run) -> None:
    """Codings and CodeableConcepts, in both directions; what is not known is empty."""
    assert run("%x.subsumes(%y)", x=[coded("b", "a")], y=[coded("ab")]) == [True]
    assert run("%x.subsumedBy(%y)", x=[coded("ab")["coding"][0]], y=[coded("a")]) == [True]
    assert run("%x.subsumes(%y)", x=[coded("ab")], y=[coded("a")]) == [False]
    assert run("%x.subsumes(%y)", x=[coded("a", system="s")], y=[coded("a", system="s")]) == [True]
    assert run("%x.subsumes(%y)", x=[coded("a", system="s")], y=[coded("b", system="s")]) == []
    assert run("%x.subsumes(%y)", x=[coded("a")], y=[coded("a", system="s")]) == []
    assert run("%x.subsumes({})", x=[coded("a")]) == []
