"""`cds new`: a decision to start from."""

from __future__ import annotations

import re
from pathlib import Path

import click

from cds.cli.verb import Verbs
from cds.config import Settings
from cds.errors import ConfigurationError
from cds.scaffold import new_decision

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40


_EXAMPLE = "cds new decision wrist-splint --content my-content/"
_STATUSES = {0: "the files were written"}


@click.group("new", cls=Verbs, statuses=_STATUSES, examples=(_EXAMPLE,))
def command() -> None:
    """Write files to start from."""


@command.command("decision", short_help="Write a decision.", statuses=_STATUSES, examples=(_EXAMPLE,))
@click.argument("name")
@click.option(
    "--content",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    metavar="FOLDER",
    help="Folder of definitions that gets the decision.",
)
@click.option("--title", help="What people call it. Default: the name, in words.")
@click.option(
    "--base", default="https://example.org/fhir", show_default=True, help="What its canonical urls begin with."
)
def decision(*, name: str, content: Path, title: str | None, base: str) -> None:
    """Write a decision of that NAME, such as bed-rest: definition, logic in CQL, activity, codes, cases and a README.
    It passes `cds check` and `cds test` as it is."""
    if _ID.fullmatch(name) is None or len(name) > _LONGEST:
        raise ConfigurationError(
            f"'{name}' cannot be the id of a decision: write small letters and digits with hyphens, such as bed-rest"
        )
    if content.resolve().is_relative_to(Settings().content.resolve()) and "site-packages" in content.resolve().parts:
        raise ConfigurationError("name a folder of your own with --content; this one is replaced with the package")
    if not base.startswith(("http://", "https://")):
        raise ConfigurationError(f"--base must be a url such as https://example.org/fhir, not '{base}'")
    words = title or name.replace("-", " ").capitalize()
    try:
        written = new_decision(content, name, title=words, base=base)
    except FileExistsError:
        raise ConfigurationError(
            f"there is {content / name} already; choose another name, for nothing is overwritten"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{content / name} cannot be written: {error.strerror}") from None
    for file in written:
        click.echo(file)
    click.echo(f"next: cds check {content / name} and cds test {content / name}", err=True)
