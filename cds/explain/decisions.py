"""What became of each decision of a call, and why: the applied tree, told by decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cds import fhir
from cds.apply.plan import CompiledAction
from cds.apply.reason import Lookup, Reason
from cds.apply.tree import AppliedAction, ConditionResult, Outcome, path_of
from cds.service import Answer

#: Which outcome tells most of several actions of one decision.
_RANK = (Outcome.FAILED, Outcome.FIRED, Outcome.UNKNOWN, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: its code (of an action that no code stands for its id) and title, its outcome (None: it does not
    answer this hook), the reasons of the conditions that decided it, of those that were `met` before, its parts that
    fired or not, the record as it was looked at, and the resource types of which more may exist than was obtained.
    `error` is what made it fail where no condition did."""

    code: str
    title: str
    outcome: Outcome | None
    reasons: tuple[Reason, ...] = ()
    met: tuple[Reason, ...] = ()
    parts: tuple[tuple[str, Outcome, tuple[Reason, ...]], ...] = ()
    lookups: tuple[Lookup, ...] = ()
    error: str | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """The types that were looked up and not fully obtained."""
        return tuple(sorted({lookup.resource_type for lookup in self.lookups if not lookup.complete}))

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "decision": self.code,
            "title": self.title,
            "outcome": self.outcome.value if self.outcome else "not asked",
            "reasons": [reason_record(reason) for reason in self.reasons],
            "met": [reason_record(reason) for reason in self.met],
            "parts": [
                {"id": name, "outcome": outcome.value, "reasons": [reason_record(reason) for reason in reasons]}
                for name, outcome, reasons in self.parts
            ],
            "lookedAt": [
                {
                    "type": lookup.resource_type,
                    **({"valueSet": lookup.value_set} if lookup.value_set else {}),
                    "found": list(lookup.found),
                    "complete": lookup.complete,
                }
                for lookup in self.lookups
            ],
            "missing": list(self.missing),
            **({"error": self.error} if self.error else {}),
        }


def reason_record(reason: Reason) -> dict[str, Any]:
    """A reason and those below it as JSON."""
    place = {"at": str(reason.location)} if reason.location is not None else {}
    below = {"because": [reason_record(part) for part in reason.because]} if reason.because else {}
    return {"expression": reason.text, "value": reason.value, **place, **below}


def decisions(answer: Answer) -> list[Decision]:
    """Every decision of the service's plan, those that were asked first, in the order of the plan. The answer must have
    been watched (Watcher)."""
    asked: dict[str, list[AppliedAction]] = {}
    for action in answer.applied:
        for code, found in _coded(action):
            asked.setdefault(code, []).append(found)
    told = [_decision(code, actions) for code, actions in asked.items()]
    others: dict[str, str] = {}
    for compiled in answer.service.plan.walk():
        code = _code(compiled.element)
        if code and code not in asked:
            others.setdefault(code, _title(compiled))
    return [*told, *(Decision(code, title, None) for code, title in others.items())]


def _coded(action: AppliedAction) -> Iterator[tuple[str, AppliedAction]]:
    """The topmost actions below (or at) this one that are coded as a decision; where there are none, because the walk
    ended before them or nobody coded them, those it ended at, by their ids."""
    code = _code(action.element)
    if code:
        yield code, action
        return
    below = [found for child in action.children for found in _coded(child)]
    yield from below or [(path_of(action.id), action)]


def _code(element: dict[str, Any]) -> str:
    return fhir.decision_code(element.get("code"))


def _title(action: CompiledAction) -> str:
    return str(action.element.get("title") or action.id)


def _decision(code: str, actions: Sequence[AppliedAction]) -> Decision:
    outcome = min((action.outcome for action in actions), key=_RANK.index)
    deciding = [action for action in actions if action.outcome is outcome]
    parts = tuple(
        (path_of(part.id).rpartition("/")[2], part.outcome, tuple(_reasons(part)))
        for action in deciding
        for part in action.walk()
        if part is not action
    )
    lookups: dict[tuple[str, str | None], Lookup] = {}
    for action in actions:
        for part in action.walk():
            for condition in part.conditions:
                for lookup in condition.why.lookups if condition.why else ():
                    lookups.setdefault((lookup.resource_type, lookup.value_set), lookup)
    return Decision(
        code,
        str(deciding[0].element.get("title") or deciding[0].id),
        outcome,
        tuple(reason for action in deciding for reason in _reasons(action)),
        tuple(reason for action in deciding for reason in _met(action)),
        parts,
        tuple(lookups.values()),
        next((action.error for action in deciding if action.error), None),
    )


def _reasons(action: AppliedAction) -> Iterable[Reason]:
    """Of an action that did not fire the conditions that kept it from that; of one that fired all."""
    return (c.why.reason for c in action.conditions if c.why is not None and _decided(action, c))


def _met(action: AppliedAction) -> Iterable[Reason]:
    """Of an action that did not fire the conditions that would have let it."""
    return (c.why.reason for c in action.conditions if c.why is not None and not _decided(action, c))


def _decided(action: AppliedAction, condition: ConditionResult) -> bool:
    return action.outcome is Outcome.FIRED or bool(condition.error) or condition.value is not True
