"""The types of the `%names` that CQL expressions of definitions use: the call's, those of dynamic values, and the items
of a for-each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from cds import expr
from cds.errors import ExpressionError
from cds.expr.cql.model import fhir_model
from cds.expr.cql.nodes import item_type
from cds.expr.cql.types import ANY, STRING, Type, choice_of
from cds.expr.cql_expression import LANGUAGES, OLDER_LANGUAGES, CqlScope
from cds.orders import ORDER_TYPES

Constants = Mapping[str, Type]


@cache
def of_call() -> Constants:
    """What every expression may use. Drafts, selected drafts and appointments are parameters in CQL."""
    patient = _named(["Patient"])
    return MappingProxyType(
        {"patient": patient, "subject": patient, "context": patient, "resource": patient, "hook": STRING}
    )


@cache
def of_dynamic_value() -> Constants:
    """What a dynamic value may use besides."""
    action, drafts = _named(["PlanDefinition.Action"]), _named([*ORDER_TYPES, "Appointment", "Patient"])
    return MappingProxyType({"action": action, "resource": drafts})


def of_item(expression: Mapping[str, Any], scope: CqlScope, constants: Constants) -> Type:
    """The type of an item of a for-each. Where FHIRPath leaves it open it is taken to be an order or appointment."""
    text, language = expression.get("expression"), expression.get("language")
    if not isinstance(text, str) or not isinstance(language, str):
        return ANY
    try:
        if language in LANGUAGES or language in OLDER_LANGUAGES:
            return item_type(scope.compile(text, language, constants).type)
        found = expr.compile(text, language).types
    except ExpressionError:
        return ANY
    known = [kind.removeprefix("FHIR.") for kind in found or ()]
    return _named(known or [*ORDER_TYPES, "Appointment"])


def _named(kinds: Iterable[str]) -> Type:
    types = [kind for name in kinds if (kind := fhir_model().type(name)) is not None]
    return choice_of(types) if types else ANY
