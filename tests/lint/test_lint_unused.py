"""What counts as a use."""

from __future__ import annotations

from pathlib import Path

import pytest
from lint_support import CQL, LIBRARY, PLAN, findings

VALUE_SET = """\
resourceType: ValueSet
url: urn:valueset/pain
status: active
compose: {include: [{system: http://snomed.info/sct, concept: [{code: '22253000'}]}]}
"""
DECLARED = CQL.replace("context Patient", "valueset Pain: 'urn:valueset/pain'\ncontext Patient")


@pytest.mark.parametrize(
    "more",
    [
        "define function IsOld(age Integer): age > 64\ndefine Old: IsOld(AgeInYears())\n",
        "parameter limit Integer default 64\ncontext Patient\ndefine Old: AgeInYears() > limit\n",
        "codesystem S: 'urn:s'\ncode One: '1' from S\nconcept Some: { One }\ncontext Patient\n"
        "define Old: exists ([Condition] C where C.code ~ Some)\n",
    ],
)
def test_what_a_used_define_needs_is_used(tmp_path: Path, more: str) -> None:
    """Functions, parameters, codes, concepts and code systems count by what refers to them."""
    head, body = (CQL.split("context Patient")[0], more) if "context" in more else (CQL, more)
    text = head + body + ("define HasPain: exists [Condition]\n" if "context" in more else "")
    plan = PLAN.replace("text/cql-identifier, expression: HasPain", "text/cql, expression: HasPain and Old")
    assert findings(tmp_path, logic_cql=text, plan_yaml=plan) == []


@pytest.mark.parametrize(
    "use",
    [
        "define Is: exists [Condition: Pain]\n",
        "define Is: exists ([Condition] C where C.code in Pain)\n",
        "define Is: exists ([Condition] C where C.code in Logic.Pain)\n",
    ],
)
def test_a_value_set_in_cql_is_used(tmp_path: Path, use: str) -> None:
    """A declared value set counts once an expression asks for it."""
    use = use.replace("Logic.", "")
    plan = PLAN.replace("text/cql-identifier, expression: HasPain", "text/cql, expression: HasPain and Is")
    assert findings(tmp_path, codes_yaml=VALUE_SET, logic_cql=DECLARED + use, plan_yaml=plan) == []


def test_a_value_set_that_cql_only_declares_is_not_used(tmp_path: Path) -> None:
    """The declaration is told, and not the value set as well: it is the one thing to correct."""
    assert findings(tmp_path, codes_yaml=VALUE_SET, logic_cql=DECLARED) == ["logic.cql:3 define-unused"]


def test_inline_cql_uses_what_it_names(tmp_path: Path) -> None:
    """CQL in a definition sees functions and value sets of the library without a prefix."""
    text = DECLARED + "define function Old(age Integer): age > 64\n"
    inline = "text/cql, expression: 'HasPain and exists [Condition: Pain] and Old(AgeInYears())'"
    plan = PLAN.replace("text/cql-identifier, expression: HasPain", inline)
    assert findings(tmp_path, codes_yaml=VALUE_SET, logic_cql=text, plan_yaml=plan) == []


def test_a_value_set_named_in_fhirpath_is_used(tmp_path: Path) -> None:
    """memberOf() with a literal counts."""
    text = "%HasPain and %patient.maritalStatus.memberOf('urn:valueset/pain')"
    plan = PLAN.replace("text/cql-identifier, expression: HasPain", f'text/fhirpath, expression: "{text}"')
    assert findings(tmp_path, codes_yaml=VALUE_SET, plan_yaml=plan) == []


def test_a_define_that_only_uses_itself_by_another_is_told(tmp_path: Path) -> None:
    """One thing at a time: what the unused define uses is told once that is gone."""
    text = CQL + "define One: 1\ndefine Two: One + 1\n"
    assert findings(tmp_path, logic_cql=text) == ["logic.cql:6 define-unused"]


def test_a_library_that_cql_includes_is_used(tmp_path: Path) -> None:
    """No `depends-on` is needed for a Library whose CQL another one includes."""
    other = LIBRARY.replace("urn:library/logic", "urn:library/other").replace("Logic", "Other")
    files = {
        "other_yaml": other.replace("logic.cql", "other.cql"),
        "other_cql": "library Other\nusing FHIR version '4.0.1'\ncontext Patient\ndefine Any: exists [Condition]\n",
        "logic_cql": CQL.replace("context", "include Other\ncontext").replace("exists [Condition]", "Other.Any"),
    }
    assert findings(tmp_path, **files) == []


def test_a_library_that_nothing_uses_is_told_once(tmp_path: Path) -> None:
    """Not each of its defines and names besides."""
    other = (
        LIBRARY.replace("urn:library/logic", "urn:library/other")
        .replace("Logic", "Other")
        .replace("logic.cql", "o.cql")
    )
    text = CQL.replace("Logic", "Other")
    assert findings(tmp_path, other_yaml=other, o_cql=text) == ["other.yaml:2 definition-unused"]
    collection = other.replace("code: logic-library", "code: asset-collection")
    assert findings(tmp_path, other_yaml=collection.partition("content:")[0], o_cql=text) == []


def test_a_library_that_an_expression_names_is_used(tmp_path: Path) -> None:
    """Expression.reference says where a name is from."""
    plan = PLAN.replace("library: [urn:library/logic]\n", "").replace(
        "{language", "{reference: urn:library/logic, language"
    )
    assert findings(tmp_path, plan_yaml=plan) == []


def test_a_variable_counts_by_its_name(tmp_path: Path) -> None:
    """%names of a Library are used by expressions of those that list it; a mistyped one shows as unused too."""
    variable = """\
extension:
  - url: http://hl7.org/fhir/StructureDefinition/variable
    valueExpression: {name: note, language: text/fhirpath, expression: "'Note'"}
dataRequirement: [{id: pains, type: Condition}]
"""
    assert findings(tmp_path, library_yaml=LIBRARY + variable) == [
        "library.yaml:9 variable-unused",
        "library.yaml:10 variable-unused",
    ]
    plan = PLAN.replace(
        "text/cql-identifier, expression: HasPain}",
        'text/fhirpath, expression: "%HasPain and %pains.exists() and %note.exists()"}',
    )
    assert findings(tmp_path, library_yaml=LIBRARY + variable, plan_yaml=plan) == []
