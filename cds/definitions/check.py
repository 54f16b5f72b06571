"""The author's linter: everything that is wrong with a content folder, all at once, in file order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cds.definitions.canonicals import check_canonicals
from cds.definitions.expressions import check_expressions
from cds.definitions.extensions import check_extensions
from cds.definitions.files import ContentFolder
from cds.definitions.load import Document, load_folder
from cds.definitions.logic import NO_LOGIC, Logic, read_logic
from cds.definitions.overlay import load_overlay
from cds.definitions.plans import check_plans
from cds.definitions.registry import Registry
from cds.definitions.requirements import check_requirements
from cds.definitions.structure import check_structure
from cds.definitions.value_sets import expand
from cds.errors import Problem
from cds.terminology import Terminology


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a content folder holds and what is wrong with it."""

    registry: Registry
    terminology: Terminology
    revision: str
    problems: list[Problem]


def inspect(root: Path, overlay: Path | None = None, *, prefer_elm: bool = False) -> Inspection:
    """Load, expand and check a content folder, and a site's overlay on it; `prefer_elm` as read_logic(). Problems come
    in file order; never raises for bad content."""
    folder = ContentFolder(root)
    documents, problems = load_folder(folder)
    site = load_overlay(overlay, documents) if overlay else None
    if site:
        documents += site.documents
        problems += site.problems
        problems += [problem for document in site.additions for problem in _alone(document)]
    terminology, terminology_problems = expand(documents, folder, site)
    logic, logic_problems = read_logic(documents, folder, prefer_elm=prefer_elm)
    problems += [*terminology_problems, *logic_problems]
    problems += check(documents, terminology, logic)
    revision = site.revision(folder.revision()) if site else folder.revision()
    return Inspection(Registry(documents, logic), terminology, revision, _sorted(problems))


def check_content(root: Path, overlay: Path | None = None, *, prefer_elm: bool = False) -> list[Problem]:
    """Every problem of a content folder and its overlay in file order, warnings included."""
    return inspect(root, overlay, prefer_elm=prefer_elm).problems


def check(documents: Sequence[Document], terminology: Terminology, logic: Logic = NO_LOGIC) -> list[Problem]:
    """Every problem of loaded documents in file order: FHIR structure first, then what our engine needs. What is wrong
    within their CQL was told by read_logic()."""
    registry = Registry(documents, logic)
    return _sorted([problem for found in _checks(registry, terminology) for problem in found])


def _checks(registry: Registry, terminology: Terminology) -> Iterator[Iterator[Problem]]:
    for document in registry.documents:
        yield _alone(document)
    yield check_canonicals(registry)
    yield check_expressions(registry, terminology)
    yield check_plans(registry, terminology)


def _alone(document: Document) -> Iterator[Problem]:
    """What can be said of a definition without looking at others."""
    yield from check_structure(document)
    yield from check_extensions(document)
    yield from check_requirements(document)


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.location, problem.code, problem.message))
