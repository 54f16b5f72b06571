"""`cds eval`: the cards for one request or one patient's Bundle, and why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from cds.apply.tree import AppliedAction, ConditionResult
from cds.cli.calls import answer_for, call_options
from cds.cli.cards import render_cards
from cds.cli.engine import load_engine
from cds.cli.options import author_settings, output_format
from cds.cli.output import write_json
from cds.cli.reasons import render_decisions
from cds.cli.verb import verb
from cds.explain import Watcher, decisions, reason_record
from cds.service import Answer


@verb(
    "eval",
    {0: "the cards were printed, or that there are none"},
    "cds eval --input request.json",
    "cds eval --hook order-sign --input patient.yaml --explain",
    "curl -s 'https://server.example/Patient/1/$everything' | cds eval --input -",
)
@call_options
@output_format()
@click.option("--explain", is_flag=True, help="Show what became of each decision, and each condition with its value.")
def command(
    *, file: Path, hook: str | None, service_id: str | None, content: str | None, form: str, explain: bool
) -> None:
    """Evaluate one request or patient Bundle and print the cards."""
    engine = load_engine(author_settings(content=content))
    watch = Watcher(engine.snapshot.registry.logic) if explain else None
    answer = answer_for(engine, file, hook, service_id, watch)
    if form == "json":
        write_json(_record(answer, explain))
        return
    click.echo(render_cards(answer.cards))
    if explain:
        click.echo()
        click.echo("\n".join(render_decisions(decisions(answer), answer.service.hook, whole=True)))


def _record(answer: Answer, explain: bool) -> dict[str, Any]:
    trace = {"actions": _actions(answer.applied)} if explain else {}
    return {**answer.body, **trace}


def _actions(applied: Iterable[AppliedAction]) -> list[dict[str, Any]]:
    return [
        {
            "id": action.id,
            "outcome": action.outcome.value,
            "conditions": [_condition(condition) for condition in action.conditions],
            "actions": _actions(action.children),
        }
        for action in applied
    ]


def _condition(condition: ConditionResult) -> dict[str, Any]:
    return {
        "file": condition.location.file,
        "line": condition.location.line,
        "expression": condition.expression,
        "value": condition.value,
        **({"defined": str(condition.defined)} if condition.defined else {}),
        **({"error": condition.error} if condition.error else {}),
        **({"why": reason_record(condition.why.reason)} if condition.why else {}),
    }
