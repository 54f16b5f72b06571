"""`cds test`: runs the case files beside the definitions."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from cds import cases
from cds.cli.options import author_settings, output_format
from cds.errors import ConfigurationError


@click.command("test")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@output_format
def command(path: Path | None, form: str) -> None:
    """Run every case file at or below PATH (default: the content of the settings).

    For each case that fails: what was expected, what came, and the trace of its decision. Exit status 1 when one
    failed."""
    settings = author_settings()
    path = path or settings.content
    if not path.exists():
        raise ConfigurationError(f"there is no file or folder {path}")
    results = cases.run(path, settings)
    failed = [result for result in results if not result.passed]
    if form == "json":
        records = [result.as_dict() for result in results]
        sys.stdout.buffer.write(orjson.dumps(records, option=orjson.OPT_INDENT_2) + b"\n")
    else:
        for result in failed:
            click.echo(result.render())
    click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed", err=True)
    sys.exit(1 if failed else 0)
