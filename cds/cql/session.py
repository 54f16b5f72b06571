"""One evaluation of a CQL library for one subject, with what each expression called and looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds.cql.record import Record
from cds.errors import ExpressionError
from cds.expr.elm.library import Define, Library
from cds.expr.elm.values import Partial
from cds.expr.evaluation import Data, Evaluation, Message
from cds.expr.trace import Room, Step, Trace
from cds.fhirpath.question import Surroundings


@dataclass(frozen=True, slots=True)
class Lookup:
    """One retrieve: what was asked for, how many resources there were, and whether there may be more."""

    resource_type: str
    path: str | None
    value_set: str | None
    codes: frozenset[tuple[str, str]] | None
    found: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The value of an expression, or why it has none. `called` are the expressions it asked for, and those they did;
    `lookups` what all of them looked up. `steps` are those of what was not computed before, complete unless `cut`."""

    define: Define
    value: Any
    error: ExpressionError | None
    called: tuple[Define, ...]
    lookups: tuple[Lookup, ...]
    steps: tuple[Step, ...] = ()
    cut: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The resource types of which there may be more than was found."""
        return tuple(sorted({lookup.resource_type for lookup in self.lookups if not lookup.complete}))


@dataclass(slots=True)
class _Steps:
    """What one expression did itself."""

    calls: dict[Define, None] = field(default_factory=dict)
    lookups: dict[Lookup, None] = field(default_factory=dict)


class Session:
    """Evaluates the expressions of a library, each at most once; all share one step budget (security.md E2). The steps
    of each are kept only when asked for."""

    def __init__(self, surroundings: Surroundings, record: Record, *, steps: bool = False) -> None:
        self._watch = _Watch(record)
        self._room = Room()
        self._steps: list[Step] = []
        self._cut = False
        self.evaluation = Evaluation(
            now=surroundings.now,
            zone=surroundings.zone,
            terminology=surroundings.terminology,
            resolve=record.resolve,
            lenient=True,
            trace=Trace(step=self._step) if steps else None,
            data=self._watch,
        )
        self.evaluation.results = self._watch.results

    @property
    def messages(self) -> list[Message]:
        """What the operator Message reported so far."""
        return self.evaluation.messages

    def bind(self, parameters: Mapping[str, Any]) -> None:
        """Give the values of parameters, by `Library.name`."""
        self.evaluation.parameters = parameters

    def outcome(self, library: Library, name: str) -> Outcome:
        """The outcome of a named expression. Raises NotFoundError when there is none of that name."""
        define = library.define(name)
        self._watch.open.clear()
        self._steps, self._cut = [], False
        value, error = None, None
        try:
            value = library.evaluate(self.evaluation, name)
        except ExpressionError as failed:
            error = failed
        reached = self._watch.reached(define)
        lookups = dict.fromkeys(lookup for found in reached for lookup in self._watch.steps_of(found).lookups)
        return Outcome(define, value, error, tuple(reached[1:]), tuple(lookups), tuple(self._steps), self._cut)

    def _step(self, step: Step) -> None:
        self._cut = self._cut or not self._room.has(step)
        if not self._cut:
            self._steps.append(step)


class _Watch(Data):
    """Stands between an evaluation, its data and its results, and notes what passes."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self.steps: dict[Define, _Steps] = {}
        self.open: list[_Steps] = []
        self.results = _Results(self)

    def retrieve(
        self, resource_type: str, path: str | None, codes: frozenset[tuple[str, str]] | None, value_set: str | None
    ) -> list[dict[str, Any]]:
        found = self._record.retrieve(resource_type, path, codes, value_set)
        if self.open:
            lookup = Lookup(resource_type, path, value_set, codes, len(found), type(found) is not Partial)
            self.open[-1].lookups[lookup] = None
        return found

    def steps_of(self, define: Define) -> _Steps:
        return self.steps.setdefault(define, _Steps())

    def reached(self, define: Define) -> list[Define]:
        """An expression and all that it called, in order of the calls."""
        found = {define: None}
        pending = [define]
        while pending:
            fresh = [called for called in self.steps_of(pending.pop(0)).calls if called not in found]
            found.update(dict.fromkeys(fresh))
            pending += fresh
        return list(found)


class _Results(dict[Any, Any]):
    """The results of an evaluation. Each reference looks here first, and what it does not find it computes and puts
    here: so a miss opens an expression and a result closes it."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def get(self, key: Any, default: Any = None) -> Any:
        value = super().get(key, default)
        if type(key) is Define:
            watch = self._watch
            if watch.open:
                watch.open[-1].calls[key] = None
            if value is default:
                watch.open.append(watch.steps_of(key))
        return value

    def __setitem__(self, key: Any, value: Any) -> None:
        if type(key) is Define and self._watch.open:
            self._watch.open.pop()
        super().__setitem__(key, value)
