"""Expressions: FHIRPath compiled to closures over plain FHIR JSON. `compile` is the only way in."""

from cds.expr.compile import Expression, compile  # noqa: A004 - the word for it
from cds.expr.evaluation import Evaluation, Terminology, Variables
from cds.expr.trace import Item, Step, Trace
from cds.expr.values import to_json, truth

__all__ = [
    "Evaluation",
    "Expression",
    "Item",
    "Step",
    "Terminology",
    "Trace",
    "Variables",
    "compile",
    "to_json",
    "truth",
]
