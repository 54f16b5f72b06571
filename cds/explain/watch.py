"""Asks a condition again, with a trace, right after it was judged: its reason, and what it looked up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cds import expr
from cds.apply.plan import CompiledAction, Condition
from cds.apply.reason import Lookup, Reason, Why
from cds.apply.scope import Name, Parameter, Retrieve
from cds.definitions.logic import Logic
from cds.errors import ExpressionError, Location
from cds.explain.cql import Reasons
from cds.explain.values import reference, shown
from cds.expr.cql_expression import CqlExpression
from cds.expr.elm.values import Partial
from cds.expr.evaluation import Data
from cds.expr.trace import Room, Step, Trace

_LONGEST = 100


class Watcher:
    """The cds.apply.reason.Watch of one call: `evaluate(..., watch=Watcher(logic))`."""

    def __init__(self, logic: Logic) -> None:
        self._sources = {source.name: source for source in logic.sources.values()}

    def __call__(self, action: CompiledAction, condition: Condition, evaluation: expr.Evaluation) -> Why:
        """Why the condition came to its value."""
        data = _Data((evaluation.root or evaluation).data)
        if isinstance(condition.expression, CqlExpression):
            reason = self._of_cql(condition.expression, condition.location, evaluation, data)
        else:
            reason = self._of_fhirpath(action, condition, evaluation, data)
        return Why(reason, tuple(data.lookups))

    def _of_cql(
        self, expression: CqlExpression, location: Location, evaluation: expr.Evaluation, data: _Data
    ) -> Reason:
        steps: list[Step] = []
        room = Room()

        def keep(step: Step) -> None:
            if room.has(step):
                steps.append(step)

        root = evaluation.root or evaluation
        again = expr.Evaluation(
            now=root.now,
            zone=root.zone,
            context=root.context,
            resource=evaluation.resource,
            variables=evaluation.variables,
            terminology=root.terminology,
            resolve=root.resolve,
            lenient=True,
            trace=Trace(step=keep),
            data=data,
            parameters=root.parameters,
        )
        text = _oneline(expression.text)
        try:
            result = expression.value(again)
        except ExpressionError as error:
            return Reason(text, f"failed: {error}", location)
        reasons = Reasons(steps, lambda name: self._text(name, expression, location))
        value = shown(result)  # which may compute more, beyond those steps
        library, node = expression.elm
        if "expression" not in node:  # a parameter
            return Reason(text, value, location)
        found = reasons.of(library, node["expression"])
        if expression.place is not None:
            return Reason(text, value, location, (found,) if found is not None else ())
        return Reason(text, value, location, found.because if found is not None else ())

    def _text(
        self, name: str, expression: CqlExpression, location: Location
    ) -> tuple[str, Callable[[int, int], Location]] | None:
        if not name:  # the condition itself
            return expression.text, lambda _line, _column: location
        source = self._sources.get(name)
        if source is None or not isinstance(source.code, str):  # it is the ELM that is there
            return None
        return source.text.text, source.locate

    def _of_fhirpath(
        self, action: CompiledAction, condition: Condition, evaluation: expr.Evaluation, data: _Data
    ) -> Reason:
        """The names it mentions, with what each of them is; those of the call have their value."""
        expression = condition.expression
        try:
            value = shown(expression.truth(evaluation))
        except ExpressionError as error:
            value = f"failed: {error}"
        because = []
        for name in sorted(expression.variables):
            defined = action.scope.names.get(name)
            if defined is not None:
                because.append(self._of_name(defined, evaluation, data))
            elif evaluation.variables is not None:
                because.append(Reason(f"%{name}", shown(evaluation.variables.value(name))))
        return Reason(_oneline(expression.text), value, condition.location, tuple(because))

    def _of_name(self, name: Name, evaluation: expr.Evaluation, data: _Data) -> Reason:
        meaning = name.meaning
        if isinstance(meaning, CqlExpression) and meaning.place is not None:
            source = self._sources.get(meaning.place.library)
            place = source.locate(meaning.place.line, meaning.place.column) if source else Location()
            return self._of_cql(meaning, place, evaluation, data)
        items = evaluation.variables.value(name.name) if evaluation.variables is not None else []
        if isinstance(meaning, Retrieve):
            complete = not (evaluation.variables is not None and evaluation.variables.incomplete(name.name))
            data.note(meaning.resource_type, meaning.value_set, items, complete=complete)
        value = shown(items[0] if len(items) == 1 and (isinstance(meaning, Parameter) or _is_truth(items)) else items)
        return Reason(f"%{name.name}", value)


def _is_truth(items: list[Any]) -> bool:
    return type(items[0]) is bool


def _oneline(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


class _Data(Data):
    """Stands before the data of an evaluation and notes what is looked up, each question once."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self._seen: set[tuple[str, str | None]] = set()
        self.lookups: list[Lookup] = []

    def retrieve(
        self, resource_type: str, path: str | None, codes: frozenset[tuple[str, str]] | None, value_set: str | None
    ) -> list[dict[str, Any]]:
        """As the data itself."""
        found: list[dict[str, Any]] = self._data.retrieve(resource_type, path, codes, value_set)
        self.note(resource_type, value_set, found, complete=type(found) is not Partial)
        return found

    def note(self, resource_type: str, value_set: str | None, found: list[Any], *, complete: bool) -> None:
        """One look-up."""
        if (resource_type, value_set) not in self._seen:
            self._seen.add((resource_type, value_set))
            named = tuple(reference(resource) for resource in found if isinstance(resource, dict))
            self.lookups.append(Lookup(resource_type, value_set, named, complete))
