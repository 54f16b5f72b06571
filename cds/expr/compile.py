"""The public door: text to an Expression that any number of threads may call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from cds.errors import (
    CdsError,
    EvaluationError,
    ExpressionError,
    ExpressionLimitError,
    ExpressionSemanticError,
    LimitError,
)
from cds.expr.code import BOOLEAN, Many, Scope
from cds.expr.compiler import Compiler
from cds.expr.evaluation import Evaluation
from cds.expr.fhirpath import parse
from cds.expr.trace import Item
from cds.expr.types import Release, Types
from cds.expr.values import plain, truth

LANGUAGES = ("text/fhirpath",)


class Expression:
    """One compiled expression. Immutable for its callers and safe to share: what it learns later (the form for a
    focus of several items, for typed results, for a trace) it derives from the text alone.

    `variables` are the %names it mentions beyond the standard ones; `sources` those whose items feed its result,
    `criteria` those that choose among them. `boolean` is True when the result can only be a truth: it then has
    neither, for its own emptiness says unknown. `types` are the possible types of its items, None when open.
    `constant` are its items when they are the same in every evaluation, else None; `tree` is its syntax
    tree."""

    __slots__ = (
        "_compiler_of",
        "_focus",
        "_forms",
        "_is_plain",
        "_main",
        "boolean",
        "constant",
        "criteria",
        "language",
        "sources",
        "text",
        "tree",
        "types",
        "variables",
    )

    def __init__(
        self,
        text: str,
        language: str,
        variables: Collection[str] | None,
        focus: str | None,
        release: Release,
        strict: bool,
        constants: Mapping[str, Sequence[str]],
    ) -> None:
        self.text = text
        self.language = language
        self.tree = parse(text)
        self._focus = types = frozenset({focus}) if focus else None
        self._compiler_of: Callable[..., Compiler] = lambda **options: Compiler(
            text, variables=variables, release=release, lenient=not strict, constants=constants, **options
        )
        self._forms: dict[tuple[str, bool, bool], tuple[Many, int]] = {}
        compiler = self._compiler_of(focused=focus is not None)
        code = compiler.code(self.tree, Scope("item", types))
        self._main = self._forms[("item", False, False)] = (code.many, compiler.slots)
        self._is_plain = not compiler.is_typed
        self.types = code.types
        self.constant = code.constant
        self.variables = frozenset(compiler.mentioned)
        self.sources = code.sources.items
        self.criteria = code.sources.criteria
        self.boolean = code.single and code.types == BOOLEAN

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def types_by_position(self) -> dict[int, Types | None]:
        """The possible types of each node by its offset in the text, as far as they are known without data."""
        compiler = self._compiler_of(trace=True)
        compiler.code(self.tree, Scope("node", self._focus))
        return compiler.steps.types if compiler.steps is not None else {}

    def _form(self, this: Any, typed: bool, trace: bool) -> tuple[Many, int]:
        """The closure for a way of calling, and how many slots it needs."""
        form = self._forms.get((this, typed, trace))
        if form is None:
            compiler = self._compiler_of(trace=trace)
            try:
                code = compiler.code(self.tree, Scope(this), typed)
            except RecursionError as error:  # a long path is one piece in the main form, and nested in others
                raise _surprise(error) from None
            form = self._forms[(this, typed, trace)] = (code.many, compiler.slots)
        return form

    def __call__(self, evaluation: Evaluation, focus: list[Any] | None = None) -> list[Any]:
        """The items of the expression for `focus` (the evaluation's context by default), in a new list.

        Raises EvaluationError, LimitError when a guard stopped it; errors of the evaluation's own Variables, resolver
        and Terminology pass through when they are CdsErrors."""
        if focus is None:
            return self.items(evaluation).copy()
        return plain(self._run(evaluation, focus, False)).copy()

    def items(self, evaluation: Evaluation) -> list[Any]:
        """As a call on the evaluation's context, in a list that may be the data's own: not to be changed."""
        if evaluation.context is None or evaluation.trace is not None:
            return plain(self._run(evaluation, None, False))
        many, slots = self._main
        if slots:
            items = self._guarded(many, slots, evaluation, evaluation.context)
            return items if self._is_plain else plain(items)
        try:
            items = many(evaluation, evaluation.context)
            return items if self._is_plain else plain(items)
        except CdsError:
            raise
        except Exception as error:
            raise _surprise(error) from error

    #: it may ask an evaluation for variables, which the root of others has not
    is_rooted = False

    def truth(self, evaluation: Evaluation) -> bool | None:
        """The items as a condition (FHIRPath 4.5), and the errors of items()."""
        return truth(self.items(evaluation))

    def typed(self, evaluation: Evaluation, focus: list[Any] | None = None) -> list[tuple[str, Any]]:
        """As a call, each item with its type name: `code`, `HumanName`, `Patient`, or `System.Integer` and the like."""
        items = map(Item, self._run(evaluation, focus, True))
        return [(item.type, item.value) for item in items if item.value is not None]

    def traced(self, evaluation: Evaluation, focus: Item | None = None) -> list[Item]:
        """As a call of an evaluation that has a trace, each item with its type and place. `focus` may be an item of
        another traced evaluation of the same resource."""
        given = None if focus is None else [focus.raw]
        return [item for item in map(Item, self._run(evaluation, given, True)) if item.value is not None]

    def _run(self, evaluation: Evaluation, focus: list[Any] | None, typed: bool) -> list[Any]:
        if focus is None:
            focus = [] if evaluation.context is None else [evaluation.context]
        single = len(focus) == 1
        if evaluation.trace is not None:
            focus = evaluation.trace.placed(focus)
            many, slots = self._form("node" if single else "list", typed, True)
        else:
            many, slots = self._form("item" if single else "list", typed, False)
        return self._guarded(many, slots, evaluation, focus[0] if single else focus)

    def _guarded(self, many: Many, slots: int, evaluation: Evaluation, this: Any) -> list[Any]:
        """One run of a closure in slots of its own, with every surprise as an EvaluationError."""
        saved = evaluation.slots
        if slots:
            evaluation.slots = [None] * slots
        try:
            return many(evaluation, this)
        except CdsError:
            raise
        except Exception as error:
            raise _surprise(error) from error
        finally:
            evaluation.slots = saved


def _surprise(error: Exception) -> EvaluationError:
    """An error that is none of ours, as one that quotes no data."""
    if isinstance(error, RecursionError):
        return LimitError("the evaluation is nested too deeply")
    return EvaluationError(f"the expression failed: {type(error).__name__}")


@lru_cache(maxsize=4096)
def _compile(
    text: str,
    language: str,
    variables: Any,
    focus: str | None,
    release: Release,
    strict: bool,
    constants: tuple[tuple[str, tuple[str, ...]], ...],
) -> Expression:
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise ExpressionSemanticError(f"unknown language '{language}'", line=1, column=1, hint=f"known: {known}")
    known_names = dict(variables[1]) if variables and variables[0] == "types" else variables and variables[1]
    try:
        return Expression(text, language, known_names, focus, release, strict, dict(constants))
    except ExpressionError:
        raise
    except RecursionError:
        raise ExpressionLimitError("the expression is nested too deeply", line=1, column=1) from None


def compile(  # noqa: A001 - the word for it; the module is the only place it hides the builtin
    text: str,
    language: str = "text/fhirpath",
    *,
    variables: Collection[str] | None = None,
    focus: str | None = None,
    release: Release = "R4",
    strict: bool = True,
    constants: Mapping[str, Sequence[str]] | None = None,
    keep: bool = True,
) -> Expression:
    """Compile an expression; results are cached by the arguments unless `keep` is False, as it must be for text that
    anyone may send.

    `variables` are the %names that exist beyond the standard ones (None: any; a mapping gives their types, `A|B`
    where there are several, and so has paths below them checked). `focus` is the FHIR type the expression will be
    called on: its paths are then checked. `release` is the FHIR release the data is of. Without `strict`, faults
    that the language lets an evaluator find late wait until they are evaluated (unknown types, times with an
    offset), and without `focus` choices may then be called by their JSON name (`valueQuantity`). `constants` are the
    strings of variables that have the same in every evaluation, which is then not asked for them. Raises
    ExpressionSyntaxError and ExpressionSemanticError with line, column and a hint."""
    key: Any = None
    if isinstance(variables, Mapping):
        key = ("types", tuple(sorted(variables.items())))
    elif variables is not None:
        key = ("names", frozenset(variables))
    fixed = tuple((name, tuple(items)) for name, items in sorted((constants or {}).items()))
    make = _compile if keep else _compile.__wrapped__
    return make(text, language, key, focus, release, strict, fixed)
