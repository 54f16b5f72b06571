"""Libraries: definitions and statements, every error of a text at once, and text of any kind."""

from __future__ import annotations

import pytest
from cql_support import shape
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.errors import CdsError, DefinitionError
from cds.expr.cql import ast
from cds.expr.cql.lexer import KEYWORDS
from cds.expr.cql.parser import parse_library
from cds.expr.cql.parser_base import MAX_LENGTH

TEXT = """
/* a library with one of each */
library a.b.Example version '1.0.0'
using FHIR version '4.0.1'
include c.Common version '2' called Common
include FHIRHelpers

codesystem "LOINC": 'http://loinc.org' version '2.7'
private valueset "Pain": 'http://example.org/vs' version '1' codesystems { "LOINC", Common.SNOMED }
code "c": '123' from "LOINC" display 'a code'
public concept "d": { "c", Common."e" } display 'a concept'
parameter "Measurement Period" Interval<DateTime> default Interval[@2014T, @2015T)
parameter limit default 3
parameter flag
parameter c code

context Patient
define private "x": flag
context FHIR.Unfiltered
define function start(value Integer, code Code) returns List<Integer>: { value }
define fluent function twice(x Integer): x * 2
define public function far(x Integer) returns Integer: external
"""


@pytest.fixture(scope="module")
def library() -> ast.Library:
    return parse_library(TEXT)


def problems(text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(DefinitionError) as error:
        parse_library(text)
    return [(problem.location.line, problem.location.column, problem.message) for problem in error.value.problems]


def test_the_library_has_a_name_and_version(library: ast.Library) -> None:
    assert (library.name, library.version) == (("a", "b", "Example"), "1.0.0")


def test_definitions(library: ast.Library) -> None:
    period = "NamedTypeSpecifier([DateTime])"
    assert [shape(definition) for definition in library.definitions] == [
        "UsingDefinition([FHIR] 4.0.1)",
        "IncludeDefinition([c Common] 2 Common)",
        "IncludeDefinition([FHIRHelpers])",
        "CodesystemDefinition(public LOINC http://loinc.org 2.7)",
        "ValuesetDefinition(private Pain http://example.org/vs 1 "
        "[TerminologyIdentifier(LOINC) TerminologyIdentifier(Common SNOMED)])",
        "CodeDefinition(public c 123 TerminologyIdentifier(LOINC) a code)",
        "ConceptDefinition(public d [TerminologyIdentifier(c) TerminologyIdentifier(Common e)] a concept)",
        f"ParameterDefinition(public Measurement Period IntervalTypeSpecifier({period}) "
        "IntervalSelector(2014 2015 True))",
        "ParameterDefinition(public limit 3)",
        "ParameterDefinition(public flag)",
        "ParameterDefinition(public c NamedTypeSpecifier([code]))",
    ]  # fmt: skip


def test_statements(library: ast.Library) -> None:
    integer = "NamedTypeSpecifier([Integer])"
    operand = f"OperandDefinition(value {integer}) OperandDefinition(code NamedTypeSpecifier([Code]))"
    assert [shape(statement) for statement in library.statements] == [
        "ContextDefinition(Patient)",
        "ExpressionDefinition(private x flag)",
        "ContextDefinition(FHIR Unfiltered)",
        f"FunctionDefinition(public start [{operand}] ListTypeSpecifier({integer}) ListSelector([value]))",
        f"FunctionDefinition(public True twice [OperandDefinition(x {integer})] (x * 2))",
        f"FunctionDefinition(public far [OperandDefinition(x {integer})] {integer})",
    ]


def test_places_span_each_definition(library: ast.Library) -> None:
    code = library.definitions[5]
    assert TEXT[code.at : code.end] == "code \"c\": '123' from \"LOINC\" display 'a code'"


def test_an_empty_text_is_an_empty_library() -> None:
    library = parse_library("// nothing\n")
    assert (library.name, library.definitions, library.statements) == ((), (), ())


def test_a_parameter_without_type_ends_before_the_next_definition() -> None:
    text = "parameter a\nparameter b\ncode \"c\": 'd' from e\nparameter f\ncontext Patient"
    assert [type(item).__name__ for item in parse_library(text).definitions] == [
        "ParameterDefinition",
        "ParameterDefinition",
        "CodeDefinition",
        "ParameterDefinition",
    ]


def test_every_error_is_reported_one_for_each_definition() -> None:
    text = """library Example
usng FHIR version '4.0.1'
valueset "a" = 'b'
define "c": (1 + 2
define "d": 1
define "e":
define f(x Integer): x
define "g": 1 +
define "h": if a then b
"""
    assert problems(text) == [
        (2, 1, "expected 'define', 'context' or a declaration, found 'usng'"),
        (3, 14, "expected ':', found '='"),
        (5, 1, "expected an operator or ')', found 'define'"),
        (7, 1, "expected an expression, found 'define'"),
        (7, 9, "expected ':', found '('"),
        (9, 1, "expected an expression, found 'define'"),
        (10, 1, "expected 'else', found the end"),
    ]


def test_reading_goes_on_at_the_next_line_that_begins_like_a_definition() -> None:
    assert problems("library A version 1\nvalueset 'a'\nusing 'b'\ndefine: 1") == [
        (1, 19, "expected a string in single quotes, found '1'"),
        (2, 10, "expected a name, found 'a'"),
        (3, 7, "expected a name, found 'b'"),
        (4, 7, "expected the name of the definition, found ':'"),
    ]


def test_problems_carry_code_line_and_hint() -> None:
    with pytest.raises(DefinitionError) as error:
        parse_library('library A\ndefin "b": 1')
    (problem,) = error.value.problems
    assert (problem.code, problem.source, problem.hint) == (
        "expression-syntax",
        'defin "b": 1',
        "did you mean 'define'?",
    )


def test_a_character_that_is_no_token_is_one_error() -> None:
    assert problems("define a: 1 ? 2\ndefine b: 'c\ndefine d: 3 3") == [
        (1, 13, "unexpected character '?'"),
        (2, 11, "this ' is never closed"),
        (3, 13, "expected an operator or the next definition, found '3'"),
    ]


def test_declarations_stand_before_statements() -> None:
    text = "define a: 1\nparameter b Integer\ndefine c: 2"
    assert problems(text) == [(2, 1, "'parameter' stands before the first context and define")]


def test_a_function_needs_the_word_function_and_a_fluent_one_too() -> None:
    assert problems("define fluent a(b Integer): 1") == [(1, 15, "expected 'function', found 'a'")]


def test_numbers_out_of_range_do_not_hide_other_errors() -> None:
    assert problems("define a: 2147483648 +") == [
        (1, 11, "the largest Integer is 2147483647"),
        (1, 23, "expected an expression, found the end"),
    ]


def test_a_text_that_is_too_long_is_refused() -> None:
    assert problems(" " * (MAX_LENGTH + 1)) == [(1, 1, f"the text is longer than {MAX_LENGTH} characters")]


WORDS = st.sampled_from(
    [
        *sorted(KEYWORDS),
        *"()[]{}<>.,:+-*/^&|=~%@?'\"\n",
        *(
            "->",
            "<=",
            "!=",
            "!~",
            "/*",
            "//",
            "$this",
            "such that",
            "included in",
            "on or",
            "less than",
            "such",
            "more",
        ),
        *("a", "B", '"c"', "`d`", "'e'", "1", "1.5", "2L", "@2014", "@2014T", "@T10", "3 days", "more than 3 days"),
        *("define x:", "define function f(", "library A", "parameter p", 'code "c":'),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_any_sequence_of_tokens_is_read_or_refused_with_our_errors(text: str) -> None:
    for candidate in (text, f"define x: {text}"):
        try:
            library = parse_library(candidate)
        except CdsError:
            continue
        assert library.text == candidate
