"""Retrieves: `[Type: path comparator terminology]` (CQL 1.5.3, Author's Guide "Retrieve")."""

from __future__ import annotations

from typing import Any

from cds.expr.cql import ast
from cds.expr.cql.model import Model
from cds.expr.cql.nodes import Elm, literal, make
from cds.expr.cql.translate_conversions import to_list
from cds.expr.cql.translate_names import element_names, element_type, property_of
from cds.expr.cql.translate_operators import is_in
from cds.expr.cql.translate_types import named_type
from cds.expr.cql.translator import Handlers, Translator
from cds.expr.cql.types import (
    ANY,
    BOOLEAN,
    CODE,
    CONCEPT,
    VOCABULARY,
    ChoiceType,
    ListType,
    Named,
    Type,
    is_subtype,
    qualified_name,
)


def _retrieve(t: Translator, node: ast.Retrieve) -> Elm:
    kind = named_type(t, node.type.name, node.type)
    model = t.models[kind.namespace]
    if not model.is_retrievable(kind):
        raise t.error(f"{kind} cannot be retrieved", "name a resource type, such as Condition", node.type)
    context = t.expression(node.context) if node.context else None
    if node.terminology is None:
        return retrieve(kind, context=context)
    terminology = t.expression(node.terminology)
    path, coded = _code_path(t, model, kind, node)
    if isinstance(coded, ChoiceType) and node.comparator is None and _is_medication(kind, coded):
        found = _filtered(t, node, kind, path, terminology, context)
        return t.call("Union", found, _by_reference(t, kind, path, terminology))
    return _filtered(t, node, kind, path, terminology, context)


def retrieve(kind: Named, **members: Any) -> Elm:
    """A retrieve of everything of a type, or of what `members` say."""
    template = f"http://hl7.org/fhir/StructureDefinition/{kind.local}"
    return make("Retrieve", ListType(kind), dataType=qualified_name(kind), templateId=template, **members)


def _code_path(t: Translator, model: Model, kind: Named, node: ast.Retrieve) -> tuple[str, Type]:
    path = node.code_path or model.code_path(kind)
    if path is None:
        raise t.error(f"{kind} has no element that it is retrieved by", f"write [{kind.local}: element in ...]")
    coded: Type = kind
    for step in path.split("."):
        found = element_type(coded.element if isinstance(coded, ListType) else coded, step)
        if found is None:
            raise t.no_element(coded, step, element_names(coded))
        coded = found
    return path, coded


def _filtered(t: Translator, node: ast.Retrieve, kind: Named, path: str, terminology: Elm, context: Elm | None) -> Elm:
    comparator = node.comparator or _default_comparator(terminology)
    codes = terminology
    if comparator != "in" or not _is_set(terminology):
        codes = _as_codes(terminology)
    return retrieve(kind, context=context, codeProperty=path, codeComparator=comparator, codes=codes)


def _default_comparator(terminology: Elm) -> str:
    return "in" if _is_set(terminology) else "~"


def _is_set(terminology: Elm) -> bool:
    return isinstance(terminology.result, ListType) or is_subtype(terminology.result, VOCABULARY)


def _as_codes(terminology: Elm) -> Elm:
    """A single code as a list of it; a concept as its codes."""
    if _is_set(terminology):
        return terminology
    if terminology.result == CONCEPT:
        return property_of(terminology, "codes", ListType(CODE))
    return to_list(terminology)


# --- medications, which may be coded or refer to a Medication that is ---


def _is_medication(kind: Named, coded: ChoiceType) -> bool:
    return kind.local.startswith("Medication") and any(str(option) == "FHIR.Reference" for option in coded.options)


def _by_reference(t: Translator, kind: Named, path: str, terminology: Elm) -> Elm:
    """`[kind] MR with [Medication] M such that M.id = Last(Split(MR.medication.reference, '/')) and M.code in ...`."""
    medication = t.models["FHIR"].type("Medication") or ANY
    code = _element(t, "M", medication, "code")
    same_code = is_in(t, code, terminology) if _is_set(terminology) else t.call("Equivalent", code, terminology)
    referred = _element(t, "MR", kind, f"{path}.reference")
    identity = t.call("Last", t.call("Split", referred, literal("/")))
    same = t.call("Equal", _element(t, "M", medication, "id"), identity)
    joined = {"type": "With", "alias": "M", "expression": retrieve(medication)}
    return make(
        "Query",
        ListType(kind),
        source=[{"alias": "MR", "expression": retrieve(kind)}],
        relationship=[joined | {"suchThat": t.fitted(t.call("And", same, same_code), BOOLEAN)}],
    )


def _element(t: Translator, alias: str, kind: Type, path: str) -> Elm:
    found = kind
    for step in path.split("."):
        found = element_type(found, step) or ANY
    return make("Property", found, path=path, scope=alias)


HANDLERS: Handlers = {ast.Retrieve: _retrieve}
