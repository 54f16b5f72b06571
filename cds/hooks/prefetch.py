"""Prefetch templates derived from what a plan's expressions retrieve (cds-hooks.md, I-4 and A-P)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from cds.apply.plan import CompiledAction, CompiledPlan
from cds.apply.scope import Expression, Name, Parameter, Retrieve, Scope
from cds.expr.cql_expression import CqlExpression
from cds.hooks.request import HookRequest

#: The page size our own searches ask for: servers answer with 10 to 50 by themselves.
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Requirement:
    """One prefetch key of a service: the type it asks for, its template, and whether a call fails without it (P7)."""

    key: str
    resource_type: str
    template: str
    required: bool

    @property
    def interaction(self) -> Literal["read", "search"]:
        """What the template is, in FHIR's terms."""
        return "search" if "?" in self.template else "read"

    def query(self, request: HookRequest) -> str | None:
        """The template for one call, to be asked by ourselves where the client did not (P8): its tokens replaced and
        percent-encoded (security.md S6), and large pages wished for. None when the call has no value for a token."""
        first, *others = self.template.split("{{")
        text = first
        for part in others:
            token, _, rest = part.partition("}}")
            value = request.context.get(token.removeprefix("context."))
            if not isinstance(value, str) or not {"", ".", ".."}.isdisjoint(value.split("/")):
                return None
            text += quote(value, safe="/") + rest
        return f"{text}&_count={_PAGE}" if self.interaction == "search" and "_count=" not in text else text


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
    """The prefetch key of a type: `Condition` is `conditions`, `ImagingStudy` is `imagingStudies`."""
    key = resource_type[0].lower() + resource_type[1:]
    return key[:-1] + "ies" if key.endswith("y") else key + "s"


def _retrieves(plan: CompiledPlan, hook: str) -> Iterable[Retrieve]:
    seen: set[Name] = set()
    pending: list[tuple[Retrieve | Parameter | Expression, Scope]] = []
    for action in _answering(plan.actions, hook):
        pending += action.expressions()
    while pending:
        meaning, scope = pending.pop()
        if isinstance(meaning, Retrieve):
            yield meaning
        elif isinstance(meaning, CqlExpression):
            for need in meaning.needs:
                yield Retrieve(need.resource_type, optional=need.resource_type in scope.optional)
        elif not isinstance(meaning, Parameter):
            names = {scope.names[name] for name in meaning.variables if name in scope.names} - seen
            seen |= names
            pending += [(name.meaning, name.scope) for name in names]


def _answering(actions: list[CompiledAction], hook: str) -> Iterable[CompiledAction]:
    for action in actions:
        if action.hooks is None or hook in action.hooks:
            yield action
            yield from _answering(action.plan.actions if action.plan else action.children, hook)
