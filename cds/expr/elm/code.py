"""What the compiler passes around: pieces of compiled code, the scope they stand in, and their place in the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cds.errors import CdsError, EvaluationError, ExpressionError, LimitError
from cds.expr.elm.specifiers import Type
from cds.expr.evaluation import Evaluation

#: One compiled node. The frame holds the slots of the define or function call it belongs to.
Run = Callable[[Evaluation, list[Any]], Any]
Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Test:
    """A truth that hangs on one member of the dict in a slot: whether it `holds`, or, not `wanted`, whether it does
    not. It holds when the member, a FHIR.CodeableConcept, has a code of one of the `systems`; where they are None, when
    the member is there. One that is not `exact` is false without it, and may be with it."""

    slot: int
    name: str
    holds: Callable[[Any], bool]
    systems: frozenset[str] | None
    wanted: bool = True
    exact: bool = True

    def sieve(self, items: list[Any]) -> list[Any]:
        """The items for which it is not false, as far as that is seen without running anything."""
        name, holds, wanted = self.name, self.holds, self.wanted
        return [item for item in items if item.__class__ is not dict or holds(item.get(name)) is wanted]


@dataclass(slots=True)
class Piece:
    """A compiled node: how to run it, its static type (None: not known), and whether its value is always `value`.
    `slot` is set when running it only reads that slot, `member` when it reads that member of the dict in a slot, and
    `test` when that decides its truth; `retrieved` is the FHIR type when it retrieves all resources of that."""

    run: Run
    type: Type | None = None
    constant: bool = False
    value: Any = None
    slot: int | None = None
    member: tuple[int, str] | None = None
    test: Test | None = None
    retrieved: str | None = None


def constant(value: Any, kind: Type | None = None) -> Piece:
    """A piece that always has this value."""
    return Piece(lambda _ev, _frame: value, kind, constant=True, value=value)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: library, and line and column (0 when the ELM carries no locators)."""

    library: str
    line: int = 0
    column: int = 0

    def of(self, node: Node) -> Place:
        """The place of a node, this one when it carries none."""
        line, _, rest = str(node.get("locator", "")).partition(":")
        column = rest.partition("-")[0]
        if line.isdigit() and column.isdigit():
            return Place(self.library, int(line), int(column))
        return self


def text_of(node: Node, text: str) -> str | None:
    """What a node is written as in the text of its library, by its locator; None for one without."""
    start, _, end = str(node.get("locator", "")).partition("-")
    if not end:
        return None
    (line, column), (last, until) = ([int(part) for part in at.split(":")] for at in (start, end))
    lines = text.split("\n")  # as lines of CQL are counted
    written = [*lines[line - 1 : last - 1], lines[last - 1][:until]]
    written[0] = written[0][column - 1 :]
    return "\n".join(written)


def located(error: Exception, place: Place) -> CdsError:
    """The error with the place it comes from; one that has a place keeps it. Surprises become EvaluationErrors that
    quote no data."""
    if isinstance(error, ExpressionError):
        if error.line or error.library:
            return error
        message, hint, kind = error.message, error.hint, type(error)
    elif isinstance(error, CdsError):
        return error
    elif isinstance(error, RecursionError):
        message, hint, kind = "the evaluation is nested too deeply", None, LimitError
    else:
        message, hint, kind = f"the expression failed: {type(error).__name__}", None, EvaluationError
    return kind(message, line=place.line, column=place.column, hint=hint, library=place.library)


class Slots:
    """The slots of a frame, counted while a define or function is compiled."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> int:
        """One more slot."""
        self.count += 1
        return self.count - 1


@dataclass(frozen=True, slots=True)
class Binding:
    """What a name stands for: a slot of the frame and the static type of its values. A `let` is computed at its first
    use in a row: its slot holds UNSET until then."""

    slot: int
    type: Type | None
    let: Piece | None = None


#: In the slot of a let that no one has asked for in this row.
UNSET: Any = object()


@dataclass(frozen=True, slots=True)
class Scope:
    """The names a node can see. `this` is the item that sort expressions and bare identifiers are about, `index` counts
    in the innermost loop."""

    slots: Slots
    names: Mapping[str, Binding] = field(default_factory=dict)
    operands: Mapping[str, Binding] = field(default_factory=dict)
    this: Binding | None = None
    index: int | None = None

    def bind(self, name: str, kind: Type | None, let: Piece | None = None) -> tuple[Scope, int]:
        """The scope with one more name, and the slot of its value."""
        binding = Binding(self.slots.new(), kind, let)
        return replace(self, names={**self.names, name: binding}), binding.slot

    def about(self, kind: Type | None) -> tuple[Scope, int]:
        """The scope of an expression about one item, and the slot of that item."""
        binding = Binding(self.slots.new(), kind)
        return replace(self, names={**self.names, "$this": binding}, this=binding), binding.slot
