"""What became of cards, counted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree

import pytest
from storage_support import caller, decision, feedback_item

from cds.plot import svg
from cds.storage import Storage
from cds.storage.stats import Statistics, Tally, statistics

A, B = caller("a"), caller("b")
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def show(storage: Storage, numbers: Iterable[int], *, rule: str = "rest", ago: int = 0, who: object = A) -> None:
    """One decision with these cards, some days before NOW."""
    made = decision(who, cards=map(uuid, numbers), rule=rule)  # type: ignore[arg-type]
    at = int((NOW - timedelta(days=ago)).timestamp() * 1000)
    storage.add(made._replace(row=(made.row[0], at, *made.row[2:])))
    storage.flush()


def tell(storage: Storage, outcome: str, number: int, who: object = A, service: str = "pain", **more: object) -> None:
    item = feedback_item(outcome, card=uuid(number), **more)  # type: ignore[arg-type]
    storage.add_feedback(who, service, [item])  # type: ignore[arg-type]


def counted(storage: Storage, days: int = 30, tenant: str | None = None) -> Statistics:
    return statistics(storage.database, days, tenant=tenant, now=NOW)


def test_shown_accepted_overridden_and_unanswered(storage: Storage) -> None:
    """Cards are counted by rule; silence is not acceptance (E7)."""
    show(storage, range(5))
    show(storage, range(5, 7), rule="imaging")
    tell(storage, "accepted", 0)
    for number in (1, 2):
        tell(storage, "overridden", number, reason=("http://s", "c"))
    tell(storage, "overridden", 3, reason=(None, "c"))
    tell(storage, "overridden", 5)
    found = counted(storage)
    totals = {rule.decision: rule.total for rule in found.rules}
    assert totals == {"imaging": Tally(2, 0, 1), "rest": Tally(5, 1, 3)}
    assert totals["rest"].unanswered == 1
    reasons = {rule.decision: dict(rule.reasons) for rule in found.rules}
    assert reasons == {"imaging": {("", ""): 1}, "rest": {("http://s", "c"): 2, ("", "c"): 1}}


def test_a_card_counts_once(storage: Storage) -> None:
    """A repeated call shows no card anew, and the latest statement about a card counts, in whatever order they came
    (E2)."""
    show(storage, [1])
    show(storage, [1])
    first, second = datetime(2026, 3, 31, 9, tzinfo=UTC), datetime(2026, 3, 31, 10, tzinfo=UTC)
    tell(storage, "accepted", 1, at=second)
    tell(storage, "overridden", 1, at=first)
    [rule] = counted(storage).rules
    assert rule.total == Tally(1, 1, 0)
    assert not rule.reasons


def test_accepted_suggestions_are_counted_by_action(storage: Storage) -> None:
    """Which of the offered actions were taken is told by their paths; ids that were not offered are left out (E4)."""
    made = decision(A, cards=[uuid(1)])
    offered = f'{{"{uuid(8)}":"rest/walk","{uuid(9)}":"rest/swim"}}'
    at = int(NOW.timestamp() * 1000)
    storage.add(made._replace(row=(made.row[0], at, *made.row[2:]), cards=[(*made.cards[0][:-1], offered)]))
    storage.flush()
    tell(storage, "accepted", 1, suggestions=(uuid(8), uuid(7)))
    [rule] = counted(storage).rules
    assert dict(rule.suggestions) == {"rest/walk": 1}


def test_over_time(storage: Storage) -> None:
    """A month is told by day and a longer time by week, steps without cards included; what is older is not counted."""
    show(storage, [1], ago=0)
    show(storage, [2, 3], ago=29)
    show(storage, [4], ago=30)
    [rule] = counted(storage, 30).rules
    assert (len(rule.over_time), rule.total.shown) == (30, 3)
    assert {start: tally.shown for start, tally in rule.over_time.items() if tally.shown} == {
        date(2026, 3, 2): 2,
        date(2026, 3, 31): 1,
    }
    [rule] = counted(storage, 60).rules
    assert (len(rule.over_time), rule.total.shown) == (9, 4)
    assert sum(tally.shown for tally in rule.over_time.values()) == 4


def test_tenants_are_told_apart(storage: Storage) -> None:
    """The same card id of two tenants is two cards, and what one tenant says is about its own (security J13, security
    R7)."""
    show(storage, [1], who=A)
    show(storage, [1], who=B)
    tell(storage, "accepted", 1, who=B)
    tell(storage, "accepted", 2, who=B)
    for tenant, total, unknown in ((None, Tally(2, 1, 0), 1), ("a", Tally(1, 0, 0), 0), ("b", Tally(1, 1, 0), 1)):
        found = counted(storage, 3660, tenant)
        assert ([rule.total for rule in found.rules], found.unknown) == ([total], unknown)


def test_feedback_through_another_service_is_unknown(storage: Storage) -> None:
    """A card is of the service that gave it (E9)."""
    show(storage, [1])
    tell(storage, "accepted", 1, service="other")
    [rule] = counted(storage).rules
    assert rule.total == Tally(1, 0, 0)


def test_as_dict(storage: Storage) -> None:
    """The record has the figures, the reasons and the course of time."""
    show(storage, [1])
    tell(storage, "overridden", 1, reason=(None, "c"))
    record = counted(storage, 1).as_dict()
    tally = {"shown": 1, "accepted": 0, "overridden": 1, "unanswered": 0}
    assert record == {
        "from": "2026-03-31",
        "to": "2026-03-31",
        "step_days": 1,
        "tenant": None,
        "feedback_on_unknown_cards": 0,
        "rules": [
            {
                "decision": "rest",
                "action": "rest",
                **tally,
                "reasons": [{"system": None, "code": "c", "count": 1}],
                "suggestions": [],
                "over_time": [{"from": "2026-03-31", **tally}],
            }
        ],
    }


@pytest.mark.parametrize("rules", [(), ("rest",), ("rest", "<b>&imaging")])
def test_the_picture_is_an_svg_file(storage: Storage, rules: tuple[str, ...]) -> None:
    """Each bar tells its number in words, whatever the rules are called, and an empty period is a picture too."""
    for number, rule in enumerate(rules):
        show(storage, [number], rule=rule)
    root = ElementTree.fromstring(svg(counted(storage, 7)))  # noqa: S314 - our own
    texts = "".join(root.itertext())
    assert texts.count("1 unanswered") == len(rules)
    assert all(rule in texts for rule in rules)
    assert ("No cards were shown" in texts) is not bool(rules)
