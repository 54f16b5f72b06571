"""Decisions and why they came to what they did, as text for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

import click

from cds.apply.tree import Outcome
from cds.cli.items import harmless
from cds.explain import Decision, decision_lines

_COLOURS = {
    Outcome.FIRED: "green",
    Outcome.NOT_APPLICABLE: "bright_black",
    Outcome.UNKNOWN: "yellow",
    Outcome.FAILED: "red",
}


def render_decisions(found: Sequence[Decision], hook: str, *, whole: bool) -> Iterator[str]:
    """How many came to what, then of each what decided it; `whole` with every part of that. Those that are not asked at
    the hook are named at the end."""
    width = max(shutil.get_terminal_size().columns, 40)
    counts = Counter(decision.outcome for decision in found)
    if len(found) > 1:
        yield ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome) + "\n"
    for decision in found:
        if decision.outcome is not None:
            outcome = click.style(decision.outcome.value, fg=_COLOURS[decision.outcome])
            yield f"{click.style(harmless(decision.code), bold=True)}: {outcome}"
            yield from map(harmless, decision_lines(decision, whole=whole, width=width))
            yield from ("",) if len(found) > 1 else ()
    if rest := [decision.code for decision in found if decision.outcome is None]:
        yield from textwrap.wrap(f"not asked at {hook}: {', '.join(rest)}", width, break_on_hyphens=False)
