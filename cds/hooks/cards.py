"""An applied tree rendered as CDS Hooks cards (cds-hooks.md C and I-3): one table from action elements to card members.

Cards hold only what CDS Hooks 2.0 knows. Ids are derived from the call, so that the same call gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cds import fhir
from cds.apply.tree import AppliedAction, Outcome

if TYPE_CHECKING:
    from cds.apply.plan import CompiledAction

Card = dict[str, Any]

#: The longest summary: "fewer than 140 characters" (C6).
SUMMARY_LENGTH = 139

_INDICATORS = {"routine": "info", "urgent": "warning", "asap": "warning", "stat": "critical"}
_URGENCY = {"critical": 0, "warning": 1, "info": 2}
_CARD_ACTIONS = {"create": "create", "update": "update", "remove": "delete"}
_ANY = frozenset({"any", "one-or-more"})
_ALL = frozenset({"all", "all-or-none"})

#: Characters that never leave the service in a text: controls (but for the line feed) and bidirectional overrides.
_CONTROLS = (*range(10), *range(11, 32), *range(0x7F, 0xA0))
_DIRECTIONS = (0x061C, *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_UNSAFE = dict.fromkeys([*_CONTROLS, *_DIRECTIONS])
_HTML = {**_UNSAFE, ord("<"): "&lt;"}

#: The codings of a value set in its own order: canonical -> [{system, code, display}].
Reasons = Callable[[str], list[dict[str, str]]]
#: What a card says besides, by the compiled action that it is of (AppliedAction.source).
Notes = Mapping[Any, str]


@dataclass(frozen=True, slots=True)
class Background:
    """What a card says of where its advice comes from, and the elements of its action that this is made of. `source`
    has no topic where the action has no code. Cards share it: nobody changes it."""

    documentation: Any
    code: Any
    extension: Any
    source: dict[str, Any]
    links: list[dict[str, str]]
    reasons: list[dict[str, str]]


class Backgrounds:
    """The backgrounds of cards, kept for compiled actions from their first card on: there are as many as the content
    has actions, and they last as long. `reasons` expands the value sets of override reasons. For any number of threads.
    """

    def __init__(self, reasons: Reasons) -> None:
        self._reasons = reasons
        self._known: dict[CompiledAction, Background] = {}

    def of(self, action: AppliedAction) -> Background:
        """The background of an action's card."""
        compiled, element = action.source, action.element
        if compiled is None:
            return self._made(element, action.plan)
        known = self._known.get(compiled)
        if known is None:
            known = self._known[compiled] = self._made(compiled.element, action.plan)
        # What no dynamic value has set is the compiled action's own, and not only equal to it.
        if (
            element.get("documentation") is known.documentation
            and element.get("code") is known.code
            and element.get("extension") is known.extension
        ):
            return known
        return self._made(element, action.plan)

    def _made(self, element: Mapping[str, Any], plan: str) -> Background:
        documentation, code, extension = (element.get(name) for name in ("documentation", "code", "extension"))
        documents = fhir.as_list(documentation)
        reasons = [
            reason
            for named in fhir.extensions(element, fhir.OVERRIDE_REASONS)
            for reason in self._reasons(named["valueCanonical"])
        ]
        source = _source(documents, fhir.as_list(code), plan)
        return Background(documentation, code, extension, source, _links(documents[1:]), reasons)


class Renderer:
    """Renders the applied trees of one call. `identity` tells this call from others (hookInstance and service id);
    `notes` are paragraphs for the cards of compiled actions."""

    def __init__(self, identity: str, backgrounds: Backgrounds, notes: Notes | None = None) -> None:
        self._identity = identity
        self._backgrounds = backgrounds
        self._notes = notes
        self._with_resource: list[dict[str, Any]] = []
        self.shortened: list[str] = []
        #: Id of a card or suggestion -> id of the action it stands for.
        self.origins: dict[str, str] = {}

    def cards(self, applied: Iterable[AppliedAction]) -> list[Card]:
        """The cards of every action that fired, the most urgent first, otherwise in the order of the plan. An action
        without a title only groups: its children are cards. Ids of actions whose dynamic title had to be cut are in
        `shortened` afterwards."""
        found: list[Card] = []
        self._render(applied, found)
        if self._with_resource:  # all at once: in most calls it is one look that finds nothing to leave out
            resources = fhir.without_empties([item["resource"] for item in self._with_resource])
            for item, resource in zip(self._with_resource, resources, strict=True):
                item["resource"] = resource
        found.sort(key=_urgency)
        return found

    def _render(self, applied: Iterable[AppliedAction], found: list[Card]) -> None:
        for action in applied:
            if action.outcome is Outcome.FIRED:
                if action.element.get("title"):
                    found.append(self._card(action))
                elif action.children:
                    self._render(action.children, found)

    def _card(self, action: AppliedAction) -> Card:
        element, background = action.element, self._backgrounds.of(action)
        card: Card = {"uuid": self._uuid(action), "summary": self._summary(action)}
        if detail := element.get("description") or element.get("textEquivalent"):
            card["detail"] = _markdown(detail)
        if self._notes and (note := self._notes.get(action.source)):
            card["detail"] = f"{card.get('detail', '')}\n\n{_markdown(note)}".lstrip()
        card["indicator"] = _INDICATORS.get(element.get("priority", "routine"), "info")
        card["source"] = source = background.source
        if "topic" not in source:
            card["source"] = {**source, "topic": {"system": action.plan, "code": action.id}}
        suggestions = self._suggestions(action)
        if suggestions:
            card["suggestions"] = suggestions
            card["selectionBehavior"] = "any" if element.get("selectionBehavior") in _ANY else "at-most-one"
        if background.reasons:
            card["overrideReasons"] = background.reasons
        if background.links:
            card["links"] = background.links
        return card

    def _uuid(self, action: AppliedAction) -> str:
        uuid = fhir.derived_id(f"{self._identity}|{action.id}")
        self.origins[uuid] = action.id
        return uuid

    def _summary(self, action: AppliedAction) -> str:
        text = _plain(action.element["title"])
        if len(text) <= SUMMARY_LENGTH:
            return text
        self.shortened.append(action.id)
        return text[:SUMMARY_LENGTH].rsplit(" ", 1)[0] + "…"

    def _suggestions(self, action: AppliedAction) -> list[dict[str, Any]]:
        """Children are suggestions, with `all` they are one; without children the action's own resource is (I-3)."""
        children = [child for child in action.children if child.outcome is Outcome.FIRED]
        behaviour = action.element.get("selectionBehavior")
        if not children:
            own = self._action(action)
            return [{"label": _label(action), "uuid": self._uuid(action), "actions": [own]}] if own else []
        if behaviour in _ALL:
            if any(map(_failed, action.children)):
                return []
            actions = [item for child in children for item in self._actions(child)]
            return [{"label": _label(action), "uuid": self._uuid(action), "actions": actions}] if actions else []
        made = [(child, s) for child in children if (s := self._suggestion(child)) is not None]
        suggestions = [suggestion for _, suggestion in made]
        if len(made) > 1:
            _tell_apart(made)
            if behaviour not in _ANY:
                _recommend_one(suggestions)
        return suggestions

    def _suggestion(self, action: AppliedAction) -> dict[str, Any] | None:
        """None when a part of it failed: half a suggestion is none."""
        if _failed(action):
            return None
        suggestion: dict[str, Any] = {"label": _label(action), "uuid": self._uuid(action)}
        if action.element.get("precheckBehavior") == "yes":
            suggestion["isRecommended"] = True
        if actions := self._actions(action):
            suggestion["actions"] = actions
        return suggestion

    def _actions(self, action: AppliedAction) -> list[dict[str, Any]]:
        """What a suggestion does: its children's actions, which all apply together, or its own."""
        parts = [child for child in action.children if child.outcome is Outcome.FIRED] or [action]
        return [item for part in parts if (item := self._action(part)) is not None]

    def _action(self, action: AppliedAction) -> dict[str, Any] | None:
        """One CDS Hooks action (C23-C28); None for what cannot be one (fire-event, an action without a resource)."""
        kind = _kind(action)
        subject = action.target if kind == "delete" else action.resource
        if kind is None or subject is None:
            return None
        description = action.element.get("description") or action.element.get("title") or "Change this order"
        item: dict[str, Any] = {"type": kind, "description": _plain(description)}
        if kind == "delete":
            item["resourceId"] = f"{subject['resourceType']}/{subject.get('id')}"
        else:
            item["resource"] = subject
            self._with_resource.append(item)
        return item


def _urgency(card: Card) -> int:
    return _URGENCY[card["indicator"]]


def _failed(action: AppliedAction) -> bool:
    """True when the action or a part of it failed."""
    if action.children:
        return action.outcome is Outcome.FAILED or any(map(_failed, action.children))
    return action.outcome is Outcome.FAILED


def _tell_apart(made: list[tuple[AppliedAction, dict[str, Any]]]) -> None:
    """Where several suggestions have one label, add the id of the draft that each is about."""
    labels = [suggestion["label"] for _, suggestion in made]
    for action, suggestion in made if len(set(labels)) < len(labels) else ():
        about = next((part.target["id"] for part in action.walk() if part.target is not None), None)
        if about is not None and labels.count(suggestion["label"]) > 1:
            suggestion["label"] = f"{suggestion['label']} ({about})"


def _recommend_one(suggestions: list[dict[str, Any]]) -> None:
    """At most one suggestion is recommended where at most one may be taken (C20)."""
    seen = False
    for suggestion in suggestions:
        if suggestion.get("isRecommended"):
            if seen:
                del suggestion["isRecommended"]
            seen = True


def _label(action: AppliedAction) -> str:
    return _plain(action.element.get("title") or action.element.get("description") or "Apply")


def _kind(action: AppliedAction) -> str | None:
    if "type" in action.element:
        for system, code in fhir.codings(action.element["type"]):
            if system == fhir.ACTION_TYPE_SYSTEM:
                return _CARD_ACTIONS.get(code)
    return "create" if action.resource is not None and action.target is None else None


def _source(documentation: Sequence[dict[str, Any]], code: Iterable[dict[str, Any]], plan: str) -> dict[str, Any]:
    """A card's source, without a topic where there is no code."""
    first = documentation[0] if documentation else {}
    source: dict[str, Any] = {"label": first.get("display") or first.get("label") or first.get("citation") or plan}
    if url := _absolute(first.get("url")):
        source["url"] = url
    for coding in code:
        for item in fhir.as_list(coding.get("coding"))[:1]:
            if "system" in item and "code" in item:
                source["topic"] = {name: item[name] for name in ("system", "code", "display") if name in item}
                return source
    return source


def _links(documentation: Iterable[dict[str, Any]]) -> list[dict[str, str]]:
    """Documentation that has an absolute url, once each (F16: links come from definitions only)."""
    links = {}
    for item in documentation:
        if url := _absolute(item.get("url")):
            label = item.get("display") or item.get("label") or item.get("citation") or url
            links[url] = {"label": label, "url": url, "type": "absolute"}
    return list(links.values())


def _absolute(url: Any) -> str | None:
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _markdown(text: str) -> str:
    """GitHub Flavored Markdown without HTML (C7) and without characters that hide or reorder text."""
    harmless = "<" not in text and text.replace("\n", "").isprintable()
    return (text if harmless else text.translate(_HTML)).strip()


def _plain(text: str) -> str:
    """One line without characters that hide or reorder text."""
    if text.isprintable() and "  " not in text and text[:1] != " " != text[-1:]:
        return text
    return " ".join((text if text.isprintable() else text.translate(_UNSAFE)).split())
