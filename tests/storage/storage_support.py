"""Callers, decisions and feedback for tests of the database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cds.apply.tree import AppliedAction, Outcome
from cds.clients import Caller, Client
from cds.hooks.feedback import Feedback
from cds.storage.decision import Decision, Kept, decide

CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
MOMENT = datetime(2026, 3, 2, 10, 5, 31, tzinfo=UTC)


def caller(tenant: str) -> Caller:
    """A client of a tenant."""
    return Caller(Client(id=f"ehr-{tenant}", issuer=f"https://{tenant}.example", tenant=tenant), tenant)


def feedback_item(
    outcome: str,
    *,
    card: str | None = CARD,
    at: datetime = MOMENT,
    suggestions: tuple[str, ...] = (),
    reason: tuple[str | None, str] | None = None,
    comment: str | None = None,
) -> Feedback:
    """An item of feedback."""
    return Feedback(card, outcome, at, suggestions, reason, comment)


def card(uuid: str, rule: str = "rest") -> dict[str, Any]:
    """A card without suggestions."""
    return {"uuid": uuid, "summary": "S", "indicator": "info", "source": {"label": "L", "topic": {"code": rule}}}


def decision(
    who: Caller, service: str = "pain", *, cards: Iterable[str] = (), rule: str = "rest", kept: Kept | None = None
) -> Decision:
    """The decision of a call in which the action `rest` fired and gave cards."""
    given = [card(uuid, rule) for uuid in cards]
    applied = [AppliedAction("rest", {}, Outcome.FIRED)]
    origins = dict.fromkeys((one["uuid"] for one in given), "rest")
    return decide(who, service, "order-sign", "h-1", "rev", applied, given, origins, (0.001, 0.002), kept)
