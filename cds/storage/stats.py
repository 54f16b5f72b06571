"""What became of the cards of each rule: shown, accepted, overridden and why, over time. A card is counted once,
however often its call was repeated; of several statements about one card the latest counts. A card that nobody said
anything about is unanswered, never accepted (cds-hooks.md E7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, Subquery, Table, and_, func, select

from cds.storage.database import Database
from cds.storage.tables import cards, decisions, feedback

_DAY = timedelta(days=1)
#: The longest period that is told by day; longer ones are told by week.
_LONGEST_BY_DAY = 31
_MILLISECONDS = 86_400_000
#: Seconds that the counting may take.
_PATIENCE = 60


@dataclass(slots=True)
class Tally:
    """Cards that were shown, and what was said about them."""

    shown: int = 0
    accepted: int = 0
    overridden: int = 0

    @property
    def unanswered(self) -> int:
        """Cards nobody said anything about."""
        return self.shown - self.accepted - self.overridden

    def add(self, outcome: str | None, count: int) -> None:
        """Count cards of one outcome, None for those without."""
        self.shown += count
        if outcome == "accepted":
            self.accepted += count
        elif outcome == "overridden":
            self.overridden += count

    def as_dict(self) -> dict[str, int]:
        return {
            "shown": self.shown,
            "accepted": self.accepted,
            "overridden": self.overridden,
            "unanswered": self.unanswered,
        }


@dataclass(slots=True)
class Rule:
    """One card-level action of a decision. `reasons` counts (system or "", code) of overridden cards, ("", "") where
    none was given; `suggestions` the paths of the actions that were accepted."""

    decision: str
    action: str
    total: Tally = field(default_factory=Tally)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    suggestions: Counter[str] = field(default_factory=Counter)
    over_time: dict[date, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistics:
    """The rules whose cards were shown from `first` to `last`, by decision and action. Every rule tells of the same
    steps of time, of `step` days each. `unknown` items of feedback are about cards that are not in the log."""

    first: date
    last: date
    step: int
    tenant: str | None
    rules: list[Rule]
    unknown: int

    def as_dict(self) -> dict[str, Any]:
        """As `GET /stats.json` tells it."""
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "step_days": self.step,
            "tenant": self.tenant,
            "rules": [_rule_dict(rule) for rule in self.rules],
            "feedback_on_unknown_cards": self.unknown,
        }


def statistics(database: Database, days: int, *, tenant: str | None = None, now: datetime | None = None) -> Statistics:
    """Of the last `days` days, today among them, in UTC; of one tenant, or of all. Raises StorageError."""
    last = (now or datetime.now(UTC)).date()
    first = last - (days - 1) * _DAY
    step = 1 if days <= _LONGEST_BY_DAY else 7
    starts = [first + number * step * _DAY for number in range(-(-days // step))]
    since = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp() * 1000)
    rules: dict[tuple[str, str], Rule] = {}
    with database.reading(seconds=_PATIENCE) as connection:
        for decision, action, bucket, outcome, system, code, count in connection.execute(_counts(since, step, tenant)):
            rule = rules.get((decision, action))
            if rule is None:
                over_time = {start: Tally() for start in starts}
                rule = rules[decision, action] = Rule(decision, action, over_time=over_time)
            rule.total.add(outcome, count)
            rule.over_time[starts[min(bucket, len(starts) - 1)]].add(outcome, count)
            if outcome == "overridden":
                rule.reasons[system or "", code or ""] += count
        for decision, action, taken, offered in connection.execute(_accepted(since, tenant)):
            rules[decision, action].suggestions.update(_actions(taken, offered))
        unknown = connection.execute(_unknown(since, tenant)).scalar_one()
    return Statistics(first, last, step, tenant, [rules[key] for key in sorted(rules)], unknown)


def _shown(since: int, tenant: str | None) -> Subquery:
    """Each card once, at the moment it was first shown in the period."""
    columns = (cards.c.tenant, cards.c.service, cards.c.card)
    first = {"rule": cards.c.rule, "action": cards.c.action, "suggestions": cards.c.suggestions, "at": decisions.c.at}
    return (
        select(*columns, *(func.min(column).label(name) for name, column in first.items()))
        .join(decisions, decisions.c.id == cards.c.decision)
        .where(decisions.c.at >= since, *_of(cards.c.tenant, tenant))
        .group_by(*columns)
        .subquery()
    )


def _of(column: ColumnElement[str], tenant: str | None) -> Iterator[ColumnElement[bool]]:
    """The one place where rows are told apart by tenant (security.md R7)."""
    if tenant is not None:
        yield column == tenant


def _latest(tenant: str | None) -> Subquery:
    """What was said last about each card."""
    of_card = (feedback.c.tenant, feedback.c.service, feedback.c.card)
    order = func.row_number().over(
        partition_by=of_card, order_by=(feedback.c.outcome_at.desc(), feedback.c.received.desc(), feedback.c.outcome)
    )
    ranked = select(feedback, order.label("rank")).where(*_of(feedback.c.tenant, tenant)).subquery()
    return select(ranked).where(ranked.c.rank == 1).subquery()


def _same_card(one: Subquery | Table, other: Subquery | Table) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in ("tenant", "service", "card")))


def _counts(since: int, step: int, tenant: str | None) -> Select[Any]:
    shown, said = _shown(since, tenant), _latest(tenant)
    bucket = ((shown.c.at - since) // (step * _MILLISECONDS)).label("bucket")
    columns = (shown.c.rule, shown.c.action, bucket, said.c.outcome, said.c.reason_system, said.c.reason_code)
    joined = shown.outerjoin(said, _same_card(shown, said))
    return select(*columns, func.count()).select_from(joined).group_by(*columns)


def _accepted(since: int, tenant: str | None) -> Select[Any]:
    shown, said = _shown(since, tenant), _latest(tenant)
    columns = (shown.c.rule, shown.c.action, said.c.suggestions, shown.c.suggestions)
    joined = shown.join(said, _same_card(shown, said))
    return select(*columns).select_from(joined).where(said.c.outcome == "accepted", said.c.suggestions != "[]")


def _actions(taken: str, offered: str) -> Iterable[str]:
    """The paths of the accepted suggestions; one that was not offered is of none."""
    paths = orjson.loads(offered)
    return [paths[uuid] for uuid in orjson.loads(taken) if uuid in paths]


def _unknown(since: int, tenant: str | None) -> Select[Any]:
    known = select(cards.c.card).where(_same_card(cards, feedback)).exists()
    return select(func.count()).where(feedback.c.received >= since, ~known, *_of(feedback.c.tenant, tenant))


def _rule_dict(rule: Rule) -> dict[str, Any]:
    reasons = [
        {"system": system or None, "code": code or None, "count": count}
        for (system, code), count in rule.reasons.most_common()
    ]
    return {
        "decision": rule.decision,
        "action": rule.action,
        **rule.total.as_dict(),
        "reasons": reasons,
        "suggestions": [{"action": action, "accepted": count} for action, count in rule.suggestions.most_common()],
        "over_time": [{"from": start.isoformat(), **tally.as_dict()} for start, tally in rule.over_time.items()],
    }
