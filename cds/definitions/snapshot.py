"""All content of one moment: checked, expanded, immutable, with a revision that changes when any byte changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cds.definitions.check import inspect
from cds.definitions.load import Document
from cds.definitions.registry import Registry
from cds.errors import DefinitionError, Problem
from cds.fhir import Resource
from cds.terminology import Terminology


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One loaded content folder (security.md D5: a call sees one Snapshot from start to end)."""

    revision: str
    registry: Registry
    terminology: Terminology
    warnings: tuple[Problem, ...] = ()

    @property
    def documents(self) -> tuple[Document, ...]:
        """Every definition in file order."""
        return self.registry.documents

    def definition(self, canonical: str) -> Resource:
        """The resource of any kind that `url|version` names, the highest version when none is given. Raises
        NotFoundError, as do the look-ups below."""
        return self.registry.get(canonical).resource

    def plan(self, canonical: str) -> Resource:
        """The PlanDefinition of a canonical."""
        return self.registry.get(canonical, "PlanDefinition").resource

    def activity(self, canonical: str) -> Resource:
        """The ActivityDefinition of a canonical."""
        return self.registry.get(canonical, "ActivityDefinition").resource

    def library(self, canonical: str) -> Resource:
        """The Library of a canonical."""
        return self.registry.get(canonical, "Library").resource

    def value_set(self, canonical: str) -> Resource:
        """The ValueSet of a canonical, as authored; Snapshot.terminology has its codes."""
        return self.registry.get(canonical, "ValueSet").resource


def load_snapshot(root: Path, overlay: Path | None = None, *, prefer_elm: bool = False) -> Snapshot:
    """Load and check a content folder with a site's overlay; `prefer_elm` runs the ELM of Libraries that have text too.
    Raises DefinitionError with every problem, in file order, when one of them is an error; warnings alone do not stop
    it."""
    inspection = inspect(root, overlay, prefer_elm=prefer_elm)
    if any(problem.severity == "error" for problem in inspection.problems):
        raise DefinitionError(inspection.problems)
    return Snapshot(inspection.revision, inspection.registry, inspection.terminology, tuple(inspection.problems))
