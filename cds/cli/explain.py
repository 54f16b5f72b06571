"""`cds explain`: what became of each decision for one request or patient, and why."""

from __future__ import annotations

from pathlib import Path

import click

from cds.cli.calls import answer_for, call_options
from cds.cli.engine import load_engine
from cds.cli.options import author_settings, output_format
from cds.cli.output import write_json
from cds.cli.reasons import render_decisions
from cds.cli.verb import verb
from cds.errors import ConfigurationError, closest_or_all
from cds.explain import Decision, Watcher, decisions


@verb(
    "explain",
    {0: "it was told, whatever fired"},
    "cds explain --input request.json",
    "cds explain --input patient.yaml --hook order-sign --decision bed-rest",
)
@call_options
@click.option("--decision", metavar="ID", help="Tell of this decision only, such as bed-rest.")
@output_format()
def command(
    *, file: Path, decision: str | None, hook: str | None, service_id: str | None, content: str | None, form: str
) -> None:
    """Tell for each decision whether it fired, is not applicable, unknown or failed, and the conditions that decided
    that; with --decision every part of them, and what of the record was looked at."""
    engine = load_engine(author_settings(content=content))
    answer = answer_for(engine, file, hook, service_id, Watcher(engine.snapshot.registry.logic))
    service = answer.service
    told = _chosen(decisions(answer), decision)
    if form == "json":
        decided = [item.as_dict() for item in told]
        write_json({"service": service.id, "hook": service.hook, "decisions": decided})
        return
    whole = len(told) == 1
    click.echo("\n".join(render_decisions(told, service.hook, whole=whole)))
    if not whole:
        click.echo("--decision ID tells more of one of them.")


def _chosen(found: list[Decision], code: str | None) -> list[Decision]:
    if code is None:
        return found
    codes = [decision.code for decision in found]
    if code not in codes:
        hint = closest_or_all(code, sorted(codes))
        raise ConfigurationError(f"the service has no decision '{code}': {hint}")
    return [decision for decision in found if decision.code == code]
