"""What the translator says about wrong libraries."""

from __future__ import annotations

import pytest
from elm_support import FHIR, problem, problems


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Conut({1})", "the function 'Conut' does not exist (did you mean 'Count'?)"),
        ("Abc", "the name 'Abc' does not exist"),
        ("True", "the name 'True' does not exist (did you mean 'true'?)"),
        ('"low back"', "the name 'low back' does not exist (a text stands in single quotes: 'low back')"),
        ("Patient.name", "the name 'Patient' does not exist (write `context Patient` and `using FHIR version '4.0.1'` "
         "above)"),
        ("1 + 'a'", "Add cannot be called with (System.Integer, System.String) (Add takes (System.Integer, "
         "System.Integer) or (System.Long, System.Long) or (System.Decimal, System.Decimal) or (System.Quantity, "
         "System.Quantity) or (System.String, System.String) or (System.Date, System.Quantity) or others)"),
        ("null + null", "the call fits Add(System.Integer, System.Integer) and Add(System.Long, System.Long) and "
         "Add(System.Decimal, System.Decimal) and Add(System.String, System.String) equally well "
         "(say which type is meant with 'as')"),
        ("if 1 then 2 else 3", "expected System.Boolean, but this is System.Integer"),
        ("({1}) N where N", "expected System.Boolean, but this is System.Integer"),
        ("1 as String", "System.Integer can never be System.String "
         "(write 'convert ... to System.String' to make one of the other)"),
        ("1 is Intger", "the type 'Intger' does not exist (did you mean 'Integer'?)"),
        ("convert @2012 to Integer", "System.Date cannot be converted to System.Integer"),
        ("Tuple {a: 1, a: 2}", "the tuple has two elements 'a'"),
        ("Tuple {alpha: 1}.alhpa",
         "Tuple{alpha System.Integer} has no element 'alhpa' (did you mean 'alpha'?)"),
        ("Quantity {valeu: 1.0}", "System.Quantity has no element 'valeu' (did you mean 'value'?)"),
        ("(1) N sort asc", "there is nothing to sort: the query gives a single value"),
        ("({Tuple {a: 1}}) N sort asc", "Tuple{a System.Integer} has no order to sort by (sort by one of "
         "System.Integer, System.Long, System.Decimal, System.Quantity, System.Date, System.DateTime, System.Time, "
         "System.String)"),
        ("(1).zzzz()", "for System.Integer, the fluent function 'zzzz' does not exist"),
        ("AgeInYears()", "there is no Patient whose birth date could be taken (write 'context Patient' above)"),
        ("Skip({1})", "2 arguments are expected here, but 1 are given"),
        ("week from @2012-01-01", "a date has no component 'week' (write 'weeks between' or 'duration in weeks of')"),
        ("Code '1' from \"CS\"", "the codesystem 'CS' does not exist"),
        ("@T10:00:60", "a minute has no second 60 in CQL"),
    ],
)  # fmt: skip
def test_wrong_expressions(expression: str, expected: str) -> None:
    """What is wrong, what was expected, and the nearest name."""
    assert problem(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("[Conditon]", "the type 'Conditon' does not exist (did you mean 'Condition'?)"),
        ("[HumanName]", "FHIR.HumanName cannot be retrieved (name a resource type, such as Condition)"),
        ("[Resource]", "FHIR.Resource cannot be retrieved (name a resource type, such as Condition)"),
        ("Patient.gendr", "FHIR.Patient has no element 'gendr' (did you mean 'gender'?)"),
        ("[Patient: 'a']", "FHIR.Patient has no element that it is retrieved by (write [Patient: element in ...])"),
        ("null as FHIR.Patint", "the type of FHIR 'Patint' does not exist (did you mean 'Patient'?)"),
    ],
)
def test_wrong_names_of_the_model(expression: str, expected: str) -> None:
    """Types and elements that FHIR does not have."""
    assert problem(expression, FHIR) == expected


def test_all_problems_come_at_once() -> None:
    """In the order of the text, each once, and no echo from what needs a failed definition."""
    text = "library T\ndefine A: B + Bad1\ndefine B: Bad2\ndefine C: A + 1\ndefine D: Bad3 = Bad4\n"
    assert problems(text) == [
        "2:15: the name 'Bad1' does not exist",
        "3:11: the name 'Bad2' does not exist",
        "5:11: the name 'Bad3' does not exist",
        "5:18: the name 'Bad4' does not exist",
    ]


def test_the_nearest_name_is_looked_for_so_many_times_only() -> None:
    """A library of thousands of mistakes is told in time that grows with its text: each look goes through all names."""
    found = problems("library L\n" + "".join(f"define Name{i}: Nam{i}\n" for i in range(300)))
    assert len(found) == 300
    assert [("did you mean" in one) for one in found] == [True] * 100 + [False] * 200


def test_circles_are_found() -> None:
    """A definition or function that needs itself is named with the way round."""
    assert problems("library T\ndefine A: B\ndefine B: C\ndefine C: A") == [
        "4:11: the definition needs itself: A -> B -> C -> A (leave one of these references out)"
    ]
    found = problems("library T\ndefine function F(n Integer): F(n - 1)")
    assert found[0].startswith("2:31: the definition needs itself: F(System.Integer) -> F(System.Integer)")


def test_long_circles_are_found() -> None:
    """However many definitions the way round has."""
    lines = [f"define A{number}: A{(number + 1) % 300}" for number in range(300)]
    found = problems("\n".join(["library T", *lines]))
    assert len(found) == 1
    assert "the definition needs itself: A0 -> " in found[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("using QDM version '5'", "1:11: there is no data model QDM 5 (write using FHIR version '4.0.1')"),
        ("include Nowhere version '1'",
         "1:11: there is no library Nowhere version '1' (put it beside this one, or correct the name)"),
        ("define A: 1 define A: 2", "1:23: the name 'A' is already in use (give one of the two another name)"),
        ("define function F(n Integer): 1 define function F(m Integer): 2",
         "1:43: the function F(System.Integer) is defined twice (remove one, or change its operands)"),
        ("parameter P Integer default 'a'", "1:39: expected System.Integer, but this is System.String"),
        ("define function F() returns Integer: 'a'",
         "1:48: the function returns System.Integer, but its body gives System.String"),
        ("define fluent function f(n Integer): n define X: f(1)",
         "1:60: f is a fluent function (write value.f(...))"),
        ("define function f(n Integer): n define X: (1).f()",
         "1:54: f is not a fluent function (write f(value, ...), or define it fluent)"),
        ("using FHIR version '4.0.1' context Patint",
         "1:38: the context 'Patint' does not exist (did you mean 'Patient'?)"),
        ("code A: '1' from B", "1:28: the codesystem 'B' does not exist"),
    ],
)  # fmt: skip
def test_wrong_libraries(text: str, expected: str) -> None:
    """What is wrong with definitions."""
    assert problems(f"library T {text}")[0] == expected


def test_private_definitions_stay_at_home() -> None:
    """Another library cannot name them."""
    base = "library Base define private A: 1 define private function F(): 1"
    assert problems("library T include Base define X: Base.A", Base=base) == [
        "1:34: 'A' of the library Base is private"
    ]
    assert problems("library T include Base define X: Base.F()", Base=base) == [
        "1:34: the function 'F' of the library Base is private"
    ]
    systems = "library Base private codesystem CS: 'urn:cs'"
    assert problems("library T include Base code C: '1' from Base.CS", Base=systems) == [
        "1:41: 'CS' of the library Base is private"
    ]


def test_a_library_is_no_value() -> None:
    """An include's name needs a definition behind it."""
    assert problems("library T include Base define X: Base", Base="library Base define A: 1") == [
        "1:34: 'Base' is a library, not a value (name one of its definitions)"
    ]


def test_without_a_model_nothing_is_of_fhir() -> None:
    """A context has no type then, so that its element is not the mistake; the place is that of the element."""
    (told,) = problems("library T\ncontext Patient\ndefine X: Patient.name")
    assert told.startswith("3:19: System.Any has no element 'name'")
    assert "using FHIR" in told
