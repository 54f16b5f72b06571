"""What a picture of a plan shows: its decisions under the hooks they answer, when each applies, what it offers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cds import fhir
from cds.apply.plan import CompiledAction, CompiledPlan

#: What a suggestion does to an order, in a word.
_VERBS = {"create": "create", "update": "change", "remove": "remove"}


@dataclass(frozen=True, slots=True)
class Node:
    """A box: its kind (plan, decision, condition, suggestion, order), its words, a smaller line below them, and what
    follows from it."""

    kind: str
    text: str
    note: str = ""
    below: tuple[Node, ...] = ()


def tree(plan: CompiledPlan, decision: str | None = None) -> Node:
    """The picture of a plan, or of one decision in it."""
    definition = plan.definition
    title = str(definition.get("title") or definition.get("name") or definition.get("id") or plan.url)
    return Node("plan", _plain(title), "", tuple(_decisions(plan.actions, decision)))


def _decisions(actions: list[CompiledAction], chosen: str | None) -> Iterator[Node]:
    """The actions that are cards, those that only group them passed over."""
    for action in actions:
        element = action.element
        code = fhir.decision_code(element.get("code"))
        if not element.get("title") and (action.plan is not None or action.children):
            yield from _decisions(action.plan.actions if action.plan is not None else action.children, chosen)
        elif chosen is None or code == chosen:
            yield _decision(action, code)


def _decision(action: CompiledAction, code: str) -> Node:
    hooks = ", ".join(sorted(action.hooks)) if action.hooks else ""
    offers = tuple(_suggestion(child) for child in action.children)
    conditions = [_condition(condition.description or condition.expression.text) for condition in action.conditions]
    below = offers
    for text in reversed(conditions):
        below = (Node("condition", text, "", below),)
    return Node("decision", code or action.id, hooks, below)


def _suggestion(action: CompiledAction) -> Node:
    parts = action.children or ([] if action.kind is None and action.activity is None else [action])
    conditions = "; ".join(_condition(c.description or c.expression.text) for c in action.conditions)
    note = f"if: {conditions}" if conditions else ""
    return Node("suggestion", _plain(_title(action)), note, tuple(_order(part) for part in parts))


def _order(action: CompiledAction) -> Node:
    activity: dict[str, Any] = action.activity or {}
    kind = action.template["resourceType"] if action.template else ""
    verb = _VERBS.get(action.kind or "create", "create")
    words = action.element.get("description") or action.element.get("title") or activity.get("title") or action.id
    return Node("order", f"{verb} {kind}".strip(), _plain(str(words)))


def _title(action: CompiledAction) -> str:
    return str(action.element.get("title") or action.element.get("description") or action.id)


def _condition(text: str) -> str:
    return _plain(text).rstrip(".")


def _plain(text: str) -> str:
    return " ".join(text.split())
