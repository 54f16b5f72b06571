"""CQL where a definition has an Expression: the name of a define, or CQL in the scope of libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

from cds.errors import EvaluationError, ExpressionSemanticError, did_you_mean
from cds.expr.cql import ast
from cds.expr.cql.inline import Surroundings, translate_expression
from cds.expr.cql.interface import result_type_of, type_of
from cds.expr.cql.parser import parse_expression
from cds.expr.cql.types import BOOLEAN, Type, specifier
from cds.expr.elm import outcomes
from cds.expr.elm.code import Place, located
from cds.expr.elm.compiler import Compiler
from cds.expr.elm.facts import Need, mentions, needs
from cds.expr.elm.library import Define, Function, Library, Parameter
from cds.expr.elm.specifiers import read
from cds.expr.elm.values import Code, Concept, Interval, Partial, Ratio, Uncertainty
from cds.expr.evaluation import Evaluation
from cds.expr.libraries import Libraries
from cds.expr.truths import ANY, Truths
from cds.expr.values import EMPTY, FALSE, TRUE, to_json, truth

#: A define by its name.
IDENTIFIER = "text/cql-identifier"
LANGUAGES = (IDENTIFIER, "text/cql", "text/cql-expression")
#: Languages as older content writes them.
OLDER_LANGUAGES = {
    "text/cql.expression": "text/cql-expression",
    "text/cql.identifier": IDENTIFIER,
    "text/cql.name": IDENTIFIER,
    "text/cql-name": IDENTIFIER,
}

_MISSING: Any = object()


class CqlExpression:
    """One expression in CQL, with the interface of one in FHIRPath as far as definitions use it. Immutable and safe to
    share.

    `type` is its static type, `needs` what it may ask of the data, `place` where the define that it names stands,
    `home` the library whose names inline CQL sees. One that `is_rooted` mentions no constants, so that an evaluation
    without variables, such as the root of others, will do. An evaluation brings constants as variables; its root, or
    it itself, the data, the parameters and the results of defines."""

    def __init__(
        self,
        text: str,
        language: str,
        kind: Type,
        run: Callable[[Evaluation], Any],
        library: Library,
        node: Any,
        home: str = "",
        *,
        is_rooted: bool = True,
    ) -> None:
        self.text = text
        self.language = language
        self.type = kind
        self.boolean = kind == BOOLEAN
        self.place: Place | None = None
        self.constant: list[Any] | None = None
        self.variables: frozenset[str] = frozenset()
        self.value = run
        self.is_rooted = is_rooted
        self._library, self._node, self._home = library, node, home
        self._define: Define | None = None

    def __repr__(self) -> str:
        return f"CqlExpression({self.text!r})"

    @property
    def elm(self) -> tuple[Library, Any]:
        """Its ELM, and the library whose names that uses."""
        return self._library, self._node

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """What it may ask of the data, without running it."""
        return needs(self._library, self._node)

    def mentions(self) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        """Itself when it names a define or parameter, then every one that it reaches: its place and its ELM."""
        if self.place is not None:
            yield self.place, self._node
        for library, node in mentions(self._library, self._node):
            yield Place(library.name or self._home).of(node), node

    @cached_property
    def truths(self) -> Truths:
        """What it can come to as a condition, without running it."""
        return outcomes.truths(self._library, self._node["expression"]) if "expression" in self._node else ANY

    @cached_property
    def doubts(self) -> tuple[Need, ...]:
        """What can leave it null when it is not fully obtained."""
        found = outcomes.doubts(self._library, self._node["expression"]) if "expression" in self._node else ()
        return tuple(dict.fromkeys(found))

    def truth(self, evaluation: Evaluation) -> bool | None:
        """The value as a condition, and the errors of items()."""
        value: bool | None = self.value(evaluation)
        return value if value is True or value is False or value is None else truth(self.items(evaluation))

    def items(self, evaluation: Evaluation) -> list[Any]:
        """The value as FHIRPath has it: null is empty, a list its items. The list may be the data's own.

        Raises EvaluationError with library, line and column, LimitError when a guard stopped it."""
        define = self._define
        if define is None:
            value = self.value(evaluation)
        else:  # by far the most frequent, and then without a call where it is known
            root = evaluation.root or evaluation
            value = root.results.get(define, _MISSING)
            if value is _MISSING:
                value = define.compute(root)
        if value is True:
            return TRUE
        if value is False:
            return FALSE
        if value is None:
            return EMPTY
        if not isinstance(value, list):
            return [value if type(value) not in _UNLIKE else fhir_value(value)]
        if _UNLIKE.isdisjoint(map(type, value)):
            return value
        found = [fhir_value(item) for item in value if item is not None]
        return Partial(found) if type(value) is Partial else found


_UNLIKE = frozenset({type(None), Code, Concept, Interval, Ratio, Uncertainty})


def fhir_value(value: Any) -> Any:
    """A value that FHIRPath does not have, as the FHIR element that stands for it."""
    if type(value) not in _UNLIKE:
        return value
    if type(value) is Code:
        members = {"system": value.system, "version": value.version, "code": value.code, "display": value.display}
        return {name: member for name, member in members.items() if member is not None}
    if type(value) is Concept:
        text = {"text": value.display} if value.display is not None else {}
        return {"coding": [fhir_value(code) for code in value.codes], **text}
    if type(value) is Ratio:
        return {"numerator": to_json(value.numerator), "denominator": to_json(value.denominator)}
    if type(value) is Interval:
        low, high = ("start", "end") if "Date" in type(value.low or value.high).__name__ else ("low", "high")
        return {name: to_json(end) for name, end in ((low, value.low), (high, value.high)) if end is not None}
    raise EvaluationError("the value is uncertain")


class CqlScope:
    """What CQL expressions of one definition see: the names of its first library unqualified, and those of every
    library behind its name. `keys` are names and versions of libraries that compile."""

    def __init__(self, libraries: Libraries, keys: Sequence[tuple[str, str | None]] = ()) -> None:
        self._elm = {name: libraries.elm(name, version) for name, version in keys}
        self._libraries = {name: libraries.library(name, version) for name, version in keys}
        self._surroundings = Surroundings(self._elm, libraries.elm)
        self._view = _view(self._libraries)

    def compile(self, text: str, language: str, constants: Mapping[str, Type] | None = None) -> CqlExpression:
        """An expression in one of LANGUAGES or OLDER_LANGUAGES; `constants` are the types of the `%names` it may use.

        Raises ExpressionSyntaxError and ExpressionSemanticError with line, column and a hint."""
        if OLDER_LANGUAGES.get(language, language) == IDENTIFIER:
            return self._named(text)
        return self._inline(text, language, constants or {})

    def _named(self, text: str) -> CqlExpression:
        owner, name, column = self._parts(text)
        if owner is not None and owner not in self._libraries:
            hint = did_you_mean(owner, self._libraries) or "name a library of this definition"
            raise ExpressionSemanticError(f"there is no library '{owner}'", line=1, column=1, hint=hint)
        libraries = list(self._libraries.values()) if owner is None else [self._libraries[owner]]
        for library in libraries:
            if name in library.defines:
                return of_define(library.defines[name], text)
            if name in library.parameters:
                return of_parameter(library.parameters[name], text)
        known = [own for library in libraries for own in (*library.defines, *library.parameters)]
        remedy = did_you_mean(name, known) or ("list the library under `library:`" if not self._libraries else None)
        raise ExpressionSemanticError(f"no define is named '{name}'", line=1, column=column, hint=remedy)

    def _parts(self, text: str) -> tuple[str | None, str, int]:
        """The library and the name of a reference, and the column of the name: `Name`, `"A name"`, `Library.Name`. A
        name with blanks need not be quoted."""
        if any(text in library.defines for library in self._libraries.values()):
            return None, text, 1
        match parse_expression(text):
            case ast.MemberInvocation(name=name):
                return None, name, 1
            case ast.QualifiedMemberInvocation(source=ast.MemberInvocation(name=owner), name=name, end=end):
                return owner, name, text.rfind(name, 0, end) + 1
        raise ExpressionSemanticError("this is no name", line=1, column=1, hint="write it with the language text/cql")

    def _inline(self, text: str, language: str, constants: Mapping[str, Type]) -> CqlExpression:
        node = translate_expression(text, self._surroundings, constants)
        names = [f"%{name}" for name in constants]
        operands = tuple((f"%{name}", read(specifier(kind))) for name, kind in constants.items())
        body = {"name": text, "expression": node}
        function = Function(self._view, body, operands)
        compiler = Compiler(self._view)
        compiler.need(function)
        for problem in compiler.problems:
            at = problem.location
            raise ExpressionSemanticError(problem.message, line=at.line, column=at.column, hint=problem.hint)
        mentioned = _operands(node)
        reporting = cache(lambda: Compiler(self._view, trace=True).reporting(function))
        slots = [(slot, name[1:]) for slot, name in enumerate(names) if name in mentioned]
        size, run, place = function.slots, function.run, Place("").of(node)

        def value(ev: Evaluation) -> Any:
            root = ev.root or ev
            try:
                if not slots and root.trace is None:
                    return run(root, [None] * size)
                here, needed = (run, size) if root.trace is None else reporting()
                frame: list[Any] = [None] * needed
                for slot, name in slots:
                    frame[slot] = _constant(ev, name)
                return here(root, frame)
            except Exception as error:
                raise located(error, place) from error

        home = next(iter(self._libraries), "")
        return CqlExpression(text, language, node.result, value, self._view, body, home, is_rooted=not slots)


def of_define(define: Define, text: str | None = None) -> CqlExpression:
    """The expression that names a define; computed once per call."""
    compute = define.compute

    def value(ev: Evaluation) -> Any:
        root = ev.root or ev
        found = root.results.get(define, _MISSING)
        return compute(root) if found is _MISSING else found

    kind = result_type_of(define.node)
    made = CqlExpression(text or define.name, IDENTIFIER, kind, value, define.library, define.node)
    made.place, made._define = define.place, define
    return made


def of_parameter(parameter: Parameter, text: str | None = None) -> CqlExpression:
    """The expression that names a parameter."""
    node = parameter.node
    kind = type_of(node, "parameterType", result_type_of(node))
    value = parameter.value
    made = CqlExpression(
        text or parameter.name, IDENTIFIER, kind, lambda ev: value(ev.root or ev), parameter.library, node
    )
    made.place = parameter.place
    return made


def _view(libraries: Mapping[str, Library]) -> Library:
    """A library with the names of the first, whose includes are the others too: what inline CQL is compiled in."""
    view = Library("", None)
    for library in list(libraries.values())[:1]:
        view.includes |= library.includes
        view.defines, view.functions, view.parameters = library.defines, library.functions, library.parameters
        view.code_systems, view.value_sets = library.code_systems, library.value_sets
        view.codes, view.concepts = library.codes, library.concepts
    for name, library in libraries.items():
        view.includes.setdefault(name, library)
    return view


def _operands(node: Any) -> set[str]:
    """The names of the constants that a node mentions."""
    if isinstance(node, dict):
        own = {node["name"]} if node.get("type") == "OperandRef" else set()
        return own.union(*map(_operands, node.values()))
    return set().union(*map(_operands, node)) if isinstance(node, list) else set()


def _constant(ev: Evaluation, name: str) -> Any:
    """The value of `%name` in this evaluation; None when there is none."""
    if name == "resource":
        return ev.resource
    if name == "context":
        return ev.context
    if ev.variables is None:
        return None
    items = ev.variables.value(name)
    return items[0] if items else None
