"""Cards against what a case expects of them: every difference as one record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cds import fhir
from cds.cases.expand import Words
from cds.cases.model import Case, Difference, ExpectedAction, ExpectedCard, ExpectedSuggestion
from cds.fhir import Resource
from cds.hooks.cards import Card

#: Elements of an update that a case never has to name: the server keeps them.
_KEPT = frozenset({"resourceType", "id", "meta"})


def decision_of(card: Card) -> str:
    """The decision a card is about: the code of its topic."""
    return str(card["source"].get("topic", {}).get("code", ""))


def differences(case: Case, cards: Sequence[Card]) -> list[Difference]:
    """How the cards differ from the case's expectations. Cards count when they are of the case's own decision, of one
    it expects, or of one that must be silent; they must come in the order they are listed."""
    found = [*_silence(case, cards)]
    relevant = {case.decision, *(card.decision for card in case.expect)}
    if case.silent_all:
        return found
    got = [card for card in cards if decision_of(card) in relevant and decision_of(card) not in case.silent]
    wanted = [card.decision for card in case.expect]
    if [decision_of(card) for card in got] != wanted:
        return [*found, Difference("cards", _listed(wanted), _listed([_brief(card) for card in got]))]
    for expected, card in zip(case.expect, got, strict=True):
        found += _card(expected, card, case.drafts)
    return found


def _silence(case: Case, cards: Sequence[Card]) -> Iterator[Difference]:
    for card in cards:
        if case.silent_all or decision_of(card) in case.silent:
            yield Difference(f"silent: {decision_of(card)}", "no card", _brief(card))


def _brief(card: Card) -> str:
    return f"{decision_of(card)} ({card['indicator']}: {card['summary']})"


def _listed(items: Sequence[str]) -> str:
    return ", ".join(items) if items else "none"


def _card(expected: ExpectedCard, card: Card, drafts: Sequence[Resource]) -> Iterator[Difference]:
    name = expected.decision
    if expected.indicator is not None and card["indicator"] != expected.indicator:
        yield Difference(f"{name}: indicator", expected.indicator, card["indicator"])
    summary, detail = card["summary"], card.get("detail", "")
    for what, words, forbidden, text in (
        ("summary", expected.summary, expected.not_summary, summary),
        ("detail", expected.detail, expected.not_detail, detail),
        ("source", expected.source, (), card["source"]["label"]),
    ):
        yield from (Difference(f"{name}: {what}", f"'{word}' in it", f"'{text}'") for word in words if word not in text)
        yield from (Difference(f"{name}: {what}", f"no '{word}'", f"'{text}'") for word in forbidden if word in text)
    if expected.override_reasons is not None:
        got = tuple(reason["code"] for reason in card.get("overrideReasons", ()))
        if got != expected.override_reasons:
            yield Difference(f"{name}: override reasons", _listed(expected.override_reasons), _listed(got))
    if expected.suggestions is not None:
        yield from _suggestions(name, expected.suggestions, card.get("suggestions", []), drafts)


def _suggestions(
    name: str, wanted: Sequence[ExpectedSuggestion], got: Sequence[dict[str, Any]], drafts: Sequence[Resource]
) -> Iterator[Difference]:
    if len(wanted) != len(got):
        labels = [" ".join(suggestion.label) for suggestion in wanted]
        yield Difference(f"{name}: suggestions", _listed(labels), _listed([suggestion["label"] for suggestion in got]))
        return
    for index, (expected, suggestion) in enumerate(zip(wanted, got, strict=True), 1):
        what = f"{name}: suggestion {index}"
        for word in expected.label:
            if word not in suggestion["label"]:
                yield Difference(f"{what}: label", f"'{word}' in it", f"'{suggestion['label']}'")
        recommended = suggestion.get("isRecommended", False)
        if recommended is not expected.recommended:
            yield Difference(f"{what}: recommended", str(expected.recommended).lower(), str(recommended).lower())
        if expected.actions is not None:
            yield from _actions(what, expected.actions, suggestion.get("actions", []), drafts)


def _actions(
    what: str, wanted: Sequence[ExpectedAction], got: Sequence[dict[str, Any]], drafts: Sequence[Resource]
) -> Iterator[Difference]:
    names = [f"{action.kind} {action.target}" for action in wanted]
    found = [f"{action['type']} {_target(action)}" for action in got]
    if names != found:
        yield Difference(f"{what}: actions", _listed(names), _listed(found))
        return
    for index, (expected, action) in enumerate(zip(wanted, got, strict=True), 1):
        if expected.content is None:
            continue
        where = f"{what}: action {index}"
        yield from _held(where, expected.content, action["resource"])
        if expected.kind == "update":
            yield from _kept(where, expected, action["resource"], drafts)


def _target(action: dict[str, Any]) -> str:
    if action["type"] == "delete":
        return str(action["resourceId"])
    resource = action["resource"]
    kind = str(resource["resourceType"])
    return f"{kind}/{resource.get('id')}" if action["type"] == "update" else kind


def _held(where: str, expected: Any, got: Any) -> Iterator[Difference]:
    """`expected` must be in `got`: members of mappings, items of lists one by one, texts by their words. None means
    that nothing may be there."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            yield from _held(f"{where}: {name}", value, got.get(name) if isinstance(got, dict) else None)
    elif isinstance(expected, list):
        items = got if isinstance(got, list) else []
        if len(items) != len(expected):
            yield Difference(where, f"{len(expected)} items", f"{len(items)}")
        for index, (value, item) in enumerate(zip(expected, items, strict=False)):
            yield from _held(f"{where}[{index}]", value, item)
    elif isinstance(expected, Words):
        if not isinstance(got, str) or expected not in got:
            yield Difference(where, f"'{expected}' in it", repr(got))
    elif expected != got or isinstance(expected, bool) is not isinstance(got, bool):
        yield Difference(where, repr(expected), repr(got))


def _kept(where: str, expected: ExpectedAction, got: Resource, drafts: Sequence[Resource]) -> Iterator[Difference]:
    """An update changes what the case names and nothing else (C26)."""
    key = fhir.reference_key(expected.target)
    draft = next((d for d in drafts if (d["resourceType"], d.get("id")) == key), {})
    for name in sorted({*draft, *got} - {*(expected.content or {}), *_KEPT}):
        if draft.get(name) != got.get(name):
            yield Difference(f"{where}: {name}", f"as in the draft: {draft.get(name)!r}", repr(got.get(name)))
