"""`cds diff`: what two content folders, or two revisions of one, say differently."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from cds import cases
from cds.changes import CaseChange, Change, changed_cases, changes
from cds.cli.engine import load_engine
from cds.cli.folder import check_folder
from cds.cli.items import harmless
from cds.cli.options import author_settings, content_folder, output_format
from cds.cli.output import write_json
from cds.cli.revision import content_at
from cds.cli.verb import verb
from cds.config import Settings
from cds.service import Engine


@verb(
    "diff",
    {0: "they mean the same", 1: "there is a difference"},
    "cds diff main",
    "cds diff v1.0 v1.1 --no-cases",
    "cds diff old-content/ new-content/ --format json",
)
@click.argument("before")
@click.argument("after", required=False)
@click.option("--cases/--no-cases", "with_cases", default=True, help="Run the cases of AFTER on both; on by default.")
@content_folder("Folder of definitions whose revisions are meant.")
@output_format()
def command(*, before: str, after: str | None, with_cases: bool, content: str | None, form: str) -> None:
    """Compare BEFORE and AFTER by meaning: hooks, conditions, thresholds, words of cards, orders, logic, members of
    value sets, and the cases that get other cards. Both are content folders or revisions of git, at which the content
    of the settings is meant; AFTER is that content as it stands when it is left out."""
    settings = author_settings(content=content)
    check_folder(settings.content)
    with TemporaryDirectory() as scratch:
        old = _engine(settings, content_at(before, settings.content, Path(scratch)))
        new_folder = settings.content if after is None else content_at(after, settings.content, Path(scratch))
        new = _engine(settings, new_folder)
        found = changes(old.snapshot, new.snapshot)
        known = cases.load(new, new_folder) if with_cases and cases.find(new_folder) else []
        changed = list(changed_cases(old, new, known))
    if form == "json":
        record = {"changes": [change.as_dict() for change in found], "cases": [case.as_dict() for case in changed]}
        write_json(record)
    else:
        for line in _lines(found, changed):
            click.echo(harmless(line))
    click.echo(
        f"{len(found)} change{'s' * (len(found) != 1)}, {len(changed)} of {len(known)} cases get other cards", err=True
    )
    sys.exit(1 if found or changed else 0)


def _engine(settings: Settings, content: Path) -> Engine:
    """The folder with what is shipped: what a site sets is no change of it."""
    shipped = {name: Settings.model_fields[name].default for name in ("parameters", "guideline", "overlay")}
    return load_engine(settings.model_copy(update={**shipped, "content": content}))


def _lines(found: Sequence[Change], changed: Sequence[CaseChange]) -> Iterator[str]:
    width = max(shutil.get_terminal_size().columns, 40)
    for about, group in groupby(found, key=lambda change: change.about):
        yield about
        for change in group:
            yield f"  {change.subject}"
            for sign, words in (("-", change.before), ("+", change.after)):
                if words is not None:
                    yield from _wrapped(f"{sign} {words}", "    ", width)
    if changed:
        yield "Cases that get other cards"
    alike: dict[tuple[str, ...], list[CaseChange]] = {}
    for case in changed:
        alike.setdefault(case.lines, []).append(case)
    for lines, group_of in alike.items():
        place, name = group_of[0].case.location, group_of[0].case.name
        others = f", and {len(group_of) - 1} more" if len(group_of) > 1 else ""
        yield from _wrapped(f"{place.file}:{place.line}: {name}{others}", "  ", width)
        for line in lines:
            yield from _wrapped(line, "    ", width)


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    lines = textwrap.wrap(text, width - len(indent) - 2, break_long_words=False, break_on_hyphens=False)
    return [f"{indent}{'  ' if number else ''}{line}" for number, line in enumerate(lines)]
