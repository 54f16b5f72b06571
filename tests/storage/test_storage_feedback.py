"""Feedback in the database: each statement once, for the tenant it came from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select
from storage_support import CARD, caller, decision, feedback_item

from cds.config import Settings
from cds.metrics import Metrics
from cds.storage import Storage, database
from cds.storage import storage as storage_module
from cds.storage.tables import feedback


def rows(storage: Storage, *names: str) -> Sequence[Any]:
    """Columns of all stored feedback, in the order of its moments."""
    with storage.database.reading() as connection:
        return connection.execute(select(*(feedback.c[name] for name in names)).order_by(feedback.c.outcome_at)).all()


def counted(metrics: Metrics) -> Counter[str]:
    """The feedback counter by outcome."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    found: Counter[str] = Counter()
    for sample in (sample for family in families for sample in family.samples if sample.name == "cds_feedback_total"):
        found[sample.labels["outcome"]] += int(sample.value)
    return found


def test_an_item_is_stored_whole(storage: Storage) -> None:
    """Outcome, moment, suggestions and coded reason are kept; a comment is not unless the site asks (E2, E4, E6)."""
    item = feedback_item(
        "overridden", reason=("http://s.example", "c"), comment="John Doe said no", suggestions=(CARD,)
    )
    storage.add_feedback(caller("a"), "pain", [item])
    [row] = rows(storage, "tenant", "client", "card", "suggestions", "reason_system", "reason_code", "comment")
    assert tuple(row) == ("a", "ehr-a", CARD, f'["{CARD}"]', "http://s.example", "c", None)


def test_comments_are_kept_when_the_site_asks(database_url: str) -> None:
    """What users write may be about the patient, so it is kept only by a setting (E9)."""
    storage = Storage(Settings(database_url=database_url, keep_comments=True))
    storage.add_feedback(caller("a"), "pain", [feedback_item("overridden", comment="wrong side")])
    assert [tuple(row) for row in rows(storage, "comment")] == [("wrong side",)]
    storage.close()


def test_the_same_statement_is_one_row(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same body from 8 threads, 100 times, is one row each; what came later about the card is another (security P1,
    E2)."""
    monkeypatch.setattr(storage_module, "_QUEUE", 60)  # however slow this machine is
    items = [feedback_item("overridden"), feedback_item("accepted", at=datetime(2026, 3, 3, tzinfo=UTC))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: storage.add_feedback(caller("a"), "pain", items), range(100)))
    assert [tuple(row) for row in rows(storage, "outcome")] == [("overridden",), ("accepted",)]


def test_one_bad_row_leaves_none(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body is stored whole or not at all (security P1, security P4)."""
    real = storage._feedback._rows

    def broken(*arguments: Any) -> Iterator[tuple[Any, ...]]:
        return (row if row[3] == "overridden" else (*row[:5], None, *row[6:]) for row in real(*arguments))

    monkeypatch.setattr(storage._feedback, "_rows", broken)
    with pytest.raises(Exception, match="the database cannot be used"):
        storage.add_feedback(caller("a"), "pain", [feedback_item("overridden"), feedback_item("accepted")])
    monkeypatch.undo()
    assert rows(storage, "card") == []


def test_bodies_in_another_order_do_not_block_each_other(database_url: str) -> None:
    """Two processes that are sent the same statements, each in its own order, store them once and neither fails
    (security P1)."""
    items = [feedback_item("overridden", card=f"00000000-0000-4000-8000-{number:012d}") for number in range(1000)]
    opened = [Storage(Settings(database_url=database_url)) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for tenant in "abcde":
            sent = [
                pool.submit(one.add_feedback, caller(tenant), "pain", body)
                for one, body in zip(opened, (items, items[::-1]), strict=True)
            ]
            for each in sent:
                each.result()
    assert len(rows(opened[0], "card")) == 5000
    for one in opened:
        one.close()


def test_unknown_and_foreign_cards_are_stored_alike_and_counted(database_url: str) -> None:
    """A card that we did not give, one of another tenant and one of another service look the same to the sender; the
    item is the sender's own and is counted as about an unknown card (E9, security J13)."""
    metrics = Metrics()
    storage = Storage(Settings(database_url=database_url), metrics)
    storage.add(decision(caller("a"), "pain", cards=[CARD]))
    storage.flush()
    storage.add_feedback(caller("b"), "pain", [feedback_item("overridden")])
    storage.add_feedback(caller("a"), "other", [feedback_item("overridden")])
    storage.add_feedback(caller("a"), "pain", [feedback_item("overridden", card=None)])
    assert counted(metrics) == {"overridden": 3, "unknown-card": 3}
    storage.add_feedback(caller("a"), "pain", [feedback_item("overridden")])
    assert counted(metrics) == {"overridden": 4, "unknown-card": 3}
    assert sorted(tuple(row) for row in rows(storage, "tenant", "service")) == [
        ("a", "other"),
        ("a", "pain"),
        ("b", "pain"),
    ]
    storage.close()


def test_many_cards_are_looked_up(storage: Storage) -> None:
    """More items than one query asks for at once, all known."""
    cards = [f"00000000-0000-4000-8000-{number:012d}" for number in range(1201)]
    storage.add(decision(caller("a"), "pain", cards=cards))
    storage.flush()
    storage.add_feedback(caller("a"), "pain", [feedback_item("overridden", card=card) for card in cards])
    assert len(rows(storage, "card")) == 1201


def test_a_fork_waits_for_no_thread_of_its_parent(storage: Storage) -> None:
    """A process that was forked while a thread stored feedback, and another looked at the database, does both."""
    storage._problem = "seen by the parent"
    with storage._looking, storage._storing, database._waiting:
        child = os.fork()
        if child == 0:
            try:
                storage.add_feedback(caller("a"), "pain", [feedback_item("accepted")])
                os._exit(storage.problem() is not None or storage.database.is_waited_for())
            except BaseException:
                os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
