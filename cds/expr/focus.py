"""Where every path starts: `$this` in its forms, the surroundings of an evaluation, and the constant %names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cds.errors import EvaluationError
from cds.expr import navigate
from cds.expr.code import Many, One, Test, one_of_many
from cds.expr.evaluation import Evaluation
from cds.expr.values import EMPTY, Node

#: %names that FHIR and FHIRPath define, with their values.
CONSTANTS = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}
PREFIXES = {"vs-": "http://hl7.org/fhir/ValueSet/", "ext-": "http://hl7.org/fhir/StructureDefinition/"}
SURROUNDINGS = ("context", "resource", "rootResource")


def is_standard(name: str) -> bool:
    """True for a %name that every expression may use."""
    return name in CONSTANTS or name in SURROUNDINGS or name.startswith(tuple(PREFIXES))


def constant(name: str) -> str | None:
    """The value of a %name with a fixed one; None for every other name."""
    for prefix, url in PREFIXES.items():
        if name.startswith(prefix):
            return url + name[len(prefix) :]
    return CONSTANTS.get(name)


def these(_: Evaluation, this: Any) -> list[Any]:
    """The outer focus."""
    return this  # type: ignore[no-any-return]


def these_nodes(_: Evaluation, this: Any) -> list[Any]:
    """The outer focus as Nodes."""
    return [navigate.as_node(item) for item in this]


def this_item(_: Evaluation, this: Any) -> list[Any]:
    """One plain item."""
    return EMPTY if this is None else [this]


def this_one(_: Evaluation, this: Any) -> Any:
    """One plain item, not in a list."""
    return this


def this_node(_: Evaluation, this: Any) -> list[Any]:
    """One item as a Node."""
    return EMPTY if this is None else [navigate.as_node(this)]


def this_plain(_: Evaluation, this: Any) -> list[Any]:
    """One item that may be a Node, as a plain one."""
    value = this.value if type(this) is Node else this
    return EMPTY if value is None else [value]


def context(ev: Evaluation, _: Any) -> list[Any]:
    """`%context`."""
    return EMPTY if ev.context is None else [ev.context]


def resource(ev: Evaluation, _: Any) -> list[Any]:
    """`%resource`, the context when there is none."""
    resource = ev.context if ev.resource is None else ev.resource
    return EMPTY if resource is None else [resource]


def variable(name: str, failure: Callable[[str, str | None], EvaluationError]) -> tuple[Many, One, Test]:
    """A variable of the evaluation: at hand, or asked for."""

    def asked(ev: Evaluation) -> list[Any]:
        try:
            if ev.variables is not None:
                return ev.variables.value(name)
        except KeyError:
            pass
        raise failure(f"%{name} is not defined", None) from None

    def many(ev: Evaluation, _: Any) -> list[Any]:
        try:
            return ev.known[name]
        except KeyError:
            return asked(ev)

    several = one_of_many(many, failure)

    def one(ev: Evaluation, this: Any) -> Any:
        try:
            items = ev.known[name]
        except KeyError:
            items = asked(ev)
        return items[0] if len(items) == 1 else several(ev, this)

    def test(ev: Evaluation, this: Any) -> bool | None:
        try:
            items = ev.known[name]
        except KeyError:
            items = asked(ev)
        item = items[0] if len(items) == 1 else several(ev, this)
        return item if item is None or type(item) is bool else True

    return many, one, test


def late(slot: int, name: str, failure: Callable[[str, str | None], EvaluationError]) -> Many:
    """A variable whose name became known when defineVariable() was evaluated."""

    def many(ev: Evaluation, _: Any) -> list[Any]:
        found: list[Any] | None = ev.slots[slot].get(name)
        if found is None:
            raise failure(f"%{name} is not defined", None)
        return found

    return many


def failing(failure: Callable[[str, str | None], EvaluationError], message: str, hint: str | None) -> Many:
    """What has no value: an error whenever it is evaluated."""

    def many(_ev: Evaluation, _this: Any) -> list[Any]:
        raise failure(message, hint)

    return many
