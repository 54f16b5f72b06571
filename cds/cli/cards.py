"""Cards as text for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from cds.cli.items import harmless

#: Lines longer than this are hard to read, however wide the terminal is.
_LONGEST = 120


def render_cards(cards: Iterable[dict[str, Any]]) -> str:
    """CDS Hooks cards as paragraphs: urgency and summary, detail, source, then what the user may choose."""
    width = min(max(shutil.get_terminal_size().columns, 40), _LONGEST)
    return (
        "\n\n".join("\n".join(line for part in _card(card) for line in _wrapped(part, width)) for card in cards)
        or "no cards"
    )


def _card(card: dict[str, Any]) -> Iterator[str]:
    """Its lines, unwrapped."""
    yield f"[{card['indicator']}] {card['summary']}"
    for line in card.get("detail", "").splitlines():
        yield f"    {line}"
    source = card["source"]
    yield f"    source: {source['label']}" + (f" ({source['url']})" if "url" in source else "")
    if topic := source.get("topic"):
        yield f"    decision: {topic['code']}"
    for suggestion in card.get("suggestions", ()):
        yield from _suggestion(suggestion)
    for link in card.get("links", ()):
        yield f"    link: {link['label']} ({link['url']})"
    if reasons := card.get("overrideReasons"):
        yield "    reasons to override: " + "; ".join(reason["display"] for reason in reasons)


def _suggestion(suggestion: dict[str, Any]) -> Iterator[str]:
    yield f"  > {suggestion['label']}" + (" (recommended)" if suggestion.get("isRecommended") else "")
    for action in suggestion.get("actions", ()):
        about = action.get("resourceId") or action["resource"]["resourceType"]
        yield f"      {action['type']} {about}: {action['description']}"


def _wrapped(line: str, width: int) -> list[str]:
    """The line in the terminal's width; what follows is indented as it is, and under a summary as its detail."""
    words = harmless(line.lstrip())
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        words,
        width,
        initial_indent=indent,
        subsequent_indent=indent or "    ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
