"""All findings of one content folder, in file order."""

from __future__ import annotations

from collections.abc import Iterator

from cds.cql.declared import Declarations
from cds.definitions.check import Inspection
from cds.definitions.expressions import expressions
from cds.definitions.snapshot import Snapshot
from cds.errors import Problem
from cds.lint.cards import check_cards
from cds.lint.codes import check_codes
from cds.lint.codings import check_codings
from cds.lint.conditions import check_conditions
from cds.lint.fsh import with_source
from cds.lint.retrieves import check_retrieves
from cds.lint.rows import check_rows
from cds.lint.silences import silenced
from cds.lint.transforms import check_transforms
from cds.lint.unused import check_unused


def lint(inspection: Inspection) -> list[Problem]:
    """Every problem of an inspected content folder in file order, habits included as warnings; what an author silenced
    is left out."""
    wrong = [*inspection.problems, *Declarations(inspection.registry).problems]
    told = {problem.location for problem in wrong}
    habits = [problem for problem in _habits(inspection) if problem.location not in told]  # one thing, said once
    return with_source(silenced([*wrong, *habits], inspection.registry), inspection.registry)


def _habits(inspection: Inspection) -> Iterator[Problem]:
    registry, terminology = inspection.registry, inspection.terminology
    written = list(expressions(registry))
    yield from check_cards(registry)
    yield from check_rows(registry)
    yield from check_codes(registry, written)
    yield from check_codings(registry)
    yield from check_retrieves(registry)
    yield from check_transforms(registry)
    if all(problem.severity != "error" for problem in inspection.problems):
        yield from check_unused(registry, written)  # an error elsewhere may be why something is not used
        yield from check_conditions(Snapshot(inspection.revision, registry, terminology))
