"""What is known of a library without running it: names a node mentions, and the data each expression retrieves."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from cds.expr.elm.code import Binding, Node, Scope
from cds.expr.elm.specifiers import ANY, TupleOf, fhir_name, named

if TYPE_CHECKING:
    from cds.expr.elm.library import Library

_TYPES = frozenset({"resultTypeSpecifier", "signature", "annotation", "asTypeSpecifier", "isTypeSpecifier"})
_DATA = frozenset({"Retrieve", "ExpressionRef", "FunctionRef"})


def parts_of(node: Node) -> Iterator[tuple[str, Node]]:
    """The nodes right below this one, each with the name of its member."""
    for name, value in node.items():
        if name not in _TYPES:
            for part in value if isinstance(value, list) else (value,):
                if isinstance(part, dict):
                    yield name, part


def _nodes(node: Node) -> Iterator[Node]:
    """This node and every node below."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(part for _, part in parts_of(found))


def hangs_on_data(node: Node, scope: Scope) -> bool:
    """True when the value may hang on data beyond the resource at hand: on what the node asks for itself, and on a name
    that may stand for something computed of data, as the fields of a Tuple and a let are."""
    return any(
        found.get("type") in _DATA and found.get("libraryName") != "FHIRHelpers" and found.get("name") != "Patient"
        for found in _nodes(node)
    ) or mentions_names(node, [name for name, binding in scope.names.items() if _may_be_computed(binding)])


def _may_be_computed(binding: Binding) -> bool:
    return binding.let is not None or binding.type in (None, ANY) or isinstance(binding.type, TupleOf)


def mentions_names(node: Node, names: Collection[str]) -> bool:
    """True when the node mentions one of the aliases or lets."""
    return any(
        found.get("scope") in names
        or (found.get("type") in ("AliasRef", "QueryLetRef", "IdentifierRef") and found.get("name") in names)
        for found in _nodes(node)
    )


@dataclass(frozen=True, slots=True)
class Need:
    """What one retrieve asks for: resources of a type, whose element at `code_path` is in the value set (canonical
    url) or among the codes, and whose `date_path` is in a range. `absence` is True when something is concluded from
    there being no such resource."""

    resource_type: str
    code_path: str | None = None
    value_set: str | None = None
    codes: tuple[tuple[str | None, str], ...] = ()
    date_path: str | None = None
    absence: bool = False

    @property
    def requirement(self) -> dict[str, Any]:
        """It as FHIR's DataRequirement, of any date."""
        found: dict[str, Any] = {"type": self.resource_type}
        if self.code_path and self.codes:
            codes = [{**({"system": system} if system else {}), "code": code} for system, code in self.codes]
            return {**found, "codeFilter": [{"path": self.code_path, "code": codes}]}
        if self.code_path and self.value_set:
            return {**found, "codeFilter": [{"path": self.code_path, "valueSet": self.value_set}]}
        return found


#: Which way a list bears on the result: items in it do, its lack of items does, or both.
_Bearing = Literal["presence", "absence", "both"]
_OTHER: dict[_Bearing, _Bearing] = {"presence": "absence", "absence": "presence", "both": "both"}
#: Operators that bear on the result as their operands do: what they say, they say from items that are there.
_SAME = frozenset(
    "Query Clause With Exists And Or IsTrue First Last SingletonFrom Indexer Union "
    "Intersect Distinct Flatten Filter ForEach Repeat Slice Property As Tuple List ToList Start End Retrieve".split()
)
#: Sources, lets, returns and case items have no type of their own.
_CLAUSE = "Clause"
#: Those that say it from what is not there.
_OPPOSITE = frozenset({"Not", "IsNull", "IsFalse", "Without"})


def needs(library: Library, definition: Node) -> tuple[Need, ...]:
    """Every retrieve that a definition of the library may evaluate, through references and includes; doubles joined."""
    found: dict[Need, bool] = {}
    walk = _Walk(found)
    walk.reference(library, definition, "presence")
    return tuple(replace(need, absence=absence) for need, absence in found.items())


def mentions(library: Library, definition: Node) -> Iterator[tuple[Library, Node]]:
    """Every define and parameter that a definition of the library reaches, through references and functions, each once
    with its library, nearest first."""
    seen: set[int] = {id(definition)}
    pending = deque([(library, definition)])
    while pending:
        owner, current = pending.popleft()
        for node in _nodes(current):
            for found, target in _targets(owner, node):
                if id(target) not in seen:
                    seen.add(id(target))
                    pending.append((found, target))
                    if node["type"] != "FunctionRef":
                        yield found, target


def _targets(library: Library, node: Node) -> Iterator[tuple[Library, Node]]:
    """What a reference refers to."""
    kind = node.get("type")
    if kind not in ("ExpressionRef", "ParameterRef", "FunctionRef") or node.get("libraryName") == "FHIRHelpers":
        return
    owner, name = owner_of(library, node), node["name"]
    if kind == "ExpressionRef" and name in owner.defines:
        yield owner.defines[name].library, owner.defines[name].node
    elif kind == "ParameterRef":
        yield owner.parameters[name].library, owner.parameters[name].node
    elif kind == "FunctionRef":
        yield from ((overload.library, overload.node) for overload in owner.functions.get(name, ()))


class _Walk:
    """One walk over a define and all it refers to; each definition once for each bearing."""

    def __init__(self, found: dict[Need, bool]) -> None:
        self.found = found
        self.seen: set[tuple[int, _Bearing]] = set()

    def reference(self, library: Library, definition: Node, bearing: _Bearing) -> None:
        key = (id(definition), bearing)
        if key not in self.seen:
            self.seen.add(key)
            if definition.get("expression") is not None:
                self.node(library, definition["expression"], bearing)

    def node(self, library: Library, node: Node, bearing: _Bearing) -> None:
        kind = node.get("type", _CLAUSE)
        if kind == "Retrieve":
            need = need_of(library, node)
            self.found[need] = self.found.get(need, False) or bearing != "presence"
        elif kind == "ExpressionRef":
            owner = owner_of(library, node)
            if node["name"] in owner.defines:
                self.reference(owner, owner.defines[node["name"]].node, bearing)
        elif kind == "FunctionRef" and node.get("libraryName") != "FHIRHelpers":
            owner = owner_of(library, node)
            for overload in owner.functions.get(node["name"], ()):
                self.reference(owner, overload.node, "both")
        for name, part in parts_of(node):
            self.node(library, part, _bearing(kind, name, bearing))


def _bearing(kind: str, name: str, bearing: _Bearing) -> _Bearing:
    """How the member `name` of a node bears on the result when the node does as `bearing`."""
    if kind in _OPPOSITE:
        return _OTHER[bearing]
    if kind in _SAME or (kind in ("If", "Case") and name not in ("condition", "comparand")):
        return bearing
    return "both"


def owner_of(library: Library, node: Node) -> Library:
    """The library that a reference names: this one or an included one."""
    alias = node.get("libraryName")
    return library.includes[alias] if alias is not None else library


def need_of(library: Library, node: Node) -> Need:
    """What a Retrieve asks for."""
    kind = fhir_name(named(node["dataType"])) or node["dataType"]
    date_path = node.get("dateProperty") if node.get("dateRange") is not None else None
    codes = node.get("codes")
    if codes is None:
        return Need(kind, date_path=date_path)
    if codes.get("type") == "ExpandValueSet":
        codes = codes["operand"]
    if codes.get("type") == "ValueSetRef":
        value_set = owner_of(library, codes).value_sets[codes["name"]].canonical
        return Need(kind, node.get("codeProperty"), value_set, date_path=date_path)
    return Need(kind, node.get("codeProperty"), None, tuple(_codes(library, codes)), date_path)


def _codes(library: Library, node: Node) -> Iterator[tuple[str | None, str]]:
    """The codes that a node names, as far as it names them."""
    for part in _nodes(node):
        owner = owner_of(library, part)
        codes: Any = ()
        if part.get("type") == "CodeRef":
            codes = (owner.codes[part["name"]],)
        elif part.get("type") == "ConceptRef":
            codes = owner.concepts[part["name"]].codes
        yield from ((code.system, code.code) for code in codes)
