"""Evaluates an expression on a resource, or on each item that a context expression finds in it, and keeps what a
person wants to see: types, places, what trace() was given, and each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Literal

from cds import expr
from cds.errors import CdsError, ExpressionError, LimitError
from cds.expr import Item, Step, Trace
from cds.expr.evaluation import MAX_STEPS as BUDGET
from cds.expr.trace import Room
from cds.expr.types import Release
from cds.fhir import Resource
from cds.fhirpath.references import References

Part = Literal["context", "expression"]

#: A context expression that finds more is a mistake: each item is an evaluation of its own.
MAX_CONTEXTS = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, about a resource of a FHIR release. `variables` holds the items of each %name; an empty `context`
    means the resource itself."""

    expression: str
    resource: Resource
    context: str = ""
    variables: Mapping[str, list[Any]] = field(default_factory=dict)
    release: Release = "R4"

    def compiled(self, text: str, focus: str | None = None) -> expr.Expression:
        """An expression about the resource, checked for a type of focus when it is given. Raises ExpressionError."""
        return expr.compile(text, variables=frozenset(self.variables), focus=focus, release=self.release, keep=False)


@dataclass(slots=True)
class Result:
    """The answer for one context item; `context` is None when it is the resource itself. `logs` are the names and
    items of its trace() calls in order. `steps` are complete unless `cut`."""

    context: Item | None
    items: list[Item] = field(default_factory=list)
    logs: list[tuple[str, list[Item]]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    cut: bool = False


class QuestionError(CdsError):
    """An expression that does not compile or that fails: which of the two it is, its text and its error. `result` holds
    what led up to the failure."""

    def __init__(self, part: Part, text: str, error: ExpressionError, result: Result) -> None:
        self.part = part
        self.text = text
        self.error = error
        self.result = result
        super().__init__(f"{part}: {error}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the site lends to an evaluation."""

    now: datetime
    zone: tzinfo
    terminology: expr.Terminology | None = None


def evaluate(question: Question, surroundings: Surroundings, *, steps: bool = False) -> list[Result]:
    """A Result for the resource, or for each item of the context expression. `steps` are kept only when asked for.

    `%context` is the item, `%resource` and `%rootResource` are the resource; references resolve within it. All
    evaluations share one step budget (security.md E2). Raises QuestionError."""
    return _Evaluator(question, surroundings, steps).results()


class _Evaluator:
    def __init__(self, question: Question, surroundings: Surroundings, steps: bool) -> None:
        self.question = question
        self.surroundings = surroundings
        self.budget = BUDGET
        self.room = Room()
        self.resolve = References(question.resource)
        self.current = Result(None)
        self.trace = self._trace(step=self._step if steps else None, log=self._log)

    def results(self) -> list[Result]:
        question = self.question
        expression = self._compiled("expression", question.expression)
        if not question.context:
            return [self._result(expression, None)]
        context = self._compiled("context", question.context)
        items = self._run("context", context, None, self._trace())
        if len(items) > MAX_CONTEXTS:
            hint = "choose fewer, or move the path into the expression"
            error = LimitError(f"the context has more than {MAX_CONTEXTS} items", line=1, column=1, hint=hint)
            raise QuestionError("context", question.context, error, self.current)
        return [self._result(expression, item) for item in items]

    def _trace(self, **sinks: Any) -> Trace:
        return Trace(self.question.resource, release=self.question.release, **sinks)

    def _compiled(self, part: Part, text: str) -> expr.Expression:
        try:
            return self.question.compiled(text)
        except ExpressionError as error:
            raise QuestionError(part, text, error, self.current) from error

    def _result(self, expression: expr.Expression, context: Item | None) -> Result:
        self.current = result = Result(context)
        result.items = self._run("expression", expression, context, self.trace)
        return result

    def _run(self, part: Part, expression: expr.Expression, context: Item | None, trace: Trace) -> list[Item]:
        evaluation = expr.Evaluation(
            now=self.surroundings.now,
            zone=self.surroundings.zone,
            context=self.question.resource if context is None else context.value,
            resource=self.question.resource,
            known=dict(self.question.variables),
            terminology=self.surroundings.terminology,
            resolve=self.resolve,
            steps=self.budget,
            trace=trace,
        )
        try:
            evaluation.spend(1)
            return expression.traced(evaluation, context)
        except ExpressionError as error:
            raise QuestionError(part, expression.text, error, self.current) from error
        finally:
            self.budget = evaluation.budget

    def _log(self, name: str, items: list[Item]) -> None:
        self.current.logs.append((name, items))

    def _step(self, step: Step) -> None:
        if self.room.has(step):
            self.current.steps.append(step)
        else:
            self.current.cut = True
            self.trace.step = None
