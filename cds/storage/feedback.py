"""Feedback as clients send it: stored once, and joined with the cards it is about."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import bindparam, select

from cds.clients import Caller
from cds.hooks.feedback import Feedback
from cds.storage.database import Database
from cds.storage.tables import cards, feedback

#: The most ids that one query looks for.
_AT_ONCE = 500


class FeedbackStore:
    """Stores feedback, with what users wrote only if `comments`. Safe for threads and forks."""

    def __init__(self, database: Database, *, comments: bool) -> None:
        self._database = database
        self._comments = comments
        self._insert = database.written(database.insert_new(feedback))

    def add(self, caller: Caller, service: str, items: Sequence[Feedback]) -> int:
        """Store items in one transaction; those that are there already stay as they are. What cannot be about a card of
        ours is left out. Returns how many are about cards that this service did not give to this tenant. Raises
        StorageError."""
        # Before the transaction that writes: while it lasts, in SQLite nobody else can.
        known = self._known(caller.tenant, service, sorted({item.card for item in items if item.card}))
        # By key, for two transactions of PostgreSQL that take the same rows in another order block each other.
        rows = sorted(self._rows(caller, service, items), key=_KEY)
        self._database.run_many([(self._insert, rows)])
        return sum(item.card not in known for item in items)

    def _known(self, tenant: str, service: str, asked: Sequence[str]) -> set[str]:
        known: set[str] = set()
        with self._database.reading() as connection:
            for start in range(0, len(asked), _AT_ONCE):
                part = {"tenant": tenant, "service": service, "asked": asked[start : start + _AT_ONCE]}
                known.update(connection.execute(_KNOWN, part).scalars())
        return known

    def _rows(self, caller: Caller, service: str, items: Sequence[Feedback]) -> Iterator[tuple[Any, ...]]:
        """Rows of the table, in the order of its columns."""
        received = int(time.time() * 1000)
        for item in items:
            if item.card is None:
                continue
            system, code = item.reason or (None, None)
            yield (
                caller.tenant,
                item.card.replace("-", ""),
                service,
                item.outcome,
                int(item.at.timestamp() * 1_000_000),
                caller.client.id,
                received,
                orjson.dumps(item.suggestions).decode(),
                system,
                code,
                item.comment if self._comments else None,
            )


_KEY = itemgetter(slice(len(feedback.primary_key.columns)))
_KNOWN = select(cards.c.card).where(
    cards.c.tenant == bindparam("tenant"),
    cards.c.service == bindparam("service"),
    cards.c.card.in_(bindparam("asked", expanding=True)),
)
