"""Prefetch templates derived from what a plan's expressions retrieve (cds-hooks.md, I-4 and A-P)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cds.apply.plan import CompiledAction, CompiledPlan
from cds.apply.scope import Name, Parameter, Retrieve, Scope

#: The plural key of a type where adding an s is not it.
_PLURALS = {"FamilyMemberHistory": "familyMemberHistories"}


@dataclass(frozen=True, slots=True)
class Requirement:
    """One prefetch key of a service: the type it asks for, its template, and whether a call fails without it (P7)."""

    key: str
    resource_type: str
    template: str
    required: bool


#: The patient is read for every hook: without one, nothing can be evaluated (L2).
PATIENT = Requirement("patient", "Patient", "Patient/{{context.patientId}}", True)


def requirements(plan: CompiledPlan, hook: str) -> tuple[Requirement, ...]:
    """The prefetch keys of `plan` for `hook`: the patient, then one type-level search per retrieved type, by key.

    A type is required when one retrieve of it is. Codes are filtered in the service: long code lists break clients
    (AP13), and one search per type is the fewest queries."""
    required: dict[str, bool] = {}
    for retrieve in _retrieves(plan, hook):
        known = required.get(retrieve.resource_type, False)
        required[retrieve.resource_type] = known or not retrieve.optional
    required.pop("Patient", None)
    searches = [
        Requirement(key_of(kind), kind, f"{kind}?patient={{{{context.patientId}}}}", needed)
        for kind, needed in required.items()
    ]
    return (PATIENT, *sorted(searches, key=lambda requirement: requirement.key))


def key_of(resource_type: str) -> str:
    """The prefetch key of a type: `Condition` is `conditions`."""
    return _PLURALS.get(resource_type, resource_type[0].lower() + resource_type[1:] + "s")


def _retrieves(plan: CompiledPlan, hook: str) -> Iterable[Retrieve]:
    seen: set[Name] = set()
    pending: list[Name] = []
    for action in _answering(plan.actions, hook):
        for expression, scope in action.expressions():
            pending += _names(expression.variables, scope)
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if isinstance(name.meaning, Retrieve):
            yield name.meaning
        elif not isinstance(name.meaning, Parameter):
            pending += _names(name.meaning.variables, name.scope)


def _names(variables: Iterable[str], scope: Scope) -> list[Name]:
    return [scope.names[name] for name in variables if name in scope.names]


def _answering(actions: list[CompiledAction], hook: str) -> Iterable[CompiledAction]:
    for action in actions:
        if action.hooks is None or hook in action.hooks:
            yield action
            yield from _answering(action.plan.actions if action.plan else action.children, hook)
