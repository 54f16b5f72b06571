"""`cds test`: runs the case files beside the definitions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from cds import cases
from cds.cases.coverage import Coverage, DecisionCoverage, percent
from cds.cli.coverage import coverage_record, render_coverage
from cds.cli.options import author_settings, output_format
from cds.errors import ConfigurationError


@click.command("test")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--coverage", is_flag=True, help="Show what of the definitions the cases show, and what they do not.")
@click.option(
    "--fail-under",
    type=click.IntRange(0, 100),
    metavar="PERCENT",
    help="Exit with status 1 when the coverage is below this; implies --coverage.",
)
@click.option("--site", is_flag=True, help="Run with the site's own values of parameters instead of those shipped.")
@output_format
def command(*, path: Path | None, coverage: bool, fail_under: int | None, site: bool, form: str) -> None:
    """Run every case file at or below PATH (default: the content of the settings).

    For each case that fails: what was expected, what came, and the trace of its decision. Exit status 1 when one
    failed. docs/cases.md explains --coverage."""
    settings = author_settings()
    path = path or settings.content
    if not path.exists():
        raise ConfigurationError(f"there is no file or folder {path}")
    engine = cases.engine_for(path, settings, site=site)
    results = [cases.run_case(engine, case) for case in cases.load(engine, path)]
    failed = [result for result in results if not result.passed]
    decisions = _covered(Coverage(engine), path, results) if coverage or fail_under is not None else None
    if form == "json":
        _write(results, decisions)
    else:
        for result in failed:
            click.echo(result.render())
        if decisions is not None:
            click.echo(render_coverage(decisions))
    click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed", err=True)
    short = decisions is not None and fail_under is not None and percent(decisions) < fail_under
    if short:
        click.echo(f"{percent(decisions or ())} % covered, {fail_under} % asked for", err=True)
    sys.exit(1 if failed or short else 0)


def _covered(coverage: Coverage, path: Path, results: list[cases.Result]) -> list[DecisionCoverage]:
    for result in results:
        coverage.add(result)
    return coverage.below(path, (result.case for result in results))


def _write(results: list[cases.Result], decisions: list[DecisionCoverage] | None) -> None:
    """A list of records; with coverage, an object that has it beside them."""
    records: Any = [result.as_dict() for result in results]
    if decisions is not None:
        records = {"cases": records, "coverage": coverage_record(decisions)}
    sys.stdout.buffer.write(orjson.dumps(records, option=orjson.OPT_INDENT_2) + b"\n")
