"""Conditions that come to the same for every patient, and actions that no call reaches; read off the compiled plans."""

from __future__ import annotations

from collections.abc import Iterator

from cds.apply.outcomes import truths
from cds.apply.plan import CompiledAction, Plans
from cds.definitions.load import Document
from cds.definitions.snapshot import Snapshot
from cds.definitions.source import ElementPath
from cds.errors import Problem
from cds.expr.truths import Truths
from cds.fhir import as_list

#: The hooks by which a call may come to an action; None: by any.
Hooks = frozenset[str] | None


def check_conditions(snapshot: Snapshot) -> Iterator[Problem]:
    """Every condition that is always or never true, and every action whose hooks are none of those above it."""
    plans = Plans(snapshot)
    for document in snapshot.documents:
        if document.kind == "PlanDefinition":
            for index, action in enumerate(plans.compile(document.resource).actions):
                yield from _action(action, None, document, ("action", index))


def _action(action: CompiledAction, above: Hooks, document: Document, path: ElementPath) -> Iterator[Problem]:
    hooks = action.hooks
    if hooks is None and action.plan is not None and not action.conditions:
        hooks = action.plan.hooks_asked
    if above is not None and hooks is not None:
        if not above & hooks:
            message = f"no call reaches the action: it answers {_listed(hooks)}, the one above it {_listed(above)}"
            hint = "remove its trigger, or add the hook to the action above"
            yield document.problem("action-unreachable", message, path, hint=hint, severity="warning")
            return
        hooks = above & hooks
    nested = action.plan.hooks_asked if action.plan is not None else None
    if hooks is not None and nested is not None and not hooks & nested:
        message = f"no call reaches the plan: it answers {_listed(nested)}, the action that names it {_listed(hooks)}"
        hint = "remove the trigger of the action, or add the hook to it"
        at = (*path, "definitionCanonical")
        yield document.problem("action-unreachable", message, at, hint=hint, severity="warning")
    conditions = enumerate(as_list(action.definition.get("condition")))
    asked = (index for index, one in conditions if one.get("kind") == "applicability")
    for index, condition in zip(asked, action.conditions, strict=True):
        possible = truths(condition.expression, action.scope)
        if len(possible) == 1:
            message, hint = _same(possible)
            at = (*path, "condition", index, "expression", "expression")
            yield document.problem("condition-constant", message, at, hint=hint, severity="warning")
    for index, child in enumerate(action.children):
        yield from _action(child, above if hooks is None else hooks, document, (*path, "action", index))


def _same(possible: Truths) -> tuple[str, str]:
    match next(iter(possible)):
        case True:
            return "the condition is true for every patient", "remove it, or ask for what it should depend on"
        case False:
            return "the condition is false for every patient: the action never applies", _CORRECT
    return "the condition is unknown for every patient: the action never applies", _CORRECT


_CORRECT = "correct the expression, or remove the action"


def _listed(hooks: frozenset[str]) -> str:
    return ", ".join(sorted(hooks))
