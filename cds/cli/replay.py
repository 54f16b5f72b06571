"""`cds replay`: whether today's content answers a logged call as it was answered."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from cds.cli.database import existing
from cds.cli.engine import load_engine
from cds.cli.options import author_settings, content_folder, output_format
from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.errors import ConfigurationError, NotFoundError, RequestError
from cds.replay import Replay, replay

_COLOURS = {"same": "green", "changed": "yellow", "gone": "red", "new": "red"}


@verb(
    "replay",
    {0: "the answer is the same", 1: "it is another"},
    "cds replay 0198c5a0-6f3e-7c1a-9d5e-2f4b8a7c6d1e --content my-content/",
)
@click.argument("decision", metavar="ID")
@content_folder()
@output_format()
def command(*, decision: str, content: str | None, form: str) -> None:
    """Answer the call of the logged decision ID again with today's content and settings, at the moment it was made, and
    say of each card whether it is the same.

    The database is that of CDS_DATABASE_URL; requests are kept where CDS_KEEP_INPUT says so."""
    settings = author_settings(content=content)
    with existing(settings) as storage:
        try:
            found = replay(load_engine(settings), storage, decision)
        except (NotFoundError, RequestError) as error:
            raise ConfigurationError(str(error)) from None
    if form == "json":
        write_json(found.as_dict())
    else:
        click.echo("\n".join(_lines(found)))
    sys.exit(0 if found.same else 1)


def _lines(found: Replay) -> Iterator[str]:
    logged = found.logged
    yield f"decision {logged.id} of {logged.at:%Y-%m-%d %H:%M:%S} UTC by {logged.service}"
    content = "the same" if logged.revision == found.revision else f"{logged.revision} then, {found.revision} now"
    yield f"content: {content}"
    for card in found.cards:
        yield f"  {click.style(f'{card.verdict:8}', fg=_COLOURS[card.verdict])} {card.decision}  {card.action}"
    if not found.cards:
        yield "  no cards, then or now"
    for change in found.actions:
        yield f"  {change.action}: {change.before or 'not asked'} -> {change.after or 'not asked'}"
    if found.masked and not found.same:
        yield "the request was kept without some of its parts, which may be why"
