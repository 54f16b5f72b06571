"""The cases that two content folders answer with other cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cds.cases import Case
from cds.cases.compare import decision_of
from cds.cases.run import answer_of
from cds.errors import CdsError
from cds.hooks.cards import Card
from cds.service import Engine

#: What is shown of a value that changed, and how much of that stands before the change.
_LONGEST, _BEFORE = 100, 30


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A case, and how its cards differ: one line for each card that came, went or changed."""

    case: Case
    lines: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        place = self.case.location
        return {"file": place.file, "line": place.line, "name": self.case.name, "cards": list(self.lines)}


def changed_cases(before: Engine, after: Engine, cases: Sequence[Case]) -> Iterator[CaseChange]:
    """The cases (of `after`) that get other cards than `before` gives them."""
    for case in cases:
        old, new = _cards(before, case), _cards(after, case)
        if lines := list(_differences(old, new)):
            yield CaseChange(case, tuple(lines))


def _cards(engine: Engine, case: Case) -> dict[str, Card] | str:
    """The cards by their decision, or why there are none."""
    try:
        return {decision_of(card): card for card in answer_of(engine, case).cards}
    except CdsError as error:
        return f"{type(error).__name__}: {error}"


def _differences(old: dict[str, Card] | str, new: dict[str, Card] | str) -> Iterator[str]:
    if isinstance(old, str) or isinstance(new, str):
        if old != new:
            yield f"was {_brief(old)}, is {_brief(new)}"
        return
    for name in sorted({**old, **new}):
        if name not in old:
            yield f"{name}: new card: {new[name]['summary']}"
        elif name not in new:
            yield f"{name}: no card any more; was: {old[name]['summary']}"
        else:
            parts = [(part, _part(old[name], part), _part(new[name], part)) for part in _PARTS]
            yield from (f"{name}: {part}: {_apart(was, now)}" for part, was, now in parts if was != now)


#: Members of a card that are compared; ids derive from what is applied and change with it.
_PARTS = ("indicator", "summary", "detail", "source", "suggestions", "selectionBehavior", "overrideReasons", "links")


def _part(card: Card, name: str) -> Any:
    return _without_ids(card.get(name))


def _without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_ids(part) for name, part in value.items() if name not in ("uuid", "id")}
    return [_without_ids(part) for part in value] if isinstance(value, list) else value


def _apart(old: Any, new: Any) -> str:
    """Two values from a little before the place where they differ."""
    was, now = (" ".join(str(value).split()) if value is not None else "none" for value in (old, new))
    pairs = enumerate(zip(was, now, strict=False))
    same = next((place for place, (one, other) in pairs if one != other), min(len(was), len(now)))
    start = was.rfind(" ", 0, max(same - _BEFORE, 0)) + 1 if max(len(was), len(now)) > _LONGEST else 0
    return f"{_clipped(was, start)} -> {_clipped(now, start)}"


def _clipped(text: str, start: int) -> str:
    head = "..." if start else ""
    return head + (text[start:] if len(text) - start <= _LONGEST else f"{text[start : start + _LONGEST]}...")


def _brief(cards: dict[str, Card] | str) -> str:
    return f"'{cards}'" if isinstance(cards, str) else f"{len(cards)} cards"
