"""The catalogue: a CodeSystem whose codes are the rows of the guideline that `documentation.label` cites.

A content folder says so with the extension `catalogue` on that CodeSystem; without one, labels are free text.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds.definitions.canonicals import actions
from cds.definitions.element import Element
from cds.definitions.registry import Registry
from cds.errors import Problem, did_you_mean
from cds.fhir import CATALOGUE


def check_rows(registry: Registry) -> Iterator[Problem]:
    """Rows that no action cites, citations of rows that do not exist, and documentation that cites none."""
    rows = {row.text("code") or "": row for row in _rows(registry)}
    if not rows:
        return
    cited: set[str] = set()
    for documentation in _documentation(registry):
        label = documentation.text("label")
        if label is None:
            message = "the documentation has no label: it cites no row of the catalogue"
            hint = f"add `label:` with a row such as {next(iter(rows))}"
            yield documentation.problem("documentation-label-missing", message, hint=hint, severity="warning")
        elif label not in rows:
            hint = did_you_mean(label, rows) or "correct the label, or add the row to the catalogue"
            message = f"the catalogue has no row '{label}'"
            yield documentation.problem("row-unknown", message, "label", hint=hint, severity="warning")
        else:
            cited.add(label)
    for label, row in rows.items():
        if label not in cited:
            message = f"no action cites the row '{label}'"
            hint = f"add documentation with `label: {label}` to the action that follows it"
            yield row.problem("row-not-cited", message, "code", hint=hint, severity="warning")


def _rows(registry: Registry) -> Iterator[Element]:
    """The concepts of every catalogue, those below others included."""
    for document in registry.documents:
        root = Element.root(document)
        if document.kind == "CodeSystem" and any(item.value.get("valueBoolean") for item in root.extensions(CATALOGUE)):
            pending = [*root.each("concept")][::-1]
            while pending:
                concept = pending.pop()
                yield concept
                pending.extend([*concept.each("concept")][::-1])


def _documentation(registry: Registry) -> Iterator[Element]:
    for document in registry.documents:
        if document.kind == "PlanDefinition":
            for action in actions(Element.root(document)):
                yield from action.each("documentation")
