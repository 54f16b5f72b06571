"""From case files to Cases: names are resolved, shorthand is written out, and every mistake is found at its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from cds.cases.cards import read_cards
from cds.cases.expand import Display, Expander, written_date
from cds.cases.model import Case, ExpectedCard, ExpectedDefine
from cds.cql.declared import Declarations
from cds.definitions.nodes import Node, read_source
from cds.errors import DefinitionError, EvaluationError, Problem, did_you_mean
from cds.expr.types import model
from cds.fhir import Resource

_FILE = ("decision", "today", "service", "resources", "cases")
_CASE = (
    *("name", "hook", "service", "settings", "patient", "data", "missing", "partial", "failed"),
    *("drafts", "selections", "appointments", "expect", "silent", "near_miss_of", "refused", "defines"),
)
#: Member of a case -> the hooks whose context has it.
_CONTEXT = {
    "drafts": ("order-select", "order-sign"),
    "selections": ("order-select",),
    "appointments": ("appointment-book",),
}
_PATIENT_ID = "p1"
_PATIENT_AGE = 40
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Known:
    """What a case file can name: decisions, services (id -> hook), parameters that a site sets, defines of CQL, rows
    that actions cite, the decisions of each service; and where displays are found."""

    decisions: Collection[str]
    services: Mapping[str, str]
    settings: Declarations
    display: Display
    defines: Collection[str] = ()
    rows: Collection[str] = ()
    decided: Mapping[str, Collection[str]] = field(default_factory=dict)


def read_cases(path: Path, known: Known) -> tuple[list[Case], list[Problem]]:
    """The cases of one file, and what is wrong with them. A case with a problem is not to be run."""
    try:
        node = read_source(path, "case")
    except DefinitionError as error:
        return [], list(error.problems)
    return _File(node, known).cases(), node.source.problems


#: In the place of a day that cannot be read.
_NO_DAY = date(2000, 1, 1)


class _File:
    """One case file while it is read."""

    def __init__(self, node: Node, known: Known) -> None:
        self._node = node
        self._known = known
        self._members = node.members(_FILE)
        self._decision = self._named("decision", known.decisions)
        self._today = self._read_today()
        self._expander = Expander(self._today, known.display)
        self._resources = self._read_resources()

    def cases(self) -> list[Case]:
        """The cases in the order of the file."""
        if "cases" not in self._members:
            if isinstance(self._node.value, dict):
                self._node.report("case-missing", "the file has no 'cases'", "add `cases:` with a list")
            return []
        nodes = self._members["cases"].items()
        found = [case for node in nodes if (case := self._case(node)) is not None]
        seen: set[str] = set()
        for node, case in zip(nodes, found, strict=False):
            if case.name in seen:
                node.report("case-value", f"two cases are named '{case.name}'", "give each its own name")
            seen.add(case.name)
        return found

    def _named(self, name: str, known: Collection[str]) -> str:
        if name not in self._members:
            if isinstance(self._node.value, dict):
                self._node.report("case-missing", f"the file names no {name}", f"add `{name}:` at the top")
            return ""
        return self._members[name].one_of(known, name)

    def _read_today(self) -> date:
        node = self._members.get("today")
        if node is None:
            self._node.report("case-missing", "the file names no date", "add `today: 2026-03-02` at the top")
            return _NO_DAY
        try:
            return date.fromisoformat(str(node.value))
        except ValueError:
            node.report("case-value", f"'{node.value}' is no date", "write one such as 2026-03-02")
            return _NO_DAY

    def _read_resources(self) -> dict[str, Resource]:
        found: dict[str, Resource] = {}
        for name, node in self._members["resources"].members().items() if "resources" in self._members else ():
            if not _ID.fullmatch(name):
                node.report_name("case-value", f"'{name}' cannot be an id", "use letters, digits, '-' and '.'")
            found[name] = {"id": name, **self._resource(node, found)}
        return found

    def _resource(self, node: Node, named: Mapping[str, Resource]) -> Resource:
        """A resource written out in place, or `like` a named one: its own members replace, null ones remove."""
        if not isinstance(node.value, dict) or "like" not in node.value:
            return self._expander.resource(node)
        base = self._lookup(node.child("like"), named)
        rest = {name: value for name, value in node.value.items() if name != "like"}
        own = self._expander.resource(Node(rest, node.place, node.source), base.get("resourceType", "Basic"))
        return {**{name: value for name, value in base.items() if name != "id"}, **own}

    def _lookup(self, node: Node, named: Mapping[str, Resource]) -> Resource:
        name = node.text()
        if name not in named:
            hint = did_you_mean(name, named) or "write it out, or add it to `resources:` at the top"
            node.report("case-unknown", f"no resource is named '{name}'", hint)
            return {}
        return named[name]

    def _case(self, node: Node) -> Case | None:
        members = node.members(_CASE)
        for name in ("name", "hook"):
            if name not in members:
                node.report("case-missing", f"the case has no {name}", f"add `{name}:`")
        if "name" not in members or "hook" not in members:
            return None
        hook = members["hook"].one_of(sorted(set(self._known.services.values())), "hook")
        for name, hooks in _CONTEXT.items():
            if name in members and hook not in hooks:
                members[name].report_name("case-value", f"'{hook}' has no {name}", f"only {' and '.join(hooks)} have")
        patient = self._patient(members.get("patient"))
        drafts = self._listed(members.get("drafts"), patient, "draft")
        expect, silent, silent_all, refused = self._outcome(node, members)
        return Case(
            name=members["name"].text(),
            location=node.location,
            decision=self._decision,
            service=self._service(members, hook),
            hook=hook,
            today=self._today,
            patient=patient,
            settings=self._settings(members.get("settings")),
            data=self._listed(members.get("data"), patient),
            missing=self._types(members.get("missing")),
            partial=self._types(members.get("partial")),
            failed=self._types(members.get("failed")),
            drafts=drafts,
            selections=self._selections(members.get("selections"), drafts),
            appointments=self._listed(members.get("appointments"), patient, "appointment"),
            expect=expect,
            silent=silent,
            silent_all=silent_all,
            near_miss_of=self._rows(members.get("near_miss_of")),
            refused=refused,
            defines=self._defines(members.get("defines")),
        )

    def _outcome(
        self, node: Node, members: Mapping[str, Node]
    ) -> tuple[tuple[ExpectedCard, ...], frozenset[str], bool, int | None]:
        if not {"expect", "silent", "refused", "defines"} & members.keys():
            hint = f"add `expect:` with cards, `silent: [{self._decision}]`, or `refused: 412`"
            node.report("case-empty", "the case expects nothing", hint)
        expect: tuple[ExpectedCard, ...] = ()
        if "expect" in members:
            expect = read_cards(members["expect"], self._decision, self._known.decisions, self._today)
        silent_all = "silent" in members and members["silent"].value == "all"
        silent: frozenset[str] = frozenset()
        if "silent" in members and not silent_all:
            nodes = members["silent"].items()
            silent = frozenset(item.one_of(self._known.decisions, "decision") for item in nodes)
        refused = members["refused"].value if "refused" in members else None
        if refused is not None and (not isinstance(refused, int) or expect or silent or silent_all):
            members["refused"].report("case-value", "a refusal is a status such as 412, and comes without cards")
        return expect, silent, silent_all, refused

    def _rows(self, node: Node | None) -> frozenset[str]:
        nodes = node.items() if node is not None else []
        return frozenset(item.one_of(self._known.rows, "row") for item in nodes)

    def _defines(self, node: Node | None) -> tuple[ExpectedDefine, ...]:
        found = node.members(self._known.defines).items() if node is not None else ()
        return tuple(ExpectedDefine(name, self._dated(member.value), member.location) for name, member in found)

    def _dated(self, value: Any) -> Any:
        """An expected value with its dates written out (`today - 10 d`)."""
        if isinstance(value, dict):
            return {name: self._dated(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._dated(part) for part in value]
        return (written_date(value, self._today) or value) if isinstance(value, str) else value

    def _service(self, members: Mapping[str, Node], hook: str) -> str:
        node = members.get("service", self._members.get("service"))
        if node is not None:
            return node.one_of(self._known.services, "service")
        found = [service for service, offered in self._known.services.items() if offered == hook]
        decided = [service for service in found if self._decision in self._known.decided.get(service, ())]
        if len(decided) == 1:
            return decided[0]
        if len(found) > 1:
            hint = f"add `service:`, one of {', '.join(found)}"
            members["hook"].report("case-missing", f"several services answer '{hook}'", hint)
        return found[0] if found else ""

    def _settings(self, node: Node | None) -> dict[str, Any]:
        if node is None:
            return {}
        members = node.members(self._known.settings.names())
        for name, member in members.items():
            try:
                self._known.settings.typed({name: member.value})
            except EvaluationError as error:
                member.report("case-type", f"{name}: {error.message}", error.hint)
        return {name: member.value for name, member in members.items()}

    def _patient(self, node: Node | None) -> Resource:
        born = self._today.replace(year=self._today.year - _PATIENT_AGE, day=1).isoformat()
        own = self._expander.resource(node, "Patient") if node is not None else {}
        return {"resourceType": "Patient", "id": _PATIENT_ID, "birthDate": born, **own}

    def _listed(self, node: Node | None, patient: Resource, role: str = "") -> tuple[Resource, ...]:
        found = []
        for number, item in enumerate(node.items() if node is not None else (), 1):
            named = isinstance(item.value, str)
            resource = self._lookup(item, self._resources) if named else self._resource(item, self._resources)
            if resource:
                identifier = f"{role or resource['resourceType'].lower()}-{number}"
                found.append(_with_defaults({"id": identifier, **resource}, patient["id"], role))
        return tuple(found)

    def _types(self, node: Node | None) -> frozenset[str]:
        nodes = node.items() if node is not None else []
        return frozenset(item.one_of(model().resources, "resource type") for item in nodes)

    def _selections(self, node: Node | None, drafts: tuple[Resource, ...]) -> tuple[str, ...] | None:
        if node is None:
            return None
        ids = {draft["id"]: f"{draft['resourceType']}/{draft['id']}" for draft in drafts}
        found = []
        for item in node.items():
            name = item.text()
            found.append(name if "/" in name else ids.get(item.one_of(ids, "draft"), name))
        return tuple(found)


def _with_defaults(resource: Resource, patient_id: str, role: str) -> Resource:
    """The resource with what a reader takes for granted: whose it is, and that a draft is a draft. What the case gives
    replaces that; null removes it."""
    elements = model().elements(resource["resourceType"])
    subject = {"reference": f"Patient/{patient_id}"}
    defaults: dict[str, Any] = {}
    for name in ("subject", "patient"):
        if "Reference" in elements.get(name, ()) and not defaults:
            defaults[name] = subject
    if role == "draft" and "intent" in elements:
        defaults |= {"status": "draft", "intent": "order"}
    if role == "appointment" and resource["resourceType"] == "Appointment":
        defaults |= {"status": "proposed", "participant": [{"actor": subject, "status": "accepted"}]}
    whole = {"resourceType": resource["resourceType"], **defaults, **resource}
    return {name: value for name, value in whole.items() if value is not None}
