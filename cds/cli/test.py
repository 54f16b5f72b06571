"""`cds test`: runs the case files beside the definitions."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from cds import cases
from cds.cases.coverage import Coverage, DecisionCoverage, percent
from cds.cases.parallel import run_cases
from cds.cli.coverage import coverage_record, render_coverage
from cds.cli.junit import junit
from cds.cli.options import author_settings, output_format
from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.cli.watched import fingerprint
from cds.config import Settings
from cds.errors import ConfigurationError, DefinitionError
from cds.service import Engine

#: Seconds between two looks at the files, with --watch.
_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line asks for. `chosen` is the regular expression of --run."""

    path: Path
    chosen: re.Pattern[str] | None
    coverage: bool
    fail_under: int | None
    site: bool
    jobs: int
    form: str


def _pattern(_: click.Context, __: click.Parameter, text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise click.BadParameter(f"not a regular expression: {error}") from None


@verb(
    "test",
    {0: "every case passed", 1: "a case failed, or the coverage is below --fail-under"},
    "cds test my-content/",
    "cds test --run 'bed-rest: .*fever' --watch",
    "cds test --coverage --fail-under 100",
)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--run",
    "chosen",
    metavar="REGEX",
    callback=_pattern,
    help="Run only cases in whose `decision: name` the regular expression is found.",
)
@click.option("--watch", is_flag=True, help="Run again whenever a file of the content changes, until interrupted.")
@click.option("--coverage", is_flag=True, help="Show what of the definitions the cases show, and what they do not.")
@click.option(
    "--fail-under",
    type=click.IntRange(0, 100),
    metavar="PERCENT",
    help="Exit with status 1 when the coverage is below this; implies --coverage.",
)
@click.option("--site", is_flag=True, help="Run with the site's own values of parameters instead of those shipped.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    metavar="N",
    help="Processes that run cases at once. Default: one per core; with --coverage always one.",
)
@output_format("text", "json", "junit")
def command(*, path: Path | None, watch: bool, **options: Any) -> None:
    """Run every case file at or below PATH (default: the content of the settings), with the definitions of that content
    where PATH lies in it, else with those at PATH or beside its folder of cases.

    For each case that fails: what was expected, what came, why its decision came to that, and the command that runs it
    again. docs/cases.md explains --coverage."""
    settings = author_settings()
    asked = _Asked(path or settings.content, **options)
    if not asked.path.exists():
        raise ConfigurationError(f"there is no file or folder {asked.path}")
    if watch:
        _watch(asked, settings)
    sys.exit(0 if _run(asked, settings) else 1)


def _watch(asked: _Asked, settings: Settings) -> None:
    """Run, and again whenever a file changes. Content that does not load is told, and waited for."""
    content = cases.content_for(asked.path, settings)
    roots = {asked.path, content, *(root for root in (settings.overlay, settings.parameters) if root)}
    while True:
        seen = fingerprint(roots)
        try:
            _run(asked, settings)
        except DefinitionError as error:
            for problem in error.problems:
                click.echo(problem.render(), err=True)
        except ConfigurationError as error:  # no case of that name any more, or not yet
            click.echo(f"cds: {error}", err=True)
        click.echo("waiting for a change", err=True)
        while fingerprint(roots) == seen:
            time.sleep(_PAUSE)


def _run(asked: _Asked, settings: Settings) -> bool:
    """Run the cases once and print what came of them; whether all is as asked for."""
    engine = cases.engine_for(asked.path, settings, site=asked.site)
    found = [case for case in cases.load(engine, asked.path) if _is_chosen(case, asked)]
    if not found:
        raise ConfigurationError(f"no case fits --run {asked.chosen.pattern if asked.chosen else ''}")
    covers = asked.coverage or asked.fail_under is not None
    results = list(_progress(engine, found, 1 if covers else asked.jobs))
    decisions = _covered(Coverage(engine), asked.path, results) if covers else None
    inside = asked.path.resolve().is_relative_to(settings.content.resolve())
    _write(results, decisions, asked.form, None if inside else asked.path)
    failed = sum(not result.passed for result in results)
    click.echo(f"{asked.path}: {len(results) - failed} passed, {failed} failed", err=True)
    short = decisions is not None and asked.fail_under is not None and percent(decisions) < asked.fail_under
    if short:
        click.echo(f"{percent(decisions or ())} % covered, {asked.fail_under} % asked for", err=True)
    return not failed and not short


def _is_chosen(case: cases.Case, asked: _Asked) -> bool:
    return asked.chosen is None or asked.chosen.search(f"{case.decision}: {case.name}") is not None


def _progress(engine: Engine, found: list[cases.Case], jobs: int) -> Iterator[cases.Result]:
    """The results, with a bar on a terminal."""
    results = run_cases(engine, found, jobs)
    if not sys.stderr.isatty():
        yield from results
        return
    with click.progressbar(results, length=len(found), label="cases", file=sys.stderr) as bar:
        yield from bar


def _covered(coverage: Coverage, path: Path, results: list[cases.Result]) -> list[DecisionCoverage]:
    for result in results:
        coverage.add(result)
    return coverage.below(path, (result.case for result in results))


def _write(
    results: list[cases.Result], decisions: list[DecisionCoverage] | None, form: str, content: Path | None
) -> None:
    """As text the cases that failed; as JSON a list of records, with coverage an object that has it beside them.
    `content` is what ran where that is not the content of the settings."""
    if form == "text":
        for result in results:
            if not result.passed:
                click.echo(result.render())
                click.echo(f"  again: {_again(result.case, content)}\n")
        if decisions is not None:
            click.echo(render_coverage(decisions))
    elif form == "junit":
        sys.stdout.buffer.write(junit(results))
    else:
        records: Any = [result.as_dict() for result in results]
        if decisions is not None:
            records = {"cases": records, "coverage": coverage_record(decisions)}
        write_json(records)


def _again(case: cases.Case, content: Path | None) -> str:
    """The command that runs this case alone."""
    name = re.escape(f"{case.decision}: {case.name}").replace(r"\ ", " ")
    return shlex.join(["cds", "test", str(content or case.location.file), "--run", f"^{name}$"])
