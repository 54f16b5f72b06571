"""The coverage of decisions by their cases as text for a terminal of 80 columns, and as records."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import click

from cds.cases.coverage import TRUTHS, ConditionCoverage, DecisionCoverage, percent

_WIDTH = 80
#: What the line number and the counts leave of it.
_ROOM = _WIDTH - 6 - 7 - 7 - 9 - 2
_WORDS = dict(TRUTHS)


def render_coverage(decisions: Sequence[DecisionCoverage]) -> str:
    """A line per decision, then every condition with how often it went which way, then what no case shows."""
    missing = [line for decision in decisions for line in _missing(decision)]
    lines = [*_summary(decisions), "", *_conditions(decisions)]
    if missing:
        lines += ["", click.style("No case shows", bold=True), *missing]
    return "\n".join(lines)


def coverage_record(decisions: Sequence[DecisionCoverage]) -> dict[str, Any]:
    """The same for machines."""
    return {"percent": percent(decisions), "decisions": [_record(decision) for decision in decisions]}


def _summary(decisions: Sequence[DecisionCoverage]) -> Iterator[str]:
    width = max([len("decision"), *(len(decision.decision) for decision in decisions)]) + 2
    yield click.style(
        f"{'decision':{width}}{'actions':>9}{'conditions':>12}{'rows':>7}{'near misses':>13}{'covered':>11}", bold=True
    )
    for decision in decisions:
        cells = [f"{seen}/{whole}" for seen, whole in decision.tallies.values()]
        yield _row(decision.decision, cells, decision.percent, width)
    sums = (zip(*parts, strict=True) for parts in zip(*(d.tallies.values() for d in decisions), strict=True))
    cells = ["/".join(str(sum(part)) for part in parts) for parts in sums]
    yield _row("all", cells or ["0/0"] * 4, percent(decisions), width)


def _row(name: str, cells: list[str], share: int, width: int) -> str:
    actions, conditions, rows, near = cells
    return (
        f"{name:{width}}{actions:>9}{conditions:>12}{rows:>7}{near:>13}{_coloured(f'{share:>9} %', good=share == 100)}"
    )


def _coloured(text: str, *, good: bool) -> str:
    return click.style(text, fg="green" if good else "red")


def _conditions(decisions: Sequence[DecisionCoverage]) -> Iterator[str]:
    """`-` stands for what a condition cannot come to."""
    for decision in decisions:
        if decision.conditions:
            yield f"{click.style(decision.decision, bold=True)}  {decision.file}"
            yield f"{'line':>6}{'true':>7}{'false':>7}{'unknown':>9}"
            yield from map(_condition, decision.conditions)


def _condition(condition: ConditionCoverage) -> str:
    counts = []
    for (truth, _), width in zip(TRUTHS, (7, 7, 9), strict=True):
        count = condition.seen[truth]
        text = f"{count if count or truth in condition.possible else '-':>{width}}"
        counts.append(_coloured(text, good=False) if truth in condition.missing else text)
    room = _WIDTH - 6 - 7 - 7 - 9 - 2
    return (
        f"{condition.location.line:>6}{''.join(counts)}  {textwrap.shorten(_said(condition), room, placeholder=' …')}"
    )


def _said(condition: ConditionCoverage) -> str:
    return condition.description or " ".join(condition.expression.split())


def _missing(decision: DecisionCoverage) -> Iterator[str]:
    for action in decision.actions:
        if not action.fired:
            yield f"{action.location.file}:{action.location.line}"
            yield f"  action {action.name}: fired"
    for condition in decision.conditions:
        if condition.missing:
            yield f"{condition.location.file}:{condition.location.line}"
            yield from textwrap.wrap(_said(condition), _WIDTH - 2, initial_indent="  ", subsequent_indent="  ")
            for truth in condition.missing:
                yield f"    {_WORDS[truth]}{_remedy(condition) if truth is None else ''}"
    for row, location in decision.cited.items():
        if row not in decision.shown:
            yield f"{location.file}:{location.line}"
            yield f"  row {row} on a card"
        if row not in decision.missed:
            yield f"{location.file}:{location.line}"
            yield f'  a near miss of row {row}; try a case with near_miss_of: ["{row}"]'


def _remedy(condition: ConditionCoverage) -> str:
    ways = [f"{member}: [{', '.join(types)}]" for member, types in condition.withhold.items()]
    return f"; try a case with {' or '.join(ways)}" if ways else "; if it cannot be, say so with iif()"


def _record(decision: DecisionCoverage) -> dict[str, Any]:
    tallies = {name: {"seen": seen, "of": whole} for name, (seen, whole) in decision.tallies.items()}
    return {
        "decision": decision.decision,
        "file": decision.file,
        "percent": decision.percent,
        "tallies": tallies,
        "actions": [{"action": a.name, "line": a.location.line, "fired": a.fired} for a in decision.actions],
        "conditions": [
            {
                "line": condition.location.line,
                "expression": condition.expression,
                "description": condition.description,
                **{word: condition.seen[truth] for truth, word in TRUTHS},
                "possible": [word for truth, word in TRUTHS if truth in condition.possible],
                "missing": [_WORDS[truth] for truth in condition.missing],
            }
            for condition in decision.conditions
        ],
        "rows": [
            {"row": row, "shown": row in decision.shown, "near_miss": row in decision.missed} for row in decision.cited
        ],
    }
