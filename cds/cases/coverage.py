"""What case files show of the definitions: actions that fired, ways each condition went, rows that were on a card.

A case counts for the decisions it judges: its own, those it expects a card of, and those that it wants silent.
docs/cases.md says it to authors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cds import fhir
from cds.apply.outcomes import doubts, truths
from cds.apply.plan import CompiledAction, CompiledPlan, Condition
from cds.apply.tree import AppliedAction, Outcome, path_of
from cds.cases.model import Case, Result
from cds.cases.rows import labels
from cds.definitions.load import Document
from cds.errors import Location
from cds.expr.truths import Truth, Truths
from cds.service import Engine

#: The order in which the ways of a condition are told.
TRUTHS: tuple[tuple[Truth, str], ...] = ((True, "true"), (False, "false"), (None, "unknown"))


@dataclass(slots=True)
class ConditionCoverage:
    """One applicability condition: the truths it can come to, and how often it came to each. `withhold` says how a case
    makes it unknown: members of a case and the types they list."""

    location: Location
    expression: str
    description: str
    possible: Truths
    withhold: dict[str, list[str]]
    seen: Counter[Truth] = field(default_factory=Counter)

    @property
    def missing(self) -> list[Truth]:
        """The possible truths that no case showed."""
        return [truth for truth, _ in TRUTHS if truth in self.possible and not self.seen[truth]]


@dataclass(slots=True)
class ActionCoverage:
    """One action: the ids from its plan down to it, where it stands, and how often it fired."""

    name: str
    location: Location
    fired: int = 0


@dataclass(slots=True)
class DecisionCoverage:
    """All that one decision can do, and what was seen of it. `cited` are the rows its actions rest on
    (documentation.label), `shown` those that were on a card, `missed` those of which a case is a near miss."""

    decision: str
    file: str
    origin: Path
    actions: list[ActionCoverage] = field(default_factory=list)
    conditions: list[ConditionCoverage] = field(default_factory=list)
    cited: dict[str, Location] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    missed: set[str] = field(default_factory=set)

    @property
    def tallies(self) -> dict[str, tuple[int, int]]:
        """(seen, all) of actions, of the possible truths of conditions, of rows on a card, and of near misses."""
        possible = sum(len(condition.possible) for condition in self.conditions)
        missing = sum(len(condition.missing) for condition in self.conditions)
        return {
            "actions": (sum(action.fired > 0 for action in self.actions), len(self.actions)),
            "conditions": (possible - missing, possible),
            "rows": (len(self.shown & self.cited.keys()), len(self.cited)),
            "near misses": (len(self.missed & self.cited.keys()), len(self.cited)),
        }

    @property
    def percent(self) -> int:
        """The share of all this that was seen, rounded down."""
        return percent([self])


def percent(decisions: Iterable[DecisionCoverage]) -> int:
    """The share of what the decisions can do that was seen, rounded down: 100 means all of it."""
    tallies = [tally for decision in decisions for tally in decision.tallies.values()]
    everything = sum(whole for _, whole in tallies)
    return 100 * sum(seen for seen, _ in tallies) // everything if everything else 100


@dataclass(frozen=True, slots=True)
class _Place:
    """Where results of one action of one service's plan are counted."""

    decision: DecisionCoverage
    action: ActionCoverage | None
    conditions: dict[Location, ConditionCoverage]


class Coverage:
    """Counts results of cases; `decisions` has them by name, in the order of the plans."""

    def __init__(self, engine: Engine) -> None:
        self.decisions: dict[str, DecisionCoverage] = {}
        self._documents = {id(document.resource): document for document in engine.snapshot.documents}
        self._known: dict[int, _Place] = {}
        self._places: dict[tuple[str, str], _Place] = {}
        for plan in {id(service.plan): service.plan for service in engine.services.values()}.values():
            self._add_plan(plan, plan.url, "")

    def add(self, result: Result) -> None:
        """Count what the case of a result showed of the decisions it judges, and the near misses it is of its own
        decision's rows."""
        for root in result.applied:
            self._count(root, result.plan, result.case, on_card=False)
        if result.passed and result.case.decision in self.decisions:
            self.decisions[result.case.decision].missed.update(result.case.near_miss_of)

    def below(self, path: Path, cases: Iterable[Case]) -> list[DecisionCoverage]:
        """The decisions that a run of `path` is about: those defined at or below it, and those of its cases."""
        own = {case.decision for case in cases}
        folder = path.resolve()
        return [d for d in self.decisions.values() if d.decision in own or d.origin.resolve().is_relative_to(folder)]

    def _add_plan(self, plan: CompiledPlan, root: str, prefix: str) -> None:
        document = self._documents[id(plan.definition)]
        name = plan.url.rstrip("/").rsplit("/", 1)[-1]
        for index, action in enumerate(plan.actions):
            self._add(action, document, ("action", index), _Walk(root, prefix, name, ""))

    def _add(self, action: CompiledAction, document: Document, path: tuple[str | int, ...], walk: _Walk) -> None:
        name = f"{walk.name}/{action.id}".removeprefix("/")
        decision = fhir.decision_code(action.element.get("code"))
        below = _Walk(walk.root, f"{walk.prefix}{action.id}/", decision or walk.decision, name)
        place = self._known.get(id(action))
        if place is None:
            place = self._known[id(action)] = self._place(action, document, path, below)
        self._places[walk.root, f"{walk.prefix}{action.id}"] = place
        if action.plan is not None:
            self._add_plan(action.plan, walk.root, below.prefix)
        for index, child in enumerate(action.children):
            self._add(child, document, (*path, "action", index), below)

    def _place(self, action: CompiledAction, document: Document, path: tuple[str | int, ...], walk: _Walk) -> _Place:
        decision = self.decisions.get(walk.decision) or DecisionCoverage(
            walk.decision, str(document.file), document.origin
        )
        if action.plan is not None and not action.conditions:  # it only names a plan, whose actions are counted
            return _Place(decision, None, {})
        self.decisions[walk.decision] = decision
        for label in labels(action.element):
            decision.cited.setdefault(label, document.locate((*path, "documentation")))
        found = ActionCoverage(walk.name, document.locate(path))
        decision.actions.append(found)
        conditions = {condition.location: _condition(condition, action) for condition in action.conditions}
        decision.conditions += conditions.values()
        return _Place(decision, found, conditions)

    def _count(self, action: AppliedAction, root: str, case: Case, *, on_card: bool) -> None:
        place = self._places[root, path_of(action.id)]
        fired = action.outcome is Outcome.FIRED
        on_card = fired and (on_card or bool(action.element.get("title")))
        if _judges(case, place.decision.decision):
            if place.action is not None:
                place.action.fired += fired
            for result in action.conditions:
                if result.error is None:
                    place.conditions[result.location].seen[result.value] += 1
            if on_card:
                place.decision.shown.update(labels(action.element))
        for child in action.children:
            self._count(child, root, case, on_card=on_card)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where a walk over a plan stands: the service's plan, the ids above in the applied tree, the decision, and the ids
    above in the plan itself."""

    root: str
    prefix: str
    decision: str
    name: str


def _judges(case: Case, decision: str) -> bool:
    expected = (card.decision for card in case.expect)
    return case.silent_all or decision in (case.decision, *case.silent, *expected)


def _condition(condition: Condition, action: CompiledAction) -> ConditionCoverage:
    withhold: dict[str, list[str]] = {}
    for retrieve in sorted(doubts(condition.expression, action.scope), key=lambda found: found.resource_type):
        types = withhold.setdefault("missing" if retrieve.optional else "partial", [])
        if retrieve.resource_type not in types:
            types.append(retrieve.resource_type)
    possible = truths(condition.expression, action.scope)
    return ConditionCoverage(condition.location, condition.expression.text, condition.description, possible, withhold)
