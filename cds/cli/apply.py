"""`cds apply`: what a plan comes to for a patient, as FHIR."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import orjson

from cds.apply.render import OUTPUTS
from cds.cli.engine import load_engine
from cds.cli.inputs import as_bundle, read_resource
from cds.cli.options import INPUT, author_settings, content_folder, output_format
from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.errors import ConfigurationError, RequestError, closest_or_all
from cds.fhir import Resource, bundle_resources, written
from cds.service import Engine


@verb(
    "apply",
    {0: "the resources were printed; what failed stands in their OperationOutcome"},
    "cds apply back-pain --input patient.json",
    "cds apply back-pain --input patients.yaml --subject p1 --subject p2",
)
@click.argument("plan")
@click.option(
    "--input",
    "file",
    type=INPUT,
    help="A Bundle that holds all there is, in JSON or YAML (- reads standard input). Without it nothing is known.",
)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    metavar="ID",
    help="Whom it is for. Default: the patient of the Bundle. May be repeated.",
)
@click.option("--practitioner", metavar="ID", help="Who asks.")
@click.option("--encounter", metavar="ID", help="The encounter in which.")
@content_folder()
@output_format(*OUTPUTS, default="careplan")
def command(
    plan: str,
    file: Path | None,
    subjects: tuple[str, ...],
    practitioner: str | None,
    encounter: str | None,
    content: str | None,
    form: str,
) -> None:
    """Apply PLAN (the id or url of a PlanDefinition of the content) and print the resources it comes to as JSON."""
    engine = load_engine(author_settings(content=content))
    data = as_bundle(read_resource(file)) if file is not None else None
    _check(engine, plan, data, subjects)
    named = {"practitioner": practitioner, "encounter": encounter}
    sent: list[dict[str, Any]] = [
        *({"name": "subject", "valueString": subject} for subject in subjects or (_only_patient(data),)),
        *({"name": name, "valueString": value} for name, value in named.items() if value),
        {"name": "output", "valueCode": form},
    ]
    is_url = ":" in plan
    if is_url:
        sent.append({"name": "url", "valueCanonical": plan})
    if data is not None:
        sent.append({"name": "data", "resource": data})
    body = orjson.dumps({"resourceType": "Parameters", "parameter": sent}, default=written)
    try:
        answer = engine.run_apply("PlanDefinition", None if is_url else plan, body=body)
    except RequestError as error:
        for issue in error.issues:
            hint = f" ({issue.diagnostics})" if issue.diagnostics else ""
            click.echo(f"cds: {issue.text}{hint}", err=True)
        sys.exit(2)
    write_json(answer)


def _check(engine: Engine, plan: str, data: Resource | None, subjects: tuple[str, ...]) -> None:
    """Raises ConfigurationError for the id of no plan, and for patients that data about others does not hold: for them
    nothing would apply, which would only look like an answer."""
    plans = [str(found.resource.get("id")) for found in engine.snapshot.documents if found.kind == "PlanDefinition"]
    if ":" not in plan and plan not in plans:
        hint = closest_or_all(plan, sorted(plans))
        raise ConfigurationError(f"no plan '{plan}': {hint}")
    known = _patients(data)
    for subject in subjects:
        if known and subject.removeprefix("Patient/") not in known:
            hint = closest_or_all(subject, known)
            raise ConfigurationError(f"the input holds no patient '{subject}': {hint}")


def _only_patient(data: Resource | None) -> str:
    """The id of the one patient of a Bundle. Raises UsageError when there are none or several."""
    known = _patients(data)
    if len(known) != 1:
        held = f"--input holds {len(known)} patients" if data is not None else "there is no --input"
        raise click.UsageError(f"Say with --subject whom the plan is for: {held}.")
    return known[0]


def _patients(data: Resource | None) -> list[str]:
    """The ids of the patients of a Bundle."""
    resources = [resource for resource in bundle_resources(data) if resource["resourceType"] == "Patient"]
    return [str(resource["id"]) for resource in resources if "id" in resource]
