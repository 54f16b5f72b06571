"""Cards judged by what a case expects: each way to differ is one difference."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds.cases.compare import differences
from cds.cases.expand import Words
from cds.cases.model import Case, ExpectedAction, ExpectedCard, ExpectedSuggestion
from cds.errors import Location

HERE = Location("cases.yaml", 1, 1)
DRAFT = {
    "resourceType": "ServiceRequest",
    "id": "draft-1",
    "status": "draft",
    "note": [{"text": "as agreed"}],
    "occurrenceDateTime": "2026-03-02",
}
UPDATED = {**DRAFT, "patientInstruction": "Get up and move."}


def card(decision: str = "bed-rest", **members: Any) -> dict[str, Any]:
    return {
        "summary": "Bed rest is not thought to help",
        "detail": "Neither source supports it.",
        "indicator": "warning",
        "source": {"label": "NHS", "topic": {"code": decision}},
        **members,
    }


def suggestion(**members: Any) -> dict[str, Any]:
    return {
        "label": "Limit bed rest",
        "actions": [{"type": "update", "description": "x", "resource": UPDATED}],
        **members,
    }


def case(*expect: ExpectedCard, **members: Any) -> Case:
    return Case(
        name="a",
        location=HERE,
        decision="bed-rest",
        service="demo-order-sign",
        hook="order-sign",
        today=date(2026, 3, 2),
        patient={"resourceType": "Patient", "id": "p1"},
        drafts=(DRAFT,),
        expect=expect,
        **members,
    )


def expected(**members: Any) -> ExpectedCard:
    return ExpectedCard("bed-rest", HERE, **members)


def limit(content: dict[str, Any] | None = None, **members: Any) -> ExpectedCard:
    action = ExpectedAction("update", "ServiceRequest/draft-1", content)
    whole = {"label": ("Limit",), "recommended": False, "actions": (action,), **members}
    return expected(suggestions=(ExpectedSuggestion(**whole),))


def found(case: Case, *cards: dict[str, Any]) -> list[str]:
    return [str(difference) for difference in differences(case, cards)]


def test_a_card_that_is_as_expected_differs_in_nothing() -> None:
    """Every expectation that is met leaves no difference."""
    wanted = expected(
        indicator="warning",
        summary=("Bed rest", "help"),
        not_detail=("operation",),
        source=("NHS",),
        override_reasons=("disagree",),
        suggestions=limit({"patientInstruction": Words("Get up")}).suggestions,
    )
    reasons = [{"code": "disagree", "system": "s", "display": "d"}]
    assert found(case(wanted), card(suggestions=[suggestion()], overrideReasons=reasons)) == []


def test_cards_of_other_decisions_do_not_matter_unless_named() -> None:
    """Without an expectation for it, another decision may speak; with one it must; named silent it must not."""
    other = card("traction")
    assert found(case(expected()), card(), other) == []
    both = case(expected(), ExpectedCard("traction", HERE))
    assert found(both, card(), other) == []
    assert found(both, card())[0].startswith("cards: expected bed-rest, traction, got bed-rest (warning:")
    assert found(case(expected(), silent=frozenset({"traction"})), card(), other)[0].startswith("silent: traction")


def test_the_order_of_cards_is_that_of_the_expectations() -> None:
    """Cards are listed in the order an EHR shows them."""
    both = case(ExpectedCard("traction", HERE), expected())
    assert found(both, card(), card("traction"))[0].startswith("cards: expected traction, bed-rest")


def test_one_card_too_many_or_too_few_is_a_difference() -> None:
    """A case lists every card of its own decision."""
    assert found(case(expected()), card(), card())[0].startswith("cards: expected bed-rest, got bed-rest")
    assert found(case(expected())) == ["cards: expected bed-rest, got none"]
    assert found(case(silent=frozenset({"traction"})), card())[0].startswith("cards: expected none")
    assert found(case(silent_all=True), card("traction"))[0].startswith("silent: traction: expected no card")


@pytest.mark.parametrize(
    ("wanted", "got", "difference"),
    [
        (expected(indicator="info"), card(), "bed-rest: indicator: expected info, got warning"),
        (expected(summary=("spine",)), card(), "bed-rest: summary: expected 'spine' in it, got 'Bed rest is"),
        (expected(not_summary=("help",)), card(), "bed-rest: summary: expected no 'help', got 'Bed rest is"),
        (expected(detail=("weeks",)), card(), "bed-rest: detail: expected 'weeks' in it"),
        (expected(not_detail=("source",)), card(), "bed-rest: detail: expected no 'source'"),
        (expected(source=("spine",)), card(), "bed-rest: source: expected 'spine' in it, got 'NHS'"),
        (expected(override_reasons=("a",)), card(), "bed-rest: override reasons: expected a, got none"),
        (expected(suggestions=()), card(suggestions=[suggestion()]), "suggestions: expected none, got Limit bed rest"),
        (limit(), card(), "bed-rest: suggestions: expected Limit, got none"),
        (limit(label=("Remove",)), card(suggestions=[suggestion()]), "suggestion 1: label: expected 'Remove' in it"),
        (limit(recommended=True), card(suggestions=[suggestion()]), "recommended: expected true, got false"),
        (limit(), card(suggestions=[suggestion(isRecommended=True)]), "recommended: expected false, got true"),
        (limit(actions=()), card(suggestions=[suggestion()]), "expected none, got update ServiceRequest/draft-1"),
    ],
)
def test_each_part_of_a_card_can_differ(wanted: ExpectedCard, got: dict[str, Any], difference: str) -> None:
    """Indicator, words, source, override reasons and suggestions are each named with both sides."""
    differing = found(case(wanted), got)
    assert len(differing) == 1
    assert difference in differing[0]


@pytest.mark.parametrize(
    ("content", "difference"),
    [
        ({"patientInstruction": Words("Lie down")}, "patientInstruction: expected 'Lie down' in it, got 'Get up"),
        ({"patientInstruction": "Get up"}, "patientInstruction: expected 'Get up', got 'Get up and move.'"),
        ({"patientInstruction": None}, "patientInstruction: expected None, got 'Get up"),
        ({"patientInstruction": Words("Get"), "code": {"text": "x"}}, "code: text: expected 'x', got None"),
        ({"patientInstruction": Words("Get"), "note": []}, "note: expected 0 items, got 1"),
        ({"patientInstruction": Words("Get"), "priority": True}, "priority: expected True, got None"),
    ],
)
def test_a_resource_must_hold_what_the_case_says(content: dict[str, Any], difference: str) -> None:
    """Members are compared one by one: texts by words, everything else exactly, null as absence."""
    differing = found(case(limit(content)), card(suggestions=[suggestion()]))
    assert len(differing) == 1
    assert difference in differing[0]


def test_an_update_may_change_only_what_the_case_names() -> None:
    """C26: every other element of the draft stays; a lost and an invented one are both told."""
    changed = {name: value for name, value in UPDATED.items() if name != "occurrenceDateTime"} | {"priority": "stat"}
    got = card(suggestions=[suggestion(actions=[{"type": "update", "description": "x", "resource": changed}])])
    differing = found(case(limit({"patientInstruction": Words("Get up")})), got)
    assert [text.split(": expected")[0].rsplit(": ", 1)[1] for text in differing] == ["occurrenceDateTime", "priority"]


def test_a_delete_is_compared_by_what_it_deletes() -> None:
    """A delete names the draft by its reference (C27)."""
    wanted = limit(actions=(ExpectedAction("delete", "ServiceRequest/draft-1"),))
    actions = [{"type": "delete", "description": "x", "resourceId": "ServiceRequest/draft-2"}]
    differing = found(case(wanted), card(suggestions=[suggestion(actions=actions)]))
    assert differing == [
        "bed-rest: suggestion 1: actions: expected delete ServiceRequest/draft-1, got delete ServiceRequest/draft-2"
    ]
