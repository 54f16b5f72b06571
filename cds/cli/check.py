"""`cds check`: what is wrong with a content folder."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from cds.cli.folder import check_folder, no_definitions
from cds.cli.options import author_settings
from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.config import Settings
from cds.cql.declared import Declarations
from cds.cql.site import read_site
from cds.definitions.check import Inspection, inspect
from cds.errors import DefinitionError, Problem
from cds.lint import lint


@verb(
    "check",
    {0: "no error; with --strict no warning either", 1: "there is an error, or with --strict a warning"},
    "cds check my-content/",
    "cds check my-content/ --strict --format github",
)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--strict", is_flag=True, help="Exit with status 1 when there is a warning, too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Form of the result; github: annotations of a workflow run.",
)
def command(path: Path | None, strict: bool, form: str) -> None:
    """Check every definition below PATH (default: the content of the settings), and the site's overlay and its file of
    parameters where the settings name them, and print all problems. docs/problems.md explains each, and how to silence
    a warning."""
    settings = author_settings(content=path)
    content = settings.content
    check_folder(content)
    gc.disable()  # what is made lives until the end, which is soon
    try:
        inspection = inspect(content, settings.overlay, prefer_elm=settings.prefer_elm)
        problems = [*lint(inspection), *_of_parameters(settings, inspection)]
    finally:
        gc.enable()
    if not problems and not inspection.registry.documents:
        raise no_definitions(content)
    if form == "json":
        write_json([problem.as_dict() for problem in problems])
    else:
        for problem in problems:
            click.echo(annotation(problem) if form == "github" else _coloured(problem))
    counts = Counter(problem.severity for problem in problems)
    told = (f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}" for kind in ("error", "warning"))
    click.echo(f"{content}: {', '.join(told)}", err=True)
    sys.exit(1 if counts["error"] or (strict and counts["warning"]) else 0)


_COLOURS = {"error": "red", "warning": "yellow", "information": "blue"}


def _coloured(problem: Problem) -> str:
    """The rendering with its code in the colour of the severity; click takes colours out where they are not shown."""
    first, *rest = problem.render().split("\n")
    mark = f": {problem.code}: "
    place, _, message = first.partition(mark)
    return "\n".join([f"{place}: {click.style(problem.code, fg=_COLOURS[problem.severity])}: {message}", *rest])


#: The commands of a GitHub workflow by severity, and what has to be escaped in their properties and text.
_COMMANDS = {"error": "error", "warning": "warning", "information": "notice"}
_ESCAPES = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))


def annotation(problem: Problem) -> str:
    """The problem as a workflow command, which GitHub shows at its line of the changed file."""
    place = problem.location
    properties = [("file", place.file), *([("line", place.line), ("col", place.column)] if place.line else [])]
    text = problem.message + (f"\nhint: {problem.hint}" if problem.hint else "")
    given = ",".join(f"{name}={_escaped(str(value), ((':', '%3A'), (',', '%2C')))}" for name, value in properties)
    return f"::{_COMMANDS[problem.severity]} {given},title={problem.code}::{_escaped(text)}"


def _escaped(text: str, more: Sequence[tuple[str, str]] = ()) -> str:
    for character, escape in (*_ESCAPES, *more):
        text = text.replace(character, escape)
    return text


def _of_parameters(settings: Settings, inspection: Inspection) -> list[Problem]:
    """What is wrong with the site's file of parameters."""
    if settings.parameters is None:
        return []
    try:
        read_site(settings.parameters, Declarations(inspection.registry))
    except DefinitionError as error:
        return list(error.problems)
    return []
