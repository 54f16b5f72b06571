"""`cds schema`: JSON Schemas of our YAML for editors."""

from __future__ import annotations

import sys

import click
import orjson


@click.command("schema")
@click.argument("name", type=click.Choice(["definitions", "cases"]))
def command(name: str) -> None:
    """Print the JSON Schema (draft 7) of definition or case files, for editors that complete and check YAML.

    docs/authoring.md shows how an editor is told of it."""
    from cds.editor import SCHEMAS

    sys.stdout.buffer.write(orjson.dumps(SCHEMAS[name](), option=orjson.OPT_INDENT_2) + b"\n")
