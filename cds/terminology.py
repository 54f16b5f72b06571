"""Value sets and code systems of the content, expanded once at load into frozensets of (system, code)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds.code_lists import Code, read_code_list
from cds.concept_maps import Mappings
from cds.errors import DefinitionError, did_you_mean, nearest
from cds.fhir import DMD, EXPANSION_FILE, SNOMED, Resource, as_list, extension, split_canonical
from cds.findings import ElementPath, Finding

_MAX_NESTING = 64


@dataclass(frozen=True, slots=True)
class ValueSet:
    """One expanded value set. `codes` holds every (system, code) that counts as a member, dm+d numbers under both
    their URIs and the codes that a ConceptMap leads to a member; `displays` holds the members as they were listed, each
    with its display or an empty string."""

    url: str
    version: str | None
    name: str | None
    title: str | None
    codes: frozenset[Code]
    displays: Mapping[Code, str]
    bare_codes: frozenset[str] = field(repr=False, default=frozenset())


class Terminology:
    """Immutable. Answers membership with one dictionary look-up and one set look-up. `parents` holds each code of the
    code systems whose hierarchy is loaded, with the codes right above it."""

    def __init__(
        self,
        value_sets: Iterable[ValueSet] = (),
        displays: Mapping[Code, str] | None = None,
        parents: Mapping[Code, frozenset[str]] | None = None,
    ) -> None:
        sets: dict[str, ValueSet] = {}
        for value_set in value_sets:
            sets.setdefault(value_set.url, value_set)
            if value_set.version:
                sets[f"{value_set.url}|{value_set.version}"] = value_set
        self._sets: Mapping[str, ValueSet] = MappingProxyType(sets)
        self._displays: Mapping[Code, str] = MappingProxyType(dict(displays or {}))
        self._parents: Mapping[Code, frozenset[str]] = MappingProxyType(dict(parents or {}))

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """Whether a coding is in a value set (canonical url, `|version` ignored when that version is not loaded); None
        when the value set is unknown. A `system` of None means any system."""
        found = self._sets.get(value_set) or self.expansion(value_set)
        if found is None:
            return None
        return code in found.bare_codes if system is None else (system, code) in found.codes

    def codes(self, value_set: str) -> frozenset[Code] | None:
        """Every (system, code) of a value set, or None when it is unknown."""
        found = self._sets.get(value_set) or self.expansion(value_set)
        return None if found is None else found.codes

    def expansion(self, url: str) -> ValueSet | None:
        """The expanded value set of a canonical, or None when it is unknown."""
        found = self._sets.get(url)
        return found if found is not None else self._sets.get(split_canonical(url)[0])

    def without(self, urls: Collection[str]) -> Terminology:
        """These value sets but for those of the canonicals `urls`, of which nothing is known."""
        made = Terminology(displays=self._displays, parents=self._parents)
        made._sets = MappingProxyType({name: found for name, found in self._sets.items() if found.url not in urls})
        return made

    def before(self, other: Terminology, urls: Collection[str]) -> Terminology:
        """These value sets and codes, and behind them those of `other`; of the canonicals `urls` only these count."""
        made = Terminology(displays={**other._displays, **self._displays}, parents={**other._parents, **self._parents})
        kept = {name: found for name, found in other._sets.items() if found.url not in urls}
        made._sets = MappingProxyType({**kept, **self._sets})
        return made

    def subsumes(self, system: str, ancestor: str, code: str) -> bool | None:
        """Whether `ancestor` is `code` or above it in the hierarchy of a code system; None when either is not in the
        code systems that are loaded."""
        if ancestor == code:
            return True
        if (system, ancestor) not in self._parents or (system, code) not in self._parents:
            return None
        seen: set[str] = set()
        pending = {code}
        while pending:
            seen |= pending
            pending = {above for below in pending for above in self._parents.get((system, below), ())} - seen
        return ancestor in seen

    def display(self, system: str, code: str) -> str | None:
        """A display for a coding from the loaded code systems, else from the value sets; None when none is known."""
        found = self._displays.get((system, code))
        if found is None and system == SNOMED:
            found = self._displays.get((DMD, code))
        return found


def build(
    value_sets: Sequence[tuple[Resource, Path]],
    code_systems: Iterable[Resource] = (),
    read: Callable[[Path], bytes] = Path.read_bytes,
    *,
    concept_maps: Sequence[Resource] = (),
    additions: Sequence[tuple[Resource, Path]] = (),
) -> tuple[Terminology, list[Finding]]:
    """Expand value sets. Each comes with the path of its file, beside which its CSV file lies, and the sets of one url
    come highest version first. `read` gets the bytes of such a file or raises DefinitionError with the reason. What
    `additions` include joins the value set of the same url, and what they exclude leaves it."""
    named = [(resource, path) for resource, path in value_sets if isinstance(resource.get("url"), str)]
    builder = _Builder(named, code_systems, read, concept_maps, additions)
    expanded = [builder.expand(resource) for resource, _ in named]
    displays: dict[Code, str] = {}
    for members in [*builder.systems.values(), *expanded]:
        for code, display in members.items():
            if display:
                displays.setdefault(code, display)
    sets = [
        _value_set(resource, codes, builder.mapped.without_sources(members))
        for (resource, _), members, codes in zip(named, expanded, _with_both_dmd_uris(expanded), strict=True)
    ]
    return Terminology(sets, displays, builder.parents), builder.findings


def _value_set(resource: Resource, codes: frozenset[Code], displays: dict[Code, str]) -> ValueSet:
    bare = frozenset(code for _, code in codes)
    version, name, title = (_text(resource, member) for member in ("version", "name", "title"))
    return ValueSet(resource["url"], version, name, title, codes, MappingProxyType(displays), bare)


def _with_both_dmd_uris(expanded: Sequence[Mapping[Code, str]]) -> list[frozenset[Code]]:
    """The sets with each dm+d number under the dm+d and the SNOMED CT URI: they are one number space, and senders use
    either. A SNOMED CT code counts as dm+d when some set lists it so."""
    medicines = {code for members in expanded for system, code in members if system == DMD}
    return [
        frozenset(members)
        | {(SNOMED, code) for system, code in members if system == DMD}
        | {(DMD, code) for system, code in members if system == SNOMED and code in medicines}
        for members in expanded
    ]


class _Builder:
    """One expansion of all value sets. Each is expanded once; a reference to one that is being expanded is a cycle."""

    def __init__(
        self,
        value_sets: Sequence[tuple[Resource, Path]],
        code_systems: Iterable[Resource],
        read: Callable[[Path], bytes],
        concept_maps: Sequence[Resource],
        additions: Sequence[tuple[Resource, Path]],
    ) -> None:
        self.findings: list[Finding] = []
        self._read = read
        self._rows = {id(resource): self._file_members(resource, path) for resource, path in (*value_sets, *additions)}
        self._by_url: dict[str, Resource] = {}
        for resource, _ in value_sets:
            if url := _text(resource, "url"):
                self._by_url.setdefault(url, resource)
                if version := _text(resource, "version"):
                    self._by_url.setdefault(f"{url}|{version}", resource)
        self._incomplete: dict[str, str] = {}
        self.systems: dict[str, dict[Code, str]] = {}
        self.parents: dict[Code, frozenset[str]] = {}
        for resource in code_systems:
            self._add_system(resource)
        self._adding = {id(resource) for resource, _ in additions}
        self._additions: dict[str, list[Resource]] = {}
        for resource, _ in additions:
            self._additions.setdefault(resource["url"], []).append(resource)
        complete = {url: codes for url, codes in self.systems.items() if url not in self._incomplete}
        everywhere = [resource for resource, _ in (*value_sets, *additions)] if concept_maps else []
        self.mapped = Mappings(concept_maps, set(self._codes_of(everywhere)), complete)
        self.findings += self.mapped.findings
        self._done: dict[int, dict[Code, str]] = {}
        self._open: dict[str, dict[Code, str]] = {}

    def _codes_of(self, resources: Iterable[Resource]) -> Iterator[Code]:
        """Every code that these value sets name themselves."""
        for resource in resources:
            yield from self._rows[id(resource)]
            for part in (part for kind in ("include", "exclude") for _, part in _parts(resource, kind)):
                system = _text(part, "system") or ""
                codes = [_text(concept, "code") for concept in as_list(part.get("concept"))]
                yield from ((system, code) for code in codes if code is not None)
                if "concept" not in part:
                    yield from self.systems.get(system, ())

    def _add_system(self, resource: Resource) -> None:
        url = _text(resource, "url")
        if url is None or url in self.systems:
            return
        if resource.get("content") != "complete":
            self._incomplete[url] = str(resource.get("content"))
        self.systems[url] = {(url, code): display for code, display in _concepts(resource)}
        if resource.get("hierarchyMeaning", "is-a") == "is-a":
            self.parents |= {(url, code): parents for code, parents in _hierarchy(resource).items()}

    def expand(self, resource: Resource) -> dict[Code, str]:
        """The members of one value set with their displays, and those that concept maps lead to them."""
        done = self._done.get(id(resource))
        if done is None:
            url = resource["url"]
            members = self._open[url] = {}
            before = len(self.findings)
            for part in (resource, *self._additions.get(url, ())):
                self._amend(members, part)
            if not members and len(self.findings) == before and not any(f.resource is resource for f in self.findings):
                hint = "list codes in compose.include, or name a CSV file in the extension expansion-file"
                self._report(resource, (), "valueset-empty", "the value set has no codes", hint)
            done = self._done[id(resource)] = self._open.pop(url)
        return done

    def _amend(self, members: dict[Code, str], resource: Resource) -> None:
        """Add what a value set or an addition to it includes, and take away what it excludes. An expansion that came
        with it counts where its compose does not list the codes."""
        if (listed := _expansion(resource)) and not self._can_list(resource):
            for code, display in self._with_mapped(listed).items():
                members.setdefault(code, display)
            return
        for code, display in self._with_mapped(self._rows[id(resource)]).items():
            members.setdefault(code, display)
        for path, include in _parts(resource, "include"):
            for code, display in self._part(resource, path, include).items():
                members.setdefault(code, display)
        for path, exclude in _parts(resource, "exclude"):
            for code in self._part(resource, path, exclude):
                members.pop(code, None)

    def _can_list(self, resource: Resource) -> bool:
        """Whether the composition of a value set says all its codes here."""
        parts = [part for name in ("include", "exclude") for _, part in _parts(resource, name)]
        return bool(parts or self._rows[id(resource)]) and all(
            "filter" not in part
            and ("concept" in part or "system" not in part or self._is_complete(part["system"]))
            and all(url in self._by_url for url in as_list(part.get("valueSet")))
            for part in parts
        )

    def _is_complete(self, system: Any) -> bool:
        return system in self.systems and system not in self._incomplete

    def _with_mapped(self, members: dict[Code, str]) -> dict[Code, str]:
        """Codes that a value set lists, and those that concept maps lead to them."""
        if not self.mapped.displays:
            return members
        found = {source: self.mapped.displays[source] for code in members for source in self.mapped.standing_for(code)}
        return {**found, **members}

    def _part(self, resource: Resource, path: ElementPath, part: dict[str, Any]) -> dict[Code, str]:
        """One include or exclude: its system's codes and each value set it names, intersected."""
        sets = []
        if "system" in part or "concept" in part:
            sets.append(self._with_mapped(self._system_part(resource, path, part)))
        references = as_list(part.get("valueSet"))
        for index, canonical in enumerate(references):
            if isinstance(canonical, str):
                sets.append(self._reference(resource, (*path, "valueSet", index), canonical))
        if not sets:
            return {}
        first, *others = sets
        return {code: display for code, display in first.items() if all(code in other for other in others)}

    def _system_part(self, resource: Resource, path: ElementPath, part: dict[str, Any]) -> dict[Code, str]:
        system = _text(part, "system")
        if "filter" in part:
            hint = "list the codes, or put them into a CSV file (extension expansion-file)"
            self._report(resource, (*path, "filter"), "valueset-filter", "not supported: filter", hint)
            return {}
        if system is None:
            self._report(resource, path, "valueset-system-missing", "codes without a system", "add `system:`")
            return {}
        if "concept" not in part:
            return self._whole_system(resource, path, system)
        return self._listed(resource, path, system, part["concept"])

    def _listed(self, resource: Resource, path: ElementPath, system: str, concepts: Any) -> dict[Code, str]:
        local = self.systems.get(system)
        members: dict[Code, str] = {}
        for index, concept in enumerate(as_list(concepts)):
            code = _text(concept, "code")
            if code is None:
                continue
            if local is not None and system not in self._incomplete and (system, code) not in local:
                hint = did_you_mean(code, [known for _, known in local])
                place = (*path, "concept", index, "code")
                self._report(resource, place, "code-unknown", f"'{code}' is not a code of {system}", hint)
            members[system, code] = _text(concept, "display") or (local or {}).get((system, code), "")
        return members

    def _whole_system(self, resource: Resource, path: ElementPath, system: str) -> dict[Code, str]:
        place = (*path, "system")
        if system not in self.systems:
            hint = meant_canonical(system, self.systems) or "list the codes, or put them into a CSV file"
            message = f"not supported: all codes of {system}, which is not loaded"
            self._report(resource, place, "code-system-unresolved", message, hint)
            return {}
        if system in self._incomplete:
            message = f"not supported: all codes of {system}, whose content is {self._incomplete[system]}"
            self._report(resource, place, "code-system-unresolved", message, "list the codes")
            return {}
        return self.systems[system]

    def _reference(self, resource: Resource, path: ElementPath, canonical: str) -> dict[Code, str]:
        target = self._by_url.get(canonical)
        if target is None:
            hint = meant_canonical(canonical, self._by_url) or "add a file that defines the value set"
            self._report(resource, path, "canonical-unresolved", f"the ValueSet {canonical} is not loaded", hint)
            return {}
        if resource["url"] == target["url"] and id(resource) in self._adding:
            return dict(self._open[target["url"]])
        if id(target) not in self._done and target["url"] in self._open:
            hint = "remove one of these references"
            opened = [*self._open]
            chain = [*opened[opened.index(target["url"]) :], target["url"]]
            self._report(resource, path, "valueset-cycle", "the value set includes itself: " + " -> ".join(chain), hint)
            return {}
        if len(self._open) >= _MAX_NESTING:
            self._report(resource, path, "too-deep", f"value sets nested deeper than {_MAX_NESTING} levels")
            return {}
        return self.expand(target)

    def _file_members(self, resource: Resource, origin: Path) -> dict[Code, str]:
        found = extension(resource, EXPANSION_FILE)
        name = found.get("valueUrl") if found else None
        if not isinstance(name, str):
            return {}
        path = origin.parent / name
        place = ("extension", as_list(resource["extension"]).index(found), "valueUrl")
        try:
            content = self._read(path)
        except DefinitionError as error:
            for problem in error.problems:
                hint = problem.hint or "name a CSV file beside this file"
                self._report(resource, place, problem.code, f"{name}: {problem.message}", hint)
            return {}
        members, faults = read_code_list(content)
        self.findings += [Finding(resource, place, *fault.words, path, *fault.position) for fault in faults]
        return members

    def _report(self, resource: Resource, path: ElementPath, code: str, message: str, hint: str | None = None) -> None:
        self.findings.append(Finding(resource, path, code, message, hint))


def meant_canonical(canonical: str, known: Iterable[str]) -> str | None:
    """A hint with the known url whose last part is most like that of `canonical`, or None: their bases are long and
    alike, so that whole urls would always seem near."""
    by_name = {_last_part(url): url for url in known}
    name = nearest(_last_part(canonical), by_name)
    return f"did you mean '{by_name[name]}'?" if name else None


def _last_part(canonical: str) -> str:
    return split_canonical(canonical)[0].rsplit("/", 1)[-1]


def _concepts(resource: Resource) -> Iterator[tuple[str, str]]:
    """(code, display) of a CodeSystem's concepts, nested ones included, in order."""
    pending = [resource.get("concept")]
    while pending:
        for concept in as_list(pending.pop()):
            code = _text(concept, "code")
            if code is not None:
                yield code, _text(concept, "display") or ""
            if isinstance(concept, dict):
                pending.append(concept.get("concept"))


def _hierarchy(resource: Resource) -> dict[str, frozenset[str]]:
    """Each code of a CodeSystem with its parents: the concept it is nested in, and its properties `parent` and
    `subsumedBy`."""
    found: dict[str, frozenset[str]] = {}
    pending: list[tuple[Any, str | None]] = [(resource.get("concept"), None)]
    while pending:
        concepts, parent = pending.pop()
        for concept in as_list(concepts):
            code = _text(concept, "code")
            if code is not None:
                named = (part for part in as_list(concept.get("property")) if isinstance(part, dict))
                above = {part.get("valueCode") for part in named if part.get("code") in ("parent", "subsumedBy")}
                texts = {entry for entry in (*above, parent) if isinstance(entry, str)}
                found[code] = found.get(code, frozenset()) | texts
                pending.append((concept.get("concept"), code))
    return found


def _parts(resource: Resource, name: str) -> Iterator[tuple[ElementPath, dict[str, Any]]]:
    """The includes or excludes of a value set with their places."""
    compose = resource.get("compose")
    compose = compose if isinstance(compose, dict) else {}
    for index, part in enumerate(as_list(compose.get(name))):
        if isinstance(part, dict):
            yield ("compose", name, index), part


def _expansion(resource: Resource) -> dict[Code, str]:
    """The members that an expansion lists, at any depth; those that are only there to group others are none."""
    expansion = resource.get("expansion")
    found: dict[Code, str] = {}
    pending = list(as_list(expansion.get("contains"))) if isinstance(expansion, dict) else []
    for item in pending:
        if not isinstance(item, dict):
            continue
        system, code = _text(item, "system"), _text(item, "code")
        if system and code and item.get("abstract") is not True:
            found[system, code] = _text(item, "display") or ""
        pending.extend(as_list(item.get("contains")))
    return found


def _text(element: Any, name: str) -> str | None:
    value = element.get(name) if isinstance(element, dict) else None
    return value if isinstance(value, str) and value else None
