"""A logged decision, found again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import select

from cds.errors import NotFoundError
from cds.storage.database import Database
from cds.storage.tables import cards, decisions, inputs


@dataclass(frozen=True, slots=True)
class Shown:
    """A card of a decision, by ids."""

    uuid: str
    decision: str
    action: str
    indicator: str


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision as it was logged. `actions` maps an outcome to the paths of the actions that had it; `kept` is the
    form and the bytes of its request, None where the site did not keep it."""

    id: str
    at: datetime
    tenant: str
    client: str
    service: str
    hook_instance: str
    revision: str
    actions: dict[str, list[str]]
    cards: Sequence[Shown]
    kept: tuple[str, bytes] | None


def find(database: Database, decision: str) -> Logged:
    """The decision of an id, with or without hyphens. Raises NotFoundError, StorageError."""
    try:
        identity = str(uuid.UUID(decision))
    except ValueError:
        raise NotFoundError(f"'{decision}' is no id of a decision, which are UUIDs") from None
    with database.reading() as connection:
        row: Any = connection.execute(select(decisions).where(decisions.c.id == identity)).first()
        if row is None:
            raise NotFoundError(f"there is no decision {identity} in the log")
        columns = (cards.c.card, cards.c.rule, cards.c.action, cards.c.indicator)
        shown = connection.execute(select(*columns).where(cards.c.decision == identity).order_by(cards.c.card)).all()
        kept = connection.execute(select(inputs.c.form, inputs.c.body).where(inputs.c.decision == identity)).first()
    return Logged(
        identity,
        datetime.fromtimestamp(row.at / 1000, UTC),
        row.tenant,
        row.client,
        row.service,
        row.hook_instance,
        row.revision,
        orjson.loads(row.actions),
        [Shown(*card) for card in shown],
        (kept.form, bytes(kept.body)) if kept else None,
    )
