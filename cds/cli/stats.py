"""`cds stats`: what became of the cards of each rule."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import click

from cds.cli.database import existing
from cds.cli.options import author_settings, output_format
from cds.cli.output import write_json, write_out
from cds.cli.verb import verb
from cds.plot import svg
from cds.storage.stats import Rule, Statistics, Tally

_BAR = 20
#: A bar that is shorter says nothing.
_SHORTEST = 8
#: The most reasons that are told of one rule.
_REASONS = 3


@verb("stats", {0: "the counts were printed"}, "cds stats --days 7 --format json", "cds stats --plot cards.svg")
@click.option("--days", type=click.IntRange(1, 3660), default=30, show_default=True, help="Days up to today, in UTC.")
@click.option("--tenant", help="Cards of this tenant only.")
@click.option(
    "--plot", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture as SVG to it too."
)
@output_format()
def command(*, days: int, tenant: str | None, plot: Path | None, form: str) -> None:
    """Count, for each rule, the cards that were shown, accepted, and overridden with which reasons.

    The database is that of CDS_DATABASE_URL. A card about which nothing was said is unanswered, not accepted."""
    with existing(author_settings()) as storage:
        statistics = storage.statistics(days, tenant)
    if plot is not None:
        write_out(svg(statistics), plot)
    if form == "json":
        write_json(statistics.as_dict())
    else:
        click.echo("\n".join(_lines(statistics)))


def _lines(statistics: Statistics) -> Iterator[str]:
    yield f"Cards from {statistics.first} to {statistics.last}"
    if not statistics.rules:
        yield "none were shown"
    else:
        names = [(rule, _name(rule)) for rule in statistics.rules]
        width = max(len("rule"), *(len(name) for _, name in names))
        head = f"{'rule':{width}}{'shown':>8}{'accepted':>10}{'overridden':>12}{'unanswered':>12}"
        yield click.style(head, bold=True)
        room = min(_BAR, shutil.get_terminal_size().columns - len(head) - 2)
        for rule, name in names:
            yield f"{name:{width}}{_cells(rule.total)}" + (f"  {_bar(rule.total, room)}" if room >= _SHORTEST else "")
            for (system, code), count in rule.reasons.most_common(_REASONS):
                yield f"{count:>{width + 8}}  overridden: {_reason(system, code)}"
    if statistics.unknown:
        yield f"{statistics.unknown} items of feedback are about cards that are not in the log"


def _name(rule: Rule) -> str:
    return rule.decision if rule.action in ("", rule.decision) else f"{rule.decision}  {rule.action}"


def _cells(tally: Tally) -> str:
    return f"{tally.shown:>8}{tally.accepted:>10}{tally.overridden:>12}{tally.unanswered:>12}"


def _bar(tally: Tally, size: int) -> str:
    """`###---....`: accepted, overridden, unanswered."""
    accepted = round(size * tally.accepted / tally.shown)
    overridden = round(size * (tally.accepted + tally.overridden) / tally.shown) - accepted
    return "#" * accepted + "-" * overridden + "." * (size - accepted - overridden)


def _reason(system: str, code: str) -> str:
    return f"{code} ({system})" if system else code or "no reason given"
