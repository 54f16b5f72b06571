"""The alert burden of the bundled content: how many cards the patients of the case files get by hook and indicator, and
what is said twice in one answer.

Run as a program; prints one table: cards per call, of each indicator too. Each case is called as it stands, and its
patient's chart is opened as well.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from cds.cases import Case, load
from cds.cases.compare import decision_of
from cds.cases.run import answer_of
from cds.config import Settings
from cds.errors import RequestError
from cds.hooks.cards import Card
from cds.service import Engine

CONTENT = Path(__file__).resolve().parents[2] / "plandefinitions"
INDICATORS = ("critical", "warning", "info")
OPENED = "patient-view"
CLOSING = "This supports, and does not replace, clinical judgement."


@dataclass(frozen=True)
class Call:
    """One answered call: the case it comes from, its hook, and the cards. `opened` says that the case was about another
    hook and only its patient's chart was opened."""

    case: str
    hook: str
    opened: bool
    cards: list[Card]

    def count(self, indicator: str) -> int:
        """How many cards have the indicator."""
        return sum(card["indicator"] == indicator for card in self.cards)


def calls(settings: Settings) -> list[Call]:
    """The calls of all cases, and the charts of all their patients."""
    engine = Engine(settings)
    found = []
    for case in load(engine, settings.content):
        for variant in (case, *_opened(engine, case)):
            try:
                answer = answer_of(engine, variant)
            except RequestError:
                continue
            name = f"{case.location.file}: {case.name}"
            found.append(Call(name, variant.hook, variant is not case, answer.cards))
    return found


def _opened(engine: Engine, case: Case) -> Iterator[Case]:
    for service in engine.services.values():
        if service.hook == OPENED and case.hook != OPENED:
            record = replace(case, hook=OPENED, service=service.id, drafts=(), selections=None, appointments=())
            yield replace(record, name=f"{case.name}, chart opened")


def repeated(cards: Sequence[Card]) -> list[str]:
    """Advice that one answer gives twice: a decision, a summary, or the same thing to do on two cards."""
    said: Counter[str] = Counter()
    for card in cards:
        said.update([f"decision {decision_of(card)}", f"summary {card['summary']}"])
        actions = (action for suggestion in card.get("suggestions", ()) for action in suggestion.get("actions", ()))
        said.update({_doing(action) for action in actions})
    return sorted(text for text, count in said.items() if count > 1)


def said_twice(cards: Sequence[Card]) -> list[str]:
    """Paragraphs that two cards of one answer share, apart from what ends every card."""
    said: Counter[str] = Counter()
    for card in cards:
        said.update({text for text in card.get("detail", "").split("\n\n") if text != CLOSING})
    return sorted(text for text, count in said.items() if count > 1)


def _doing(action: dict[str, Any]) -> str:
    """What an action does, without the id and the reason of a new resource."""
    if action["type"] == "delete":
        return f"delete {action['resourceId']}"
    resource = action["resource"]
    about = resource.get("id") if action["type"] == "update" else resource.get("code")
    return f"{action['type']} {resource['resourceType']} {about}"


def most_infos(found: Sequence[Call]) -> int:
    """The most info cards that one patient gets when the chart is opened."""
    return max(call.count("info") for call in found if call.hook == OPENED)


def _row(name: str, found: Sequence[Call]) -> str:
    total = sum(len(call.cards) for call in found)
    most = max((len(call.cards) for call in found), default=0)
    silent = sum(not call.cards for call in found)
    each = "".join(f"{sum(call.count(indicator) for call in found) / len(found):>10.2f}" for indicator in INDICATORS)
    return f"{name:24}{len(found):>6}{silent:>8}{total / len(found):>11.2f}{each}{most:>6}"


def main() -> None:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    found = calls(Settings(content=CONTENT))
    print(f"{'hook':24}{'calls':>6}{'silent':>8}{'cards/call':>11}{''.join(f'{i:>10}' for i in INDICATORS)}{'most':>6}")
    for hook in sorted({call.hook for call in found}):
        print(_row(hook, [call for call in found if call.hook == hook and not call.opened]))
    print(_row("chart of any patient", [call for call in found if call.hook == OPENED]))
    whole = calls(Settings(content=CONTENT, max_info_cards=99))
    print(f"\nmost infos when a chart is opened: {most_infos(found)}; without the limit: {most_infos(whole)}")
    print(f"answers that advise something twice: {sum(bool(repeated(call.cards)) for call in found)}")


if __name__ == "__main__":
    main()
