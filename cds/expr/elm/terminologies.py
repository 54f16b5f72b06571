"""Membership of codes in value sets and code systems, expansion, and the hierarchies of code systems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr.elm.code import Node, Piece, Run, Scope, constant, located
from cds.expr.elm.specifiers import BOOLEAN, CODE, ListOf, Named
from cds.expr.elm.values import Code, CodeSystem, Concept, Partial, ValueSet
from cds.expr.evaluation import Evaluation, capped
from cds.expr.functions.resources import is_member

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler

Member = Callable[[Evaluation, Any, Any], bool]


def in_value_set(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """InValueSet: a code, concept or bare code in a value set; null gives false (CQL, In valueset)."""
    element = _element_behind(node["code"])
    if element is not None and node.get("valueset") is not None:
        return _element_in_value_set(compiler, compiler.piece(element, scope).run, compiler.value_set(node["valueset"]))
    return _membership(compiler, node, scope, "valueset", "code", _in_value_set)


def _element_behind(node: Node) -> Node | None:
    """The CodeableConcept or Coding that a node converts to a Concept or Code."""
    converts = node.get("type") == "FunctionRef" and node.get("libraryName") == "FHIRHelpers"
    return node["operand"][0] if converts and node["name"] in ("ToConcept", "ToCode") else None


def _element_in_value_set(compiler: Compiler, element: Run, value_set: ValueSet) -> Piece:
    """A CodeableConcept or Coding in a value set, looked up without making a Concept of it first."""
    canonical, place = value_set.canonical, compiler.place

    def run(ev: Any, frame: list[Any]) -> bool | None:
        try:
            value = element(ev, frame)
            if value is None:
                return False
            codes = None if ev.terminology is None else ev.terminology.codes(canonical)
            if codes is None:
                raise _unknown(value_set)
            codings = value.get("coding") if value.__class__ is dict else None
            if codings.__class__ is not list:
                if codings is None and value.__class__ is dict and "code" not in value:
                    return False  # a concept in words
                return is_member(ev.terminology, canonical, value) is True
            for coding in codings:
                if coding.__class__ is dict:
                    system, code = coding.get("system"), coding.get("code")
                    if system.__class__ is str and code.__class__ is str:
                        if (system, code) in codes:
                            return True
                    elif is_member(ev.terminology, canonical, coding):
                        return True
            return False
        except Exception as error:
            raise located(error, place) from error

    return Piece(run, BOOLEAN)


def any_in_value_set(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """AnyInValueSet: one of a list of codes in a value set."""
    return _membership(compiler, node, scope, "valueset", "codes", _in_value_set)


def in_code_system(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """InCodeSystem: whether the code names that system. Whether the system defines the code is not looked up."""
    return _membership(compiler, node, scope, "codesystem", "code", _in_code_system)


def any_in_code_system(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """AnyInCodeSystem: as InCodeSystem, for a list of codes."""
    return _membership(compiler, node, scope, "codesystem", "codes", _in_code_system)


def _membership(compiler: Compiler, node: Node, scope: Scope, of: str, what: str, member: Member) -> Piece:
    reference = _reference(compiler, node, scope, of)
    codes = compiler.piece(node[what], scope)
    value, collection, place = codes.run, reference.run, compiler.place

    def run(ev: Any, frame: list[Any]) -> bool | None:
        try:
            return _any_member(ev, value(ev, frame), collection(ev, frame), member)
        except Exception as error:
            raise located(error, place) from error

    return Piece(run, BOOLEAN)


def _reference(compiler: Compiler, node: Node, scope: Scope, of: str) -> Piece:
    """The value set or code system: by name, or as an expression."""
    written = node.get(of)
    if written is None:
        return compiler.piece(node[f"{of}Expression"], scope)
    if of == "valueset":
        return constant(compiler.value_set(written), Named("System.ValueSet"))
    return constant(compiler.code_system(written), Named("System.CodeSystem"))


def _any_member(ev: Evaluation, value: Any, reference: Any, member: Member) -> bool | None:
    if value is None:
        return False
    if reference is None:
        return None
    if any(member(ev, code, reference) for code in _codes(value)):
        return True
    return None if type(value) is Partial else False


def _codes(value: Any) -> Iterator[Any]:
    """The codes in a code, concept, bare code or a list of them."""
    if isinstance(value, list):
        for item in value:
            yield from _codes(item)
    elif type(value) is Concept:
        yield from value.codes
    elif value is not None:
        yield value


def _in_value_set(ev: Evaluation, code: Any, reference: CodeSystem) -> bool:
    if ev.terminology is None:
        raise _unknown(reference)
    if type(code) is Code:
        system, text = code.system, code.code
    else:
        system, text = None, code
    if type(text) is not str:
        return False
    found = ev.terminology.member(reference.canonical, system, text)
    if found is None:
        raise _unknown(reference)
    return found


def _in_code_system(_: Evaluation, code: Any, reference: CodeSystem) -> bool:
    return type(code) is Code and code.system == reference.id


def _unknown(reference: CodeSystem) -> EvaluationError:
    return EvaluationError(f"the value set {reference.canonical} is not known", hint="load it with the content")


def members(ev: Evaluation, reference: CodeSystem) -> frozenset[tuple[str, str]]:
    """Every (system, code) of a value set; EvaluationError when it is not known."""
    codes = None if ev.terminology is None else ev.terminology.codes(reference.canonical)
    if codes is None:
        raise _unknown(reference)
    return codes


def expand(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """ExpandValueSet."""
    return expansion(compiler, compiler.piece(node["operand"], scope))


def expansion(compiler: Compiler, reference: Piece) -> Piece:
    """The codes of a value set, by system and code."""
    inner, place = reference.run, compiler.place

    def run(ev: Any, frame: list[Any]) -> Any:
        found = inner(ev, frame)
        if type(found) is not ValueSet:
            return found
        try:
            return capped([Code(code, system) for system, code in sorted(members(ev, found))])
        except Exception as error:
            raise located(error, place) from error

    return Piece(run, ListOf(CODE))


def subsumes(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Subsumes: the first code, or one of the first concept, is the second or above it in their code system."""
    above, below = compiler.pieces(node["operand"], scope)
    return _hierarchy(compiler, above.run, below.run)


def subsumed_by(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """SubsumedBy: Subsumes the other way round."""
    below, above = compiler.pieces(node["operand"], scope)
    return _hierarchy(compiler, above.run, below.run)


def _hierarchy(compiler: Compiler, above: Run, below: Run) -> Piece:
    place = compiler.place

    def run(ev: Any, frame: list[Any]) -> bool | None:
        ancestor, code = above(ev, frame), below(ev, frame)
        if ancestor is None or code is None:
            return None
        try:
            found = {_is_above(ev, one, other) for one in _codes(ancestor) for other in _codes(code)}
        except Exception as error:
            raise located(error, place) from error
        return True if True in found else False if found == {False} else None

    return Piece(run, BOOLEAN)


def _is_above(ev: Evaluation, ancestor: Code, code: Code) -> bool | None:
    """None for codes of different systems, and when the hierarchy of theirs is not known."""
    if ancestor.system != code.system or ancestor.system is None:
        return None
    if ancestor.code == code.code:
        return True
    if ev.terminology is None or ancestor.code is None or code.code is None:
        return None
    return ev.terminology.subsumes(ancestor.system, ancestor.code, code.code)


HANDLERS = {
    "Subsumes": subsumes,
    "SubsumedBy": subsumed_by,
    "InValueSet": in_value_set,
    "AnyInValueSet": any_in_value_set,
    "InCodeSystem": in_code_system,
    "AnyInCodeSystem": any_in_code_system,
    "ExpandValueSet": expand,
}
