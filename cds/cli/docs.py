"""`cds docs`: the booklet for clinicians."""

from __future__ import annotations

from pathlib import Path

import click

from cds import cases
from cds.booklet.chapters import pathways
from cds.booklet.page import render
from cds.cli.engine import load_engine
from cds.cli.options import author_settings, output_file
from cds.cli.output import write_out
from cds.cli.verb import verb


@verb(
    "docs",
    {0: "the booklet was written"},
    "cds docs my-content/ --output booklet.md",
)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@output_file()
def command(path: Path | None, output: Path | None) -> None:
    """Write the booklet of the definitions below PATH (default: the content of the settings) for clinicians to review.

    For each decision: when it speaks, its settings, the cards as its case files show them, its sources, and where the
    sources disagree. GitHub Markdown."""
    settings = author_settings(content=path)
    engine = load_engine(settings)
    known = cases.load(engine, settings.content) if cases.find(settings.content) else []
    write_out(render(pathways(engine, known)), output)
