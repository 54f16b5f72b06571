"""Syntax tree to closures: one method per kind of node, paths and variables; operators and functions are tables.

Plain compilation works on JSON values as they are. Where a function needs the FHIR type or the extensions of a
primitive, the pieces below it are compiled typed: the same closures, over Nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from cds.errors import EvaluationError, ExpressionSemanticError, did_you_mean
from cds.expr import ast, calls, focus, hints, navigate, operators
from cds.expr.analysis import Analysis, mentions
from cds.expr.code import BOOLEAN, NO_SOURCES, Code, Definition, Function, Loop, Many, One, Scope, Sources, Test
from cds.expr.evaluation import Evaluation
from cds.expr.functions import FUNCTIONS
from cds.expr.lexer import place, semantic_error, syntax_error
from cds.expr.trace import Steps, with_value
from cds.expr.types import Model, Release, Types, model
from cds.expr.values import EMPTY, plain, system_type

_NAMES_SHOWN = 20
_COMMON = frozenset({"id", "extension", "modifierExtension", "contained", "implicitRules", "meta", "text", "language"})
_ORDERED = frozenset({"first", "last", "skip", "take", "tail"})


@lru_cache
def analysis(release: Release) -> Analysis:
    """The analysis over a release's model and our functions, made once."""
    return Analysis(model(release), FUNCTIONS)


class Compiler:
    """Compiles one expression. `variables` are the known %names (None: any), with their types when it is a mapping;
    `focused` says that the type of the focus is known and given; `lenient` leaves faults to the evaluation where the
    language allows it; `trace` reports every node at run time; `release` chooses the type model."""

    def __init__(
        self,
        text: str,
        *,
        variables: Collection[str] | None = None,
        focused: bool = False,
        lenient: bool = False,
        trace: bool = False,
        release: Release = "R4",
        constants: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.text = text
        self.constants = constants or {}
        self.known = variables
        self.lenient = lenient
        self.strict = focused and not lenient
        self.by_key = lenient and not focused
        self.trace = trace
        self.slots = 0
        self.is_typed = False
        self.mentioned: set[str] = set()
        self.release: Release = release
        self.model: Model = model(release)
        self.analysis = analysis(release)
        self.steps = Steps(text) if trace else None

    # --- places and errors ---

    def semantic(self, node: ast.Node, message: str, hint: str | None = None) -> ExpressionSemanticError:
        """A semantic error at a node."""
        return semantic_error(self.text, node.at, message, hint)

    def failure(self, node: ast.Node) -> Callable[[str, str | None], EvaluationError]:
        """A maker of evaluation errors at a node, for closures to keep."""
        text, at = self.text, node.at

        def error(message: str, hint: str | None = None) -> EvaluationError:
            line, column = place(text, at)
            return EvaluationError(message, line=line, column=column, hint=hint)

        return error

    def is_taken(self, name: str) -> bool:
        """True for a %name that exists outside the expression."""
        return focus.is_standard(name) or (self.known is not None and name in self.known)

    def slot(self) -> int:
        """A new slot of the running evaluation."""
        self.slots += 1
        return self.slots - 1

    def make(
        self,
        node: ast.Node,
        many: Many | None = None,
        *,
        parts: tuple[Code, ...] = (),
        one: One | None = None,
        test: Test | None = None,
        types: Types | None = None,
        single: bool = False,
    ) -> Code:
        """A piece made of `parts`: free when they all are, with the sources of them all."""
        sources = NO_SOURCES.union(*(part.sources for part in parts)) if parts else NO_SOURCES
        if test is not None or (one is not None and types == BOOLEAN):
            sources = sources.of_truth()
        defines: dict[str, Definition] = {}
        if parts and isinstance(node, (ast.Member, ast.Index, ast.Call)):
            defines.update(parts[0].defines)
        return Code(
            many,
            one=one,
            test=test,
            error=self.failure(node),
            types=types,
            free=bool(parts) and all(part.free for part in parts),
            single=single,
            sources=sources,
            defines=defines,
        )

    # --- entry ---

    def code(self, node: ast.Node, scope: Scope, typed: bool = False) -> Code:
        """The piece for one node; its items are Nodes where possible when `typed`."""
        self.is_typed = self.is_typed or typed
        if self.steps is None:
            made: Code = _COMPILERS[type(node)](self, node, scope, typed)
            return made
        node = ast.nested(node)
        made = _COMPILERS[type(node)](self, node, scope, True)
        return self._replaced(made, self.steps.reported(node, made, scope, self.slot(), typed), constant=False)

    def operand(self, node: ast.Node, scope: Scope) -> Code:
        """The piece for an operand or argument: inside a loop, what does not depend on the loop is computed once."""
        made = self.code(node, scope)
        if self.trace:
            return made
        if scope.loop and made.free and made.constant is None and isinstance(node, (ast.Binary, ast.Chain, ast.Call)):
            return self._hoisted(made)
        return made

    def _hoisted(self, made: Code) -> Code:
        many, slot = made.many, self.slot()

        def once(ev: Evaluation, this: Any) -> list[Any]:
            items: list[Any] | None = ev.slots[slot]
            if items is None:
                items = ev.slots[slot] = many(ev, this)
            return items

        return self._replaced(made, once)

    def _replaced(self, made: Code, many: Many, *, constant: bool = True) -> Code:
        """`made` with another closure for the same items, to be called even where they never change unless
        `constant`."""
        return Code(
            many,
            error=made.error,
            types=made.types,
            constant=made.constant if constant else None,
            free=made.free,
            single=made.single,
            sources=made.sources,
            defines=made.defines,
        )

    # --- leaves ---

    def literal(self, node: ast.Literal, _scope: Scope, _typed: bool) -> Code:
        """A constant."""
        fault = None if self.lenient else hints.unit_fault(node.value)
        if fault is not None:
            raise self.semantic(node, *fault)
        return self._constant(node, EMPTY if node.value is None else [node.value])

    def _constant(self, node: ast.Node, items: list[Any]) -> Code:
        """Items that never change."""
        value = items[0] if items else None
        one = (lambda _ev, _this: value) if len(items) < 2 else None
        types = frozenset(f"System.{system_type(item)}" for item in items) or None
        error = self.failure(node)
        return Code(lambda _ev, _this: items, one=one, error=error, types=types, constant=items, free=True)

    def special(self, node: ast.Special, scope: Scope, typed: bool) -> Code:
        """`$this`, `$index` or `$total`."""
        if node.name == "$this":
            return self.this(node, scope, typed)
        slot = scope.index if node.name == "$index" else scope.total
        if slot is None:
            where = "where, select, all, exists, repeat" if node.name == "$index" else "aggregate"
            raise self.semantic(node, f"{node.name} has no value here", f"it exists inside {where}")
        if node.name == "$index":
            return self.make(node, one=lambda ev, _this: ev.slots[slot], types=frozenset({"System.Integer"}))
        return self.make(node, lambda ev, _this: ev.slots[slot] or EMPTY)

    def this(self, node: ast.Node, scope: Scope, typed: bool) -> Code:
        """`$this` in the form the scope has it."""
        many: Many
        if scope.this == "list":
            many = focus.these_nodes if typed else focus.these
        elif typed:
            many = focus.this_node
        elif scope.this == "item":
            return self.make(node, focus.this_item, types=scope.types, single=True).quicker(focus.this_one)
        else:
            many = focus.this_plain
        return self.make(node, many, types=scope.types, single=scope.this != "list")

    def variable(self, node: ast.Variable, scope: Scope, typed: bool) -> Code:
        """`%name`: defined in the expression, fixed, a surrounding, or one of the evaluation."""
        name = node.name
        if name in scope.names:
            return self._defined(node, scope.names[name], typed)
        constant = focus.constant(name)
        if constant is not None:
            return self.literal(ast.Literal(node.at, 1, constant), scope, typed)
        if name in focus.SURROUNDINGS:
            return self._surrounding(node, typed)
        if name in self.constants:
            return self._constant(node, list(self.constants[name]))
        if "" in scope.names and not self.is_taken(name):
            return self._late(node, scope.names[""], typed)
        return self._outer(node, scope, typed)

    def _defined(self, node: ast.Node, definition: Definition, typed: bool) -> Code:
        slot = definition.slot
        made = self.make(node, lambda ev, _this: ev.slots[slot] or EMPTY, types=definition.types)
        made.sources = definition.sources
        return self.nodes_of(node, made) if typed else made

    def _late(self, node: ast.Variable, definition: Definition, typed: bool) -> Code:
        made = self.make(node, focus.late(definition.slot, node.name, self.failure(node)))
        made.sources = definition.sources
        return self.nodes_of(node, made) if typed else made

    def _surrounding(self, node: ast.Variable, typed: bool) -> Code:
        many = focus.context if node.name == "context" else focus.resource
        made = self.make(node, many)
        made.free = True
        return self.nodes_of(node, made) if typed else made

    def _outer(self, node: ast.Variable, scope: Scope, typed: bool) -> Code:
        name = node.name
        if self.known is not None and name not in self.known:
            names = [f"%{one}" for one in (*self.known, *scope.names, *focus.CONSTANTS, *focus.SURROUNDINGS)]
            raise self.semantic(node, f"unknown variable %{name}", did_you_mean(f"%{name}", names))
        self.mentioned.add(name)

        kinds = str(self.known.get(name)).split("|") if isinstance(self.known, Mapping) else [""]
        known = all(kind in self.model or kind.startswith("System.") for kind in kinds)
        many, one, test = focus.variable(name, self.failure(node))
        made = self.make(node, many, types=frozenset(kinds) if known else None).quicker(one, test)
        made.free, made.sources = True, Sources(items=frozenset({name}), mentions=frozenset({name}))
        return self.nodes_of(node, made) if typed else made

    def nodes_of(self, node: ast.Node, made: Code) -> Code:
        """`made` with its FHIR items as Nodes of unknown type."""
        many = made.many
        return self.make(
            node,
            lambda ev, this: [navigate.as_node(item) for item in many(ev, this)],
            parts=(made,),
            types=made.types,
            single=made.single,
        )

    # --- paths ---

    def presence(self, node: ast.Node, scope: Scope) -> Code:
        """The piece for one node of which only the number of items matters: a primitive that has extensions and no
        value counts."""
        if isinstance(node, ast.Member) and node.name in self.model.primitive_names:
            if self.trace:
                return self.code(node, scope, True)
            typed = self.analysis.member_needs_type(node, scope.primitive)
            return self.member(node, scope, typed, count=not typed)
        if isinstance(node, ast.Call) and node.name in FUNCTIONS and FUNCTIONS[node.name].lambdas:
            touched = self.analysis.bodies_touch(node, False, scope.primitive)
            return self.code(node, scope, FUNCTIONS[node.name].passes and touched)
        return self.code(node, scope)

    def member(self, node: ast.Member, scope: Scope, typed: bool, *, count: bool = False) -> Code:
        """A path of elements, in one closure. `count`: only the number of items matters."""
        if node.name in hints.CONSTANTS and _is_bare(node) and self.text[node.at] != "`":
            raise self.semantic(node, f"there is no {node.name} in FHIRPath", f"write {hints.CONSTANTS[node.name]}")
        if typed or self.analysis.member_needs_type(node, scope.primitive):
            return self._typed_member(node, scope, typed)
        names, start = [node.name], node.base
        while isinstance(start, ast.Member) and not self.trace:
            if self.analysis.member_needs_type(start, scope.primitive):
                break
            names.insert(0, start.name)
            start = start.base
        if self._names_type(start, names[0]):
            return self._from_type(node, start, names, scope, count=count)
        base = self.code(start, scope)
        types = base.types
        for position, name in enumerate(names):
            types = self.element_types(_nth(node, len(names) - 1 - position), types, name)
        if isinstance(start, ast.Special) and scope.this != "list":
            make = navigate.from_node if scope.this == "node" else navigate.from_item
            made = self.make(node, make(self.model, names, count=count), parts=(base,), types=types)
            if scope.this == "item" and len(names) == 1:
                made.quicker(*navigate.one_from_item(names[0], made.one))
                made.member = names[0]
            return made
        many = navigate.from_items(self.model, base.many, names, count=count)
        return self.make(node, many, parts=(base,), types=types)

    def _typed_member(self, node: ast.Member, scope: Scope, typed: bool) -> Code:
        if self._names_type(node.base, node.name):
            made = self._from_type(node, node.base, [node.name], scope)
            return self.nodes_of(node, made) if typed else made
        base = self.code(node.base, scope, True)
        types = self.element_types(node, base.types, node.name)
        many = navigate.typed_step(self.model, base.many, node.name)
        if not typed:
            typed_many = many
            many = lambda ev, this: plain(typed_many(ev, this))  # noqa: E731 - one of two forms of the same closure
        return self.make(node, many, parts=(base,), types=types)

    def _names_type(self, base: ast.Node, name: str) -> bool:
        """True for a leading type name, as in `Patient.name`."""
        return isinstance(base, ast.Special) and base.implicit and name[:1].isupper() and name in self.model

    def _from_type(
        self, node: ast.Node, start: ast.Node, names: list[str], scope: Scope, *, count: bool = False
    ) -> Code:
        kind, rest = names[0], names[1:]
        if self.strict and scope.types and not any(self.model.is_subtype(found, kind) for found in scope.types):
            raise self.semantic(node, f"the focus is no {kind}")
        base_code = self.code(start, scope)
        types: Types | None = frozenset({kind})
        for position, name in enumerate(rest):
            types = self.element_types(_nth(node, len(rest) - 1 - position), types, name)
        if scope.this == "item" and kind in self.model.resources - operators.ABSTRACT and not self.trace:
            base = navigate.from_resource(self.model, kind, rest, count=count)
        else:
            base = self._filtered(base_code.many, kind)
            if rest:
                base = navigate.from_items(self.model, base, rest, count=count)
        return self.make(node, base, parts=(base_code,), types=types, single=not rest and base_code.single)

    def _filtered(self, many: Many, kind: str) -> Many:
        check = operators.resource_test(self.model, kind)
        return lambda ev, this: [item for item in many(ev, this) if check(item)]

    def element_types(self, node: ast.Node, types: Types | None, name: str) -> Types | None:
        """The types below `types`, or a semantic error when no type has the element."""
        found = self.model.element(types, name)
        if found is None or found or types is None:
            return found
        choice = self.model.choice_of(name)
        if choice is not None and self.model.element(types, choice):
            if self.by_key:
                return frozenset({self.model.choices[choice][name]})
            raise self.semantic(node, f"unknown element '{name}'", f"the element is '{choice}'")
        names = [element for kind in types for element in self.model.elements(kind)]
        message = f"{' or '.join(sorted(types)[:3])} has no element '{name}'"
        own = next((kind for kind in types if kind.lower() == name.lower()), None)
        hint = f"a function has brackets: {name}()" if name in FUNCTIONS else f"write {own}" if own else None
        hint = hint or did_you_mean(name, names)
        hint = hint or f"its elements are {', '.join(sorted(set(names) - _COMMON)[:_NAMES_SHOWN])}"
        raise self.semantic(node, message, hint)

    # --- the rest ---

    def index(self, node: ast.Index, scope: Scope, typed: bool) -> Code:
        """`base[index]`, from 0; beyond the end is empty."""
        base, index = self.code(node.base, scope, typed), self.operand(node.index, scope)
        items, position, error = base.many, index.one, self.failure(node)

        def many(ev: Evaluation, this: Any) -> list[Any]:
            at = position(ev, this)
            if at is None:
                return EMPTY
            if type(at) is not int:
                raise error("an index must be an integer", None)
            return items(ev, this)[at : at + 1] if at >= 0 else EMPTY

        return self.make(node, many, parts=(base, index), types=base.types, single=True)

    def call(self, node: ast.Call, scope: Scope, typed: bool) -> Code:
        """A function, by its row in the table."""
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise self.semantic(node, f"unknown function {node.name}()", hints.function(node.name, FUNCTIONS))
        if not function.least <= len(node.args) <= function.most:
            message = f"{node.name}() takes {function.arity}, found {len(node.args)}"
            raise self.semantic(node, message, f"it is {function.signature}" if function.most else None)
        if self.strict and node.name in _ORDERED:
            self._check_order(node)
        if function.form == "special":
            made: Code = function.handler(self, node, scope, typed)
            return made
        make = self._scalar if function.form == "scalar" else self._collection
        return make(node, function, scope, typed)

    def _check_order(self, node: ast.Call) -> None:
        """The order of children() and descendants() is not defined (FHIRPath 5.8)."""
        if isinstance(node.base, ast.Call) and node.base.name in ("children", "descendants"):
            raise self.semantic(node, f"{node.name}() needs an order, and {node.base.name}() has none")

    def arguments(self, node: ast.Call, scope: Scope, base: Code, typed: bool = False) -> tuple[Code, ...]:
        """The arguments of a call, evaluated against the outer `$this`; they see variables defined by the input."""
        inner = self.following(scope, base)
        return tuple(self.code(arg, inner, True) if typed else self.operand(arg, inner) for arg in node.args)

    def following(self, scope: Scope, base: Code) -> Scope:
        """The scope behind `base`: with the variables it defines."""
        if not base.defines:
            return scope
        return replace(scope, names={**scope.names, **base.defines})

    def _scalar(self, node: ast.Call, function: Function, scope: Scope, _typed: bool) -> Code:
        base = self.code(node.base, scope, self.analysis.call_needs_type(node, scope.primitive))
        if function.text and base.complex:
            raise self.semantic(node, f"{function.name}() needs a string, not {' or '.join(sorted(base.types or ()))}")
        args = self.arguments(node, scope, base)
        if function.check is not None and not self.lenient:
            function.check(self, node, args)
        one = calls.scalar_call(function, base, args, self.failure(node))
        return self.make(node, one=one, parts=(base, *args), types=function.types)

    def _collection(self, node: ast.Call, function: Function, scope: Scope, typed: bool) -> Code:
        wanted = (typed and function.passes) or self.analysis.call_needs_type(node, scope.primitive)
        base = self.code(node.base, scope, wanted)
        args = self.arguments(node, scope, base, typed and function.passes)
        many = calls.collection_call(function, base, args, self.failure(node))
        if wanted and not typed:
            inner = many
            many = lambda ev, this: plain(inner(ev, this))  # noqa: E731 - one of two forms of the same closure
        types = base.types if function.passes and not args else function.types
        return self.make(node, many, parts=(base, *args), types=types)

    # --- lambdas ---

    def loop(self, node: ast.Call, scope: Scope, typed: bool) -> Loop:
        """The input of a function with lambdas and the scope of its bodies; `typed` says whether the items are handed
        on as Nodes."""
        function = FUNCTIONS[node.name]
        nodes = (typed and function.passes) or self.analysis.bodies_touch(node, typed, scope.primitive)
        base = self.code(node.base, scope, nodes or self.trace)
        if self.trace and not nodes:
            nodes, base = True, self._replaced(base, with_value(base.many))
        index = self.slot() if self.trace or any(mentions(arg, "$index") for arg in node.args) else None
        primitive = self.analysis.maybe_primitive(node.base, scope.primitive)
        this: Literal["item", "node"] = "node" if nodes else "item"
        inner = self.following(scope, base).inside(this, base.types, index, primitive=primitive)
        return Loop(base, inner, index, unwrap=nodes and not typed)

    def unary(self, node: ast.Unary, scope: Scope, _typed: bool) -> Code:
        """A sign."""
        return operators.unary(self, node, scope)

    def binary(self, node: ast.Binary, scope: Scope, _typed: bool) -> Code:
        """An operator of two operands."""
        return operators.binary(self, node, scope)

    def chain(self, node: ast.Chain, scope: Scope, typed: bool) -> Code:
        """An associative operator over its operands."""
        return operators.chain(self, node, scope, typed)

    def faulty(self, node: ast.Faulty, _scope: Scope, _typed: bool) -> Code:
        """What has no value: an error now, or one of the evaluation where that is asked for."""
        if not self.lenient:
            raise syntax_error(self.text, node.at, node.message, node.hint)
        return self.make(node, focus.failing(self.failure(node), node.message, node.hint))

    def type_name(self, node: ast.TypeName, _scope: Scope, _typed: bool) -> Code:
        """A type name where none can stand."""
        raise self.semantic(node, "a type name stands only in is, as and ofType")


def _is_bare(node: ast.Member) -> bool:
    """True for a name that starts a path."""
    return isinstance(node.base, ast.Special) and node.base.implicit


def _nth(node: ast.Node, up: int) -> ast.Node:
    """The member `up` steps nearer to the start of a path."""
    for _ in range(up):
        node = node.base if isinstance(node, ast.Member) else node
    return node


_COMPILERS: dict[type[ast.Node], Callable[..., Code]] = {
    ast.Literal: Compiler.literal,
    ast.Special: Compiler.special,
    ast.Variable: Compiler.variable,
    ast.Member: Compiler.member,
    ast.Index: Compiler.index,
    ast.Call: Compiler.call,
    ast.Unary: Compiler.unary,
    ast.Binary: Compiler.binary,
    ast.Chain: Compiler.chain,
    ast.TypeName: Compiler.type_name,
    ast.Faulty: Compiler.faulty,
}
