"""Decisions and their reasons as lines of text for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace

from cds.apply.reason import Lookup, Reason
from cds.apply.tree import Outcome
from cds.explain.decisions import Decision

_MOST_FOUND = 3
#: What a line has at least, however deep it is indented.
_NARROWEST = 30


def decision_lines(decision: Decision, *, whole: bool = True, width: int = 120) -> Iterator[str]:
    """What decided about a decision, indented; `whole` with every part of its reasons, the parts of its card and what
    of the record was looked at."""
    if decision.error:
        yield from _wrapped(decision.error, "  ", width)
    for reason in decision.met if whole else ():
        yield from reason_lines(_brief(reason), "  ", width)
    for reason in decision.reasons:
        yield from reason_lines(reason if whole else _brief(reason), "  ", width)
    if whole and decision.outcome is Outcome.FIRED:
        for name, outcome, reasons in decision.parts:
            yield f"  part {name}: {outcome.value}"
            for reason in reasons:
                yield from reason_lines(_brief(reason) if outcome is Outcome.FIRED else reason, "    ", width)
    for lookup in decision.lookups if whole else ():
        yield from _wrapped(_lookup(lookup), "  ", width)
    if decision.missing:
        yield from _wrapped(f"missing: {', '.join(decision.missing)} was not fully obtained", "  ", width)


def _brief(reason: Reason) -> Reason:
    """The reason without what it rests on."""
    return replace(reason, because=())


def reason_lines(reason: Reason, indent: str, width: int, above: str = "") -> Iterator[str]:
    """The reason and those below it, each with its place where that is another line than the one `above`."""
    place = f"{reason.location.file}:{reason.location.line}" if reason.location is not None else above
    told = f"  ({place})" if place != above else ""
    value = f": {reason.value}" if reason.value else ""
    yield from _wrapped(f"{reason.text}{value}{told}", indent, width)
    for part in reason.because:
        yield from reason_lines(part, indent + "  ", width, place)


def _lookup(lookup: Lookup) -> str:
    of = f" of {lookup.value_set.rpartition('/')[2]}" if lookup.value_set else ""
    found = ", ".join(lookup.found[:_MOST_FOUND])
    more = f" and {len(lookup.found) - _MOST_FOUND} more" if len(lookup.found) > _MOST_FOUND else ""
    return f"looked at {lookup.resource_type}{of}: {found or 'nothing'}{more}{'' if lookup.complete else ', not all'}"


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, len(indent) + _NARROWEST),
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
