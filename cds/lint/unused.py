"""What nobody uses: definitions, names, and declarations of CQL. Often a sign of a reference that is misspelt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds import expr
from cds.definitions.canonicals import references
from cds.definitions.element import Element
from cds.definitions.expressions import LANGUAGE, Names, value_set_literals
from cds.definitions.load import Document
from cds.definitions.logic import CONTEXT
from cds.definitions.registry import Registry
from cds.definitions.scope import defined_names, libraries_of, library_names, logic_of, seen_canonicals
from cds.errors import ExpressionError, Problem
from cds.expr.elm.code import Node
from cds.expr.elm.facts import owner_of, parts_of
from cds.expr.elm.library import Library
from cds.fhir import Resource, codings
from cds.lint.libraries import DECLARATIONS, Text, texts

#: A declaration of CQL: its library, its kind, its name.
Declared = tuple[int, str, str]
#: Kinds of definitions that are there to be referred to.
_REFERRED = ("ActivityDefinition", "Library", "ValueSet")
#: Types of Library that tell what belongs together, and carry no logic.
_APART = frozenset({"asset-collection", "module-definition", "model-definition"})
#: Members of ELM that refer to a declaration without saying that they are a reference.
_UNTYPED = {"codeSystem": "codesystem", "codesystem": "codesystem", "code": "code", "valueset": "valueset"}
_KIND_OF = {reference: kind for kind, (_, classes) in DECLARATIONS.items() for reference in classes}


def check_unused(registry: Registry, written: Iterable[tuple[Element, Names]]) -> Iterator[Problem]:
    """Definitions that nothing refers to, `%names` that no expression mentions, declarations that no CQL uses.
    `written` are the expressions of the definitions."""
    uses = _Uses(registry, written)
    unused = {document for document in registry.documents if _is_referred(document)} - uses.documents
    for document in registry.documents:
        if document in unused:  # and what it gives names to with it
            hint = "refer to it, or remove it; a mistyped reference elsewhere may have meant it"
            message = f"nothing uses the {document.kind}"
            code = "valueset-unused" if document.kind == "ValueSet" else "definition-unused"
            yield document.problem(code, message, ("url",), hint=hint, severity="warning")
            continue
        for name, path in defined_names(document.resource):
            if (id(document.resource), name) not in uses.names and path[0] != "parameter":
                at = (*path, "id") if path[0] == "dataRequirement" else (*path, "valueExpression", "name")
                message = f"no expression uses %{name}"
                yield document.problem("variable-unused", message, at, hint=_remedy(name), severity="warning")
    for library in texts(registry):
        if library.source.document not in unused:
            yield from _declarations(library, uses)


def _is_referred(document: Document) -> bool:
    """True for a definition that is there to be referred to by url."""
    types = {code for _, code in codings(document.resource.get("type"))}
    return document.kind in _REFERRED and document.url is not None and not types & _APART


def _declarations(library: Text, uses: _Uses) -> Iterator[Problem]:
    for kind in DECLARATIONS:
        for node in library.declared(kind):
            if node["name"] != CONTEXT and (id(library.library), kind, node["name"]) not in uses.declared:
                message = f"nothing uses the {_word(kind, node)} '{node['name']}'"
                found = Problem("define-unused", message, library.at(node), _remedy(node["name"]), "warning")
                yield library.problem(found)


def _word(kind: str, node: Node) -> str:
    return "function" if node.get("type") == "FunctionDef" else kind


def _remedy(name: str) -> str:
    return f"remove '{name}', or correct the place that should use it"


class _Uses:
    """What a content folder refers to: documents, names by the definition that gives them, and declarations of CQL."""

    def __init__(self, registry: Registry, written: Iterable[tuple[Element, Names]]) -> None:
        self._registry = registry
        self._homes: dict[int, int] = {}
        self._seen: dict[int, tuple[tuple[Resource, ...], tuple[Resource, ...]]] = {}
        self.documents: set[Document] = set()
        self.names: set[tuple[int, str]] = set()
        self.declared: set[Declared] = set()
        for document in registry.documents:
            for _, canonical, kinds in references(document):
                self._refer(canonical, *kinds)
            for canonical in _included(document):
                self._refer(canonical, "ValueSet")
            for canonical in seen_canonicals(document.resource):
                self._refer(canonical, "Library")
        for library in texts(registry):
            self._read(library)
        for element, names in written:
            self._mention(element, names)
        for library_document in registry.documents:
            self._include(library_document)

    def _refer(self, canonical: str, *kinds: str) -> None:
        document = self._registry.find(canonical, *kinds)
        if document:
            self.documents.add(document)

    def _include(self, document: Document) -> None:
        """A Library whose CQL another one includes is used."""
        library = self._registry.logic.compiled.get(id(document.resource))
        included = {id(one) for one in library.includes.values()} if library else set()
        for key, other in self._registry.logic.compiled.items():
            if id(other) in included:
                self.documents.add(self._registry.logic.sources[key].document)

    def _read(self, text: Text) -> None:
        for kind in DECLARATIONS:
            for node in text.declared(kind):
                self._nodes(node, text.library, (id(text.library), kind, node["name"]))
        for node in text.declared("valueset"):
            self._refer(text.library.value_sets[node["name"]].canonical, "ValueSet")

    def _nodes(self, node: Node, library: Library, own: Declared | None = None) -> None:
        """Every reference below a node; one of a declaration to itself is no use."""
        kind = _KIND_OF.get(str(node.get("type", "")))
        if kind is not None and node.get("libraryName") != "FHIRHelpers":
            self._refer_to(library, kind, node, own)
        for member, part in parts_of(node):
            if "type" not in part and "name" in part and member in _UNTYPED:
                self._refer_to(library, _UNTYPED[member], part, own)
            self._nodes(part, library, own)

    def _refer_to(self, library: Library, kind: str, node: Node, own: Declared | None) -> None:
        owner = id(owner_of(library, node))
        used = (self._homes.get(owner, owner), kind, str(node["name"]))
        if used != own:
            self.declared.add(used)

    def _mention(self, element: Element, scope: Names) -> None:
        """The names that an expression of a definition uses."""
        text, language = element.text("expression"), element.text("language")
        definition = element.document.resource
        if text is None or language is None:
            return
        if language != LANGUAGE:
            self._mention_cql(text, language, scope, definition)
            return
        try:
            names = expr.compile(text, language).variables
        except ExpressionError:
            return
        for canonical, _ in value_set_literals(text):
            self._refer(canonical, "ValueSet")
        for name in names:
            self._use(name, definition)

    def _mention_cql(self, text: str, language: str, scope: Names, definition: Resource) -> None:
        if scope.cql is None:
            return
        try:
            compiled = scope.cql.compile(text, language, scope.constants)
        except ExpressionError:
            return
        library, node = compiled.elm
        if compiled.place is not None:
            kind = "parameter" if node["name"] in library.parameters else "define"
            self.declared.add((id(library), kind, node["name"]))
            return
        compiled_ones = map(self._registry.logic.compiled.get, map(id, logic_of(definition, self._registry)))
        self._homes[id(library)] = id(next(compiled_ones, None))  # whose names inline CQL may use alone
        self._nodes(node, library)

    def _use(self, name: str, definition: Resource) -> None:
        """The one meaning of a `%name` in a definition."""
        seen = self._seen.get(id(definition))
        if seen is None:
            reached = libraries_of(definition, self._registry)
            seen = self._seen[id(definition)] = logic_of(definition, self._registry), reached
        for library in seen[0]:
            compiled = self._registry.logic.compiled.get(id(library))
            if compiled is not None and name in self._registry.logic.names(library):
                kind = "parameter" if name in compiled.parameters else "define"
                self.declared.add((id(compiled), kind, name))
        for owner in (definition, *seen[1]):
            if name in library_names(owner):
                self.names.add((id(owner), name))


def _included(document: Document) -> Iterator[str]:
    """The value sets that a ValueSet or a Questionnaire refers to, and those a ConceptMap is between."""
    root = Element.root(document)
    for compose in root.each("compose"):
        for part in (*compose.each("include"), *compose.each("exclude")):
            yield from (canonical for _, canonical in part.texts("valueSet"))
    for name in ("sourceCanonical", "targetCanonical"):
        yield from (canonical for _, canonical in root.texts(name))
    pending = [root]
    while pending:
        element = pending.pop()
        pending.extend(element.each("item"))
        yield from (canonical for _, canonical in element.texts("answerValueSet"))
