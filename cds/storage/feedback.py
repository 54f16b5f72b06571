"""Feedback as clients send it: stored once, and joined with the cards it is about."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import bindparam, select

from cds.clients import Caller
from cds.hooks.feedback import Feedback
from cds.storage.database import Database
from cds.storage.tables import cards, feedback

#: The most ids that one query looks for.
_AT_ONCE = 500


def store_feedback(
    database: Database, caller: Caller, service: str, items: Sequence[Feedback], *, comments: bool
) -> int:
    """Store items in one transaction; those that are there already stay as they are. What cannot be about a card of
    ours is left out. Returns how many are about cards that this service did not give to this tenant."""
    received = int(time.time() * 1000)
    rows = [_row(item, caller, service, received, comments) for item in items if item.card]
    asked = sorted({item.card for item in items if item.card})
    known: set[str] = set()
    with database.writing() as connection:
        for start in range(0, len(asked), _AT_ONCE):
            known.update(
                connection.execute(
                    _KNOWN, {"tenant": caller.tenant, "service": service, "asked": asked[start : start + _AT_ONCE]}
                ).scalars()
            )
        if rows:
            connection.execute(database.insert_new(feedback), rows)
    return sum(item.card not in known for item in items)


_KNOWN = select(cards.c.card).where(
    cards.c.tenant == bindparam("tenant"),
    cards.c.service == bindparam("service"),
    cards.c.card.in_(bindparam("asked", expanding=True)),
)


def _row(item: Feedback, caller: Caller, service: str, received: int, comments: bool) -> dict[str, Any]:
    system, code = item.reason or (None, None)
    return {
        "tenant": caller.tenant,
        "card": item.card,
        "service": service,
        "outcome": item.outcome,
        "outcome_at": int(item.at.timestamp() * 1_000_000),
        "client": caller.client.id,
        "received": received,
        "suggestions": orjson.dumps(item.suggestions).decode(),
        "reason_system": system,
        "reason_code": code,
        "comment": item.comment if comments else None,
    }
