"""The cards a case expects, read from its file."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any

from cds.cases.expand import Expander
from cds.cases.model import ExpectedAction, ExpectedCard, ExpectedSuggestion
from cds.definitions.nodes import Node
from cds.errors import did_you_mean
from cds.expr.types import model

_INDICATORS = ("info", "warning", "critical")
_TEXTS = ("summary", "not_summary", "detail", "not_detail", "source")
_CARD = ("decision", "indicator", *_TEXTS, "override_reasons", "suggestions")
_SUGGESTION = ("label", "recommended", "actions")
_KINDS = ("create", "update", "delete")
_TARGET = re.compile(r"([A-Za-z]+)(/[A-Za-z0-9.-]{1,64})?")
_ACTION_HINT = "write `create ServiceRequest`, `update MedicationRequest/draft-1` or `delete ServiceRequest/draft-1`"


def read_cards(node: Node, decision: str, decisions: Collection[str], today: date) -> tuple[ExpectedCard, ...]:
    """The cards of an `expect:` list; `decision` is the one of those that name none."""
    return tuple(_card(item, decision, decisions, Expander(today, _no_display, pattern=True)) for item in node.items())


def _no_display(system: str, code: str) -> None:  # noqa: ARG001 - the shape of Display; patterns compare no displays
    return None


def _card(node: Node, decision: str, decisions: Collection[str], expander: Expander) -> ExpectedCard:
    members = node.members(_CARD)
    named = members["decision"].one_of(decisions, "decision") if "decision" in members else decision
    texts = {name: members[name].texts() for name in _TEXTS if name in members}
    reasons = members.get("override_reasons")
    suggestions = members.get("suggestions")
    return ExpectedCard(
        decision=named,
        location=node.location,
        indicator=members["indicator"].one_of(_INDICATORS, "indicator") if "indicator" in members else None,
        override_reasons=None if reasons is None else tuple(item.text() for item in reasons.items()),
        suggestions=None if suggestions is None else tuple(_suggestion(s, expander) for s in suggestions.items()),
        **texts,
    )


def _suggestion(node: Node, expander: Expander) -> ExpectedSuggestion:
    members = node.members(_SUGGESTION)
    recommended: Any = members["recommended"].value if "recommended" in members else False
    if not isinstance(recommended, bool):
        members["recommended"].report("case-type", "true or false is expected here")
    actions = members.get("actions")
    return ExpectedSuggestion(
        label=members["label"].texts() if "label" in members else (),
        recommended=recommended is True,
        actions=None if actions is None else tuple(_action(action, expander) for action in actions.items()),
    )


def _action(node: Node, expander: Expander) -> ExpectedAction:
    """`create ServiceRequest`, or `{create: ServiceRequest, with: {...}}`."""
    if isinstance(node.value, str):
        kind, _, target = node.value.partition(" ")
        return ExpectedAction(_kind(node, kind), _checked(node, kind, target.strip()))
    members = node.members((*_KINDS, "with"))
    kinds = [name for name in members if name in _KINDS]
    if len(kinds) != 1:
        node.report("case-type", "an action is one of create, update and delete", _ACTION_HINT)
        return ExpectedAction("", "")
    target = _checked(members[kinds[0]], kinds[0], members[kinds[0]].text())
    content = None
    if "with" in members:
        content = expander.resource(members["with"], target.partition("/")[0])
        content.pop("resourceType", None)
    return ExpectedAction(kinds[0], target, content)


def _kind(node: Node, kind: str) -> str:
    if kind not in _KINDS:
        node.report("case-value", f"'{kind}' is not a kind of action", did_you_mean(kind, _KINDS) or _ACTION_HINT)
    return kind


def _checked(node: Node, kind: str, target: str) -> str:
    found = _TARGET.fullmatch(target)
    if found is None or (found[2] is None) is not (kind == "create"):
        node.report("case-value", f"'{target}' is not what a {kind} can be about", _ACTION_HINT)
    elif found[1] not in model().resources:
        hint = did_you_mean(found[1], model().resources)
        node.report("case-unknown", f"'{found[1]}' is not a FHIR resource type", hint)
    return target
