"""A logged call answered again with today's content and settings, at the moment it was made, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from cds.apply.tree import AppliedAction, path_of
from cds.errors import ConfigurationError
from cds.service import Answer, Engine
from cds.storage import Storage
from cds.storage.find import Logged
from cds.storage.inputs import digest

Verdict = Literal["same", "changed", "gone", "new"]


@dataclass(frozen=True, slots=True)
class CardChange:
    """A card of then or of today. `changed`: it is given still, and says something else."""

    verdict: Verdict
    uuid: str
    decision: str
    action: str


@dataclass(frozen=True, slots=True)
class ActionChange:
    """An action whose outcome is not what it was; an empty text where it was not asked."""

    action: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision of then beside that of today. `masked`: parts of the request are gone, which may be the reason."""

    logged: Logged
    revision: str
    cards: list[CardChange]
    actions: list[ActionChange]
    masked: bool

    @property
    def same(self) -> bool:
        """Whether today's answer is the same, card by card and action by action."""
        return not self.actions and all(card.verdict == "same" for card in self.cards)

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`."""
        return {
            "decision": self.logged.id,
            "at": self.logged.at.isoformat(timespec="milliseconds"),
            "service": self.logged.service,
            "revision": {"then": self.logged.revision, "now": self.revision},
            "same": self.same,
            "masked": self.masked,
            "cards": [
                {"uuid": card.uuid, "verdict": card.verdict, "decision": card.decision, "action": card.action}
                for card in self.cards
            ],
            "actions": [
                {"action": change.action, "then": change.before or None, "now": change.after or None}
                for change in self.actions
            ],
        }


def replay(engine: Engine, storage: Storage, decision: str) -> Replay:
    """Answer a logged decision again. Raises NotFoundError when it, or its service, is not there any more,
    ConfigurationError when its request was not kept or the key is wrong, RequestError when today's content refuses
    it."""
    logged = storage.find(decision)
    if logged.kept is None:
        raise ConfigurationError(
            f"the request of decision {logged.id} was not kept; CDS_KEEP_INPUT keeps those of decisions to come"
        )
    request, now, digests = storage.keeper.readable(*logged.kept)
    answer = engine.answer(logged.service, orjson.dumps(request), now=now)
    form = logged.kept[0]
    said = {card["uuid"]: digest(card, form) for card in answer.cards}
    return Replay(
        logged,
        engine.snapshot.revision,
        _cards(logged, digests, answer, said),
        _actions(logged.actions, answer.applied),
        form == "masked",
    )


def _cards(logged: Logged, then: Mapping[str, str], answer: Answer, now: Mapping[str, str]) -> list[CardChange]:
    """Notices about missing data, which stand for no action, are not compared: nothing is fetched here."""
    today = {card["uuid"]: card for card in answer.cards}
    changes = []
    for shown in logged.cards:
        if shown.action:
            verdict: Verdict = "same" if then.get(shown.uuid) == now.get(shown.uuid) else "changed"
            if today.pop(shown.uuid, None) is None:
                verdict = "gone"
            changes.append(CardChange(verdict, shown.uuid, shown.decision, shown.action))
    for uuid, card in today.items():
        action = path_of(answer.origins[uuid])
        changes.append(CardChange("new", uuid, card["source"]["topic"]["code"], action))
    return changes


def _actions(before: Mapping[str, list[str]], applied: Iterable[AppliedAction]) -> list[ActionChange]:
    """An action that was repeated for several drafts has several outcomes."""
    then: dict[str, Counter[str]] = {}
    for outcome, paths in before.items():
        for path in paths:
            then.setdefault(path, Counter())[outcome] += 1
    now: dict[str, Counter[str]] = {}
    for action in (part for root in applied for part in root.walk() if not part.children):
        now.setdefault(path_of(action.id), Counter())[action.outcome.value] += 1
    return [
        ActionChange(path, _words(then.get(path)), _words(now.get(path)))
        for path in sorted({*then, *now})
        if then.get(path) != now.get(path)
    ]


def _words(outcomes: Counter[str] | None) -> str:
    return ", ".join(
        outcome if count == 1 else f"{count} x {outcome}" for outcome, count in sorted((outcomes or {}).items())
    )
