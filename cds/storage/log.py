"""The decision log: rows are handed over in memory, and a thread of each process writes them in batches. It never makes
a call wait; what cannot be written is tried again, then given up and counted.
"""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Callable
from threading import Event, Lock, Thread
from weakref import WeakSet

import structlog

from cds.errors import StorageError
from cds.metrics import Metrics
from cds.storage.database import Database
from cds.storage.decision import Decision
from cds.storage.inputs import Keeper
from cds.storage.tables import cards, decisions, inputs

#: Seconds that rows gather before they are written together, and between attempts after one that failed.
_GATHER = 0.5
_WAIT = 5.0
#: The longest that the thread sleeps where nothing is handed over: rows grow too old on a quiet site too.
_IDLE = 600.0
#: The most that is held while the database does not take it, in calls and in bytes of requests.
_MOST = 10_000
_MOST_BYTES = 64 << 20
#: The most calls that are written in one transaction.
_BATCH = 1_000

_log = structlog.get_logger(__name__)


class DecisionLog:
    """Writes decisions behind the back of the calls. Safe for threads and forks; a fork begins with an empty one."""

    _thread: Thread | None

    def __init__(self, database: Database, keeper: Keeper, metrics: Metrics, tidy: Callable[[], None]) -> None:
        """`keeper` makes requests unreadable; `tidy` is called by the thread after each batch, and now and then."""
        self._database = database
        self._keeper = keeper
        self._metrics = metrics
        self._tidy = tidy
        self._decisions = database.written(database.insert_new(decisions))
        self._cards = database.written(database.insert_new(cards))
        self._inputs = database.written(database.insert_new(inputs))
        self._start_anew()
        _LOGS.add(self)

    def begin(self) -> None:
        """Start the thread, which tidies where no decision comes too."""
        with self._counting:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="decision-log", daemon=True)
                self._thread.start()
                atexit.register(self.close)

    def add(self, decision: Decision) -> None:
        """Hand a decision over. It is in the database soon, or counted as lost."""
        size = decision.kept.size if decision.kept else 0
        if len(self._waiting) >= _MOST or self._bytes + size > _MOST_BYTES:
            self._metrics.decisions_lost(1)
            self._lost += 1
            return
        if size:
            with self._counting:
                self._bytes += size
        self._waiting.append(decision)
        if not self._something.is_set():
            self.begin()
            self._something.set()

    def flush(self) -> None:
        """Write what waits, now. Raises StorageError."""
        while self._waiting:
            self._write()
        self._at_once = _BATCH

    def close(self) -> None:
        """Write what waits and end the thread; what cannot be written is lost."""
        self._closing = True
        self._something.set()
        self._hurry.set()
        thread = self._thread
        if thread is not None:
            thread.join()
        try:
            self.flush()
        except StorageError:
            self._metrics.decisions_lost(len(self._waiting))
            _log.error("decisions-lost", count=self._lost + len(self._waiting))
        atexit.unregister(self.close)
        self._start_anew()

    def _start_anew(self) -> None:
        self._waiting: deque[Decision] = deque()
        self._bytes = self._lost = 0
        self._something, self._hurry = Event(), Event()
        self._counting, self._writing = Lock(), Lock()
        self._thread = None
        self._closing = False
        self._at_once = _BATCH

    def _run(self) -> None:
        while not self._closing:
            self._something.wait(_IDLE)
            self._hurry.wait(_GATHER)
            self._something.clear()
            try:
                self.flush()
                self._tidy()
            except Exception as error:  # of whatever kind: it must not end the thread
                self._metrics.storage_failed("decision")
                counts = {"waiting": len(self._waiting), "lost": self._lost}
                _log.error("storage-failed", operation="decision", reason=_reason(error), **counts)
                self._lost = 0
                self._hurry.wait(_WAIT)
                self._something.set()

    def _write(self) -> None:
        with self._writing:
            batch = [self._waiting[index] for index in range(min(self._at_once, len(self._waiting)))]
            try:
                kept = [
                    (decision.row[0], self._keeper.form, self._keeper.unreadable(decision.kept))
                    for decision in batch
                    if decision.kept is not None
                ]
                self._database.run_many(
                    [
                        (self._decisions, [decision.row for decision in batch]),
                        (self._cards, [card for decision in batch for card in decision.cards]),
                        (self._inputs, kept),
                    ]
                )
            except Exception as error:  # what cannot be written, for whatever reason, must not end the thread
                if isinstance(error, StorageError) and not error.refused:
                    raise
                if len(batch) > 1:  # one of them is at fault, and must not take the others with it
                    self._at_once = 1
                    return
                self._metrics.decisions_lost(1)
                _log.error("storage-failed", operation="decision", reason=_reason(error), lost=1)
            size = 0
            for _ in batch:
                decision = self._waiting.popleft()
                size += decision.kept.size if decision.kept else 0
            with self._counting:
                self._bytes -= size


def _reason(error: Exception) -> str:
    """Names only: texts of errors may quote values."""
    return error.reason if isinstance(error, StorageError) else type(error).__qualname__


_LOGS: WeakSet[DecisionLog] = WeakSet()


def _start_all_anew() -> None:
    for log in _LOGS:
        log._start_anew()


if hasattr(os, "register_at_fork"):  # elsewhere nothing forks
    os.register_at_fork(after_in_child=_start_all_anew)
