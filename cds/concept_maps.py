"""ConceptMaps: codes that stand in no value set count as the codes they are mapped to.

A product that no set lists is found by its ingredient, a code of a site by the code of ours it means. What a value set
lists itself is not looked up in a map: a combination product that has its set would else join those of each ingredient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds.code_lists import Code
from cds.errors import did_you_mean
from cds.fhir import DMD, SNOMED, Resource, as_list
from cds.findings import ElementPath, Finding

#: FHIR R4 concept-map-equivalence: the target means the same as the source, or more.
_COUNTED = frozenset({"equal", "equivalent", "wider", "subsumes"})
_NEVER = frozenset({"unmatched", "disjoint"})


@dataclass(frozen=True, slots=True)
class _Row:
    """One counted target of one element."""

    source: Code
    display: str
    target: Code
    path: ElementPath


class Mappings:
    """The rows of all loaded ConceptMaps, from target to source. `listed` are the codes that value sets list, `systems`
    the codes of the complete local code systems."""

    def __init__(
        self, resources: Sequence[Resource], listed: Collection[Code], systems: Mapping[str, Collection[Code]]
    ) -> None:
        self.findings: list[Finding] = []
        self.displays: dict[Code, str] = {}
        self._listed = listed
        self._systems = systems
        self._sources: dict[Code, list[Code]] = {}
        rows = [(resource, list(self._rows(resource))) for resource in resources]
        sources = {row.source for _, found in rows for row in found}
        for resource, found in rows:
            self._add(resource, found, sources)

    def standing_for(self, code: Code) -> list[Code]:
        """Every code that is mapped to this one, directly or through others that no value set lists either."""
        found: dict[Code, None] = {}
        pending = list(self._sources.get(code, ()))
        while pending:
            source = pending.pop()
            if source not in found:
                found[source] = None
                pending += self._sources.get(source, ())
        return list(found)

    def without_sources(self, members: dict[Code, str]) -> dict[Code, str]:
        """Members of a value set less those that only stand for others."""
        if self.displays.keys().isdisjoint(members):
            return members
        return {code: display for code, display in members.items() if code not in self.displays}

    def _add(self, resource: Resource, rows: list[_Row], sources: set[Code]) -> None:
        known, lost = [], []
        for row in rows:
            if self._as_listed(row.source) in self._listed:
                known.append(row)
                continue
            target = self._as_listed(row.target)
            if target not in self._listed and row.target not in sources:
                lost.append(row)
            self.displays.setdefault(row.source, row.display)
            self._sources.setdefault(target, []).append(row.source)
        if lost:
            message = f"{len(lost)} of {len(rows)} mappings lead to no code of a value set, such as {lost[0].target[1]}"
            self._warn(resource, lost[0].path, "concept-map-target", message, "correct the code, or leave it")
        if known:
            message = f"{len(known)} of {len(rows)} mappings are of codes that a value set lists, such as "
            hint = "a listed code keeps its sets; add it to others with a ValueSet"
            self._warn(resource, (*known[0].path[:4], "code"), "concept-map-source", message + known[0].source[1], hint)

    def _as_listed(self, code: Code) -> Code:
        """The code with the other URI of dm+d where a value set lists it so: both are one number space."""
        system = {SNOMED: DMD, DMD: SNOMED}.get(code[0])
        if system is None or code in self._listed or (system, code[1]) not in self._listed:
            return code
        return system, code[1]

    def _rows(self, resource: Resource) -> Iterator[_Row]:
        loose: list[tuple[ElementPath, str]] = []
        for at, group in _parts(resource.get("group")):
            place: ElementPath = ("group", at)
            if "unmapped" in group:
                hint = "list the codes"
                self._report(resource, (*place, "unmapped"), "concept-map-unsupported", "not supported: unmapped", hint)
            systems = [group.get(end) for end in ("source", "target")]
            if not all(isinstance(system, str) and system for system in systems):
                missing = "target" if systems[0] else "source"
                message, hint = f"a group without the {missing} code system", f"add `{missing}:`"
                self._report(resource, place, "concept-map-system-missing", message, hint)
                continue
            yield from self._group(resource, place, group, loose)
        if loose:
            path, equivalence = loose[0]
            message = f"not counted, for not to the same or a wider meaning: {len(loose)}, the first is {equivalence}"
            hint = "write equal, equivalent, wider or subsumes where the target holds all of the source"
            self._warn(resource, path, "concept-map-equivalence", message, hint)

    def _group(
        self, resource: Resource, place: ElementPath, group: dict[str, Any], loose: list[tuple[ElementPath, str]]
    ) -> Iterator[_Row]:
        for element_at, element in _parts(group.get("element")):
            code = element.get("code")
            for target_at, target in _parts(element.get("target")):
                path = (*place, "element", element_at, "target", target_at)
                equivalence, wanted = str(target.get("equivalence")), target.get("code")
                if not isinstance(code, str) or equivalence in _NEVER:
                    continue
                if "dependsOn" in target:
                    hint = "a map here depends on nothing but the code"
                    message = "not supported: dependsOn"
                    self._report(resource, (*path, "dependsOn"), "concept-map-unsupported", message, hint)
                elif equivalence not in _COUNTED:
                    loose.append(((*path, "equivalence"), equivalence))
                elif isinstance(wanted, str) and self._exists(resource, path, (group["target"], wanted)):
                    display = element.get("display")
                    display = display if isinstance(display, str) else ""
                    yield _Row((group["source"], code), display, (group["target"], wanted), (*path, "code"))

    def _exists(self, resource: Resource, path: ElementPath, target: Code) -> bool:
        system = self._systems.get(target[0])
        if system is None or target in system:
            return True
        hint = did_you_mean(target[1], [code for _, code in system])
        message = f"'{target[1]}' is not a code of {target[0]}"
        self._report(resource, (*path, "code"), "code-unknown", message, hint)
        return False

    def _report(self, resource: Resource, path: ElementPath, code: str, message: str, hint: str | None) -> None:
        self.findings.append(Finding(resource, path, code, message, hint))

    def _warn(self, resource: Resource, path: ElementPath, code: str, message: str, hint: str | None) -> None:
        self.findings.append(Finding(resource, path, code, message, hint, severity="warning"))


def _parts(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a repeating element with their places."""
    for index, part in enumerate(as_list(value)):
        if isinstance(part, dict):
            yield index, part
