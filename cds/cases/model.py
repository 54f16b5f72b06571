"""What a case file says, as records, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from cds.apply.tree import AppliedAction
from cds.errors import Location
from cds.fhir import Resource
from cds.hooks.cards import Card


@dataclass(frozen=True, slots=True)
class ExpectedAction:
    """One action of a suggestion: create, update or delete, and what it is about (`ServiceRequest` for a create,
    `ServiceRequest/draft-1` otherwise). `content` is what the resource must hold besides anything else; an update must
    then leave every other element of the draft as it was."""

    kind: str
    target: str
    content: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ExpectedSuggestion:
    """One suggestion, in the order of the card. `actions` None means that they do not matter."""

    label: tuple[str, ...]
    recommended: bool
    actions: tuple[ExpectedAction, ...] | None


@dataclass(frozen=True, slots=True)
class ExpectedCard:
    """One card. Texts must be contained in the card's; None means that it does not matter."""

    decision: str
    location: Location
    indicator: str | None = None
    summary: tuple[str, ...] = ()
    not_summary: tuple[str, ...] = ()
    detail: tuple[str, ...] = ()
    not_detail: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    override_reasons: tuple[str, ...] | None = None
    suggestions: tuple[ExpectedSuggestion, ...] | None = None


@dataclass(frozen=True, slots=True)
class ExpectedDefine:
    """What a define of the CQL must come to: null, a truth, a number, a text (also of a date), or a list with as many
    items. A text for a resource is its id; a mapping holds what a tuple or resource must have besides anything else."""

    name: str
    value: Any
    location: Location


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario with its shorthand written out. `service` is the id of the service it calls; types of the record in
    `missing` were not looked up, in `failed` could not be, in `partial` came as a first page only. `near_miss_of` are
    rows whose card stays silent here although all but one of its reasons is there."""

    name: str
    location: Location
    decision: str
    service: str
    hook: str
    today: date
    patient: Resource
    settings: dict[str, Any] = field(default_factory=dict)
    data: tuple[Resource, ...] = ()
    missing: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    drafts: tuple[Resource, ...] = ()
    selections: tuple[str, ...] | None = None
    appointments: tuple[Resource, ...] = ()
    expect: tuple[ExpectedCard, ...] = ()
    silent: frozenset[str] = frozenset()
    silent_all: bool = False
    near_miss_of: frozenset[str] = frozenset()
    refused: int | None = None
    defines: tuple[ExpectedDefine, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One point in which the answer is not what the case expects."""

    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case. `trace` says for a failed one why (cds.explain); `applied` is the tree of the plan of
    that url, empty where the call was refused."""

    case: Case
    differences: tuple[Difference, ...] = ()
    trace: str = ""
    cards: tuple[Card, ...] = ()
    plan: str = ""
    applied: tuple[AppliedAction, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.differences

    def render(self) -> str:
        """One line for a case that passed; for a failed one also each difference and the trace of its decision."""
        place = str(self.case.location)
        if self.passed:
            return f"{place}: passed: {self.case.name}"
        lines = [f"{place}: case-failed: {self.case.name}", *(f"  {difference}" for difference in self.differences)]
        lines += [f"    {line}" for line in self.trace.splitlines()]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The same record for machines."""
        record: dict[str, Any] = {
            "file": self.case.location.file,
            "line": self.case.location.line,
            "name": self.case.name,
            "decision": self.case.decision,
            "passed": self.passed,
        }
        if not self.passed:
            record["differences"] = [{"what": d.what, "expected": d.expected, "got": d.got} for d in self.differences]
            record["trace"] = self.trace.splitlines()
        return record
