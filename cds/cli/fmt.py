"""`cds fmt`: definitions, cases and CQL in their canonical form."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from cds.cli.options import author_settings
from cds.cli.output import write_out
from cds.cli.verb import verb
from cds.definitions.source import ReadError, SourceText
from cds.errors import ConfigurationError, ExpressionSyntaxError, Location, Problem
from cds.formatting import FORMATS

#: Folders whose files are made by a tool, or belong to one.
_NOT_OURS = frozenset({"fsh-generated", "node_modules"})


@verb(
    "fmt",
    {0: "every file is in its form now", 1: "with --check or --diff: a file would change"},
    "cds fmt my-content/",
    "cds fmt --check my-content/",
    "cds fmt --diff logic.cql",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 when a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change, and exit as with --check.")
def command(*, paths: tuple[Path, ...], check: bool, diff: bool) -> None:
    """Put elements of YAML and JSON definitions in FHIR's order, and the blanks of CQL, in files at or below PATHS
    (default: the content of the settings). Comments, words and line breaks stay. A file is replaced whole or not at
    all; one that cannot be read or written is told, and the others are put in form."""
    changed, failed = 0, 0
    for file in _files(paths or (author_settings().content,)):
        try:
            text = file.read_bytes().decode("utf-8")
            wanted = _formatted(text, file.suffix)
        except (OSError, UnicodeDecodeError, ReadError, ExpressionSyntaxError) as error:
            click.echo(_problem(file, error).render(), err=True)
            failed += 1
            continue
        if wanted == text:
            continue
        if not check and not diff:
            try:
                write_out(wanted, file)
            except ConfigurationError as error:
                click.echo(f"cds: {error}", err=True)
                failed += 1
                continue
        changed += 1
        _tell(file, text, wanted, diff=diff)
    click.echo(f"{changed} file{'s' * (changed != 1)} {'would change' if check or diff else 'changed'}", err=True)
    sys.exit(2 if failed else int(bool(changed) and (check or diff)))


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"there is no file or folder {path}")
        if path.is_file() and path.suffix not in FORMATS:
            raise ConfigurationError(f"{path} is none of {', '.join(FORMATS)}")
        found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in FORMATS)
        yield from (file for file in found if file.is_file() and _NOT_OURS.isdisjoint(file.parts))


def _formatted(text: str, suffix: str) -> str:
    """The text in its form, with the line ends that its first line has; an empty one has none."""
    if not text.strip():
        return text
    wanted = FORMATS[suffix](text.replace("\r\n", "\n"))
    return wanted.replace("\n", "\r\n") if text.partition("\n")[0].endswith("\r") else wanted


def _tell(file: Path, text: str, wanted: str, *, diff: bool) -> None:
    if not diff:
        click.echo(file)
        return
    before, after = text.splitlines(keepends=True), wanted.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, str(file), str(file)):
        colour = {"+": "green", "-": "red"}.get(line[:1])
        click.echo(click.style(line.rstrip("\r\n"), fg=colour))


def _problem(file: Path, error: Exception) -> Problem:
    if isinstance(error, ReadError):
        source = SourceText(file.read_text("utf-8"))
        place = Location(str(file), *source.position(error.offset))
        return Problem(error.code, error.message, place, error.hint, source=source.printable_line(place.line))
    if isinstance(error, ExpressionSyntaxError):
        return Problem("expression-syntax", error.message, Location(str(file), error.line, error.column), error.hint)
    if isinstance(error, OSError):
        return Problem("file-unreadable", f"cannot be read: {error.strerror}", Location(str(file)))
    return Problem("file-encoding", "the file is not UTF-8", Location(str(file)), "save it as UTF-8")
