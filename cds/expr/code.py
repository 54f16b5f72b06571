"""Compiled pieces: what the compiler makes of a syntax node, the scope it makes it in, and the form of a function.

A piece is called with the evaluation and the current `$this`, and can answer in three ways: all its items (`many`),
its single item (`one`), or a three-valued truth (`test`). Each piece brings its natural way; the others are derived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from cds.errors import EvaluationError
from cds.expr.evaluation import Evaluation
from cds.expr.types import Types
from cds.expr.values import EMPTY, FALSE, TRUE

if TYPE_CHECKING:
    pass

Many = Callable[[Evaluation, Any], list[Any]]
One = Callable[[Evaluation, Any], Any]
Test = Callable[[Evaluation, Any], bool | None]
#: What makes the items, or None and the items.
Part = tuple[Many | None, list[Any]]
Names = frozenset[str]


@dataclass(frozen=True, slots=True)
class Sources:
    """The %variables below a piece, by what missing data behind them would do: `items` feed its collection, `criteria`
    may have made a criterion drop an item, `mentions` are all but those that only the criterion of an iif() asks for.
    A truth has neither items nor criteria: its own {} says unknown."""

    items: Names = frozenset()
    criteria: Names = frozenset()
    mentions: Names = frozenset()

    def __bool__(self) -> bool:
        return bool(self.items or self.criteria)

    def union(self, *others: Sources) -> Sources:
        """The sources of a piece made of several."""
        every = (self, *others)
        return Sources(
            frozenset().union(*(part.items for part in every)),
            frozenset().union(*(part.criteria for part in every)),
            frozenset().union(*(part.mentions for part in every)),
        )

    def of_truth(self) -> Sources:
        """What is left of them in a boolean."""
        return Sources(mentions=self.mentions)

    def of_criterion(self) -> Sources:
        """What they are when the piece decides about items: all that it mentions."""
        return Sources(self.items, self.mentions, self.mentions)


NO_SOURCES = Sources()
BOOLEAN: Types = frozenset({"System.Boolean"})
STRING: Types = frozenset({"System.String"})
INTEGER: Types = frozenset({"System.Integer"})
LONG: Types = frozenset({"System.Long"})
DECIMAL: Types = frozenset({"System.Decimal"})
DATE: Types = frozenset({"System.Date"})
DATETIME: Types = frozenset({"System.DateTime"})
TIME: Types = frozenset({"System.Time"})
QUANTITY: Types = frozenset({"System.Quantity"})


class Code:
    """One compiled piece. `types` are the possible types of its items (None: unknown); `constant` its items when they
    never change; `free` is True when `$this`, `$index` and `$total` do not matter to it; `single` is True when it never
    has more than one item; `defines` are the variables it adds to what follows, `sources` those it depends on.
    `member` is the element of a plain `$this` that the piece is, when it is no more than that."""

    __slots__ = (
        "_many",
        "_one",
        "_test",
        "constant",
        "defines",
        "error",
        "free",
        "member",
        "single",
        "sources",
        "types",
    )

    def __init__(
        self,
        many: Many | None = None,
        *,
        one: One | None = None,
        test: Test | None = None,
        error: Callable[[str, str | None], EvaluationError],
        types: Types | None = None,
        constant: list[Any] | None = None,
        free: bool = False,
        single: bool = False,
        sources: Sources = NO_SOURCES,
        defines: Mapping[str, Definition] | None = None,
    ) -> None:
        self._many = many
        self._one = one
        self._test = test
        self.error = error
        self.types = types
        self.constant = constant
        self.free = free
        self.single = single or one is not None or test is not None
        self.sources = sources
        self.defines = defines or {}
        self.member: str | None = None

    @property
    def many(self) -> Many:
        """All items."""
        if self._many is None:
            self._many = _many_of_test(self._test) if self._test is not None else _many_of_one(self._one)
        return self._many

    @property
    def one(self) -> One:
        """The single item, None when empty; EvaluationError when there are more."""
        if self._one is None:
            self._one = self._test if self._test is not None else one_of_many(self.many, self.error)
        return self._one

    def quicker(self, one: One, test: Test | None = None) -> Code:
        """This piece with a quicker way to its single item, and to its truth, that need not make a list first."""
        self._one, self._test = one, test
        return self

    @property
    def part(self) -> Part:
        """All items: None and the list itself when they never change, so that nothing need be called."""
        return (self.many, EMPTY) if self.constant is None else (None, self.constant)

    @property
    def test(self) -> Test:
        """Singleton evaluation as a condition (FHIRPath 4.5)."""
        if self._test is None:
            self._test = _test_of_one(self.one)
        return self._test

    def doubt(self) -> Callable[[Evaluation], bool]:
        """A question for run time: may items be missing because data was not obtained? Then an answer that only an
        absence would give is unknown."""
        sources = self.sources
        if not sources:
            return _never

        def doubtful(ev: Evaluation) -> bool:
            variables = ev.variables
            return not (ev.certain or variables is None) and (
                any(variables.incomplete(name) for name in sources.items)
                or any(variables.undecided(name) for name in sources.criteria)
            )

        return doubtful

    @property
    def complex(self) -> bool:
        """True when every possible type is known to be no primitive and no System type."""
        return bool(self.types) and all(kind[:1].isupper() and "." not in kind for kind in self.types or ())


def _never(_: Evaluation) -> bool:
    return False


def _many_of_test(test: Test | None) -> Many:
    assert test is not None  # noqa: S101 - Code always has one of its three forms

    def many(ev: Evaluation, this: Any) -> list[Any]:
        answer = test(ev, this)
        return TRUE if answer else EMPTY if answer is None else FALSE

    return many


def _many_of_one(one: One | None) -> Many:
    assert one is not None  # noqa: S101 - Code always has one of its three forms

    def many(ev: Evaluation, this: Any) -> list[Any]:
        item = one(ev, this)
        return EMPTY if item is None else [item]

    return many


def one_of_many(many: Many, error: Callable[[str, str | None], EvaluationError]) -> One:
    """The single item of a collection, None when it is empty."""

    def one(ev: Evaluation, this: Any) -> Any:
        items = many(ev, this)
        if len(items) == 1:
            return items[0]
        if items:
            hint = "choose one with first(), or use where, all or exists"
            raise error(f"expected one item, found {len(items)}", hint)
        return None

    return one


def _test_of_one(one: One) -> Test:
    def test(ev: Evaluation, this: Any) -> bool | None:
        item = one(ev, this)
        return item if item is None or type(item) is bool else True

    return test


@dataclass(frozen=True, slots=True)
class Definition:
    """A variable made by defineVariable(): the slot that holds its items, and what is known about them."""

    slot: int
    sources: Sources
    types: Types | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a piece stands. `this` tells what `$this` is at run time: one plain item, one Node (or plain item), or the
    list of items of the outer focus; `primitive` tells whether it may be a primitive. `loop` counts the enclosing
    lambdas; slots hold `$index` and `$total`."""

    this: Literal["item", "node", "list"]
    types: Types | None = None
    primitive: bool = False
    loop: int = 0
    index: int | None = None
    total: int | None = None
    names: Mapping[str, Definition] = field(default_factory=dict)

    def inside(
        self, this: Literal["item", "node"], types: Types | None, index: int | None, *, primitive: bool = True
    ) -> Scope:
        """The scope of a lambda body."""
        return replace(self, this=this, types=types, loop=self.loop + 1, index=index, primitive=primitive)


class Loop:
    """The parts of a function that evaluates a body per item."""

    __slots__ = ("base", "index", "scope", "unwrap")

    def __init__(self, base: Code, scope: Scope, index: int | None, *, unwrap: bool) -> None:
        self.base = base
        self.scope = scope
        self.index = index
        self.unwrap = unwrap


Form = Literal["scalar", "collection", "special"]
#: The most arguments of a function that takes any number of them.
_MANY = 100


@dataclass(frozen=True, slots=True)
class Function:
    """One row of the function table.

    `arguments` names the arguments, separated by spaces: `name?` may be left out, `name*` may be given any number of
    times, `name+` at least once. `least` and `most` count them.

    `scalar`: handler(input, *arguments) on single items, called only when none is empty. `collection`: handler(ev,
    items, *lists). `special`: handler(compiler, call, scope, typed) makes the Code itself.
    `empty` says what an empty input gives, `gives` what the result is where `types` cannot say it; `section` is the
    place in the specification. `lambdas`: arguments are evaluated per item. `passes`: items of the input are handed on
    as they are; `projects`: items of a lambda are. `typed`: needs the FHIR type or extensions of its input. `check`
    (compiler, call, arguments) finds what is wrong with constant arguments when the expression is compiled."""

    name: str
    arguments: str
    form: Form
    handler: Callable[..., Any]
    section: str
    summary: str
    empty: str = "{ }"
    types: Types | None = None
    lambdas: bool = False
    passes: bool = False
    projects: bool = False
    typed: bool = False
    text: bool = False
    standard: bool = True
    gives: str = ""
    check: Callable[..., None] | None = None
    least: int = field(init=False)
    most: int = field(init=False)

    def __post_init__(self) -> None:
        names = self.arguments.split()
        object.__setattr__(self, "least", sum(name[-1] not in "?*" for name in names))
        object.__setattr__(self, "most", _MANY if self.arguments.endswith(("*", "+")) else len(names))

    @property
    def signature(self) -> str:
        """The function as a call with named arguments: `iif(criterion, true-result [, otherwise-result])`."""
        text = ""
        for name in self.arguments.split():
            comma = ", " if text else ""
            more = ", ..." if name[-1] in "*+" else ""
            shown = name.rstrip("?*+") + more
            text += f"{' ' * bool(text)}[{comma}{shown}]" if name[-1] in "?*" else comma + shown
        return f"{self.name}({text})"

    @property
    def arity(self) -> str:
        """The number of arguments, as a phrase."""
        plural = "s" * (self.most > 1)
        if self.most == _MANY:
            return f"{self.least} or more arguments"
        if self.least == self.most:
            return f"{self.most} argument{plural}" if self.most else "no arguments"
        if not self.least:
            return f"at most {self.most} argument{plural}"
        return f"{self.least} to {self.most} arguments"
