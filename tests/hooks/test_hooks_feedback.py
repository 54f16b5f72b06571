"""Feedback as it arrives: what is taken, what is put right and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds.errors import RequestError
from cds.hooks.feedback import Feedback, parse

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "shared" / "examples" / "hooks").glob("feedback.*.json"))
CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
SUGGESTION = "e56e1945-20b3-4393-8503-a1a20fd73152"
MOMENT = "2026-03-02T10:05:31Z"


def accepted(**members: Any) -> dict[str, Any]:
    item = {
        "card": CARD,
        "outcome": "accepted",
        "outcomeTimestamp": MOMENT,
        "acceptedSuggestions": [{"id": SUGGESTION}],
    }
    return {**item, **members}


def overridden(**members: Any) -> dict[str, Any]:
    return {"card": CARD, "outcome": "overridden", "outcomeTimestamp": MOMENT, **members}


def read(*items: Any) -> list[Feedback]:
    return parse(json.dumps({"feedback": items}).encode())


def refused(body: Any) -> str:
    with pytest.raises(RequestError) as caught:
        parse(json.dumps(body).encode())
    assert caught.value.status == 400
    [issue, *_] = caught.value.issues
    return issue.expression or ""


def test_accepted_names_its_suggestions() -> None:
    """An accepted card comes with the ids of the suggestions that were taken, and the moment in UTC (E3, E4)."""
    at = datetime(2026, 3, 2, 10, 5, 31, tzinfo=UTC)
    assert read(accepted()) == [Feedback(CARD, "accepted", at, (SUGGESTION,), None, None)]


def test_several_items_and_the_same_card_again() -> None:
    """One body may speak of several cards, and of one twice (E2)."""
    items = read(accepted(), overridden(), overridden(card=SUGGESTION))
    assert [(item.card, item.outcome) for item in items] == [
        (CARD, "accepted"),
        (CARD, "overridden"),
        (SUGGESTION, "overridden"),
    ]


@pytest.mark.parametrize(
    ("override", "reason", "comment"),
    [
        (None, None, None),
        ({"reason": {"system": "s", "code": "c"}}, ("s", "c"), None),
        ({"reason": {"system": "s", "code": "c", "display": "d"}, "userComment": "text"}, ("s", "c"), "text"),
        ({"userComment": "text"}, None, "text"),
        ({"reason": {"code": "c"}}, (None, "c"), None),
        ({"code": "c", "system": "s"}, ("s", "c"), None),
        ({"code": "c", "userComment": "text"}, (None, "c"), "text"),
        ({"reason": None, "userComment": "text"}, None, "text"),
        ({"reason": {"system": None, "code": "c"}}, (None, "c"), None),
        ({"reason": {"system": "s", "code": "c" * 256}}, None, None),
    ],
)
def test_reasons_of_every_shape(override: Any, reason: Any, comment: str | None) -> None:
    """A reason may be left out, coded, in words, flat as of old, or without a system (E5, E6, E10)."""
    [item] = read(overridden(overrideReason=override))
    assert (item.reason, item.comment) == (reason, comment)


def test_both_reason_and_suggestions_are_kept() -> None:
    """What is not forbidden is taken, and the outcome decides (L14)."""
    [item] = read(accepted(overrideReason={"userComment": "text"}))
    assert (item.outcome, item.suggestions, item.comment) == ("accepted", (SUGGESTION,), "text")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], ""),
        ({}, "/feedback"),
        ({"feedback": {}}, "/feedback"),
        ({"feedback": []}, "/feedback"),
        ({"feedback": [7]}, "/feedback/0"),
        ({"feedback": [overridden(card=None)]}, "/feedback/0/card"),
        ({"feedback": [overridden(card=7)]}, "/feedback/0/card"),
        ({"feedback": [overridden(outcome="ignored")]}, "/feedback/0/outcome"),
        ({"feedback": [overridden(outcomeTimestamp=None)]}, "/feedback/0/outcomeTimestamp"),
        ({"feedback": [overridden(outcomeTimestamp="yesterday")]}, "/feedback/0/outcomeTimestamp"),
        ({"feedback": [overridden(outcomeTimestamp="2026-02-30T00:00:00Z")]}, "/feedback/0/outcomeTimestamp"),
        ({"feedback": [accepted(acceptedSuggestions=None)]}, "/feedback/0/acceptedSuggestions"),
        ({"feedback": [accepted(acceptedSuggestions=[])]}, "/feedback/0/acceptedSuggestions"),
        ({"feedback": [accepted(acceptedSuggestions=["id"])]}, "/feedback/0/acceptedSuggestions/0"),
        ({"feedback": [overridden(overrideReason={})]}, "/feedback/0/overrideReason"),
        ({"feedback": [overridden(), overridden(outcome="?")]}, "/feedback/1/outcome"),
    ],
)
def test_what_is_no_feedback_is_refused_with_its_place(body: Any, place: str) -> None:
    """Missing and wrong members are 400 with a JSON pointer; an item must say card, outcome and moment (E3, E4, E6,
    E9)."""
    assert refused(body) == place


def test_a_card_that_cannot_be_ours_has_no_id() -> None:
    """Any string is taken as a card, but only UUIDs can be cards of ours (E9, L13)."""
    assert [item.card for item in read(overridden(card="card-7"), overridden(card=CARD.upper()))] == [None, CARD]


def test_too_many_items_are_refused() -> None:
    """A body has at most 10,000 items."""
    with pytest.raises(RequestError) as caught:
        read(*[overridden()] * 10_001)
    assert caught.value.status == 413


@pytest.mark.skipif(not EXAMPLES, reason="shared/examples is not beside this checkout")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_published_examples_are_taken(path: Path) -> None:
    """What the specification shows and the sandbox sent at one time or another is read (E10)."""
    assert parse(path.read_bytes())
