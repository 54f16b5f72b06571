"""`cds schema`: JSON Schemas of our YAML for editors."""

from __future__ import annotations

import click

from cds.cli.output import write_json
from cds.cli.verb import verb


@verb("schema", {0: "the schema was printed"}, "cds schema definitions > definitions.schema.json")
@click.argument("name", metavar="[definitions|cases]", type=click.Choice(["definitions", "cases"]))
def command(name: str) -> None:
    """Print the JSON Schema (draft 7) of definition or case files, for editors that complete and check YAML.

    docs/authoring.md shows how an editor is told of it."""
    from cds.editor import SCHEMAS

    write_json(SCHEMAS[name]())
