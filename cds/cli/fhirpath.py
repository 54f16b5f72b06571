"""`cds fhirpath`: what an expression gives on a resource, and why."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from cds.cli.content import LazyContent
from cds.cli.inputs import read_resource
from cds.cli.items import render_items, render_steps
from cds.cli.options import INPUT, author_settings, content_folder, output_format
from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.errors import (
    EvaluationError,
    ExpressionSyntaxError,
    LimitError,
    Location,
    Problem,
)
from cds.expr import Item, Step, to_json
from cds.expr.types import RELEASES, Release
from cds.fhirpath.question import Question, QuestionError, Result, Surroundings, evaluate


@verb(
    "fhirpath",
    {0: "it was evaluated, to whatever items", 1: "the expression is wrong, or failed"},
    "cds fhirpath \"name.where(use = 'official').given\" patient.json",
    'cds fhirpath "value > %limit" observation.yaml --variable limit=5 --trace',
    "curl -s https://server.example/Patient/1 | cds fhirpath name.family -",
)
@click.argument("expression")
@click.argument("file", type=INPUT)
@click.option(
    "--context",
    metavar="EXPRESSION",
    default="",
    help="Evaluate on each item that this expression finds, instead of FILE itself.",
)
@click.option(
    "--variable",
    "variables",
    multiple=True,
    metavar="NAME=VALUE",
    help="Define %NAME; VALUE is JSON, or else text. May be repeated.",
)
@click.option(
    "--release", type=click.Choice(RELEASES), default="R4", show_default=True, help="The FHIR release of FILE."
)
@click.option("--trace", is_flag=True, help="Show each step of the evaluation.")
@content_folder("Folder of definitions with value sets.")
@output_format()
def command(
    expression: str,
    file: Path,
    context: str,
    variables: tuple[str, ...],
    release: Release,
    trace: bool,
    content: str | None,
    form: str,
) -> None:
    """Evaluate a FHIRPath EXPRESSION on FILE, a resource or Bundle in JSON or YAML (- reads standard input).

    Prints each item with its type and where it stands. References resolve within FILE; memberOf() knows the value sets
    of the content. What trace() is given goes to standard error."""
    settings = author_settings(content=content)
    question = Question(expression, read_resource(file), context, dict(map(_variable, variables)), release)
    now = settings.fixed_now or datetime.now(UTC)
    surroundings = Surroundings(now, ZoneInfo(settings.timezone), LazyContent(settings))
    try:
        results = evaluate(question, surroundings, steps=trace)
    except QuestionError as error:
        _fail(error, form)
    if form == "json":
        write_json({"results": [_record(result, trace) for result in results]})
    else:
        _print(results, context)


def _variable(argument: str) -> tuple[str, list[Any]]:
    """`NAME=VALUE` as a name and its items."""
    name, equals, text = argument.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"'{argument}' is not NAME=VALUE", param_hint="--variable")
    try:
        value = json.loads(text, parse_float=Decimal)
    except ValueError:
        value = text
    return name.removeprefix("%"), value if isinstance(value, list) else [] if value is None else [value]


def _fail(error: QuestionError, form: str) -> None:
    """Print how far the evaluation came and what is wrong with the expression, and end."""
    problem = _problem(error)
    if form == "json":
        write_json({"problems": [problem.as_dict()]})
    else:
        _print_logs(error.result)
        for line in render_steps(error.result.steps):
            click.echo(line)
        click.echo(problem.render(), err=True)
    sys.exit(1)


def _problem(failed: QuestionError) -> Problem:
    error = failed.error
    kinds = {
        ExpressionSyntaxError: "expression-syntax",
        LimitError: "expression-limit",
        EvaluationError: "expression-evaluation",
    }
    code = next((code for kind, code in kinds.items() if isinstance(error, kind)), "expression-semantic")
    source = failed.text.split("\n")[error.line - 1] if error.line else None
    return Problem(code, error.message, Location(failed.part, error.line, error.column), error.hint, source=source)


def _print(results: list[Result], context: str) -> None:
    for index, result in enumerate(results):
        _print_logs(result)
        steps = list(render_steps(result.steps))
        lines = [*steps, *(["..."] if result.cut else []), *([""] if steps else []), *render_items(result.items)]
        if result.context is not None:
            click.echo(result.context.path or f"{context}[{index}]")
            lines = [textwrap.indent(line, "  ") for line in lines]
        for line in lines:
            click.echo(line)
    count = sum(len(result.items) for result in results)
    among = f" in {len(results)} context{'s' * (len(results) != 1)}" if context else ""
    click.echo(f"{count} item{'s' * (count != 1)}{among}", err=True)


def _print_logs(result: Result) -> None:
    for name, items in result.logs:
        click.echo(f"trace {name}:", err=True)
        for line in render_items(items):
            click.echo(f"  {line}", err=True)


def _record(result: Result, trace: bool) -> dict[str, Any]:
    """A result for machines."""
    return {
        **({} if result.context is None else {"context": _item(result.context)}),
        "items": list(map(_item, result.items)),
        "trace": [{"name": name, "items": list(map(_item, items))} for name, items in result.logs],
        **({"steps": list(_steps(result.steps)), "cut": result.cut} if trace else {}),
    }


def _item(item: Item) -> dict[str, Any]:
    return {"type": item.type, "value": to_json(item.value, exact=True), **({"path": item.path} if item.path else {})}


def _steps(steps: list[Step]) -> Iterator[dict[str, Any]]:
    for step in steps:
        index = {} if step.index is None else {"index": step.index}
        yield {
            "line": step.line,
            "column": step.column,
            "name": step.name,
            **index,
            "items": list(map(_item, step.items)),
        }
