"""`cds check`: what is wrong with a content folder."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from cds.cli.options import author_settings, output_format
from cds.definitions.check import check_content
from cds.errors import ConfigurationError


@click.command("check")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@output_format
def command(path: Path | None, form: str) -> None:
    """Check every definition below PATH (default: the content of the settings), and the overlay of the settings where
    there is one, and print all problems.

    Exit status 1 when there is an error; warnings alone are 0."""
    settings = author_settings(content=path)
    content = settings.content
    if not content.exists():
        raise ConfigurationError(f"there is no folder {content}")
    problems = check_content(content, settings.overlay, prefer_elm=settings.prefer_elm)
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
