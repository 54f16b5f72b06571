"""`cds fmt`: definitions, cases and CQL in their canonical form."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import re2

from cds.cli.inputs import STANDARD_INPUT, shown
from cds.cli.options import author_settings
from cds.cli.output import write_out
from cds.cli.verb import verb
from cds.definitions.source import ReadError, SourceText
from cds.errors import ConfigurationError, ExpressionSyntaxError, Location, Problem
from cds.formatting import FORMATS

#: How CQL begins, and no YAML of ours: with a comment of its own, or a word and then another that is no colon.
_CQL = re2.compile(r"//|/\*|[a-z]+\s+[^\s:]")
_MARK = "\ufeff"
#: Folders whose files are made by a tool, or belong to one.
_NOT_OURS = frozenset({"fsh-generated", "node_modules"})


@verb(
    "fmt",
    {0: "every file is in its form now", 1: "with --check or --diff: a file would change"},
    "cds fmt my-content/",
    "cds fmt --check my-content/",
    "cds fmt --diff logic.cql",
    "cds fmt - < logic.cql",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit with status 1 when a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change, and exit as with --check.")
def command(*, paths: tuple[Path, ...], check: bool, diff: bool) -> None:
    """Put elements of YAML and JSON definitions in FHIR's order, and the blanks of CQL, in files at or below PATHS
    (default: the content of the settings). Comments, words and line breaks stay. A file is replaced whole or not at
    all; one that cannot be read or written is told, and the others are put in form. With - the text of standard input
    goes to standard output in its form; whether it is YAML, JSON or CQL is seen from how it begins."""
    piped = STANDARD_INPUT in paths
    if piped and len(paths) > 1:
        raise click.UsageError("- stands alone: standard input is put in form on standard output")
    keep = check or diff
    changed, failed = 0, 0
    for file in _files(paths or (author_settings().content,)):
        text = ""
        try:
            text = _read(file).decode("utf-8")
            wanted = _formatted(text, file.suffix or _suffix(text))
        except (OSError, UnicodeDecodeError, ReadError, ExpressionSyntaxError) as error:
            click.echo(_problem(shown(file), text, error).render(), err=True)
            failed += 1
            continue
        if piped and not keep:
            write_out(wanted, None)
            return
        if wanted == text:
            continue
        if not keep:
            try:
                write_out(wanted, file)
            except ConfigurationError as error:
                click.echo(f"cds: {error}", err=True)
                failed += 1
                continue
        changed += 1
        _tell(shown(file), text, wanted, diff=diff)
    if not piped:
        click.echo(f"{changed} file{'s' * (changed != 1)} {'would change' if keep else 'changed'}", err=True)
    sys.exit(2 if failed else int(bool(changed) and keep))


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()


def _suffix(text: str) -> str:
    """What the name of a file would end with that has this text."""
    start = text.removeprefix(_MARK).lstrip()
    if start.startswith(("{", "[")):
        return ".json"
    return ".cql" if _CQL.match(start) else ".yaml"


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path == STANDARD_INPUT:
            yield path
            return
        if not path.exists():
            raise ConfigurationError(f"there is no file or folder {path}")
        if path.is_file() and path.suffix not in FORMATS:
            raise ConfigurationError(f"{path} is none of {', '.join(FORMATS)}")
        found = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.suffix in FORMATS)
        yield from (file for file in found if file.is_file() and _NOT_OURS.isdisjoint(file.parts))


def _formatted(text: str, suffix: str) -> str:
    """The text in its form, with the byte order mark and the line ends that its first line has; an empty one has
    none."""
    if not text.strip():
        return text
    wanted = (_MARK if text.startswith(_MARK) else "") + FORMATS[suffix](_plain(text))
    return wanted.replace("\n", "\r\n") if text.partition("\n")[0].endswith("\r") else wanted


def _plain(text: str) -> str:
    """The text as the formatters take it, and as places in it are counted."""
    return text.removeprefix(_MARK).replace("\r\n", "\n")


def _tell(file: str, text: str, wanted: str, *, diff: bool) -> None:
    if not diff:
        click.echo(file)
        return
    before, after = text.splitlines(keepends=True), wanted.splitlines(keepends=True)
    for line in difflib.unified_diff(before, after, file, file):
        colour = {"+": "green", "-": "red"}.get(line[:1])
        click.echo(click.style(line.rstrip("\r\n"), fg=colour))


def _problem(file: str, text: str, error: Exception) -> Problem:
    source = SourceText(_plain(text))
    if isinstance(error, ReadError):
        place = Location(file, *source.position(error.offset))
        return Problem(error.code, error.message, place, error.hint, source=source.printable_line(place.line))
    if isinstance(error, ExpressionSyntaxError):
        place = Location(file, error.line, error.column)
        line = source.printable_line(error.line)
        return Problem("expression-syntax", error.message, place, error.hint, source=line)
    if isinstance(error, OSError):
        return Problem("file-unreadable", f"cannot be read: {error.strerror}", Location(file))
    return Problem("file-encoding", "the file is not UTF-8", Location(file), "save it as UTF-8")
