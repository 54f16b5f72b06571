"""What is older than the site keeps is deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select
from storage_support import MOMENT, caller, decision, feedback_item

from cds.config import Settings
from cds.storage import Storage, log, prune, storage
from cds.storage.database import Database
from cds.storage.decision import Kept
from cds.storage.tables import cards, decisions, feedback, inputs

A = caller("a")
TABLES = (decisions, cards, inputs, feedback)


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def sizes(opened: Storage) -> list[int]:
    with opened.database.reading() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in TABLES]


def shown(opened: Storage) -> list[str]:
    with opened.database.reading() as connection:
        return list(connection.execute(select(cards.c.card)).scalars())


def fill(opened: Storage, numbers: range) -> None:
    """Decisions, each with a card, a kept request and feedback, at the moment it is."""
    for number in numbers:
        opened.add(decision(A, cards=[uuid(number)], kept=Kept(1, {}, MOMENT, [])))
    opened.flush()
    opened.add_feedback(A, "pain", [feedback_item("accepted", card=uuid(number)) for number in numbers])


def test_old_rows_go_and_young_ones_stay(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions with all that belongs to them, and feedback, are kept as many days as the setting says, and deleted in
    small batches (security P8)."""
    monkeypatch.setattr(prune, "_MOST", 10)
    monkeypatch.setattr(storage, "_ALL_EVERY", 1e9)
    opened = Storage(Settings(database_url=database_url, keep_input="masked", keep_days=30))
    opened._all_at = time.time() * 2
    with time_machine.travel(MOMENT, tick=False) as clock:
        fill(opened, range(25))
        clock.shift(timedelta(days=2))
        fill(opened, range(25, 30))
        clock.shift(timedelta(days=29))
        prune.prune(opened.database, 30)
        assert sizes(opened) == [5, 5, 5, 5]
        prune.prune(opened.database, 30)
        assert sizes(opened) == [5, 5, 5, 5]
        clock.shift(timedelta(days=2))
        prune.prune(opened.database, 30)
        assert sizes(opened) == [0, 0, 0, 0]
    opened.close()


def test_the_service_prunes_by_itself(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After decisions were written, what is too old goes, without anybody asking (security P8)."""
    monkeypatch.setattr(log, "_GATHER", 0.01)
    opened = Storage(Settings(database_url=database_url, keep_days=1))
    opened._all_at = time.time() + 1000
    with time_machine.travel(MOMENT, tick=False):
        opened.add(decision(A, cards=[uuid(1)]))
        opened.flush()
    opened._all_at = 0.0
    opened.add(decision(A, cards=[uuid(2)]))
    _await(lambda: shown(opened) == [uuid(2)])
    opened.close()


def _await(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_quiet_service_prunes_too(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What grows too old goes where no decision comes after it (security P8)."""
    monkeypatch.setattr(log, "_GATHER", 0.01)
    monkeypatch.setattr(log, "_IDLE", 0.05)
    opened = Storage(Settings(database_url=database_url, keep_days=1))
    opened.add(decision(A, cards=[uuid(1)]))
    _await(lambda: opened._all_at > 0)  # pruned after this decision
    assert sizes(opened)[0] == 1
    with time_machine.travel(time.time() + 2 * 86_400):
        opened._all_at = 0.0  # an hour later by the clock that is never set
        _await(lambda: sizes(opened)[0] == 0)
    opened.close()


def test_a_process_without_a_decision_prunes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process before left goes, though this one gets no call at all (security P8)."""
    monkeypatch.setattr(log, "_GATHER", 0.01)
    monkeypatch.setattr(log, "_IDLE", 0.05)
    with time_machine.travel(time.time() - 2 * 86_400):
        before = Storage(Settings(database_url=database_url, keep_input="masked"))
        fill(before, range(3))
        before.close()
    opened = Storage(Settings(database_url=database_url, keep_days=1))
    opened.begin()
    _await(lambda: sizes(opened) == [0, 0, 0, 0])
    opened.close()


def test_one_of_all_processes_prunes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the processes of a service, on all its nodes, one at a time looks for what is too old, another one an hour
    later where that one is gone."""
    pruned: list[Database] = []
    monkeypatch.setattr(storage, "prune", lambda database, _days: pruned.append(database))
    first, second = (Storage(Settings(database_url=database_url)) for _ in range(2))
    with time_machine.travel(MOMENT, tick=False) as clock:
        for opened in (first, second, first, second):
            opened._tidy()
        assert pruned == [first._fast]
        clock.shift(timedelta(hours=1))
        second._all_at = 0.0
        second._tidy()
        assert pruned == [first._fast, second._fast]
    first.close()
    second.close()
