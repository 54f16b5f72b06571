"""Cards as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

_WIDTH = 120


def render_cards(cards: Iterable[dict[str, Any]]) -> str:
    """CDS Hooks cards as paragraphs: urgency and summary, detail, source, then what the user may choose."""
    return "\n\n".join("\n".join(_card(card)) for card in cards) or "no cards"


def _card(card: dict[str, Any]) -> Iterator[str]:
    yield f"[{card['indicator']}] {card['summary']}"
    for line in card.get("detail", "").splitlines():
        yield from _indented(line)
    source = card["source"]
    yield from _indented("source: " + source["label"] + (f" ({source['url']})" if "url" in source else ""))
    if topic := source.get("topic"):
        yield f"    decision: {topic['code']}"
    for suggestion in card.get("suggestions", ()):
        yield from _suggestion(suggestion)
    for link in card.get("links", ()):
        yield f"    link: {link['label']} ({link['url']})"
    if reasons := card.get("overrideReasons"):
        yield from _indented("reasons to override: " + "; ".join(reason["display"] for reason in reasons))


def _suggestion(suggestion: dict[str, Any]) -> Iterator[str]:
    yield f"  > {suggestion['label']}" + (" (recommended)" if suggestion.get("isRecommended") else "")
    for action in suggestion.get("actions", ()):
        about = action.get("resourceId") or action["resource"]["resourceType"]
        yield f"      {action['type']} {about}: {action['description']}"


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="    ") or [""]
