"""The canonical form of definitions and CQL."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.definitions.read_yaml import read_yaml
from cds.definitions.source import ReadError
from cds.errors import ExpressionSyntaxError
from cds.expr.cql.lexer import tokens
from cds.formatting import FORMATS
from cds.formatting.cql_text import format_cql
from cds.formatting.json_text import format_json
from cds.formatting.yaml_text import format_yaml

CONTENT = Path(__file__).resolve().parents[2] / "plandefinitions"

PLAN = """\
# What the file is about.
status: active
# A comment about the type.
resourceType: PlanDefinition

action:
  # about the first
  - title: One  # beside it
    # above the id
    id: one
    condition:
      - expression: {language: text/fhirpath, expression: 'true'}
        kind: applicability
  - id: two
    description: |
      Text with two blanks at the end  \n
      and an empty line before.
url: https://example.org/p
zzz: kept
"""

ORDERED = """\
# What the file is about.
# A comment about the type.
resourceType: PlanDefinition
url: https://example.org/p
status: active

action:
  # about the first
    # above the id
  - id: one
    title: One  # beside it
    condition:
      - kind: applicability
        expression: {language: text/fhirpath, expression: 'true'}
  - id: two
    description: |
      Text with two blanks at the end  \n
      and an empty line before.
zzz: kept
"""


def test_elements_come_in_the_order_of_fhir() -> None:
    """At every depth, each with the comments above it and beside it; what FHIR does not have stays last."""
    assert format_yaml(PLAN) == ORDERED.replace("    # above the id", "  # above the id")


def test_a_canonical_text_stays_as_it_is() -> None:
    """Formatting twice changes nothing more."""
    once = format_yaml(PLAN)
    assert format_yaml(once) == once


@pytest.mark.parametrize("file", sorted(CONTENT.rglob("*.yaml")), ids=lambda file: str(file.relative_to(CONTENT)))
def test_values_and_comments_stay_what_they_are(file: Path) -> None:
    """Elements in any order are put into the one that is shipped."""
    (value, place), *others = read_yaml(text := file.read_text())
    assert not others
    starts = sorted(child.key for child in place.children.values())
    if "#" not in text and "\n\n" not in text and "resourceType" in value:  # nothing stands between elements
        chunks = [text[start:end] for start, end in pairwise([*starts, len(text)])]
        mixed = "".join(reversed(chunks))
        assert format_yaml(mixed) == text
    assert format_yaml(text) == text


def test_a_type_that_fhir_does_not_have_keeps_its_order() -> None:
    """`cds check` says what is wrong with it."""
    for text in ("status: active\nresourceType: PlanDefintion\n", "url: x\nresourceType: Plan\naction: []\n"):
        assert format_yaml(text) == text


def test_what_is_no_definition_only_has_its_blanks_set() -> None:
    """Case files have no order of FHIR."""
    assert format_yaml("b: 1   \r\na: 2\n\n\n") == "b: 1\na: 2\n"


def test_two_documents_in_a_file_and_names_in_one_line_stay() -> None:
    """What cannot be moved safely is left alone."""
    assert format_yaml("status: a\n---\nresourceType: X\n") == "status: a\n---\nresourceType: X\n"
    assert (
        format_yaml("{status: active, resourceType: PlanDefinition}\n")
        == "{status: active, resourceType: PlanDefinition}\n"
    )


def test_json_keeps_the_digits_of_numbers() -> None:
    """In FHIR's order, with `_name` behind `name`."""
    extension = '[{"valueDecimal":1.50,"url":"u"}]'
    members = '"status":"active","_title":{"id":"t"},"title":"é","resourceType":"PlanDefinition","x":[]'
    text = f'{{{members},"extension":{extension}}}'
    made = format_json(text)
    assert json.loads(made) == json.loads(text)
    assert list(json.loads(made)) == ["resourceType", "extension", "title", "_title", "status", "x"]
    assert '"valueDecimal": 1.50' in made
    assert made.index('"url"') < made.index('"valueDecimal"')
    assert format_json(made) == made


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("define X:A   and  B", "define X: A and B"),
        ("define X: ToString( 1 )", "define X: ToString(1)"),
        ("define X: exists(Y)", "define X: exists(Y)"),
        ("define X: exists (Y)", "define X: exists (Y)"),
        ("define X: {1,2 ,3}", "define X: { 1, 2, 3 }"),
        ("define X: { }", "define X: { }"),
        ("define X: a.b[ 0 ].c", "define X: a.b[0].c"),
        ("define X: 1+2 - -3", "define X: 1 + 2 - -3"),
        ("define X: a<b and c>=d", "define X: a < b and c >= d"),
        ("parameter p List < Choice<FHIR.Condition,Integer> >", "parameter p List<Choice<FHIR.Condition, Integer>>"),
        ('define X: [Condition:"A set"]', 'define X: [Condition: "A set"]'),
        ("define X: Interval[1,5)", "define X: Interval[1, 5)"),
        ("define X: 1 // said  \n\n\n\ndefine Y: 2", "define X: 1 // said\n\ndefine Y: 2\n"),
        ("define X:\n\tA\n", "define X:\n  A\n"),
        ("define X: A /* why */ and B", "define X: A /* why */ and B"),
    ],
)
def test_blanks_of_cql(written: str, wanted: str) -> None:
    """One blank between words and around operators of two; none inside of brackets; lines stay as they are broken."""
    assert format_cql(written) == wanted.rstrip("\n") + "\n"


@pytest.mark.parametrize("file", sorted(CONTENT.rglob("*.cql")), ids=lambda file: file.name)
def test_our_own_cql_is_canonical(file: Path) -> None:
    """The libraries that are shipped are in the form that `cds fmt` gives."""
    assert format_cql(file.read_text()) == file.read_text()


WORDS = st.sampled_from(
    [
        *"define X : ( ) [ ] { } , . + - * = <= < > List Choice exists where 'a' 1 2.5 %x".split(),
        '"b"',
        "// c\n",
        "/* d */",
    ]
)


@given(st.lists(st.tuples(WORDS, st.sampled_from(["", " ", "  ", "\t", "\n\n\n"])), max_size=25))
def test_no_token_of_cql_changes(parts: list[tuple[str, str]]) -> None:
    """Blanks alone are set, whatever the text; twice is as good as once."""
    text = "".join(word + blank for word, blank in parts)
    found, errors = tokens(text)
    if errors:
        with pytest.raises(ExpressionSyntaxError):
            format_cql(text)
        return
    made = format_cql(text)
    assert [token[:2] for token in tokens(made)[0]] == [token[:2] for token in found]
    assert format_cql(made) == made


@pytest.mark.parametrize(("ending", "text"), [(".yaml", "a: [1"), (".json", '{"a": }'), (".json", '{"a": 1, "a": 2}')])
def test_what_cannot_be_read_is_told(ending: str, text: str) -> None:
    """With the place that the reader gives it."""
    with pytest.raises(ReadError):
        FORMATS[ending](text)
