"""The one object through which the rest of the program stores and finds things."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence
from hashlib import sha256
from threading import Lock
from weakref import WeakSet

import structlog

from cds.clients import Caller
from cds.config import Settings
from cds.errors import StorageError
from cds.hooks.feedback import Feedback
from cds.metrics import Metrics
from cds.storage.database import Database
from cds.storage.decision import Decision
from cds.storage.feedback import FeedbackStore
from cds.storage.find import Logged, find
from cds.storage.inputs import Keeper
from cds.storage.log import DecisionLog
from cds.storage.place import check_place
from cds.storage.prune import prune, prune_tokens
from cds.storage.stats import Statistics, statistics
from cds.storage.tables import tokens

#: Seconds between two prunings: of used tokens, and of all that is older than the site keeps.
_TOKENS_EVERY = 60
_ALL_EVERY = 3600
#: Seconds that feedback waits while other feedback of this process is being stored.
_QUEUE = 1.0

_log = structlog.get_logger(__name__)


class Storage:
    """The database as its users see it. Nothing is opened before it is needed. Safe for threads and forks."""

    def __init__(self, settings: Settings, metrics: Metrics | None = None) -> None:
        """Raises ConfigurationError for a key that is none, and a SQLite file on a disk of another machine."""
        url = settings.database_url.get_secret_value()
        self.keeper = Keeper(settings.keep_input, keys=settings.input_keys, mask=settings.mask)
        self.database = Database(url)
        self._fast = Database(url, durable=False)
        if self.database.file:
            check_place(self.database.file)
        self._metrics = metrics or Metrics()
        self._keep_days = settings.keep_days
        self._feedback = FeedbackStore(self.database, comments=settings.keep_comments)
        self._use = self._fast.written(self._fast.insert_new(tokens))
        self._log = DecisionLog(self._fast, self.keeper, self._metrics, self._tidy)
        self._tokens_at = self._all_at = 0.0
        self._problem: str | None = None
        self.forget()
        _STORAGES.add(self)

    def prepare(self) -> None:
        """Bring the schema up to date before the first call. Where the database cannot be used that is logged, for
        cards are given without it; the first call that needs it tries again."""
        try:
            with self.database.reading():
                pass
        except StorageError as error:
            self._failed("start", error)
        self.close()

    def begin(self) -> None:
        """Delete from now on what grows older than the site keeps, in a process that is to answer calls, also where it
        gets none (security.md P8)."""
        self._log.begin()

    def problem(self) -> str | None:
        """Why the database cannot be used at this moment; None: it can (security.md P4). To find out may take seconds:
        who asks meanwhile is told what was so before."""
        if self._looking.acquire(blocking=False):
            try:
                self._problem = self._look()
            finally:
                self._looking.release()
        return self._problem

    def _look(self) -> str | None:
        try:
            if self.database.failed or self._fast.failed:
                self._claim("", secrets.token_hex(8), 0)  # only a write can tell that writes work again
                self.database.failed = False  # it is the same one
            else:
                with self._fast.reading():
                    pass
        except StorageError as error:
            return error.reason
        return None

    def first_use(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether the token `jti` of an issuer was not used before; from now until `expires`, in seconds since 1970, it
        is. Of any number of processes that ask at once one is told True: the database decides (security.md J9). Raises
        StorageError."""
        try:
            return self._claim(issuer, jti, expires)
        except StorageError as error:
            self._failed("token", error)
            raise

    def _claim(self, issuer: str, jti: str, expires: float) -> bool:
        token = sha256(f"{len(issuer)}:{issuer}{jti}".encode(errors="surrogatepass")).digest()
        return self._fast.run(self._use, (token, int(expires) + 1)) == 1

    def add(self, decision: Decision) -> None:
        """Log a decision, soon. This never fails and never waits."""
        self._log.add(decision)

    def flush(self) -> None:
        """Write the decisions that wait. Raises StorageError."""
        self._log.flush()

    def add_feedback(self, caller: Caller, service: str, items: Sequence[Feedback]) -> None:
        """Store what a client says about cards: all of it is on disk when this returns, each statement once, however
        often it is made. Raises StorageError when nothing is stored (security.md P1, P2)."""
        try:
            # Where one waits for a database that is slow or locked, others must leave their threads to calls.
            if not self._storing.acquire(timeout=0 if self.database.is_waited_for() else _QUEUE):
                raise StorageError("feedback waits for the database already")
            try:
                unknown = self._store(caller, service, items)
            finally:
                self._storing.release()
        except StorageError as error:
            self._failed("feedback", error)
            raise
        for outcome in ("accepted", "overridden"):
            if count := sum(item.outcome == outcome for item in items):
                self._metrics.feedback(service, outcome, count)
        if unknown:
            self._metrics.feedback(service, "unknown-card", unknown)

    def find(self, decision: str) -> Logged:
        """A decision by its id. Raises NotFoundError when it is not in the log, StorageError."""
        return find(self.database, decision)

    def statistics(self, days: int, tenant: str | None = None) -> Statistics:
        """What became of the cards of the last days. Raises StorageError."""
        return statistics(self.database, days, tenant=tenant)

    def close(self) -> None:
        """Write what waits, and close what this process has opened."""
        self._log.close()
        self.database.close()
        self._fast.close()

    def forget(self) -> None:
        """Leave the locks to the process that this one was forked from: threads that hold them are there only."""
        self._looking, self._storing = Lock(), Lock()

    def _store(self, caller: Caller, service: str, items: Sequence[Feedback]) -> int:
        try:
            return self._feedback.add(caller, service, items)
        except StorageError as error:
            if not error.lost:
                raise
            return self._feedback.add(caller, service, items)

    def _tidy(self) -> None:
        elapsed = time.monotonic()
        if elapsed >= self._tokens_at:
            self._tokens_at = elapsed + _TOKENS_EVERY
            if self._is_first("prune tokens", _TOKENS_EVERY):
                prune_tokens(self._fast)
        if elapsed >= self._all_at:
            self._all_at = elapsed + _ALL_EVERY
            if self._is_first("prune", _ALL_EVERY):
                prune(self._fast, self._keep_days)

    def _is_first(self, task: str, seconds: float) -> bool:
        """Whether this is the process, of all on all nodes, that does something this time: as with tokens the database
        decides."""
        now = time.time()
        return self._claim("", f"{task} {now // seconds}", now + seconds)

    def _failed(self, operation: str, error: StorageError) -> None:
        self._metrics.storage_failed(operation)
        _log.error("storage-failed", operation=operation, reason=error.reason)


_STORAGES: WeakSet[Storage] = WeakSet()


def _forget_all() -> None:
    for storage in _STORAGES:
        storage.forget()


if hasattr(os, "register_at_fork"):  # elsewhere nothing forks
    os.register_at_fork(after_in_child=_forget_all)
