"""The least and the greatest value of a parameter: FHIR's extensions minValue and maxValue on Library.parameter.

CQL has no place for them, so that the resource says them where it lists the parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cds import fhir
from cds.cql import inputs
from cds.cql.words import said
from cds.definitions.element import Element
from cds.errors import EvaluationError, Problem, RequestError
from cds.expr.elm.ordering import compare
from cds.expr.elm.specifiers import ListOf, Type
from cds.expr.evaluation import Evaluation

#: The types whose bounds the extensions take, each with the element that one is written in.
_WRITTEN = {
    "System.Integer": "valueInteger",
    "System.Decimal": "valueDecimal",
    "System.Date": "valueDate",
    "System.DateTime": "valueDateTime",
    "System.Time": "valueTime",
    "System.Quantity": "valueQuantity",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a value is at least and at most, both included; None where there is no such end. Of a list, each item."""

    least: Any = None
    greatest: Any = None

    def check(self, value: Any) -> None:
        """Raises EvaluationError with the bounds as its hint for a value outside them, and for one that cannot be
        compared with them."""
        for item in value if isinstance(value, list) else [value]:
            if item is not None and not self._has(item):
                raise EvaluationError("this is out of bounds", hint=f"it takes {self}")

    def _has(self, item: Any) -> bool:
        try:
            above = self.least is None or compare(item, self.least) in (0, 1)
            return above and (self.greatest is None or compare(item, self.greatest) in (0, -1))
        except EvaluationError:  # other units
            return False

    def __str__(self) -> str:
        match self.least, self.greatest:
            case None, None:
                return ""
            case least, None:
                return f"{said(least)} or more"
            case None, greatest:
                return f"{said(greatest)} or less"
        return f"{said(self.least)} to {said(self.greatest)}"


#: Those of a parameter that has none.
OPEN = Bounds()


def evaluation() -> Evaluation:
    """Surroundings for values that need none of a call's."""
    return Evaluation(now=datetime.now(UTC), lenient=True)


def read_bounds(parameter: Mapping[str, Any], kind: Type) -> Bounds:
    """The bounds that a ParameterDefinition says for values of the type `kind`; what cannot be read as such is none."""
    return Bounds(*(_bound(fhir.extension(parameter, url), kind) for url in (fhir.MIN_VALUE, fhir.MAX_VALUE)))


def check_bounds(parameter: Element, kind: Type, bounds: Bounds, default: Any) -> Iterator[Problem]:
    """Bounds of another type than the parameter's, bounds that no value is within, and a default outside them."""
    ends = [
        (extension, end)
        for url, end in ((fhir.MIN_VALUE, bounds.least), (fhir.MAX_VALUE, bounds.greatest))
        for extension in parameter.extensions(url)
    ]
    for extension, end in ends:
        if end is None:
            written = _WRITTEN.get(str(_item(kind)))
            message = f"this is no bound of a parameter of type {kind}"
            hint = f"write `{written}:`" if written else "remove it: this type takes no bounds"
            yield extension.problem("parameter-bounds", message, hint=hint)
    if not ends or any(end is None for _, end in ends):
        return
    if None not in (bounds.least, bounds.greatest) and compare(bounds.least, bounds.greatest) not in (0, -1):
        message = f"no value is {said(bounds.least)} or more and {said(bounds.greatest)} or less"
        yield ends[-1][0].problem("parameter-bounds", message, hint="put the smaller one into minValue")
    else:
        try:
            bounds.check(default)
        except EvaluationError:
            message = f"the default {said(default)} is not within {bounds}"
            yield ends[0][0].problem("parameter-bounds", message, hint="correct the bound, or the default")


def _item(kind: Type) -> Type:
    return kind.element if isinstance(kind, ListOf) else kind


def _bound(extension: Mapping[str, Any] | None, kind: Type) -> Any:
    if extension is None or _WRITTEN.get(str(_item(kind))) not in extension:
        return None
    try:
        return inputs.read([extension], _item(kind), evaluation(), "")
    except RequestError:
        return None
