"""`cds eval`: the cards for one request or one patient's Bundle, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import orjson

from cds.apply.tree import AppliedAction
from cds.cli.calls import answer_for, call_options
from cds.cli.cards import render_cards
from cds.cli.options import author_settings, output_format
from cds.service import Answer, Engine
from cds.trace import render_trace


@click.command("eval")
@call_options
@output_format
@click.option("--explain", is_flag=True, help="Show what became of each action and each of its conditions.")
def command(
    *, file: Path, hook: str | None, service_id: str | None, content: str | None, form: str, explain: bool
) -> None:
    """Evaluate one request or patient Bundle and print the cards."""
    engine = Engine(author_settings(content=content))
    answer = answer_for(engine, file, hook, service_id)
    if form == "json":
        sys.stdout.buffer.write(orjson.dumps(_record(answer, explain), option=orjson.OPT_INDENT_2) + b"\n")
        return
    click.echo(render_cards(answer.cards))
    if explain:
        click.echo("\n" + render_trace(answer.applied))


def _record(answer: Answer, explain: bool) -> dict[str, Any]:
    trace = {"actions": _actions(answer.applied)} if explain else {}
    return {**answer.body, **trace}


def _actions(applied: Iterable[AppliedAction]) -> list[dict[str, Any]]:
    return [
        {
            "id": action.id,
            "outcome": action.outcome.value,
            "conditions": [
                {
                    "file": condition.location.file,
                    "line": condition.location.line,
                    "expression": condition.expression,
                    "value": condition.value,
                    **({"defined": str(condition.defined)} if condition.defined else {}),
                    **({"error": condition.error} if condition.error else {}),
                }
                for condition in action.conditions
            ],
            "actions": _actions(action.children),
        }
        for action in applied
    ]
