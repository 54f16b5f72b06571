"""The replay store: a token is used once, whoever asks."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
import time_machine
from sqlalchemy import create_engine, func, make_url, select

from cds.config import Settings
from cds.storage import Storage, log, prune
from cds.storage import storage as storage_module
from cds.storage.tables import tokens

ISSUER = "https://ehr.example"


def _soon() -> float:
    return time.time() + 60


def _use(url: str) -> bool:
    storage = Storage(Settings(database_url=url))
    try:
        return storage.first_use(ISSUER, "contested", _soon())
    finally:
        storage.close()


def _rows(url: str) -> int:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg") if "postgres" in url else url)
    try:
        with engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(tokens)).scalar_one()
    finally:
        engine.dispose()


def test_the_second_use_is_told_also_after_a_restart(storage: Storage, database_url: str) -> None:
    """A used token is remembered by the database, not the process (security J9)."""
    assert storage.first_use(ISSUER, "a", _soon())
    assert not storage.first_use(ISSUER, "a", _soon())
    storage.close()
    again = Storage(Settings(database_url=database_url))
    assert not again.first_use(ISSUER, "a", _soon())
    again.close()


@pytest.mark.parametrize(
    ("issuer", "jti"),
    [(ISSUER, "b"), ("https://other.example", "a"), (ISSUER + "a", ""), (ISSUER, "a\x00"), (ISSUER, "\ud800")],
)
def test_only_issuer_and_jti_together_are_one_token(storage: Storage, issuer: str, jti: str) -> None:
    """Another issuer's token of the same `jti` is another one, and no text breaks the store (security J9)."""
    assert storage.first_use(ISSUER, "a", _soon())
    assert storage.first_use(issuer, jti, _soon())
    assert not storage.first_use(issuer, jti, _soon())


def test_one_of_fifty_at_once_is_first(storage: Storage) -> None:
    """The unique row decides among threads (security J9)."""
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: storage.first_use(ISSUER, "contested", _soon()), range(50)))
    assert answers.count(True) == 1


@pytest.mark.slow
def test_one_of_many_processes_is_first(database_url: str) -> None:
    """Workers that also start on an empty database at once agree on who was first, and migrate it once (security J9,
    security P6)."""
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        answers = list(pool.map(_use, [database_url] * 12))
    assert answers.count(True) == 1


def test_expired_tokens_are_deleted(storage: Storage, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store does not grow for ever: what has expired goes, however much it is, and the rest stays (security J9,
    security P8)."""
    monkeypatch.setattr(prune, "_MOST", 2)
    monkeypatch.setattr(prune, "_MOST_TOKENS", 5)
    monkeypatch.setattr(prune, "_SET_BACK", 60)
    with time_machine.travel(0, tick=False) as clock:
        for number in range(10):
            assert storage.first_use(ISSUER, str(number), 300)
        assert storage.first_use(ISSUER, "longer", 900)
        clock.shift(359)  # a clock that is set back by a minute makes the ten count again
        prune.prune_tokens(storage.database)
        assert _rows(database_url) == 11
        clock.shift(100)
        prune.prune_tokens(storage.database)
        assert _rows(database_url) == 1


def test_the_service_deletes_tokens_by_itself(
    storage: Storage, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has expired goes without anybody asking, and no call waits for that (security P8)."""
    monkeypatch.setattr(log, "_IDLE", 0.01)
    monkeypatch.setattr(log, "_GATHER", 0.01)
    monkeypatch.setattr(storage_module, "_TOKENS_EVERY", 0.1)
    assert storage.first_use(ISSUER, "long ago", 0)
    storage.begin()
    deadline = time.monotonic() + 10
    while not storage.first_use(ISSUER, "long ago", 0):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_process_of_all_deletes_tokens(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole table is read for it, so only who comes first in a minute does it (security P8)."""
    pruned: list[object] = []
    monkeypatch.setattr(storage_module, "prune_tokens", pruned.append)
    workers = [Storage(Settings(database_url=database_url)) for _ in range(3)]
    with time_machine.travel(0, tick=False) as clock:
        for worker in workers:
            worker._tidy()
        assert pruned == [workers[0]._fast]
        clock.shift(60)
        for worker in reversed(workers):
            worker._tokens_at = 0
            worker._tidy()
    assert pruned == [workers[0]._fast, workers[2]._fast]
    for worker in workers:
        worker.close()


@pytest.mark.slow
def test_verbs_that_need_no_database_do_not_load_it() -> None:
    """SQLAlchemy takes a tenth of a second to import, which `cds check` need not wait for."""
    script = "import sys, cds.service; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
