"""`cds apply`: what a plan comes to for a patient, as FHIR."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from cds.apply.render import OUTPUTS
from cds.body import decode
from cds.cli.options import author_settings
from cds.errors import RequestError
from cds.fhir import written
from cds.service import Engine


@click.command("apply")
@click.argument("plan")
@click.option("--subject", "subjects", required=True, multiple=True, help="A patient's id; may be repeated.")
@click.option(
    "--data",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A Bundle that holds all there is. Without it nothing is known.",
)
@click.option("--practitioner", help="Who asks: the id of a Practitioner.")
@click.option("--encounter", help="The id of the Encounter.")
@click.option("--output", type=click.Choice(OUTPUTS), default="careplan", show_default=True, help="Form of the answer.")
@click.option("--content", default=None, help="Folder of definitions. [CDS_CONTENT]")
def command(
    plan: str,
    subjects: tuple[str, ...],
    file: Path | None,
    practitioner: str | None,
    encounter: str | None,
    output: str,
    content: str | None,
) -> None:
    """Apply PLAN (the id or url of a PlanDefinition of the content) and print the resources it comes to as JSON."""
    engine = Engine(author_settings(content=content))
    named = {"practitioner": practitioner, "encounter": encounter}
    sent: list[dict[str, Any]] = [
        *({"name": "subject", "valueString": subject} for subject in subjects),
        *({"name": name, "valueString": value} for name, value in named.items() if value),
        {"name": "output", "valueCode": output},
    ]
    is_url = ":" in plan
    if is_url:
        sent.append({"name": "url", "valueCanonical": plan})
    try:
        if file is not None:
            depth = engine.settings.max_depth
            sent.append({"name": "data", "resource": decode(file.read_bytes(), max_depth=depth)})
        body = orjson.dumps({"resourceType": "Parameters", "parameter": sent})
        answer = engine.run_apply("PlanDefinition", None if is_url else plan, body=body)
    except RequestError as error:
        for issue in error.issues:
            hint = f" ({issue.diagnostics})" if issue.diagnostics else ""
            click.echo(f"cds: {issue.text}{hint}", err=True)
        sys.exit(2)
    sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_INDENT_2, default=written) + b"\n")
