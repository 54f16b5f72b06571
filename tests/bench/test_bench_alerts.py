"""The alert burden over all case patients: its two limits, and that what is counted as repeated is."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from alerts import CLOSING, CONTENT, OPENED, Call, calls, most_infos, repeated, said_twice

from cds.config import Settings

pytestmark = pytest.mark.slow


@cache
def answered() -> list[Call]:
    return calls(Settings(content=CONTENT))


@pytest.mark.slow
def test_no_answer_advises_anything_twice() -> None:
    """Issue 5: no duplicate advice in any response, whatever the patient and the hook."""
    twice = {call.case: found for call in answered() if (found := repeated(call.cards))}
    assert not twice


def test_no_two_cards_of_a_chart_say_the_same_of_its_patient() -> None:
    """Decisions, rules for all: nothing is said twice in one response. Cards about orders each name their order."""
    twice = {call.case: found for call in answered() if call.hook == OPENED and (found := said_twice(call.cards))}
    assert not twice


@pytest.mark.slow
def test_a_chart_that_is_opened_shows_at_most_five_infos() -> None:
    """Issue 5: patient-view fires each time. One of these patients would get more, so that they can tell."""
    assert most_infos(answered()) == 5
    assert most_infos(calls(Settings(content=CONTENT, max_info_cards=99))) > 5


def card(decision: str, summary: str, *actions: dict[str, Any]) -> dict[str, Any]:
    suggestions = [{"label": "Do it", "actions": list(actions)}]
    return {
        "summary": summary,
        "indicator": "info",
        "source": {"topic": {"code": decision}},
        "suggestions": suggestions,
    }


REFERRAL = {"type": "create", "resource": {"resourceType": "ServiceRequest", "code": {"text": "physiotherapy"}}}
REMOVAL = {"type": "delete", "resourceId": "ServiceRequest/draft-1"}


@pytest.mark.parametrize(
    ("cards", "count"),
    [
        ([card("a", "x", REFERRAL), card("b", "y")], 0),
        ([card("a", "x", REFERRAL, REFERRAL), card("b", "y")], 0),
        ([card("a", "x", REFERRAL), card("b", "y", REFERRAL)], 1),
        ([card("a", "x", REMOVAL), card("b", "y", REMOVAL)], 1),
        ([card("a", "x"), card("a", "y")], 1),
        ([card("a", "x"), card("b", "x")], 1),
    ],
)
def test_what_counts_as_repeated(cards: list[dict[str, Any]], count: int) -> None:
    """One decision, one summary, or one thing to do on two cards; a card may offer it for each of its drafts."""
    assert len(repeated(cards)) == count


def test_what_counts_as_said_twice() -> None:
    """A paragraph of two details, and not the one that each card ends with."""
    one, other, alike = ({"detail": f"{text}\n\n{CLOSING}"} for text in ("Since May.", "For long.", "Since May."))
    assert said_twice([one, other]) == []
    assert said_twice([one, other, alike]) == ["Since May."]
