"""`cds eval` as a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_process import ROOT, Here, Run

SAMPLE = ROOT / "docs" / "samples" / "order-sign.json"


def test_a_request_gives_readable_cards(cds: Run) -> None:
    """Cards are printed with urgency, source, decision, choices and their actions."""
    ended = cds("eval", "--hook", "order-sign", "--input", SAMPLE)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "[warning] Bed rest" in ended.stdout
    assert "decision: bed-rest" in ended.stdout
    assert "  > Limit bed rest to 2 days" in ended.stdout
    assert "      delete ServiceRequest/bed-rest-1: " in ended.stdout


def test_a_request_gives_the_answer_of_the_service(here: Here) -> None:
    """`--format json` prints what an EHR would get."""
    ended = here("eval", "--hook", "order-sign", "--input", SAMPLE, "--format", "json")
    assert "bed-rest" in [card["source"]["topic"]["code"] for card in json.loads(ended.out)["cards"]]


def test_explain_shows_every_condition(here: Here) -> None:
    """`--explain` prints below the cards what `cds explain` tells of each decision, with the sub-expressions that
    decided; as JSON each action's outcome and each condition's value, place, expression and reason."""
    text = here("eval", "--hook", "order-sign", "--input", SAMPLE, "--explain").out
    cards, _, reasons = text.partition("2 fired, ")
    assert "[warning] Bed rest" in cards
    told = here("explain", "--input", SAMPLE, "--decision", "bed-rest").out
    assert "SayBedRest(O.words): true" in told
    assert told in reasons
    record = json.loads(here("eval", "--hook", "order-sign", "--input", SAMPLE, "--explain", "--format", "json").out)
    pending = list(record["actions"])
    outcomes = set()
    while pending:
        action = pending.pop()
        outcomes.add(action["outcome"])
        pending += action["actions"]
        wanted = {"file", "line", "expression", "value", "why"}
        assert all(wanted <= set(condition) for condition in action["conditions"])
    assert outcomes == {"fired", "not applicable"}


def test_a_bundle_is_all_there_is_of_a_patient(here: Here, tmp_path: Path) -> None:
    """The patient's resources as a Bundle, with the draft orders among them, give the same decisions."""
    call = json.loads(SAMPLE.read_text())
    sent = [*call["prefetch"].values(), call["context"]["draftOrders"]]
    resources = [
        r for value in sent if value for r in ([e["resource"] for e in value["entry"]] if "entry" in value else [value])
    ]
    resources = [resource for resource in resources if resource["resourceType"] != "Bundle"]
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": resource} for resource in resources],
    }
    file = tmp_path / "patient.json"
    file.write_text(json.dumps(bundle))
    ended = here("eval", "--hook", "order-sign", "--input", file, "--format", "json")
    assert "bed-rest" in [card["source"]["topic"]["code"] for card in json.loads(ended.out)["cards"]]


def test_the_hook_is_that_of_the_request(here: Here) -> None:
    """As with `cds explain`, --hook need not repeat what the input says."""
    assert here("eval", "--input", SAMPLE).out == here("eval", "--hook", "order-sign", "--input", SAMPLE).out


def test_an_unknown_hook_is_told(here: Here) -> None:
    """A misspelt hook names the nearest one; exit status 2."""
    ended = here("eval", "--hook", "order-sing", "--input", SAMPLE)
    assert (ended.status, "did you mean 'order-sign'?" in ended.err) == (2, True)


def test_several_services_ask_for_a_name(cds: Run) -> None:
    """Where several services answer a hook, one has to be named; exit status 2."""
    ended = cds("eval", "--hook", "order-sign", "--input", SAMPLE, CDS_OFFER_DECISIONS="1")
    assert (ended.returncode, "--service" in ended.stderr) == (2, True)
    named = cds(
        "eval", "--hook", "order-sign", "--service", "back-pain-order-sign", "--input", SAMPLE, CDS_OFFER_DECISIONS="1"
    )
    assert named.returncode == 0


@pytest.mark.parametrize(
    ("content", "place"), [("{", "input.json:1:2: "), ("{}", "input.json: /hookInstance: "), ("[]", "input.json: ")]
)
def test_an_unreadable_input_is_told(here: Here, tmp_path: Path, content: str, place: str) -> None:
    """What is neither request nor Bundle is named with its line or its pointers; exit status 2."""
    file = tmp_path / "input.json"
    file.write_text(content)
    ended = here("eval", "--hook", "order-sign", "--input", file)
    assert (ended.status, ended.out) == (2, "")
    assert place in ended.err
    assert "Traceback" not in ended.err


def test_a_failed_rule_is_logged_beside_the_results(here: Here, tmp_path: Path) -> None:
    """Standard output holds the result alone; what failed is said on standard error."""
    request = json.loads(SAMPLE.read_text(encoding="utf-8"))
    request["context"]["draftOrders"]["entry"][0]["resource"]["id"] = "not/an/id"
    file = tmp_path / "request.json"
    file.write_text(json.dumps(request), encoding="utf-8")
    ended = here("eval", "--hook", "order-sign", "--input", file, "--format", "json")
    assert json.loads(ended.out)["cards"]
    assert "rule-failed" in ended.err
