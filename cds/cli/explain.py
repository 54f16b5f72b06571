"""`cds explain`: what became of each decision for one request or patient, and why."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import orjson

from cds.apply.tree import Outcome
from cds.cli.calls import answer_for, call_options
from cds.cli.items import harmless
from cds.cli.options import author_settings, output_format
from cds.errors import ConfigurationError, did_you_mean
from cds.explain import Decision, Watcher, decision_lines, decisions
from cds.service import Engine

_COLOURS = {
    Outcome.FIRED: "green",
    Outcome.NOT_APPLICABLE: "bright_black",
    Outcome.UNKNOWN: "yellow",
    Outcome.FAILED: "red",
}


@click.command("explain")
@call_options
@click.option("--decision", metavar="ID", help="Tell of this decision only, such as bed-rest.")
@output_format
def command(
    *, file: Path, decision: str | None, hook: str | None, service_id: str | None, content: str | None, form: str
) -> None:
    """Tell for each decision whether it fired, is not applicable, unknown or failed, and the conditions that decided
    that; with --decision every part of them, and what of the record was looked at."""
    engine = Engine(author_settings(content=content))
    answer = answer_for(engine, file, hook, service_id, Watcher(engine.snapshot.registry.logic))
    service = answer.service
    told = _chosen(decisions(answer), decision)
    if form == "json":
        record = {"service": service.id, "hook": service.hook, "decisions": [item.as_dict() for item in told]}
        sys.stdout.buffer.write(orjson.dumps(record, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        click.echo("\n".join(_rendered(told, service.hook)))


def _chosen(found: list[Decision], code: str | None) -> list[Decision]:
    if code is None:
        return found
    codes = [decision.code for decision in found]
    if code not in codes:
        hint = did_you_mean(code, codes) or f"there are {', '.join(sorted(codes))}"
        raise ConfigurationError(f"the service has no decision '{code}': {hint}")
    return [decision for decision in found if decision.code == code]


def _rendered(found: list[Decision], hook: str) -> Iterator[str]:
    whole, width = len(found) == 1, max(shutil.get_terminal_size().columns, 40)
    counts = Counter(decision.outcome for decision in found)
    if not whole:
        yield ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome) + "\n"
    for decision in found:
        if decision.outcome is not None:
            outcome = click.style(decision.outcome.value, fg=_COLOURS[decision.outcome])
            yield f"{click.style(decision.code, bold=True)}: {outcome}"
            yield from map(harmless, decision_lines(decision, whole=whole, width=width))
            yield from () if whole else ("",)
    if rest := [decision.code for decision in found if decision.outcome is None]:
        yield from textwrap.wrap(f"not asked at {hook}: {', '.join(rest)}", width, break_on_hyphens=False)
    if not whole:
        yield "--decision ID tells more of one of them."
