"""What differs between two content folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cds.changes.facts import facts, members
from cds.definitions.snapshot import Snapshot

_MOST_CODES = 5


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that differs: None before where it is new, None after where it is gone."""

    about: str
    subject: str
    before: str | None
    after: str | None

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"about": self.about, "subject": self.subject, "before": self.before, "after": self.after}


def changes(before: Snapshot, after: Snapshot) -> list[Change]:
    """Every change from one folder to the other, by definition. A definition that is new or gone is one change."""
    old, new = facts(before), facts(after)
    defined, known = {fact.about for fact in new}, {fact.about for fact in old}
    found = [Change(about, "definition", None, "new") for about in defined - known]
    found += [Change(about, "definition", "there", None) for about in known - defined]
    found += [
        Change(fact.about, fact.subject, old.get(fact), new.get(fact))
        for fact in {**old, **new}
        if fact.about in defined & known and old.get(fact) != new.get(fact)
    ]
    return sorted([*found, *_members(before, after)], key=lambda change: change.about)


def _members(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """Codes that came to a value set, and codes that went."""
    old, new = members(before), members(after)
    for name in old.keys() & new.keys():
        if added := new[name] - old[name]:
            yield Change(f"ValueSet {name}", f"members added: {len(added)}", None, _listed(added))
        if removed := old[name] - new[name]:
            yield Change(f"ValueSet {name}", f"members removed: {len(removed)}", _listed(removed), None)


def _listed(codes: frozenset[tuple[str, str]]) -> str:
    named = [f"{system}|{code}" for system, code in sorted(codes)]
    rest = len(named) - _MOST_CODES
    return ", ".join(named[:_MOST_CODES]) + (f" and {rest} more" if rest > 0 else "")
