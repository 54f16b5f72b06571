"""Applied trees rendered as cards: section I-3 and C of the CDS Hooks digest."""

from __future__ import annotations

from typing import Any

import pytest

from cds import fhir
from cds.apply.plan import CompiledAction
from cds.apply.scope import Scope
from cds.apply.tree import AppliedAction, Outcome
from cds.hooks.cards import Backgrounds, Renderer

REASONS = {"http://x/vs": [{"code": "other", "system": "http://x", "display": "Other"}]}


def action(identifier: str, *children: AppliedAction, **more: Any) -> AppliedAction:
    fields = {name: more.pop(name) for name in ("outcome", "resource", "target", "error") if name in more}
    fields.setdefault("outcome", Outcome.FIRED)
    return AppliedAction(identifier, more, children=list(children), plan="http://x/plan", **fields)


def kind(code: str) -> dict[str, Any]:
    return {"coding": [{"system": fhir.ACTION_TYPE_SYSTEM, "code": code}]}


ORDER = {"resourceType": "ServiceRequest", "id": "new", "status": "draft"}
DRAFT = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft"}


def cards(*applied: AppliedAction, identity: str = "call") -> list[dict[str, Any]]:
    return Renderer(identity, Backgrounds(REASONS.__getitem__)).cards(applied)


def card(**more: Any) -> dict[str, Any]:
    return cards(action("a", title="Do this", **more))[0]


@pytest.mark.parametrize(
    ("priority", "indicator"),
    [("routine", "info"), ("urgent", "warning"), ("asap", "warning"), ("stat", "critical"), (None, "info")],
)
def test_priority_sets_the_indicator(priority: str | None, indicator: str) -> None:
    """routine, urgent and stat map; asap and absent have a reading too (C8, L19)."""
    assert card(**({"priority": priority} if priority else {}))["indicator"] == indicator


def test_cards_come_most_urgent_first_and_otherwise_in_the_plans_order() -> None:
    """Critical, warning, info; the plan's order within one (C37)."""
    found = cards(
        action("a", title="1"),
        action("b", title="2", priority="stat"),
        action("c", title="3", priority="urgent"),
        action("d", title="4"),
    )
    assert [c["summary"] for c in found] == ["2", "3", "1", "4"]


def test_only_actions_that_fired_are_cards() -> None:
    """Not applicable, unknown and failed actions give no card (C2, security E7)."""
    silent = [o for o in Outcome if o is not Outcome.FIRED]
    assert cards(*(action(o.name, title="x", outcome=o) for o in silent)) == []


def test_an_action_without_a_title_groups() -> None:
    """The children of a grouping node are cards (I-3)."""
    assert [c["summary"] for c in cards(action("g", action("a", title="A"), action("b", title="B")))] == ["A", "B"]


def test_source_names_the_document_and_carries_the_topic() -> None:
    """source.label is the documentation's display, topic the action's code (C9, C12)."""
    topic = {"system": fhir.DECISION_SYSTEM, "code": "bed-rest", "display": "Bed rest"}
    documentation = [{"type": "citation", "label": "N05", "display": "NHS", "url": "https://nhs.example/back"}]
    found = card(code=[{"coding": [topic]}], documentation=documentation)
    assert found["source"] == {"label": "NHS", "url": "https://nhs.example/back", "topic": topic}


def test_source_of_a_thin_plan_is_still_complete() -> None:
    """Without documentation or code, label and topic are there (C9, M19)."""
    assert card()["source"] == {"label": "http://x/plan", "topic": {"system": "http://x/plan", "code": "a"}}


def test_further_documentation_with_a_url_becomes_links() -> None:
    """Absolute links once each; nothing without an absolute url (C29, F16)."""
    urls = ["https://a.example", "https://b.example", "https://b.example", "ftp://c.example", "javascript:x"]
    found = card(documentation=[{"display": f"D{n}", "url": url} for n, url in enumerate(urls)])
    assert found["links"] == [{"label": "D2", "url": "https://b.example", "type": "absolute"}]


def test_a_child_with_a_definition_is_a_suggestion_of_one_action() -> None:
    """Level 2 with its own resource: one action, type create (C21, C23, C25)."""
    child = action("s", title="Order it", description="An order", resource=ORDER)
    found = cards(action("a", child, title="T"))[0]
    (suggestion,) = found["suggestions"]
    assert suggestion["label"] == "Order it"
    assert suggestion["actions"] == [{"type": "create", "description": "An order", "resource": ORDER}]
    assert found["selectionBehavior"] == "at-most-one"


def test_level_three_actions_apply_together() -> None:
    """A suggestion holds all its children's actions, remove as delete with the draft's reference (C26, C27, L20)."""
    child = action(
        "s",
        action("r", description="Remove", type=kind("remove"), target=DRAFT),
        action(
            "u",
            description="Change",
            type=kind("update"),
            target=DRAFT,
            resource={**DRAFT, "note": [{"text": "n"}], "reasonCode": []},
        ),
        action("f", description="Event", type=kind("fire-event")),
        action("c", description="Create", resource=ORDER),
        title="Replace",
    )
    (suggestion,) = cards(action("a", child, title="T"))[0]["suggestions"]
    assert suggestion["actions"] == [
        {"type": "delete", "description": "Remove", "resourceId": "ServiceRequest/d1"},
        {"type": "update", "description": "Change", "resource": {**DRAFT, "note": [{"text": "n"}]}},
        {"type": "create", "description": "Create", "resource": ORDER},
    ]


@pytest.mark.parametrize(
    ("behaviour", "expected", "count"),
    [
        ("any", "any", 2),
        ("one-or-more", "any", 2),
        ("at-most-one", "at-most-one", 2),
        ("exactly-one", "at-most-one", 2),
        (None, "at-most-one", 2),
        ("all", "at-most-one", 1),
        ("all-or-none", "at-most-one", 1),
    ],
)
def test_selection_behaviour(behaviour: str | None, expected: str, count: int) -> None:
    """R4's six codes become the two of CDS Hooks; `all` is one suggestion (C13, C14)."""
    children = [action(i, title=i, resource=ORDER) for i in "xy"]
    more = {"selectionBehavior": behaviour} if behaviour else {}
    found = cards(action("a", *children, title="T", **more))[0]
    assert (found["selectionBehavior"], len(found["suggestions"])) == (expected, count)


def test_no_selection_behaviour_without_suggestions() -> None:
    """It would say nothing (L11)."""
    assert "selectionBehavior" not in card(selectionBehavior="any")


@pytest.mark.parametrize(("behaviour", "expected"), [("any", [True, True]), ("at-most-one", [True, None])])
def test_recommended_suggestions(behaviour: str, expected: list[bool | None]) -> None:
    """More than one is recommended only where any may be taken (C20)."""
    children = [action(i, title=i, resource=ORDER, precheckBehavior="yes") for i in "xy"]
    found = cards(action("a", *children, title="T", selectionBehavior=behaviour))[0]
    assert [s.get("isRecommended") for s in found["suggestions"]] == expected


def test_a_suggestion_with_a_failed_part_is_left_out() -> None:
    """Half a suggestion is none (security E7)."""
    broken = action("s", action("x", resource=ORDER), action("y", outcome=Outcome.FAILED), title="S")
    assert "suggestions" not in cards(action("a", broken, title="T"))[0]


def test_all_or_none_with_a_failed_part_is_none() -> None:
    """`all` is one suggestion: where a part of it failed there is none (security E7)."""
    children = [action("x", title="X", resource=ORDER), action("y", title="Y", outcome=Outcome.FAILED)]
    assert "suggestions" not in cards(action("a", *children, title="T", selectionBehavior="all"))[0]


def test_override_reasons_come_from_the_value_set() -> None:
    """Each with code, system and display (C15)."""
    extension = [{"url": fhir.OVERRIDE_REASONS, "valueCanonical": "http://x/vs"}]
    assert card(extension=extension)["overrideReasons"] == REASONS["http://x/vs"]


def test_ids_are_derived_and_differ() -> None:
    """Same call, same uuids; other call or other action, other uuids (C4, C19, R6)."""
    tree = action("a", action("s", title="S", resource=ORDER), title="T")
    first, again, other = cards(tree), cards(tree), cards(tree, identity="other")
    assert first == again
    assert len({c["uuid"] for c in (*first, *other)} | {c["suggestions"][0]["uuid"] for c in (*first, *other)}) == 4


@pytest.mark.parametrize(("length", "cut"), [(139, False), (140, True)])
def test_a_summary_has_at_most_139_characters(length: int, cut: bool) -> None:
    """A dynamic title that is too long is cut at a word and reported (C6, L1)."""
    renderer = Renderer("call", Backgrounds(REASONS.__getitem__))
    title = ("word " * 28)[: length - 1] + "x"
    (found,) = renderer.cards([action("a", title=title)])
    assert len(found["summary"]) <= 139
    assert found["summary"].endswith("…") is cut
    assert renderer.shortened == (["a"] if cut else [])


def test_texts_carry_no_html_and_no_hidden_characters() -> None:
    """No `<`, controls or bidirectional overrides leave in a text (C7, security A1, L18)."""
    found = cards(action("a", title="a\u202eb\n\x00c", description="x <script> \u2066y\x07\n\n- z"))[0]
    assert found["summary"] == "ab c"
    assert found["detail"] == "x &lt;script> y\n\n- z"


def test_cards_of_one_action_share_only_what_is_not_dynamic() -> None:
    """The source of a card is its own where a dynamic value sets the documentation, whatever earlier cards said."""
    compiled = CompiledAction(
        "a", {"title": "T", "documentation": [{"display": "NHS"}]}, Scope(), None, (), (), None, None, None
    )
    shared = Backgrounds(REASONS.__getitem__)
    dynamic = {**compiled.element, "documentation": [{"display": "NICE"}, {"display": "N", "url": "https://n.example"}]}
    found = [
        Renderer("call", shared).cards(
            [AppliedAction("a", element, Outcome.FIRED, plan="http://x/plan", source=compiled)]
        )
        for element in (compiled.element, dynamic, {**compiled.element, "title": "other"}, {"title": "T"})
    ]
    assert [card["source"]["label"] for (card,) in found] == ["NHS", "NICE", "NHS", "http://x/plan"]
    assert ["links" in card for (card,) in found] == [False, True, False, False]


def test_the_topic_of_an_action_without_a_code_is_its_own_id() -> None:
    """Repeated for two drafts, an action without a code is two topics (C12, M19)."""
    compiled = CompiledAction("a", {"title": "T"}, Scope(), None, (), (), None, None, None)
    applied = [AppliedAction(i, compiled.element, Outcome.FIRED, plan="p", source=compiled) for i in ("a[x]", "a[y]")]
    found = Renderer("call", Backgrounds(REASONS.__getitem__)).cards(applied)
    assert [card["source"]["topic"]["code"] for card in found] == ["a[x]", "a[y]"]
