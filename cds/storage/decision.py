"""One answered hook call as rows for the database: what became of each action and which cards were given, by ids of
ours. No text of a card and nothing of the patient is in them (security.md A2).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from cds.apply.tree import AppliedAction, path_of, paths_by_outcome
from cds.clients import Caller
from cds.fhir import is_id


class Kept(NamedTuple):
    """What a site keeps of a call to answer it again: the request, with what was fetched for it, the moment that
    rules took for now, and the cards, of which digests are kept. `size` is about the bytes they take."""

    size: int
    request: dict[str, Any]
    now: datetime
    cards: Sequence[Mapping[str, Any]]


class Decision(NamedTuple):
    """Rows of the tables `decisions` and `cards`, in the order of their columns, and what else is kept."""

    row: tuple[Any, ...]
    cards: list[tuple[str, ...]]
    kept: Kept | None


_NONE: Mapping[str, Sequence[str]] = {}


def decide(
    caller: Caller,
    service: str,
    hook: str,
    hook_instance: str,
    revision: str,
    applied: Iterable[AppliedAction],
    given: Iterable[Mapping[str, Any]],
    origins: Mapping[str, str],
    seconds: tuple[float, float],
    kept: Kept | None,
    settled: Mapping[str, Sequence[str]] = _NONE,
) -> Decision:
    """What a call came to: `applied`, and the paths of what was `settled`, by outcome. `given` are its cards and
    `origins` tells for each id of a card or suggestion the id of the action it stands for; `seconds` were spent on
    getting the data, and on the rules."""
    at = time.time_ns() // 1_000_000
    identity, tenant = _new_id(at), caller.tenant
    actions = paths_by_outcome(applied)
    for outcome, paths in settled.items():
        actions[outcome] = [*actions.get(outcome, ()), *paths]
    row = (
        identity,
        at,
        tenant,
        caller.client.id,
        service,
        hook,
        _plain(hook_instance),
        revision,
        orjson.dumps(actions).decode(),
        int(seconds[0] * 1e6),
        int(seconds[1] * 1e6),
    )
    return Decision(row, [_card(card, identity, tenant, service, origins) for card in given], kept)


def _card(
    card: Mapping[str, Any], decision: str, tenant: str, service: str, origins: Mapping[str, str]
) -> tuple[str, ...]:
    uuid = card["uuid"]
    suggestions: Sequence[Mapping[str, Any]] = card.get("suggestions", ())
    actions = {item["uuid"]: path_of(origins[item["uuid"]]) for item in suggestions}
    rule = path_of(card["source"]["topic"]["code"])
    written = orjson.dumps(actions).decode() if actions else "{}"
    action = path_of(origins.get(uuid, ""))  # a notice stands for none
    return decision, uuid.replace("-", ""), tenant, service, rule, action, card["indicator"], written


def _new_id(milliseconds: int) -> str:
    """A UUID that sorts by time (RFC 9562, version 7), without hyphens."""
    random = os.urandom(10).hex()
    return f"{milliseconds:012x}7{random[:3]}{'89ab'[int(random[3], 16) & 3]}{random[4:19]}"


def _plain(identifier: str) -> str:
    """An id of the client's. What does not look like one may have been made of what is the patient's."""
    if is_id(identifier):
        return identifier
    return f"sha256:{sha256(identifier.encode(errors='surrogatepass')).hexdigest()}"
