"""FHIR R4 structure, by the models of fhir.resources: every fault of a resource at its own place in the file.

The models are read as tables (names, types, cardinalities, codes) because their own validation stops at the first
missing element of an object and knows no positions. What passes here is given to the models as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from cds.definitions.element import Element
from cds.definitions.load import Document
from cds.errors import Problem, did_you_mean

_NAMES_SHOWN = 12

#: How each primitive type is written, for hints.
_WRITTEN = {
    "id": "letters, digits, '-' and '.', at most 64 characters",
    "code": "no blanks at the ends, single blanks inside",
    "string": "text that is not blank",
    "date": "YYYY, YYYY-MM or YYYY-MM-DD",
    "dateTime": "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz",
    "instant": "YYYY-MM-DDThh:mm:ss+zz:zz",
    "time": "hh:mm:ss",
    "positiveInt": "a whole number from 1",
    "unsignedInt": "a whole number from 0",
    "uri": "no blanks",
    "canonical": "url or url|version, no blanks",
    "url": "a url with its scheme, or a relative path",
    "oid": "urn:oid:1.2.3",
    "uuid": "urn:uuid: and 36 characters",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a model says of one element. `target` is the abstract type of an object, the annotation of a primitive;
    `title` what FHIR calls it in a few words."""

    name: str
    many: bool
    primitive: bool
    target: Any
    required: bool
    codes: tuple[str, ...]
    choice: str | None
    choice_required: bool
    title: str = ""


def check_structure(document: Document) -> Iterator[Problem]:
    """Every departure of a definition from FHIR R4: unknown, missing or repeated elements, types, formats, codes."""
    found = False
    for problem in _object(Element.root(document), model_of(document.kind)):
        found = True
        yield problem
    if not found:
        yield from _refused(document)


def codes_of_element(kind: str, name: str) -> tuple[str, ...]:
    """The codes that an element of a FHIR type (`TimingRepeat`) may hold; none where FHIR does not close the list."""
    try:
        rule = rules_of(model_of(kind)).get(name)
    except (KeyError, ValueError):
        return ()
    return rule.codes if rule else ()


def _refused(document: Document) -> Iterator[Problem]:
    """What the model itself still refuses."""
    from pydantic import ValidationError

    try:
        model_of(document.kind).model_validate(document.resource)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            place = tuple(step for step in detail["loc"] if isinstance(step, (str, int)))
            yield document.problem("fhir-invalid", detail["msg"], place)


def model_of(kind: str) -> Any:
    """The model of a FHIR type, by its name. Raises KeyError or ValueError when there is none."""
    from fhir.resources.R4B import get_fhir_model_class

    return get_fhir_model_class(kind)


def _object(element: Element, model: Any) -> Iterator[Problem]:
    rules = rules_of(model)
    for name in element.value:
        if name == "resourceType" and model.has_resource_base():
            continue
        rule = rules.get(name)
        if rule is None:
            known = [known for known in rules if not known.startswith("_")]
            message = f"{_shown(model)} has no element '{name}'"
            own = sorted(set(known) - COMMON)[:_NAMES_SHOWN]
            hint = did_you_mean(name, known) or f"its elements are {', '.join(own)}"
            yield element.problem("fhir-unknown-element", message, name, key=True, hint=hint)
        else:
            yield from _member(element, rule)
    if not element.value:
        yield element.problem("fhir-empty", "an object without content", hint="remove it or give it content")
    yield from _absent(element, model, rules)


#: Elements that every type or resource has.
COMMON = frozenset({"id", "extension", "modifierExtension", "contained", "implicitRules", "meta", "text", "language"})


def _absent(element: Element, model: Any, rules: Mapping[str, Rule]) -> Iterator[Problem]:
    present = {name.removeprefix("_") for name in element.value}
    for rule in rules.values():
        if rule.required and rule.name not in present:
            hint = f"add `{rule.name}:`" + (f" with one of {', '.join(rule.codes)}" if rule.codes else "")
            yield element.problem("fhir-missing", f"{_shown(model)} needs the element '{rule.name}'", hint=hint)
    for choice, rule_names in choices_of(model).items():
        given = [name for name in rule_names if name in present]
        if len(given) > 1:
            message = f"only one of {', '.join(given)} may be given"
            yield element.problem("fhir-choice", message, given[1], key=True, hint="keep one of them")
        elif not given and any(rules[name].choice_required for name in rule_names):
            hint = f"add one of {', '.join(rule_names[:6])}"
            yield element.problem("fhir-missing", f"{_shown(model)} needs the element '{choice}[x]'", hint=hint)


def _member(element: Element, rule: Rule) -> Iterator[Problem]:
    value = element.value[rule.name]
    if value is None or value == []:
        hint = "give it a value or remove the line"
        yield element.problem("fhir-empty", f"'{rule.name}' has no value", rule.name, key=True, hint=hint)
    elif rule.many != isinstance(value, list):
        words = ("is a list", "begin each item with '- '") if rule.many else ("does not repeat", "give one value")
        yield element.problem("fhir-cardinality", f"'{rule.name}' {words[0]}", rule.name, hint=words[1])
    elif rule.many:
        for index, item in enumerate(value):
            if item is None and rule.primitive | rule.name.startswith("_"):
                continue
            yield from _value(element, rule, item, (rule.name, index))
    else:
        yield from _value(element, rule, value, (rule.name,))


def _value(element: Element, rule: Rule, value: Any, at: tuple[str | int, ...]) -> Iterator[Problem]:
    if rule.primitive:
        yield from _primitive(element, rule, value, at)
    elif not isinstance(value, dict):
        hint = "write its elements below it, indented, as `name: value`"
        message = f"'{rule.name}' is an object, not {_kind(value)}"
        yield element.problem("fhir-type", message, *at, hint=hint)
    else:
        child = Element(element.document, (*element.path, *at), value)
        model = rule.target.get_model_klass()
        yield from _contained(child) if model.get_resource_type() == "Resource" else _object(child, model)


def _contained(element: Element) -> Iterator[Problem]:
    """A resource inside a resource: its own resourceType names the model."""
    kind = element.value.get("resourceType")
    model = _resource_model(str(kind))
    if model is None:
        hint = did_you_mean(str(kind), _resource_types()) or "name the FHIR type of the contained resource"
        message = f"{kind!r} is not a FHIR resource type"
        yield element.problem("resource-type-unknown", message, "resourceType", hint=hint)
        return
    yield from _object(element, model)


def _resource_model(kind: str) -> Any:
    """The model of a resource type, or None when FHIR has no such resource."""
    try:
        model = model_of(kind)
    except (KeyError, ValueError):
        return None
    return model if model.has_resource_base() else None


@cache
def _resource_types() -> tuple[str, ...]:
    from fhir.resources.R4B import fhirtypes

    return tuple(name.removesuffix("Type") for name in vars(fhirtypes) if name.endswith("Type"))


def _primitive(element: Element, rule: Rule, value: Any, at: tuple[str | int, ...]) -> Iterator[Problem]:
    fhir_type = type_name(rule.target)
    expected = json_kinds(rule.target)
    if _kind(value) not in expected:
        message = f"'{rule.name}' is {expected[0]} ({fhir_type}), not {_kind(value)}"
        yield element.problem("fhir-type", message, *at, hint=_type_hint(expected[0], value))
    elif isinstance(value, str) and value and not value.strip():
        yield element.problem("fhir-empty", f"'{rule.name}' is blank", *at, hint="write text, or remove the line")
    elif rule.codes and value not in rule.codes:
        hint = did_you_mean(value, rule.codes) or f"use one of {', '.join(rule.codes[:_NAMES_SHOWN])}"
        yield element.problem("fhir-code-unknown", f"'{value}' is not a code of '{rule.name}'", *at, hint=hint)
    elif not _accepts(rule.target, value):
        message = f"{value!r} is not a {fhir_type}"
        written = f"write {_WRITTEN[fhir_type]}" if fhir_type in _WRITTEN else None
        yield element.problem("fhir-value", message, *at, hint=written)


def _type_hint(expected: str, value: Any) -> str | None:
    if expected == "text" and not isinstance(value, (dict, list)):
        written = str(value).lower() if isinstance(value, bool) else value
        return f"put it in quotes: '{written}'"
    return {"true or false": "write true or false without quotes", "a number": "write it without quotes"}.get(expected)


def _accepts(annotation: Any, value: Any) -> bool:
    from pydantic import TypeAdapter, ValidationError

    key = repr(annotation)
    if key not in _ADAPTERS:
        _ADAPTERS[key] = TypeAdapter(annotation)
    try:
        _ADAPTERS[key].validate_python(value)
    except ValidationError:
        return False
    return True


#: Validators by the text of their annotation: annotations themselves cannot be hashed.
_ADAPTERS: dict[str, Any] = {}


@cache
def rules_of(model: Any) -> dict[str, Rule]:
    """What a model says of each of its elements, by JSON name."""
    rules = {}
    for field_name, field in model.model_fields.items():
        name = field.alias or field_name
        if name != "fhir_comments":
            rules[name] = _rule(name, field)
    if model.get_resource_type() == "DataRequirement":
        rules["type"] = replace(rules["type"], codes=_resource_types())
    return rules


def _rule(name: str, field: Any) -> Rule:
    extra = field.json_schema_extra or {}
    target, many = _unwrapped(field.annotation)
    codes = tuple(extra.get("enum_values") or ())
    closed = not any(" " in code or code in ("etc.", "+") for code in codes)
    return Rule(
        name,
        many,
        primitive=not hasattr(target, "get_model_klass"),
        target=target,
        required=bool(extra.get("element_required")) or field.is_required(),
        codes=codes if closed else (),
        choice=extra.get("one_of_many"),
        choice_required=bool(extra.get("one_of_many_required")),
        title=field.title or "",
    )


@cache
def choices_of(model: Any) -> dict[str, list[str]]:
    """The choice elements of a model, each with the JSON names of its forms."""
    found: dict[str, list[str]] = {}
    for rule in rules_of(model).values():
        if rule.choice:
            found.setdefault(rule.choice, []).append(rule.name)
    return found


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """The type inside Optional and List, and whether there was a List."""
    many = False
    while get_origin(annotation) not in (None, Annotated):
        if get_origin(annotation) is list:
            many = True
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    return annotation, many


def type_name(annotation: Any) -> str:
    """The FHIR name of a primitive type: `dateTime` for Annotated[datetime, DateTime()]."""
    if get_origin(annotation) is not Annotated:
        return "boolean" if annotation is bool else str(annotation.__name__)
    name = type(get_args(annotation)[-1]).__name__
    if name == "UuidVersion":
        return "uuid"
    return name[:1].lower() + name[1:]


def json_kinds(annotation: Any) -> tuple[str, ...]:
    """The kinds of JSON value (as `_kind` names them) that a primitive type is written as."""
    name = type_name(annotation)
    if name == "boolean":
        return ("true or false",)
    if name in ("integer", "unsignedInt", "positiveInt", "integer64"):
        return ("a whole number",)
    if name == "decimal":
        return ("a number", "a whole number")
    return ("text",)


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case None:
            return "nothing"
    return "an object"


def _shown(model: Any) -> str:
    """`PlanDefinition.action.condition` for the model PlanDefinitionActionCondition."""
    name = str(model.get_resource_type())
    parent = str(model.__module__).rsplit(".", 1)[-1]
    if name.lower().startswith(parent) and len(name) > len(parent):
        rest = name[len(parent) :]
        return f"{name[: len(parent)]}.{rest[:1].lower()}{rest[1:]}"
    return name
