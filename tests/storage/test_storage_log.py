"""The decision log: what a row holds, and that writing it never stands in a call's way."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select
from storage_support import CARD, MOMENT, caller, card, decision
from structlog.testing import capture_logs

from cds.apply.tree import AppliedAction, Outcome
from cds.config import Settings
from cds.errors import StorageError
from cds.metrics import Metrics
from cds.storage import Storage, log
from cds.storage.decision import Kept, decide
from cds.storage.tables import cards, decisions

pytestmark = pytest.mark.slow

SUGGESTION = "e56e1945-20b3-4393-8503-a1a20fd73152"
A = caller("a")


def count(storage: Storage) -> int:
    with storage.database.reading() as connection:
        return connection.execute(select(func.count()).select_from(decisions)).scalar_one()


def test_a_row_tells_what_became_of_each_action(storage: Storage) -> None:
    """Who called what, the content, each action's outcome, the cards and the times are in it, and no draft's id
    (security A2)."""
    children = [
        AppliedAction("plan/a[ServiceRequest.secret]/x", {}, Outcome.FIRED),
        AppliedAction("plan/b", {}, Outcome.NOT_APPLICABLE),
        AppliedAction("plan/c", {}, Outcome.UNKNOWN),
        AppliedAction("plan/d", {}, Outcome.FAILED),
    ]
    applied = [AppliedAction("plan", {}, Outcome.FIRED, children=children)]
    given = [{**card(CARD), "suggestions": [{"uuid": SUGGESTION}]}]
    origins = {CARD: "plan/a[ServiceRequest.secret]", SUGGESTION: "plan/a[ServiceRequest.secret]/x"}
    storage.add(decide(A, "pain", "order-sign", "h-1", "rev", applied, given, origins, (0.0015, 0.25), None))
    storage.flush()
    with storage.database.reading() as connection:
        row = connection.execute(select(decisions)).one()
        shown = connection.execute(select(cards)).one()
    assert row[2:8] == ("a", "ehr-a", "pain", "order-sign", "h-1", "rev")
    assert orjson.loads(row.actions) == {
        "fired": ["plan/a/x"],
        "not applicable": ["plan/b"],
        "unknown": ["plan/c"],
        "failed": ["plan/d"],
    }
    assert (row.data_us, row.apply_us) == (1500, 250_000)
    assert abs(row.at / 1000 - time.time()) < 10
    assert tuple(shown) == (
        *(row.id, CARD, "a", "pain", "rest", "plan/a", "info"),
        f'{{"{SUGGESTION}":"plan/a/x"}}',
    )
    assert "secret" not in repr((row, shown))


def test_what_the_drafts_settled_is_told_like_what_was_judged() -> None:
    """Both are in the row, by outcome."""
    applied = [AppliedAction("plan/b", {}, Outcome.NOT_APPLICABLE), AppliedAction("plan/a", {}, Outcome.FIRED)]
    settled = {"not applicable": ["plan/c", "plan/d"]}
    row = decide(A, "pain", "order-sign", "h-1", "rev", applied, [], {}, (0, 0), None, settled).row
    assert orjson.loads(row[8]) == {"not applicable": ["plan/b", "plan/c", "plan/d"], "fired": ["plan/a"]}
    assert settled == {"not applicable": ["plan/c", "plan/d"]}


@pytest.mark.parametrize("instance", ["John Doe 1970-01-01", "é" * 10, "x" * 300, "a\nb"])
def test_an_odd_hook_instance_is_kept_as_a_digest(storage: Storage, instance: str) -> None:
    """A client may make a hookInstance of anything; what is no plain id is not written down (security A2)."""
    storage.add(decide(A, "pain", "h", instance, "rev", [], [], {}, (0, 0), None))
    storage.flush()
    with storage.database.reading() as connection:
        assert connection.execute(select(decisions.c.hook_instance)).scalar_one().startswith("sha256:")


def test_ids_sort_by_time() -> None:
    """Ids are UUIDs of version 7, so that rows are added at the end of the table."""
    first = decision(A).row[0]
    time.sleep(0.002)
    second = decision(A).row[0]
    assert first < second
    assert (len(first), first[12]) == (32, "7")
    assert first[16] in "89ab"


def test_rows_are_written_by_themselves(storage: Storage) -> None:
    """A decision is in the database soon after its call, without anybody asking."""
    storage.add(decision(A, cards=[CARD]))
    deadline = time.monotonic() + 10
    while count(storage) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_repeated_call_is_a_decision_of_its_own(storage: Storage) -> None:
    """The same call again gives the same cards, which are then shown by two decisions (B14)."""
    for _ in range(2):
        storage.add(decision(A, cards=[CARD]))
    storage.flush()
    with storage.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(cards)).scalar_one() == 2


def test_closing_writes_what_waits(storage: Storage) -> None:
    """Whoever stops in order loses nothing (security R4)."""
    for _ in range(2500):
        storage.add(decision(A))
    storage.close()
    assert count(storage) == 2500


def test_a_database_that_fails_makes_no_call_wait(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be written, decisions are held up to a limit, then counted as lost; when it works again, those
    that were held are written once (security P4)."""
    metrics = Metrics()
    monkeypatch.setattr(storage._log, "_metrics", metrics)
    monkeypatch.setattr(log, "_MOST", 50)
    monkeypatch.setattr(log, "_WAIT", 0.01)
    monkeypatch.setattr(log, "_GATHER", 0.01)
    working = storage._fast.run_many
    failed = threading.Event()

    def fail(statements: Any) -> None:
        failed.set()
        raise StorageError("SQLITE_FULL")

    monkeypatch.setattr(storage._fast, "run_many", fail)
    began = time.monotonic()
    for _ in range(60):
        storage.add(decision(A))
    assert time.monotonic() - began < 1
    assert failed.wait(10)
    assert b"cds_decisions_lost_total 10.0" in metrics.exposition()
    monkeypatch.setattr(storage._fast, "run_many", working)
    storage.close()
    assert count(storage) == 50


def test_kept_requests_are_held_up_to_a_number_of_bytes(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large requests that wait do not fill the memory."""
    monkeypatch.setattr(log, "_MOST_BYTES", 100)
    metrics = Metrics()
    storage = Storage(Settings(database_url=database_url, keep_input="masked"), metrics)
    monkeypatch.setattr(storage._log, "begin", lambda: None)
    for _ in range(3):
        storage.add(decision(A, kept=Kept(40, {}, MOMENT, [])))
    assert b"cds_decisions_lost_total 1.0" in metrics.exposition()
    storage.close()
    assert count(storage) == 2
    storage.close()


def test_a_fork_begins_with_an_empty_log(storage: Storage) -> None:
    """What waits in the parent is written by the parent only, and the child opens connections of its own."""
    storage.add(decision(A))
    storage.flush()
    storage.add(decision(A))
    child = os.fork()
    if child == 0:
        try:
            storage.add(decision(caller("child")))
            storage.close()
            os._exit(0)
        except BaseException:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    storage.close()
    with storage.database.reading() as connection:
        tenants = connection.execute(select(decisions.c.tenant).order_by(decisions.c.tenant)).scalars().all()
    assert tenants == ["a", "a", "child"]


def test_what_can_never_be_written_stops_nothing(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that the database refuses is given up and counted, those before and behind it are written."""
    metrics = Metrics()
    monkeypatch.setattr(storage._log, "_metrics", metrics)
    made = [decision(A) for _ in range(5)]
    broken = {1: (), 3: (*made[3].row[:-1], None)}
    for number, each in enumerate(made):
        storage.add(each._replace(row=broken.get(number, each.row)))
    storage.flush()
    assert count(storage) == 3
    assert b"cds_decisions_lost_total 2.0" in metrics.exposition()


def test_a_request_that_cannot_be_kept_stops_nothing(database_url: str) -> None:
    """One whose JSON cannot be written is given up and counted; the thread writes all others."""
    metrics = Metrics()
    storage = Storage(Settings(database_url=database_url, keep_input="masked"), metrics)
    for request in ({}, {"never": object()}, {}):
        storage.add(decision(A, kept=Kept(1, request, MOMENT, [])))
    storage.flush()
    assert count(storage) == 2
    assert b"cds_decisions_lost_total 1.0" in metrics.exposition()
    storage.close()


def test_tidying_that_fails_ends_no_thread(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours between two batches is counted and told by its name only; what comes later is written."""
    metrics = Metrics()
    tidied = iter((ValueError("canary"), StorageError("SQLITE_FULL")))

    def tidy() -> None:
        for error in tidied:
            raise error

    monkeypatch.setattr(log, "_GATHER", 0.01)
    monkeypatch.setattr(log, "_WAIT", 0.01)
    monkeypatch.setattr(storage._log, "_metrics", metrics)
    monkeypatch.setattr(storage._log, "_tidy", tidy)
    with capture_logs() as lines:
        for written in (1, 2, 3):
            storage.add(decision(A))
            deadline = time.monotonic() + 10
            while count(storage) < written:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        storage.close()
    assert [line["reason"] for line in lines] == ["ValueError", "SQLITE_FULL"]
    assert b'cds_storage_failures_total{operation="decision"} 2.0' in metrics.exposition()
