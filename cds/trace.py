"""An applied tree as text for people: what became of each action and of each of its conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds import fhir
from cds.apply.tree import AppliedAction, ConditionResult

_VALUES = {True: "true", False: "false", None: "unknown"}
_LONGEST_EXPRESSION = 160


def render_trace(applied: Iterable[AppliedAction], *, decision: str | None = None) -> str:
    """One line per action (id and outcome) and per condition (value, place, expression), nested ones indented.

    With `decision` only the actions whose code names it; all of them when none does, because then a group above it
    stopped the walk."""
    roots = list(applied)
    chosen = [action for root in roots for action in _about(root, decision)] if decision else []
    return "\n".join(line for action in chosen or roots for line in _lines(action, ""))


def _about(action: AppliedAction, decision: str) -> Iterator[AppliedAction]:
    if fhir.decision_code(action.element.get("code")) == decision:
        yield action
        return
    for child in action.children:
        yield from _about(child, decision)


def _lines(action: AppliedAction, indent: str) -> Iterator[str]:
    error = f" ({action.error})" if action.error else ""
    yield f"{indent}{action.id}: {action.outcome.value}{error}"
    for condition in action.conditions:
        yield f"{indent}  {_condition(condition)}"
    for child in action.children:
        yield from _lines(child, indent + "  ")


def _condition(condition: ConditionResult) -> str:
    expression = " ".join(condition.expression.split())
    if len(expression) > _LONGEST_EXPRESSION:
        expression = expression[:_LONGEST_EXPRESSION] + "…"
    value = "failed" if condition.error else _VALUES[condition.value]
    error = f" ({condition.error})" if condition.error else ""
    defined = f" ({condition.defined.file}:{condition.defined.line})" if condition.defined else ""
    return f"{value:8} {condition.location.file}:{condition.location.line}  {expression}{defined}{error}"
