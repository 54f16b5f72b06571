"""Small content folders that have nothing wrong with them, for tests that add one thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cds.definitions.check import inspect
from cds.lint import lint

EXTENSION = "https://pathway-cds.example/fhir/StructureDefinition"
PLAN = """\
resourceType: PlanDefinition
url: urn:plan/keep-moving
status: active
description: Advises to keep moving.
library: [urn:library/logic]
action:
  - id: keep-moving
    title: Advise to keep moving
    documentation: [{type: citation, display: Example guideline}]
    trigger: [{type: named-event, name: patient-view}]
    condition:
      - kind: applicability
        expression: {language: text/cql-identifier, expression: HasPain}
"""
LIBRARY = """\
resourceType: Library
url: urn:library/logic
name: Logic
status: active
type: {coding: [{system: http://terminology.hl7.org/CodeSystem/library-type, code: logic-library}]}
content: [{contentType: text/cql, url: logic.cql}]
"""
CQL = """\
library Logic
using FHIR version '4.0.1'
context Patient
define HasPain: exists [Condition]
"""
SOUND = {"plan.yaml": PLAN, "library.yaml": LIBRARY, "logic.cql": CQL}


def findings(root: Path, **files: Any) -> list[str]:
    """What is found in a folder with these files, the name of each with `_` for the dot: `logic_cql="..."`, as
    `file:line code`."""
    for name, text in {**SOUND, **{name.replace("_", ".", 1): text for name, text in files.items()}}.items():
        (root / name).write_text(text, encoding="utf-8")
    return [f"{Path(p.location.file).name}:{p.location.line} {p.code}" for p in lint(inspect(root))]
