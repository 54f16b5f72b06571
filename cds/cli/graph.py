"""`cds graph`: a pathway as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from cds.apply.plan import CompiledPlan
from cds.cli.engine import load_engine
from cds.cli.options import author_settings, content_folder, output_file, output_format
from cds.cli.output import write_out
from cds.cli.verb import verb
from cds.errors import ConfigurationError, closest_or_all
from cds.graph import mermaid, svg, tree
from cds.service import Engine


@verb(
    "graph",
    {0: "the picture was written"},
    "cds graph back-pain --format svg --output pathway.svg",
    "cds graph --decision bed-rest",
)
@click.argument("plan", required=False)
@click.option("--decision", metavar="ID", help="Only this decision, such as bed-rest.")
@content_folder()
@output_format("mermaid", "svg", default="mermaid")
@output_file()
def command(*, plan: str | None, decision: str | None, content: str | None, form: str, output: Path | None) -> None:
    """Draw a PLAN (its id; needed when there are several): its decisions with the hooks they answer, when they apply,
    what they suggest and which orders that makes, changes or removes.

    Mermaid is drawn by GitHub and many editors, SVG by browsers."""
    drawn = _plan(load_engine(author_settings(content=content)), plan)
    root = tree(drawn, decision)
    if not root.below:
        known = sorted(node.text for node in tree(drawn).below)
        hint = closest_or_all(decision or "", known)
        raise ConfigurationError(
            f"the plan has no decision '{decision}': {hint}" if known else "the plan has no decisions"
        )
    write_out(svg(root) if form == "svg" else mermaid(root), output)


def _plan(engine: Engine, name: str | None) -> CompiledPlan:
    """The plan of that id among those that are services; the only one when there is no other."""
    plans = {str(service.plan.definition.get("id")): service.plan for service in engine.services.values()}
    if not plans:
        raise ConfigurationError("the content has no service: no action of a plan has a hook as its trigger")
    if name is None and len(plans) == 1:
        return next(iter(plans.values()))
    if name is None or name not in plans:
        if not name:
            raise ConfigurationError(f"name one of the plans: {', '.join(sorted(plans))}")
        raise ConfigurationError(f"no plan '{name}': {closest_or_all(name, sorted(plans))}")
    return plans[name]
