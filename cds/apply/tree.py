"""The applied tree: what every action of a plan came to for one patient, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from cds.apply.reason import Why
from cds.errors import Location
from cds.fhir import Resource

if TYPE_CHECKING:
    from cds.apply.plan import CompiledAction


class Outcome(Enum):
    """What became of an action. Only FIRED reaches a card or a resource; UNKNOWN is not false and is told apart."""

    FIRED = "fired"
    NOT_APPLICABLE = "not applicable"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(slots=True)
class ConditionResult:
    """One applicability condition: its text, its place, its three-valued value, the error that stopped it, where the
    define stands that it names in CQL, and why it came to that value where somebody asked."""

    expression: str
    location: Location
    value: bool | None
    error: str | None = None
    defined: Location | None = None
    why: Why | None = None


@dataclass(slots=True)
class AppliedAction:
    """One action after application (RequestGroup.action in the standard's terms).

    `id` is unique in the tree and stable between calls: the ids of the actions above it, joined by `/`, with the
    draft a for-each stands for. `element` holds the action's elements after its dynamic values. `resource` is what
    the action creates or what an updated draft becomes; `target` is the draft an update or a removal is about.
    `plan` is the url of the plan it stands in, `error` what made it fail where no condition did. `source` is what was
    applied."""

    id: str
    element: dict[str, Any]
    outcome: Outcome
    conditions: tuple[ConditionResult, ...] = ()
    children: list[AppliedAction] = field(default_factory=list)
    resource: Resource | None = None
    target: Resource | None = None
    plan: str = ""
    error: str | None = None
    source: CompiledAction | None = None

    def walk(self) -> Iterator[AppliedAction]:
        """This action and all below it, top down."""
        yield self
        for child in self.children:
            yield from child.walk()


def paths_by_outcome(applied: Iterable[AppliedAction]) -> dict[str, list[str]]:
    """The paths of actions with none below them, by outcome; what is above one of them fired."""
    found: dict[str, list[str]] = {}
    _collect(applied, found)
    return found


def _collect(applied: Iterable[AppliedAction], found: dict[str, list[str]]) -> None:
    for action in applied:
        if action.children:
            _collect(action.children, found)
            continue
        outcome = action.outcome._value_  # `value` computes it each time, and a look-up its hash
        if outcome in found:
            found[outcome].append(path_of(action.id))
        else:
            found[outcome] = [path_of(action.id)]


def path_of(action_id: str) -> str:
    """The id of an applied action without the drafts it was repeated for: those are the patient's data."""
    return _ITEM.sub("", action_id) if "[" in action_id else action_id


_ITEM = re.compile(r"\[[^/]*")
