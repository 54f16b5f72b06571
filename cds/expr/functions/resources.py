"""FHIR's own functions (FHIR R4 fhirpath.html 2.9.1.5): extension, resolve, memberOf, conformsTo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cds import fhir
from cds.expr import ast, navigate
from cds.expr.code import BOOLEAN, Code, Function, Scope, Test
from cds.expr.evaluation import Evaluation, Terminology, capped
from cds.expr.functions.types import type_of
from cds.expr.values import EMPTY, plain

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler

_EXTENSION = frozenset({"Extension"})
_PROFILES = "http://hl7.org/fhir/StructureDefinition/"
_SECTION = "FHIR R4"


def _extension(compiler: Compiler, call: ast.Call, scope: Scope, typed: bool) -> Code:
    """extension(url): the extensions of elements and, where the input may be a primitive, of primitives."""
    nodes = typed or compiler.analysis.maybe_primitive(call.base, scope.primitive)
    base = compiler.code(call.base, scope, nodes)
    (url,) = compiler.arguments(call, scope, base)
    items_of, url_of, model = base.many, url.one, compiler.model
    step = navigate.step(model, "extension")

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items, wanted = items_of(ev, this), url_of(ev, this)
        if not items or wanted is None:
            return EMPTY
        return [found for found in step(items) if type(found) is dict and found.get("url") == wanted]

    def many_nodes(ev: Evaluation, this: Any) -> list[Any]:
        wanted = url_of(ev, this)
        found = [node for item in items_of(ev, this) for node in navigate.typed_children(item, "extension", model)]
        return capped([node for node in found if type(node.value) is dict and node.value.get("url") == wanted])

    chosen = many if not nodes else many_nodes if typed else lambda ev, this: plain(many_nodes(ev, this))
    return compiler.make(call, chosen, parts=(base, url), types=_EXTENSION)


def _resolve(ev: Evaluation, items: list[Any]) -> list[Any]:
    """resolve(): the resources that references and uris point to: contained in %resource, in the Bundle that it is, or
    known to the evaluation's resolver."""
    base = ev.resource if ev.resource is not None else ev.context
    root = base if type(base) is dict else None
    ev.spend(len(items))
    result = []
    for item in items:
        reference = item.get("reference") if type(item) is dict else item
        if type(reference) is str:
            found = _within(ev, root, reference) if root is not None else None
            if found is None and ev.resolve is not None:
                found = ev.resolve(reference, root)
            if found is not None:
                result.append(found)
    return result


def _within(ev: Evaluation, root: dict[str, Any], reference: str) -> dict[str, Any] | None:
    """A resource contained in `root`, or an entry of it when it is a Bundle."""
    if reference.startswith("#"):
        return fhir.contained(root, reference)
    if root.get("resourceType") != "Bundle":
        return None
    if ev.entries is None:
        ev.entries = _by_reference(root)
        ev.spend(len(ev.entries))
    return ev.entries.get(reference)


def _by_reference(bundle: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The resources of a Bundle by full url and by type and id; the first of a name counts."""
    found: dict[str, dict[str, Any]] = {}
    for entry in fhir.as_list(bundle.get("entry")):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            names = (entry.get("fullUrl"), f"{resource.get('resourceType')}/{resource.get('id')}")
            for name in names:
                if isinstance(name, str):
                    found.setdefault(name, resource)
    return found


def _member_of(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    base = compiler.code(call.base, scope)
    (url,) = compiler.arguments(call, scope, base)
    item_of, url_of, failure = base.one, url.one, compiler.failure(call)

    def test(ev: Evaluation, this: Any) -> bool | None:
        item = item_of(ev, this)
        value_set = url_of(ev, this) if item is not None else None
        if value_set is None:
            return None
        if ev.terminology is None:
            raise failure("memberOf() needs a terminology, and this evaluation has none", None)
        return is_member(ev.terminology, value_set, item)

    return compiler.make(call, test=test, parts=(base, url), types=BOOLEAN)


def _subsumes(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    """subsumes() and subsumedBy() of a Coding or CodeableConcept."""
    base = compiler.code(call.base, scope)
    (other,) = compiler.arguments(call, scope, base)
    item_of, other_of, failure, name = base.one, other.one, compiler.failure(call), call.name

    def test(ev: Evaluation, this: Any) -> bool | None:
        item, argument = item_of(ev, this), other_of(ev, this)
        if item is None or argument is None:
            return None
        if ev.terminology is None:
            raise failure(f"{name}() needs a terminology, and this evaluation has none", None)
        above, below = (item, argument) if name == "subsumes" else (argument, item)
        return is_above(ev.terminology, above, below)

    return compiler.make(call, test=test, parts=(base, other), types=BOOLEAN)


def is_above(terminology: Terminology, above: Any, below: Any) -> bool | None:
    """Whether a coding of `above` subsumes one of `below` in their system (Codings or CodeableConcepts); None when no
    pair does and one of them is not known, or none is of one system."""
    pairs = [(one, two) for one in fhir.codings(above) for two in fhir.codings(below) if one[0] == two[0]]
    answer: bool | None = False if pairs else None
    for (system, ancestor), (_, code) in pairs:
        found = ancestor == code or terminology.subsumes(system, ancestor, code)
        if found:
            return True
        answer = answer if found is False else None
    return answer


def is_member(terminology: Terminology, value_set: str, item: Any) -> bool | None:
    """Whether a code, Coding or CodeableConcept is in the value set; None when the value set is not known. A
    CodeableConcept is when any of its codings is."""
    if type(item) is str:
        return terminology.member(value_set, None, item)
    if type(item) is not dict:
        return None
    codings = item.get("coding", [] if "text" in item and "code" not in item else [item])
    answer: bool | None = False if codings else _known(terminology, value_set)
    for coding in codings if type(codings) is list else [codings]:
        if type(coding) is dict and type(coding.get("code")) is str:
            system = coding.get("system")
            found = terminology.member(value_set, system if type(system) is str else None, coding["code"])
            if found is not False:
                return found
    return answer


def _known(terminology: Terminology, value_set: str) -> bool | None:
    return None if terminology.member(value_set, "", "") is None else False


def _conforms_to(compiler: Compiler, call: ast.Call, scope: Scope, _typed: bool) -> Code:
    """conformsTo(): only for the base definition of a type, which the type alone answers."""
    base = compiler.code(call.base, scope, True)
    (url,) = compiler.arguments(call, scope, base)
    item_of, url_of, failure, model = base.one, url.one, compiler.failure(call), compiler.model

    def test(ev: Evaluation, this: Any) -> bool | None:
        item, profile = item_of(ev, this), url_of(ev, this)
        if item is None or profile is None:
            return None
        name = str(profile).removeprefix(_PROFILES)
        if name == profile or name not in model:
            raise failure("conformsTo() knows only the base definitions of FHIR types", None)
        found = type_of(item)
        known = found.namespace == "FHIR" and found.name != "Element"
        return model.is_subtype(found.name, name) if known else None

    checked: Test = test
    return compiler.make(call, test=checked, parts=(base, url), types=BOOLEAN)


FUNCTIONS = (
    Function(
        "extension", "url", "special", _extension, _SECTION, "The extensions with a url", types=_EXTENSION, typed=True
    ),
    Function(
        "resolve", "", "collection", _resolve, _SECTION, "The resources that references point to", gives="Resource"
    ),
    *(
        Function(name, "code", "special", _subsumes, _SECTION, f"True when it is {place} the code or it", types=BOOLEAN)
        for name, place in (("subsumes", "above"), ("subsumedBy", "below"))
    ),
    Function("memberOf", "valueSet", "special", _member_of, _SECTION, "True for a code in a value set", types=BOOLEAN),
    Function(
        "conformsTo", "structure", "special", _conforms_to, _SECTION, "True for a resource of a type", types=BOOLEAN
    ),
)
