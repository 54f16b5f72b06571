"""The schema: migrations lead to the tables that the code names, once, and by one process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, make_url, text

from cds.storage import Storage, migrations
from cds.storage.tables import metadata


def _engine(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg") if "postgres" in url else url)


def test_migrations_lead_to_the_tables(storage: Storage, database_url: str) -> None:
    """What migrations make and what the code queries is the same schema (security P6)."""
    storage.first_use("issuer", "jti", 0)
    engine = _engine(database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    """The revision that starts are compared with is the last of the files."""
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_heads() == [migrations.HEAD]


def test_a_migration_that_fails_changes_nothing(
    storage: Storage, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is half done when a migration fails, or its process is killed, is undone: the next start does all of it
    (security P6)."""

    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(Operations, "create_index", fail)
        with pytest.raises(RuntimeError):
            storage.first_use("issuer", "jti", 0)
    engine = _engine(database_url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()
    assert storage.first_use("issuer", "jti", 0)


def test_a_newer_schema_is_used_as_it_is(storage: Storage, database_url: str) -> None:
    """While nodes are renewed one after another, the old release works with the new schema and keeps it (security
    P6)."""
    assert storage.first_use("issuer", "jti", 0)
    storage.close()
    engine = _engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not storage.first_use("issuer", "jti", 0)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
    engine.dispose()
