"""The definitions a call sees: its own, then those that are loaded (apply-protocol.md, "Which definition is meant")."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock

import orjson

from cds import fhir
from cds.apply.conform import conformed
from cds.apply.plan import CompiledAction, CompiledPlan, Plans
from cds.cql.call import Sent
from cds.cql.declared import Declarations
from cds.definitions.files import NO_FILES
from cds.definitions.load import Document, in_memory
from cds.definitions.logic import read_logic
from cds.definitions.registry import Registry
from cds.definitions.scope import libraries_of
from cds.definitions.snapshot import Snapshot
from cds.definitions.versions import version_key
from cds.errors import DefinitionError, EvaluationError, Issue, Problem, RequestError
from cds.fhir import Resource, split_canonical
from cds.operations.dependencies import reached
from cds.operations.served import includes
from cds.terminology import Terminology, build

#: What a content Bundle may bring; other types are ignored.
KINDS = ("PlanDefinition", "ActivityDefinition", "Library", "ValueSet", "CodeSystem", "Questionnaire")


class CallRegistry(Registry):
    """A Registry that also knows a definition by `.../Type/id`, as content without urls refers to it."""

    def find(self, canonical: str, *kinds: str) -> Document | None:
        found = super().find(canonical, *kinds)
        key = fhir.reference_key(split_canonical(canonical)[0]) if found is None else None
        if key is None or (kinds and key[0] not in kinds):
            return found
        return next((one for one in self.documents if (one.kind, one.resource.get("id")) == key), None)


class CallContent:
    """What a call may apply. `definition` is the one that the call gave itself, `dropped` are paths of elements in it
    that FHIR R4 does not have, `problems` what is wrong with the CQL that the call brought. Safe to share between
    threads: calls with the same content do."""

    def __init__(
        self,
        snapshot: Snapshot,
        plans: Plans,
        definition: Resource | None = None,
        dropped: Sequence[str] = (),
        problems: Sequence[Problem] = (),
    ) -> None:
        self.snapshot = snapshot
        self.definition = definition
        self.dropped = tuple(dropped)
        self._plans = plans
        self._problems = tuple(problems)
        self._lock = Lock()

    @cached_property
    def declared(self) -> Declarations:
        """The parameters of its Libraries."""
        return Declarations(self.snapshot.registry)

    def plan(self, definition: Resource) -> CompiledPlan:
        """A PlanDefinition of the content, compiled. Raises RequestError 422 for plans that nest in a circle, and for
        one that asks for CQL that does not compile."""
        self._refuse_unsound(definition)
        try:
            with self._lock:
                return self._plans.compile(definition)
        except DefinitionError as error:
            raise RequestError(422, _issues(error.problems)) from None

    def activity(self, definition: Resource) -> CompiledAction:
        """An ActivityDefinition of the content, compiled. Raises RequestError 422 as plan(), and for one that makes no
        resource."""
        self._refuse_unsound(definition)
        try:
            with self._lock:
                return self._plans.activity(definition)
        except EvaluationError as error:
            raise RequestError(422, Issue("invalid", error.message, "ActivityDefinition.kind", error.hint)) from None

    def told(self, definition: Resource) -> list[Issue]:
        """What is wrong with the CQL that the definition's parts reach, and not the definition itself."""
        if not self._problems:
            return []
        registry = self.snapshot.registry
        unsound = [one for one in reached(definition, registry) if not registry.logic.is_sound([one])]
        names = {str(one.get("name")) for one in unsound}
        return _issues(one for one in self._problems if one.location.file in names)

    def _refuse_unsound(self, definition: Resource) -> None:
        registry = self.snapshot.registry
        if self._problems and not registry.logic.is_sound((definition, *libraries_of(definition, registry))):
            raise RequestError(422, _issues(self._problems))


def _issues(problems: Iterable[Problem]) -> list[Issue]:
    return [Issue("invalid", f"{_place(one)}{one.message}", one.location.path or None, one.hint) for one in problems]


def _place(problem: Problem) -> str:
    return f"{problem.location.file}: " if problem.location.file not in ("", ".") else ""


class Contents:
    """The content of calls: what is loaded, before that what the call brings. What calls brought last is kept compiled,
    under the hash of all of it, so that a caller who sends the same again does not wait, and no other caller gets
    it."""

    def __init__(self, loaded: Snapshot, plans: Plans, *, entries: int = 32, size: int = 8 * 1024 * 1024) -> None:
        """`entries` contents are kept, whose JSON is `size` bytes together."""
        self.loaded = loaded
        self._own = CallContent(loaded, plans)
        self._entries, self._size = entries, size
        self._kept: OrderedDict[bytes, tuple[CallContent, int]] = OrderedDict()
        self._lock = Lock()

    def of(self, inline: Resource | None, bundles: Sequence[Sent]) -> CallContent:
        """The content of a call that gives `inline` as its definition. Raises RequestError 400 when one canonical means
        two things in the bundles."""
        if inline is None and not bundles:
            return self._own
        brought = orjson.dumps([inline, *(sent.parameter.get("resource") for sent in bundles)])
        key = sha256(brought).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        content = _compiled(self.loaded, inline, bundles)
        with self._lock:
            self._kept[key] = content, len(brought)
            while len(self._kept) > self._entries or sum(size for _, size in self._kept.values()) > self._size:
                self._kept.popitem(last=False)
        return content


def _compiled(loaded: Snapshot, inline: Resource | None, bundles: Sequence[Sent]) -> CallContent:
    places: list[list[Document]] = []
    dropped: list[str] = []
    definition = None
    if inline is not None:
        definition, dropped = conformed(inline)
        places.append([in_memory(definition)])
    seen: dict[tuple[str, str | None], bytes] = {}
    places += [list(_documents(sent, seen)) for sent in bundles]
    own = list(_first_known(places))
    urls = {document.url for document in own if document.url}
    rest = [document for document in loaded.documents if document.url not in urls]
    logic, problems = read_logic(own, NO_FILES, base=loaded.registry.logic)
    registry = CallRegistry([*own, *rest], logic)
    snapshot = Snapshot(loaded.revision, registry, _terminology(own, loaded))
    return CallContent(snapshot, Plans(snapshot, lenient=True), definition, dropped, problems)


def _documents(sent: Sent, seen: dict[tuple[str, str | None], bytes]) -> Iterable[Document]:
    """The definitions of a content Bundle, each canonical once."""
    bundle = sent.parameter.get("resource")
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise RequestError(400, Issue("structure", "'content' must be a Bundle resource", f"{sent.pointer}/resource"))
    for resource in fhir.bundle_resources(bundle):
        if resource["resourceType"] not in KINDS:
            continue
        made = _named(conformed(resource)[0])
        document = in_memory(made, str(made.get("name", "")))
        if document.url is not None:
            text = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
            first = seen.setdefault((document.url, document.version), text)
            if first is not text:
                if first != text:
                    message = "The content defines one canonical and version twice, and differently"
                    raise RequestError(400, Issue("duplicate", message, f"{sent.pointer}/resource"))
                continue
        yield document


def _named(resource: Resource) -> Resource:
    """CQL includes a Library by its name, or by the last part of its url."""
    if resource["resourceType"] != "Library" or "name" in resource or "url" not in resource:
        return resource
    return {**resource, "name": str(resource["url"]).rpartition("/")[2]}


def _first_known(places: Iterable[Sequence[Document]]) -> Iterable[Document]:
    """The first place that knows a canonical wins: another does not add a version to it."""
    known: set[str] = set()
    for place in places:
        yield from (document for document in place if document.url not in known)
        known |= {document.url for document in place if document.url}


def _terminology(own: Sequence[Document], loaded: Snapshot) -> Terminology:
    """The loaded terminology with the call's own value sets before it. What these include of loaded ones is taken from
    their expansions. A set that cannot be expanded is not known: that a code is missing from it says nothing."""
    sets = [document.resource for document in own if document.kind == "ValueSet" and document.url]
    systems = [document.resource for document in own if document.kind == "CodeSystem" and document.url]
    if not sets and not systems:
        return loaded.terminology
    urls = {str(one["url"]) for one in (*sets, *systems)}
    included = {url for one in sets for url in _included(one)}
    borrowed = [made for url in included - urls if (made := _written_out(url, loaded.terminology))]
    others = [one.resource for one in loaded.documents if one.kind == "CodeSystem" and one.url not in urls]
    sets.sort(key=lambda one: version_key(one.get("version")), reverse=True)
    terminology, findings = build([(one, Path()) for one in (*sets, *borrowed)], [*systems, *others], _no_file)
    unknown = {str(found.resource["url"]) for found in findings if found.code != "code-unknown"}
    while more := {one["url"] for one in sets if one["url"] not in unknown and not unknown.isdisjoint(_included(one))}:
        unknown |= more
    return terminology.without(unknown).before(loaded.terminology, urls)


def _included(value_set: Resource) -> set[str]:
    """The value sets that a value set includes, without their versions."""
    compose = value_set.get("compose") or {}
    parts = [*fhir.as_list(compose.get("include")), *fhir.as_list(compose.get("exclude"))]
    return {url for part in parts for one in fhir.as_list(part.get("valueSet")) if (url := split_canonical(one)[0])}


def _no_file(_path: Path) -> bytes:
    raise DefinitionError([Problem("file-not-regular", "a call brings no files")])


def _written_out(url: str | None, terminology: Terminology) -> Resource | None:
    expansion = terminology.expansion(url or "")
    if expansion is None:
        return None
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": includes(expansion)}}
