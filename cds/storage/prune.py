"""Deletes what is older than the site keeps, a few rows at a time, so that nobody waits for it (security.md P8)."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import delete, select

from cds.storage.database import Database
from cds.storage.tables import cards, decisions, feedback, inputs, tokens

#: The most rows that one transaction deletes, and seconds in which others write between two.
_MOST = 500
_PAUSE = 0.01
#: The most used tokens that are looked up at once.
_MOST_TOKENS = 100_000

#: Seconds that a clock may be set back: a token that has expired would count again, and must still be known as used.
_SET_BACK = 600

_DAY = 86_400


def prune(database: Database, days: int) -> None:
    """Delete decisions, with their cards and requests, and feedback of more than `days` ago. Raises StorageError."""
    before = int((time.time() - days * _DAY) * 1000)
    while _prune_decisions(database, before) == _MOST:
        time.sleep(_PAUSE)
    while _prune_feedback(database, before) == _MOST:
        time.sleep(_PAUSE)


def prune_tokens(database: Database) -> None:
    """Delete used tokens that have expired. Raises StorageError."""
    # Nothing is sorted by `expires`: an index would cost each call as much as its row, and they are read once a minute.
    expired = select(tokens.c.token).where(tokens.c.expires < int(time.time()) - _SET_BACK).limit(_MOST_TOKENS)
    while True:
        with database.reading() as connection:
            found = connection.execute(expired).scalars().all()
        for start in range(0, len(found), _MOST):
            _delete_tokens(database, found[start : start + _MOST])
            time.sleep(_PAUSE)
        if len(found) < _MOST_TOKENS:
            return


def _delete_tokens(database: Database, found: Sequence[bytes]) -> None:
    # Another process may still do the same, and need not wait.
    free = select(tokens.c.token).where(tokens.c.token.in_(found)).with_for_update(skip_locked=True)
    with database.writing() as connection:
        connection.execute(delete(tokens).where(tokens.c.token.in_(free)))


def _prune_decisions(database: Database, before: int) -> int:
    old = select(decisions.c.id).where(decisions.c.at < before).order_by(decisions.c.at).limit(_MOST)
    with database.writing() as connection:
        found = connection.execute(old).scalars().all()
        for column in (cards.c.decision, inputs.c.decision, decisions.c.id):
            table = column.table
            connection.execute(delete(table).where(column.in_(found)))
    return len(found)


def _prune_feedback(database: Database, before: int) -> int:
    with database.writing() as connection:
        last = connection.execute(
            select(feedback.c.received)
            .where(feedback.c.received < before)
            .order_by(feedback.c.received)
            .offset(_MOST - 1)
        ).scalar()
        bound = feedback.c.received < before if last is None else feedback.c.received <= last
        deleted = connection.execute(delete(feedback).where(bound)).rowcount
    return min(deleted, _MOST)
