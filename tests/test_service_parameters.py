"""A site's values of parameters from the file to the answers: cards, discovery, `$apply`, the revision."""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from cds.cases.run import engine_for
from cds.clients import Caller
from cds.config import Settings
from cds.errors import DefinitionError, RequestError
from cds.hooks.discovery import CHANGED
from cds.hooks.envelope import response_problem
from cds.service import Engine

LIBRARY = """\
resourceType: Library
id: logic
url: https://example.org/fhir/Library/logic
name: Logic
status: active
type: {coding: [{system: "http://terminology.hl7.org/CodeSystem/library-type", code: logic-library}]}
content: [{contentType: text/cql, url: logic.cql}]
parameter:
  - name: share
    extension: [{url: "http://hl7.org/fhir/StructureDefinition/maxValue", valueDecimal: 1.0}]
    use: in
    type: decimal
    documentation: A share of this or more is high (ours).
  - {name: since, use: in, type: date, documentation: The day from which on it counts (ours).}
  - name: word
    extension: [{url: "https://pathway-cds.example/fhir/StructureDefinition/default-value", valueString: plain}]
    use: in
    type: string
    documentation: The word in the summary.
"""
CQL = """\
library Logic
using FHIR version '4.0.1'
parameter share Decimal default 0.5
parameter since Date default @2020-01-01
parameter dose System.Quantity default 30 'mg'
context Patient
define High: 0.25 >= share
define Counts: since after @2025-01-01
define Large: dose > 0.02 'g'
"""
PLAN = """\
resourceType: PlanDefinition
id: demo
url: https://example.org/fhir/PlanDefinition/demo
name: Demo
title: Demo
status: active
description: Speaks.
library: [https://example.org/fhir/Library/logic]
action:
  - id: group
    trigger: [{type: named-event, name: patient-view}]
    action:
      - id: always
        title: Always
        description: A card that reads nothing.
        documentation: [{type: citation, label: A source}]
      - id: high
        title: High
        documentation: [{type: citation, label: A source}]
        condition: [{kind: applicability, expression: {language: text/cql-identifier, expression: High}}]
      - id: counts
        title: Counts
        description: It counts.
        documentation: [{type: citation, label: A source}]
        condition: [{kind: applicability, expression: {language: text/cql, expression: Counts and Large}}]
        dynamicValue:
          - {path: action.title, expression: {language: text/fhirpath, expression: "%word"}}
"""
SITE = "Logic:\n  share: 0.25\n  since: 2026-02-01\n  word: changed\n  dose: 30 mg\n"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    root = tmp_path / "content"
    root.mkdir()
    for name, text in {"logic.yaml": LIBRARY, "logic.cql": CQL, "plan.yaml": PLAN}.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def settings(content: Path, text: str | None = None, **more: Any) -> Settings:
    file = content.parent / "site.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    return Settings(content=content, parameters=None if text is None else file, demo=True, **more)


def cards(engine: Engine) -> dict[str, str]:
    """summary -> detail of the answer to a chart that is opened."""
    context = {"userId": "Practitioner/1", "patientId": "p"}
    instance = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    call = {"hook": "patient-view", "hookInstance": instance, "context": context}
    body = orjson.dumps({**call, "prefetch": {"patient": {"resourceType": "Patient", "id": "p"}}})
    answer = engine.run_hook("demo-patient-view", body, Caller.demo())
    assert response_problem(answer) is None
    return {card["summary"]: card.get("detail", "") for card in answer["cards"]}


def test_values_reach_cql_and_fhirpath_as_their_type_and_cards_say_so(content: Path) -> None:
    """Issue 5.3: Decimal, Date and Quantity compare as such; a card whose logic reads a changed value names it, also
    where it had no detail; one that reads none is as shipped."""
    assert cards(Engine(settings(content))) == {"Always": "A card that reads nothing."}
    assert cards(Engine(settings(content, SITE))) == {
        "Always": "A card that reads nothing.",
        "High": "This site uses 0.25 instead of 0.5: a share of this or more is high.",
        "changed": (
            "It counts.\n\nThis site uses 2026-02-01 instead of 2020-01-01: the day from which on it counts. "
            "This site uses changed instead of plain: the word in the summary."
        ),
    }


def test_a_note_holds_no_markup(content: Path) -> None:
    """A site's text is no way to put HTML on a card (C7)."""
    found = cards(Engine(settings(content, "Logic: {since: 2026-02-01, word: '<b>'}\n")))
    assert "uses &lt;b> instead" in found["<b>"]


def test_discovery_lists_what_was_changed(content: Path) -> None:
    """Under a reverse-domain key (G3); without changes there is no extension."""
    (plain,) = Engine(settings(content)).discovery()["services"]
    (changed,) = Engine(settings(content, SITE)).discovery()["services"]
    schema = orjson.loads((files("cds") / "schemas" / "discovery.schema.json").read_bytes())
    jsonschema.validate({"services": [changed]}, schema)
    assert "extension" not in plain
    assert [(entry["parameter"], entry["value"]) for entry in changed["extension"][CHANGED]] == [
        ("share", "0.25"),
        ("since", "2026-02-01"),
        ("word", "changed"),
    ]
    assert changed["extension"][CHANGED][0] == {
        "library": "Logic",
        "parameter": "share",
        "value": "0.25",
        "default": "0.5",
        "documentation": "A share of this or more is high (ours).",
    }


def test_the_revision_covers_the_values(content: Path) -> None:
    """A client that holds the discovery of one revision asks again when a value changes (E-tag)."""
    texts = [None, SITE, SITE.replace("0.25", "0.3"), "Logic: {share: 0.5}\n"]
    first, second, third, same = (Engine(settings(content, text)).snapshot.revision for text in texts)
    assert len({first, second, third}) == 3
    assert same == first


def test_a_wrong_file_stops_start_up(content: Path) -> None:
    """Every problem with its place; no service runs on half of the values that a site meant."""
    with pytest.raises(DefinitionError) as caught:
        Engine(settings(content, "Logic:\n  shares: 0.3\n  since: today\n"))
    assert [(p.code, p.location.line) for p in caught.value.problems] == [
        ("parameters-unknown", 2),
        ("parameters-type", 3),
    ]


def given(*parameters: dict[str, Any]) -> bytes:
    call = [{"name": "subject", "valueString": "Patient/p"}, {"name": "output", "valueCode": "requestgroup"}]
    inner = {"resourceType": "Parameters", "parameter": list(parameters)}
    return orjson.dumps({"resourceType": "Parameters", "parameter": [*call, {"name": "parameters", "resource": inner}]})


def titles(engine: Engine, *parameters: dict[str, Any]) -> list[str]:
    group = engine.run_apply("PlanDefinition", "demo", body=given(*parameters))
    return [action["title"] for outer in group["action"] for action in outer["action"]]


def test_apply_takes_the_site_and_typed_parameters_of_the_call(content: Path) -> None:
    """`$apply` starts from the site's values; a parameter of the call goes before them, read as the Library's type."""
    engine = Engine(settings(content, "Logic: {share: 0.25}\n"))
    assert titles(engine) == ["Always", "High"]
    assert titles(engine, {"name": "share", "valueDecimal": 0.75}) == ["Always"]
    since = {"name": "since", "valueDate": "2026-01-01"}
    assert titles(engine, since, {"name": "word", "valueString": "said"}) == ["Always", "High", "said"]
    small = {"name": "Logic.dose", "valueQuantity": {"value": 10, "unit": "mg", "code": "mg"}}
    assert titles(engine, since, small) == ["Always", "High"]


def test_null_is_a_value_of_a_parameter(content: Path) -> None:
    """As in `$cql` and on the command line, null goes before the site's value and the default: what asks for it is
    unknown, so that an action stays to be judged, and a FHIRPath name is empty."""
    engine = Engine(settings(content, "Logic: {word: said}\n"))
    since = {"name": "since", "valueDate": "2026-01-01"}
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    assert titles(engine, since) == ["Always", "said"]
    assert titles(engine, since, {"name": "share", "_valueDecimal": absent}) == ["Always", "High", "said"]
    assert titles(engine, since, {"name": "word", "_valueString": absent}) == ["Always", "Counts"]


def test_apply_refuses_a_parameter_of_another_type(content: Path) -> None:
    """400 at the parameter, not a rule that fails."""
    with pytest.raises(RequestError) as caught:
        titles(
            Engine(settings(content)),
            {"name": "since", "valueDate": "2026-01-01"},
            {"name": "share", "valueString": "x"},
        )
    assert caught.value.status == 400
    assert [issue.expression for issue in caught.value.issues] == ["/parameter/2/resource/parameter/1"]


def test_apply_refuses_a_parameter_out_of_its_bounds(content: Path) -> None:
    """400 at the parameter: a call can give no value that a site could not."""
    with pytest.raises(RequestError) as caught:
        titles(Engine(settings(content)), {"name": "share", "valueDecimal": 1.1})
    assert caught.value.status == 400
    assert [(issue.text, issue.diagnostics, issue.expression) for issue in caught.value.issues] == [
        ("The value is out of bounds", "it takes 1.0 or less", "/parameter/2/resource/parameter/0")
    ]


def test_apply_refuses_a_word_that_no_decision_knows(content: Path) -> None:
    """A guideline of another name would leave every conflict to chance."""
    (content / "logic.yaml").write_text(LIBRARY + GUIDELINE, encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        titles(Engine(settings(content)), {"name": "guideline", "valueString": "nice"})
    assert [(issue.text, issue.diagnostics) for issue in caught.value.issues] == [
        ("The value is none of its words", "it takes one of nhs, spine, both")
    ]


def test_cases_test_what_is_shipped_unless_told(content: Path) -> None:
    """A site's file changes no case of ours by itself."""
    own = settings(content, SITE, guideline="nhs")
    assert cards(engine_for(content, own)).keys() == {"Always"}
    assert cards(engine_for(content, own, site=True)).keys() == {"Always", "High", "changed"}


GUIDELINE = "  - {name: guideline, use: in, type: string, documentation: Whose position counts.}\n"


@pytest.mark.parametrize(
    ("text", "more", "value"),
    [
        (None, {}, "both"),
        (None, {"guideline": "nhs"}, "nhs"),
        ("Logic: {guideline: spine}\n", {}, "spine"),
        ("Logic: {guideline: spine}\n", {"guideline": "nhs"}, "nhs"),
    ],
)
def test_the_setting_guideline_goes_before_the_file(
    content: Path, text: str | None, more: dict[str, Any], value: str
) -> None:
    """`guideline` can be said in both places; a setting that somebody set wins, its default does not."""
    (content / "logic.yaml").write_text(LIBRARY + GUIDELINE, encoding="utf-8")
    (content / "plan.yaml").write_text(PLAN.replace("%word", "%guideline"), encoding="utf-8")
    engine = Engine(settings(content, text, **more))
    assert titles(engine, {"name": "since", "valueDate": "2026-01-01"})[-1] == value


def values(answer: dict[str, Any]) -> dict[str, Any]:
    """The values of a Parameters resource by name."""
    found = {
        part["name"]: next((part[key] for key in part if key.startswith("value")), None) for part in answer["parameter"]
    }
    return {name: value for name, value in found.items() if name in ("return", "High", "Counts", "share")}


def asked(*parameters: dict[str, Any], **given: Any) -> bytes:
    """The body of a call of `$cql` or `$evaluate`."""
    inner = {"name": "parameters", "resource": {"resourceType": "Parameters", "parameter": list(parameters)}}
    sent = [{"name": name, **value} for name, value in given.items()]
    return orjson.dumps({"resourceType": "Parameters", "parameter": [*sent, inner]})


def test_cql_takes_the_call_before_the_site_before_the_default(content: Path) -> None:
    """`$cql` and `Library/$evaluate` compute with the values that hooks and `$apply` have."""
    library = {"part": [{"name": "url", "valueCanonical": "https://example.org/fhir/Library/logic"}]}
    call = {"expression": {"valueString": "Logic.High"}, "library": library}
    share = {"name": "share", "valueDecimal": 0.75}
    for engine, high in ((Engine(settings(content)), False), (Engine(settings(content, SITE)), True)):
        assert values(engine.run_library("logic", body=asked()))["High"] is high
        assert values(engine.run_cql(asked(**call)))["return"] is high
        assert values(engine.run_library("logic", body=asked(share)))["High"] is False
        assert values(engine.run_cql(asked({**share, "name": "Logic.share"}, **call)))["return"] is False


def test_a_library_of_the_call_has_nothing_of_the_site(content: Path) -> None:
    """It may have the name of one of the content, and parameters of other types."""
    text = "library Logic parameter share String default 'own' context Patient define High: share"
    attachment = {"contentType": "text/cql", "data": b64encode(text.encode()).decode()}
    sent = {"resource": {"resourceType": "Library", "content": [attachment]}}
    answer = Engine(settings(content, SITE)).run_library(None, body=asked(library=sent))
    assert values(answer) == {"High": "own"}
