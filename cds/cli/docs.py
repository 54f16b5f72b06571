"""`cds docs`: the booklet for clinicians."""

from __future__ import annotations

from pathlib import Path

import click

from cds import cases
from cds.booklet.chapters import pathways
from cds.booklet.page import render
from cds.cli.options import author_settings, write_out
from cds.errors import ConfigurationError
from cds.service import Engine


@click.command("docs")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the booklet to this file instead of standard output.",
)
def command(path: Path | None, output: Path | None) -> None:
    """Write the booklet of the definitions below PATH (default: the content of the settings) for clinicians to review.

    For each decision: when it speaks, its settings, the cards as its case files show them, its sources, and where the
    sources disagree. GitHub Markdown."""
    settings = author_settings(content=path)
    if not settings.content.exists():
        raise ConfigurationError(f"there is no folder {settings.content}")
    engine = Engine(settings)
    known = cases.load(engine, settings.content) if cases.find(settings.content) else []
    write_out(render(pathways(engine, known)), output)
