"""Brings a database to the newest schema: forward only, one process at a time (security.md P6).

A change to the schema is one that the release before can work with, for nodes are renewed one after another.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

#: The revision of the newest migration in `versions`.
HEAD = "0003"

#: Names the lock that PostgreSQL holds for the one process that migrates.
_LOCK = 0x7061746877617921


def is_current(connection: Connection) -> bool:
    """Whether the schema is the newest, or newer than this release."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision is not None and revision >= HEAD


def migrate(connection: Connection) -> None:
    """Migrate within the transaction of `connection`, which in SQLite holds the write lock already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if is_current(connection):
        return
    from alembic import command  # each start would wait for it, and nearly none needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "cds.storage:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
