"""The public door of CQL at run time: an ELM tree to a Library whose expressions any number of threads may evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cds.errors import EvaluationError, LimitError, NotFoundError, did_you_mean
from cds.expr.elm.code import Node, Place, Run, located
from cds.expr.elm.facts import Need, needs
from cds.expr.elm.specifiers import Type
from cds.expr.elm.values import Code, CodeSystem, Concept, ValueSet
from cds.expr.evaluation import Evaluation

#: Finds an included library: its name as the include has it, and its version when one is asked for.
Resolve = Callable[[str, str | None], "Library"]

#: A compiled definition: its closure, and how many slots its frame has.
Form = tuple[Run, int]

_MISSING: Any = object()


class Computed:
    """What a library computes by name, at most once per evaluation; `type` is its static type where known."""

    __slots__ = ("library", "name", "node", "place", "run", "slots", "type")

    def __init__(self, library: Library, node: Node) -> None:
        self.library = library
        self.name: str = node["name"]
        self.node = node
        self.place = Place(library.name).of(node)
        self.type: Type | None = None
        self.run: Any = None  # a Run, once it is compiled
        self.slots = 0

    def compute(self, ev: Evaluation) -> Any:
        """The value, noted in the evaluation: callers look there first. A failure is noted too, and the next one who
        asks gets the same error; where a guard stopped it is for each of them to find out."""
        if ev.failures is not None and self in ev.failures:
            raise ev.failures[self].again()
        try:
            if ev.trace is None:
                value = self.run(ev, [None] * self.slots)
            else:
                run, slots = self.library.reporting[self]
                value = run(ev, [None] * slots)
            ev.results[self] = value
        except Exception as error:
            failure = located(error, self.place)
            if isinstance(failure, EvaluationError) and not isinstance(failure, LimitError):
                if ev.failures is None:
                    ev.failures = {}
                ev.failures[self] = failure.again()
            raise failure from error
        return value


class Define(Computed):
    """A named expression. `context` is Patient, Unfiltered or Unspecified."""

    __slots__ = ("context", "public")

    def __init__(self, library: Library, node: Node) -> None:
        super().__init__(library, node)
        self.context: str = node.get("context") or "Unspecified"
        self.public = node.get("accessLevel") != "Private"


class Parameter(Computed):
    """A parameter with its default. Values come with the evaluation by `Library.name` or `name`."""

    __slots__ = ("_own",)

    def __init__(self, library: Library, node: Node) -> None:
        super().__init__(library, node)
        self._own = f"{library.name}.{self.name}"

    def value(self, ev: Evaluation) -> Any:
        """The value given, else the default, else null."""
        given = ev.parameters
        if given:
            if self._own in given:
                return given[self._own]
            if self.name in given:
                return given[self.name]
        if self.run is None:
            return None
        value = ev.results.get(self, _MISSING)
        return self.compute(ev) if value is _MISSING else value


class Function:
    """One overload: operands with their types (`signature` spells these), and the body once it is compiled."""

    __slots__ = ("fluent", "library", "name", "node", "operands", "place", "run", "signature", "slots", "type")

    def __init__(self, library: Library, node: Node, operands: tuple[tuple[str, Type], ...]) -> None:
        self.library = library
        self.name: str = node["name"]
        self.node = node
        self.operands = operands
        self.signature = [str(kind) for _, kind in operands]
        self.fluent = bool(node.get("fluent"))
        self.place = Place(library.name).of(node)
        self.type: Type | None = None
        self.run: Run = unfinished
        self.slots = len(operands)


def unfinished(_ev: Evaluation, _frame: list[Any]) -> Any:
    """The body of a function while it is being compiled."""
    raise RecursionError


class Library:
    """A compiled library: its name and version, and by name its expressions, functions (with overloads), parameters
    and terminology. Immutable for its callers and safe to share. `reporting` has the form of each definition that tells
    the trace of an evaluation what it does."""

    def __init__(self, name: str, version: str | None) -> None:
        self.name = name
        self.version = version
        self.includes: dict[str, Library] = {}
        self.defines: dict[str, Define] = {}
        self.functions: dict[str, list[Function]] = {}
        self.parameters: dict[str, Parameter] = {}
        self.code_systems: dict[str, CodeSystem] = {}
        self.value_sets: dict[str, ValueSet] = {}
        self.codes: dict[str, Code] = {}
        self.concepts: dict[str, Concept] = {}
        self.reporting: Mapping[Any, Form] = {}

    def __repr__(self) -> str:
        return f"Library({self.name!r}, {self.version!r})"

    def retrieves(self, define: str) -> tuple[Need, ...]:
        """What a named expression may ask of the data, through references and includes, known without running it."""
        return needs(self, self.define(define).node)

    def define(self, name: str) -> Define:
        """The named expression; NotFoundError when there is none."""
        found = self.defines.get(name)
        if found is None:
            hint = did_you_mean(name, self.defines)
            raise NotFoundError(f"library {self.name} has no expression '{name}'" + (f" ({hint})" if hint else ""))
        return found

    def evaluate(self, evaluation: Evaluation, define: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The value of a named expression (values: see cds/expr/elm/values.py), at most once computed per Evaluation.

        `parameters` replace those of the evaluation, and with them what it remembered. Raises NotFoundError when there
        is no such expression, EvaluationError with library, line and column, LimitError when a guard stopped it."""
        found = self.define(define)
        if parameters is not None and parameters is not evaluation.parameters:
            evaluation.parameters = parameters
            evaluation.results = {}
            evaluation.failures = None
        value = evaluation.results.get(found, _MISSING)
        return found.compute(evaluation) if value is _MISSING else value
