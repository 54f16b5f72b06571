"""The way to the database: one engine per process, made when it is first needed, for workers fork after loading.

SQLite: WAL, each commit on disk when it returns (synchronous FULL), writers wait for each other for 5 seconds.
PostgreSQL: short time-outs, and connections that are looked at before they are used.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakSet

from sqlalchemy import Connection, Engine, Insert, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.sql.elements import CompilerElement

from cds.errors import ConfigurationError, StorageError
from cds.storage import migrations

#: Seconds that a writer waits for the lock of another (security.md P3), and a call for a connection of the pool (P5).
LOCK_WAIT = 5
POOL_WAIT = 2
#: Seconds after which only one of the writers of a process waits on, so that the threads of the others are left for
#: calls.
ALL_WAIT = 1
#: Seconds between two looks whether SQLite's lock is free. Its own waiting sleeps longer each time, up to 100 ms: who
#: has waited longest is the last to notice.
_LOOK = 0.001
#: Seconds between two looks of `run` whether SQLite's file is still there.
_TRUST = 1
#: Steps of SQLite's machine, about a millisecond, between two looks whether a reader has taken too long.
_STEPS = 100_000

_LIMITS = f"""
SET statement_timeout = '{LOCK_WAIT}s';
SET lock_timeout = '{LOCK_WAIT}s';
SET idle_in_transaction_session_timeout = '30s'
"""

#: What a connection is made with, unless the address says otherwise. A server that is cut off sends no error: the
#: connection is lost when nothing has come back for some seconds (security.md P5).
_CONNECTING = {
    "connect_timeout": POOL_WAIT,
    "application_name": "pathway-cds",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

Rows = Sequence[tuple[Any, ...]]


class Database:
    """One database, from any number of threads and forks of this process. Its methods raise StorageError.

    Without `durable`, SQLite may lose the last commits when the machine stops; never when only the process does."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        """Raises ConfigurationError for an address that cannot be read."""
        try:
            where = make_url(url)
        except (ArgumentError, ValueError):  # their texts quote the address, which may hold a password
            raise ConfigurationError(
                "database_url (CDS_DATABASE_URL): the address cannot be read; write postgresql://user@host:5432/name, "
                "and what a password has of @ : / ? # as %40 %3A %2F %3F %23"
            ) from None
        self._url = where.set(drivername="postgresql+psycopg") if where.drivername == "postgresql" else where
        #: The file of SQLite; None with PostgreSQL.
        self.file = Path(where.database or "") if where.get_backend_name() == "sqlite" else None
        self._durable = durable
        self._lock = Lock()
        self._engine: Engine | None = None
        self._opened_inode: int | None = None
        #: Connections of `run` to SQLite that no thread uses at this moment, and when to look at the file again.
        self._kept: list[sqlite3.Connection] = []
        self._look_at = 0.0
        #: Whether the last thing that was asked of it failed, or the last write where only reads followed.
        self.failed = False
        _DATABASES.add(self)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block ends, or rolled back when it raises."""
        engine = self._ready()
        with self._told(engine), engine.begin() as connection:
            yield connection
        self.failed = False

    @contextmanager
    def reading(self, *, seconds: int = LOCK_WAIT) -> Iterator[Connection]:
        """A transaction that reads one moment's state and blocks no writer. The database ends what takes longer than
        `seconds`: in PostgreSQL a statement, in SQLite all of it."""
        engine = self._ready()
        with self._told(engine), self._reader(engine, seconds) as connection:
            if seconds != LOCK_WAIT and self.file is None:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{seconds}s'")
            yield connection

    def insert_new(self, table: Table) -> Insert:
        """An INSERT that leaves a row whose key is there already as it is."""
        if self.file:
            return sqlite.insert(table).on_conflict_do_nothing()
        return postgresql.insert(table).on_conflict_do_nothing()

    def written(self, statement: CompilerElement) -> str:
        """A statement as `run` takes it, with its values in the order of the columns."""
        style: Any = {"paramstyle": "qmark" if self.file else "format"}
        return str(statement.compile(dialect=self._url.get_dialect()(**style)))

    def run(self, statement: str, values: tuple[Any, ...]) -> int:
        """The number of rows that one statement changed, in a transaction of its own. It goes past SQLAlchemy's
        connection, and in SQLite past its pool, which take longer than the statement. A file that was replaced is
        noticed within a second, so this is not for what must be on disk."""
        if self.file:
            return self._run_kept(statement, values)
        engine = self._ready()
        with self._told(engine), _cursor(engine) as cursor:
            cursor.execute(statement, values)
            count: int = cursor.rowcount
        self.failed = False
        return count

    def run_many(self, statements: Sequence[tuple[str, Rows]]) -> None:
        """Run each statement for each of its rows, all in one transaction."""
        engine = self._ready()
        with self._told(engine), _cursor(engine) as cursor:
            if self.file:
                _when_free(cursor.execute, "BEGIN IMMEDIATE")
            for statement, rows in statements:
                if rows:
                    cursor.executemany(statement, rows)
        self.failed = False

    def is_waited_for(self) -> bool:
        """Whether a thread of this process has been waiting for the lock of SQLite for a while."""
        return _waiting.locked()

    def close(self) -> None:
        """Close every connection of this process. What comes after opens anew."""
        with self._lock:
            self._dispose()

    def forget(self) -> None:
        """Leave the connections to the process that this one was forked from."""
        self._lock, self._kept = Lock(), []
        if self._engine is not None:
            self._engine.dispose(close=False)
            self._engine = None

    def _dispose(self) -> None:
        kept, self._kept = self._kept, []
        while kept:
            kept.pop().close()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def _reader(self, engine: Engine, seconds: float = LOCK_WAIT) -> Iterator[Connection]:
        if self.file is None:
            with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                yield connection
            return
        with engine.connect().execution_options(cds_read=True) as connection:
            driver: Any = connection.connection.driver_connection
            deadline = time.monotonic() + seconds
            driver.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            _wait(driver, LOCK_WAIT)
            try:
                yield connection
            finally:
                driver.set_progress_handler(None, 0)
                _wait(driver, 0)

    def _run_kept(self, statement: str, values: tuple[Any, ...]) -> int:
        engine = self._engine
        if engine is None or time.monotonic() >= self._look_at:
            engine = self._ready()
            self._look_at = time.monotonic() + _TRUST
        kept = self._kept
        try:
            try:
                connection = kept.pop()
            except IndexError:
                connection = _detached(engine)
            try:
                count: int = _when_free(connection.execute, statement, values).rowcount
            finally:
                if kept is self._kept:
                    kept.append(connection)
                else:  # closed meanwhile
                    connection.close()
        except (SQLAlchemyError, sqlite3.Error, UnicodeEncodeError) as error:
            raise self._failure(engine, error) from None
        self.failed = False
        return count

    @contextmanager
    def _told(self, engine: Engine) -> Iterator[None]:
        """Raises StorageError with names and codes only: messages of databases hold values."""
        try:
            yield
        except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error, OSError, UnicodeEncodeError) as error:
            raise self._failure(engine, error) from None

    def _failure(self, engine: Engine, error: Exception) -> StorageError:
        self.failed, self._look_at = True, 0.0
        if isinstance(error, PoolTimeoutError):
            return StorageError("every connection is in use")
        cause = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        driver = engine.dialect.loaded_dbapi
        refused = isinstance(cause, (driver.DataError, driver.IntegrityError, UnicodeEncodeError))
        refused |= code is None and isinstance(cause, driver.ProgrammingError)
        return StorageError(str(code or type(cause).__name__), lost=lost, refused=refused)

    def _ready(self) -> Engine:
        """The engine, with the newest schema behind it."""
        engine = self._engine
        if engine is None or self._inode() != self._opened_inode:
            with self._lock:
                if self._engine is None or self._inode() != self._opened_inode:
                    self._dispose()
                    self._engine = self._opened()
                    self._opened_inode = self._inode()
                engine = self._engine
        return engine

    def _inode(self) -> int | None:
        """What tells whether the file is still the one that was opened: in one that was deleted or replaced, writes
        would go nowhere without an error (security.md P4)."""
        if self.file is None:
            return None
        try:
            return os.stat(self.file).st_ino
        except OSError:
            return None

    def _opened(self) -> Engine:
        engine = self._sqlite() if self.file else self._postgresql()
        try:
            with self._told(engine):
                if self.file and not self.file.exists():  # for this user's eyes only
                    self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    self.file.touch(mode=0o600)
                with self._reader(engine) as connection:
                    current = migrations.is_current(connection)
                if not current:
                    with engine.begin() as connection:
                        migrations.migrate(connection)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _sqlite(self) -> Engine:
        arguments = {"timeout": LOCK_WAIT}
        engine = create_engine(self._url, hide_parameters=True, pool_timeout=POOL_WAIT, connect_args=arguments)
        event.listen(engine, "connect", partial(_prepare, "FULL" if self._durable else "NORMAL"))
        event.listen(engine, "begin", _begin)
        return engine

    def _postgresql(self) -> Engine:
        if find_spec("psycopg") is None:
            raise ConfigurationError("PostgreSQL needs a driver: pip install 'pathway-cds[postgres]'")
        arguments = {name: value for name, value in _CONNECTING.items() if name not in self._url.query}
        engine = create_engine(
            self._url, hide_parameters=True, pool_timeout=POOL_WAIT, pool_pre_ping=True, connect_args=arguments
        )
        event.listen(engine, "connect", _limit)
        return engine


_DATABASES: WeakSet[Database] = WeakSet()
#: Held by the one writer of this process that waits longer than the others.
_waiting = Lock()


def _forget_all() -> None:
    global _waiting
    _waiting = Lock()
    for database in _DATABASES:
        database.forget()


if hasattr(os, "register_at_fork"):  # elsewhere nothing forks
    os.register_at_fork(after_in_child=_forget_all)


def _prepare(synchronous: str, connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # _begin() begins, not the driver
    # Only the first connection of all changes the mode; it needs the file for itself, and does not wait for it.
    deadline = time.monotonic() + LOCK_WAIT
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    _wait(connection, 0)  # writers wait in _when_free()


def _limit(connection: Any, _record: Any) -> None:
    # Not as options of the connection, which poolers refuse.
    connection.execute(_LIMITS)
    connection.commit()


@contextmanager
def _cursor(engine: Engine) -> Iterator[Any]:
    """A cursor of the driver; what it did is committed when the block ends."""
    connection = engine.raw_connection()
    try:
        yield connection.cursor()
        connection.commit()
    finally:
        connection.close()  # to the pool, which rolls back what was not committed


def _detached(engine: Engine) -> Any:
    """A new connection of the driver, of which the pool knows nothing."""
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    pooled.detach()
    return connection


def _begin(connection: Connection) -> None:
    # A transaction that first reads and then writes would fail at once, not wait, if another wrote in between.
    driver: Any = connection.connection.driver_connection
    if connection.get_execution_options().get("cds_read"):
        driver.execute("BEGIN")
    else:
        _when_free(driver.execute, "BEGIN IMMEDIATE")


def _when_free(execute: Callable[..., Any], *arguments: Any) -> Any:
    """What comes of executing what takes SQLite's write lock, when nobody else holds it."""
    began, alone = 0.0, False
    try:
        while True:
            try:
                return execute(*arguments)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                began = began or time.monotonic()
                waited = time.monotonic() - began
                if waited > LOCK_WAIT:
                    raise
                if not alone and (waited > ALL_WAIT or _waiting.locked()):
                    alone = _waiting.acquire(blocking=False)
                    if not alone:
                        raise
            time.sleep(_LOOK)
    finally:
        if alone:
            _waiting.release()


def _wait(connection: Any, seconds: float) -> None:
    """Let SQLite itself wait for locks."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
