"""The booklet as GitHub Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cds.booklet.chapters import GUIDELINES, Chapter, Conflict, Option, Pathway, Shown
from cds.booklet.terms import Setting
from cds.hooks.cards import Card

#: Hook -> the moment it stands for, in the order of a visit.
HOOKS = {
    "patient-view": "a patient's chart is opened",
    "encounter-start": "an encounter begins",
    "order-select": "an order is chosen",
    "order-sign": "orders are about to be signed",
    "appointment-book": "an appointment is being booked",
    "encounter-discharge": "the patient is being discharged",
}
_INDICATORS = {"info": "Info", "warning": "Warning", "critical": "Critical"}
_NOTE = """\
> **No clinician has reviewed this content. It is not a medical device.** It shows what the software says and when, so
> that clinicians can judge it before anyone relies on it.

Written by `cds docs` from the definitions and their case files, whose patients are made up. What is marked *ours* is
this project's reading: no source states it, and a site should decide it for itself. Of several cards in one answer the
critical ones come first, then warnings, then infos; orders change only when a clinician accepts a suggestion."""


def render(pathways: Sequence[Pathway]) -> str:
    """The whole booklet; it ends with a line feed."""
    blocks = [block for pathway in pathways for block in _pathway(pathway)]
    return "\n\n".join(blocks) + "\n"


def _pathway(pathway: Pathway) -> Iterator[str]:
    yield f"# {pathway.title}"
    yield _NOTE
    yield pathway.description
    yield "\n".join(f"- [{chapter.title}](#{_anchor(chapter.title)})" for chapter in pathway.chapters)
    for chapter in pathway.chapters:
        yield from _chapter(chapter)


def _anchor(title: str) -> str:
    """The fragment GitHub gives a heading."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}"
    yield chapter.description
    yield from _when(chapter)
    if chapter.settings:
        yield "### Settings"
        yield _settings(chapter.settings)
    if chapter.cards:
        yield "### Cards"
        for shown in chapter.cards:
            yield from _shown(shown)
    if chapter.conflicts:
        yield "### Where the sources disagree"
        yield _conflicts(chapter.conflicts)
    if chapter.rows:
        yield "### Sources"
        yield _table(("row", "source", "says"), chapter.rows)


def _when(chapter: Chapter) -> Iterator[str]:
    yield "### When it speaks"
    hooks = sorted(chapter.hooks, key=[*HOOKS, *chapter.hooks].index)
    moments = [f"{HOOKS[hook]} (`{hook}`)" if hook in HOOKS else f"`{hook}` is called" for hook in hooks]
    if chapter.conditions:
        all_of = "all of this" if len(chapter.conditions) > 1 else "this"
        yield "\n".join([f"When {_listed(moments, 'or')}, and {all_of} is so:", "", *_bullets(chapter.conditions)])
    else:
        yield f"Whenever {_listed(moments, 'or')}."
    for head, terms in (("What that means:", chapter.terms), ("What sets the indicator besides:", chapter.findings)):
        if terms:
            yield "\n".join([head, "", *_bullets([f"*{name}*: {text}" for name, text in terms.items()])])
    if chapter.options:
        yield "\n".join(["Offered on the card only under conditions:", "", *map(_option, chapter.options)])


def _option(option: Option) -> str:
    return f"- {option.title}: {' '.join(option.conditions)}"


def _settings(settings: Sequence[Setting]) -> str:
    rows = [(f"`{s.name}`", f"`{s.value}`", f"{s.meaning}{' *ours*' if s.ours else ''}") for s in settings]
    return _table(("setting", "value", "meaning"), rows)


def _shown(shown: Shown) -> Iterator[str]:
    settings = ", ".join(f"{name}: {value}" for name, value in shown.settings.items())
    yield f"Case: *{_text(shown.case)}*" + (f" (setting `{settings}`)" if settings else "")
    yield "\n".join(f"> {line}".rstrip() for line in "\n\n".join(_card(shown.card)).splitlines())


def _card(card: Card) -> Iterator[str]:
    yield f"**{_INDICATORS[card['indicator']]}: {card['summary']}**"
    if "detail" in card:
        yield card["detail"]
    if suggestions := card.get("suggestions"):
        several = "any of them can be chosen" if card["selectionBehavior"] == "any" else "one of them can be chosen"
        yield f"Suggestions ({several}):"
        yield "\n".join(line for suggestion in suggestions for line in _suggestion(suggestion))
    if reasons := card.get("overrideReasons"):
        yield f"Reasons to decide otherwise: {'; '.join(reason['display'] for reason in reasons)}."
    yield f"Source: {card['source']['label']}"


def _suggestion(suggestion: dict[str, Any]) -> Iterator[str]:
    yield f"- **{suggestion['label']}**{' (recommended)' if suggestion.get('isRecommended') else ''}"
    for action in suggestion.get("actions", ()):
        yield f"  - {action['type']}: {action['description']}"


def _conflicts(conflicts: Sequence[Conflict]) -> str:
    rows = [(_text(c.case), *(c.indicators[guideline] for guideline in GUIDELINES)) for c in conflicts]
    return "What the setting `guideline` changes:\n\n" + _table(("case", *GUIDELINES), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bullets(items: Sequence[str]) -> list[str]:
    return [f"- {item}" for item in items]


def _listed(items: Sequence[str], word: str) -> str:
    """`a, b or c`."""
    *first, last = items
    return f"{', '.join(first)} {word} {last}" if first else last


def _text(text: str) -> str:
    return text.replace("*", "\\*")
