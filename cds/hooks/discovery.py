"""Services from plans (cds-hooks.md A and I-1): one per hook of each plan that no other plan refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cds.apply.plan import CompiledPlan, Plans
from cds.apply.relevance import Relevance
from cds.cql.site import Change
from cds.definitions.plans import root_plans
from cds.definitions.snapshot import Snapshot
from cds.hooks.cards import Notes
from cds.hooks.notes import changed_by, sentences
from cds.hooks.prefetch import Requirement, requirements

#: The extension of a service that lists the parameters the site has changed (cds-hooks.md G3).
CHANGED = "example.pathway-cds.site-parameters"


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """One CDS service: what discovery says of it and the plan it runs. `id` is the last segment of the plan's url and
    the hook, so that clients which know a service by its URL alone can tell hooks apart; or that segment alone.
    `relevance` knows the actions that the drafts of a call settle. `changes` are the parameters of its cards that the
    site has changed, `notes` what the cards say of that."""

    id: str
    hook: str
    plan: CompiledPlan
    requirements: tuple[Requirement, ...]
    relevance: Relevance
    changes: tuple[Change, ...] = ()
    notes: Notes = field(default_factory=dict)

    def as_discovery(self) -> dict[str, Any]:
        """The service's entry in the discovery response (A4-A9)."""
        definition = self.plan.definition
        entry: dict[str, Any] = {"hook": self.hook}
        if title := definition.get("title") or definition.get("name"):
            entry["title"] = title
        entry["description"] = definition["description"]
        entry["id"] = self.id
        entry["prefetch"] = {requirement.key: requirement.template for requirement in self.requirements}
        if "usage" in definition:
            entry["usageRequirements"] = definition["usage"]
        if self.changes:
            entry["extension"] = {CHANGED: [change.as_dict() for change in self.changes]}
        return entry


def services(
    snapshot: Snapshot,
    plans: Plans,
    *,
    offer_decisions: bool = False,
    distinct_ids: bool = True,
    changes: Mapping[str, Change] | None = None,
) -> dict[str, Service]:
    """The services of a snapshot in order of their names, which are their ids where each has its own. Without
    `distinct_ids` the hooks of a plan share one id: clients take the cards of a later hook for newer ones of an earlier
    (A12). With `offer_decisions` the plans that others refer to are offered too, each on its own. `changes` are those
    of the site, by `Library.name`."""
    documents = [document for document in snapshot.documents if document.kind == "PlanDefinition"]
    offered = documents if offer_decisions else root_plans(snapshot.registry)
    found = {}
    for document in offered:
        definition = document.resource
        if definition.get("status") != "active":
            continue
        plan = plans.compile(definition)
        changed = changed_by(plan, changes or {})
        notes = {action: sentences(own) for action, own in changed.items()}
        for hook in plan.hooks():
            plan_id = definition["url"].rstrip("/").rsplit("/", 1)[-1]
            name = f"{plan_id}-{hook}"
            asked = [own for action, own in changed.items() if action.hooks is not None and hook in action.hooks]
            own_changes = {key: change for own in asked for key, change in sorted(own.items())}
            found[name] = Service(
                name if distinct_ids else plan_id,
                hook,
                plan,
                requirements(plan, hook, snapshot.registry),
                Relevance(plan, hook, snapshot.terminology),
                tuple(own_changes[key] for key in sorted(own_changes)),
                notes,
            )
    return dict(sorted(found.items()))


def by_id(found: Mapping[str, Service]) -> dict[str, dict[str, Service]]:
    """The services of each id by hook. One is also known by its own name, where it shares its id: a client that was set
    up before goes on calling it."""
    offered: dict[str, dict[str, Service]] = {}
    for name, service in found.items():
        offered.setdefault(service.id, {})[service.hook] = service
        offered.setdefault(name, {})[service.hook] = service
    return offered


def discovery(found: Iterable[Service]) -> dict[str, Any]:
    """The body of `GET /cds-services`."""
    return {"services": [service.as_discovery() for service in found]}
