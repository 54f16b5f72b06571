"""What a traced evaluation tells of its way: a Step for every node, and what the function trace() is given.

Only expressions compiled for a trace report. Items of FHIRPath are then Nodes throughout, so that types and places are
known. How CQL reports is in cds/expr/elm/steps.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cds.expr import ast
from cds.expr.code import Code, Many, Scope
from cds.expr.evaluation import FEW, Evaluation
from cds.expr.functions.types import type_of
from cds.expr.lexer import Token, place, tokens
from cds.expr.navigate import as_node
from cds.expr.quantity import Quantity
from cds.expr.types import Model, Release, Types, model
from cds.expr.values import Node, plain


class Item:
    """One item with its type and place."""

    __slots__ = ("raw",)

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    @property
    def type(self) -> str:
        """Its type name: `HumanName`, `code`, or `System.Integer` and the like."""
        kind = type_of(self.raw)
        return f"System.{kind.name}" if kind.namespace == "System" else kind.name

    @property
    def value(self) -> Any:
        """The plain item; None for a primitive that has extensions only."""
        return self.raw.value if type(self.raw) is Node else self.raw

    @property
    def path(self) -> str | None:
        """Where the traced resource holds it (`Patient.name[0].given[1]`); None for what it does not hold."""
        return self.raw.path if type(self.raw) is Node else None


@dataclass(frozen=True, slots=True)
class Step:
    """One node, just evaluated: the line and column where it stands (in CQL of `library`), its name or operator, its
    items, of which CQL has always one. `index` counts in the innermost loop, None outside of any.

    FHIRPath tells more: offset and length of the name or operator in the text, `this`, and as `focus` what it was
    called on (`$this` for what stands alone)."""

    line: int
    column: int
    name: str
    items: list[Item]
    index: int | None
    library: str = ""
    position: int = 0
    length: int = 0
    focus: list[Item] = field(default_factory=list)
    this: list[Item] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many items it holds, those of a list in CQL one by one."""
        listed = sum(len(item.raw) for item in self.items if type(item.raw) is list)
        return len(self.items) + len(self.focus) + len(self.this) + listed


class Trace:
    """Watches evaluations over one resource. `step` is called after every node, innermost first and once for each
    iteration; `log` with the name and the items that trace() is given (FHIRPath 5.9)."""

    def __init__(
        self,
        resource: Any = None,
        *,
        release: Release = "R4",
        step: Callable[[Step], None] | None = None,
        log: Callable[[str, list[Item]], None] | None = None,
    ) -> None:
        self.step = step
        self._log = log
        self._places = _places(resource, model(release))

    def tell(self, name: str, items: list[Any]) -> None:
        """Hand on what trace() is given."""
        self.note(name, list(map(Item, items)))

    def note(self, name: str, items: list[Item]) -> None:
        """Hand on what trace() of FHIRPath or Message of CQL is given."""
        if self._log is not None:
            self._log(name, items)

    def placed(self, items: list[Any]) -> list[Any]:
        """Items as Nodes that know their place, as far as they have one."""
        nodes = [as_node(item) if type(item) is dict else item for item in items]
        for node in nodes:
            if type(node) is Node and node.path is None and type(node.value) is dict:
                node.path = self._places.get(id(node.value))
        return nodes


#: What a debugger can show: steps of one call, and the items in them.
MAX_STEPS = 10_000
MAX_STEP_ITEMS = 100_000


class Room:
    """How much of a trace is kept: MAX_STEPS steps with MAX_STEP_ITEMS items."""

    def __init__(self) -> None:
        self._steps, self._items = MAX_STEPS, MAX_STEP_ITEMS

    def has(self, step: Step) -> bool:
        """Take the place of a step; False when there is no more, for this step and all that follow."""
        self._steps -= 1
        self._items -= step.size
        return self._steps >= 0 and self._items >= 0


def _places(resource: Any, choices: Model) -> dict[int, str]:
    """The path of every object below a resource, by its id()."""
    places: dict[int, str] = {}
    pending: list[tuple[Any, str]] = []
    if type(resource) is dict:
        pending.append((resource, str(resource.get("resourceType", "Element"))))
    while pending:
        value, path = pending.pop()
        if type(value) is list:
            pending += [(entry, f"{path}[{index}]") for index, entry in enumerate(value) if type(entry) is dict]
            continue
        places[id(value)] = path
        for key, child in value.items():
            if type(child) in (dict, list):
                name = key.removeprefix("_")
                pending.append((child, f"{path}.{choices.choice_of(name) or name}"))
    return places


def with_value(many: Many) -> Many:
    """The items of `many` without the primitives that have extensions only."""
    return lambda ev, this: [item for item in many(ev, this) if type(item) is not Node or item.value is not None]


class Steps:
    """Makes the closures that report the nodes of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.types: dict[int, Types | None] = {}
        self._tokens = {token.at: (token, following) for token, following in _pairs(tokens(text))}
        self._slots: dict[ast.Node, int] = {}

    def reported(self, node: ast.Node, made: Code, scope: Scope, slot: int, typed: bool) -> Many:
        """The items of `made`, told to the trace of the evaluation; plain ones unless `typed`. They stay in `slot` for
        the node that is called on them."""
        many, index = made.many, scope.index
        self._slots[node], self.types[node.at] = slot, made.types
        base = self._slots.get(node.base) if isinstance(node, (ast.Member, ast.Call, ast.Index)) else None
        line, column = place(self.text, node.at)
        name, length = self.name(node), self.length(node)
        shown = not isinstance(node, ast.Special) or self.text[node.at] == "$"

        def items(ev: Evaluation, this: Any) -> list[Any]:
            if base is not None:
                ev.slots[base] = None
            found = many(ev, this)
            trace = ev.trace
            if trace is not None:
                if len(found) > FEW:
                    ev.spend(len(found))
                found = ev.slots[slot] = trace.placed(found)
                if shown and trace.step is not None:
                    around = this if type(this) is list else [] if this is None else [this]
                    focus = around if base is None or ev.slots[base] is None else ev.slots[base]
                    at = None if index is None else ev.slots[index]
                    told, on, about = _items(found), _items(focus), _items(around)
                    trace.step(Step(line, column, name, told, at, "", node.at, length, on, about))
            return found if typed else plain(found)

        return items

    def length(self, node: ast.Node) -> int:
        """How long the name, literal or operator at the node is in the text."""
        token, following = self._tokens[node.at]
        spans = isinstance(node, ast.Variable) or (
            isinstance(node, ast.Literal) and (node.value is None or (isinstance(node.value, Quantity)))
        )
        return (following if spans else token).end - node.at

    def name(self, node: ast.Node) -> str:
        """What the node is called: its name or operator, `constant` for a literal."""
        if isinstance(node, ast.Literal):
            return "constant"
        if isinstance(node, ast.Index):
            return "[]"
        if isinstance(node, (ast.Member, ast.Call)):
            return node.name
        if isinstance(node, (ast.Unary, ast.Binary, ast.Chain)):
            return node.operator
        return self.text_of(node)

    def text_of(self, node: ast.Node) -> str:
        """The name, literal or operator at the node as it is written."""
        return self.text[node.at : node.at + self.length(node)]


def _items(raw: list[Any]) -> list[Item]:
    return list(map(Item, raw))


def _pairs(found: list[Token]) -> zip[tuple[Token, Token]]:
    """Each token with the one behind it."""
    return zip(found, [*found[1:], found[-1]], strict=True)
