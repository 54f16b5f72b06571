"""`cds check`: what is wrong with a content folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from cds.cli.options import author_settings, output_format
from cds.config import Settings
from cds.cql.declared import Declarations
from cds.cql.site import read_site
from cds.definitions.check import Inspection, inspect
from cds.errors import ConfigurationError, DefinitionError, Problem


@click.command("check")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@output_format
def command(path: Path | None, form: str) -> None:
    """Check every definition below PATH (default: the content of the settings), and the site's overlay and its file of
    parameters where the settings name them, and print all problems.

    Exit status 1 when there is an error; warnings alone are 0."""
    settings = author_settings(content=path)
    content = settings.content
    if not content.exists():
        raise ConfigurationError(f"there is no folder {content}")
    inspection = inspect(content, settings.overlay, prefer_elm=settings.prefer_elm)
    problems = [*inspection.problems, *_of_parameters(settings, inspection)]
    if form == "json":
        sys.stdout.buffer.write(
            orjson.dumps([problem.as_dict() for problem in problems], option=orjson.OPT_INDENT_2) + b"\n"
        )
    else:
        for problem in problems:
            click.echo(problem.render())
    errors = sum(problem.severity == "error" for problem in problems)
    click.echo(f"{content}: {errors} errors, {len(problems) - errors} warnings", err=True)
    sys.exit(1 if errors else 0)


def _of_parameters(settings: Settings, inspection: Inspection) -> list[Problem]:
    """What is wrong with the site's file of parameters."""
    if settings.parameters is None:
        return []
    try:
        read_site(settings.parameters, Declarations(inspection.registry))
    except DefinitionError as error:
        return list(error.problems)
    return []
