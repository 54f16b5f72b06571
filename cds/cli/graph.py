"""`cds graph`: a pathway as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from cds.apply.plan import CompiledPlan
from cds.cli.options import author_settings, write_out
from cds.errors import ConfigurationError, did_you_mean
from cds.graph import mermaid, svg, tree
from cds.service import Engine


@click.command("graph")
@click.argument("plan", required=False)
@click.option("--decision", metavar="ID", help="Only this decision, such as bed-rest.")
@click.option("--content", default=None, help="Folder of definitions. [CDS_CONTENT]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["svg", "mermaid"]),
    default="mermaid",
    show_default=True,
    help="Mermaid is drawn by GitHub and many editors, SVG by browsers.",
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write. Default: standard output."
)
def command(*, plan: str | None, decision: str | None, content: str | None, form: str, output: Path | None) -> None:
    """Draw a PLAN (its id; needed when there are several): its decisions with the hooks they answer, when they apply,
    what they suggest and which orders that makes, changes or removes."""
    root = tree(_plan(Engine(author_settings(content=content)), plan), decision)
    if not root.below:
        raise ConfigurationError(f"the plan has no decision '{decision}'" if decision else "the plan has no decisions")
    write_out(svg(root) if form == "svg" else mermaid(root), output)


def _plan(engine: Engine, name: str | None) -> CompiledPlan:
    """The plan of that id among those that are services; the only one when there is no other."""
    plans = {str(service.plan.definition.get("id")): service.plan for service in engine.services.values()}
    if name is None and len(plans) == 1:
        return next(iter(plans.values()))
    if name is None or name not in plans:
        known = ", ".join(sorted(plans)) or "none"
        hint = (did_you_mean(name, plans) if name else None) or f"there are {known}"
        raise ConfigurationError(f"no plan '{name}': {hint}" if name else f"name one of the plans: {known}")
    return plans[name]
