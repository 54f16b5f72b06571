"""What the drafts of a call must hold for a condition not to be false, known without running it.

`exists RestOrders` can only be other than false when a draft has a code of certain value sets, or words that certain
patterns match: whatever else the define asks, it asks about such drafts alone. A Reader follows references from a
condition to these signs, through defines, functions, lets and the elements of Tuples. Where it does not see for sure
that the condition is false (not null) when there is none of them, the condition has no signs and must be evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cds.expr.elm.code import Node
from cds.expr.elm.compiler import MALFORMED
from cds.expr.elm.equality import equivalent_texts
from cds.expr.elm.facts import owner_of
from cds.expr.elm.library import Library

#: How far a Reader follows references before it gives up: recursive functions have no end.
_MAX_STEPS = 20_000


@dataclass(frozen=True, slots=True)
class Signs:
    """What keeps a condition from being false: a code of one of `value_sets` (canonical urls) in a draft, words in a
    draft that one of `patterns` matches as a whole, or any item of one of the `parameters`."""

    value_sets: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()

    def __or__(self, other: Signs) -> Signs:
        return Signs(
            self.value_sets | other.value_sets, self.patterns | other.patterns, self.parameters | other.parameters
        )

    def __len__(self) -> int:
        return len(self.value_sets) + len(self.patterns) + len(self.parameters)


class UnclearError(Exception):
    """The condition may be other than false for reasons that are no signs."""


@dataclass(frozen=True, slots=True)
class _At:
    """A node and what the names in it stand for; with `item`, one item of the list that it gives."""

    library: Library
    node: Node
    names: Mapping[tuple[str, str], _At] = field(default_factory=dict)
    item: bool = False

    def of(self, node: Node) -> _At:
        """Another node in the same surroundings."""
        return _At(self.library, node, self.names)


#: Nodes whose value is that of one of the nodes below it, or a list of them, or null: nothing is made of it.
_SELECTIONS: Mapping[str, Callable[[Node], list[Node]]] = {
    "As": lambda node: [node["operand"]],
    "ToList": lambda node: [node["operand"]],
    "Distinct": lambda node: [node["operand"]],
    "Flatten": lambda node: [node["operand"]],
    "First": lambda node: [node["source"]],
    "Last": lambda node: [node["source"]],
    "SingletonFrom": lambda node: [node["operand"]],
    "Indexer": lambda node: node["operand"][:1],
    "List": lambda node: node.get("element") or [],
    "Union": lambda node: node["operand"],
    "Coalesce": lambda node: node["operand"],
    "If": lambda node: [node["then"], node["else"]],
    "Case": lambda node: [*(item["then"] for item in node["caseItem"]), node["else"]],
    "Null": lambda _node: [],
}
_CONVERSIONS = frozenset({"ToConcept", "ToCode", "ToString"})
#: Operators, and an external function, that never give null.
_DECIDED = frozenset({"IsNull", "IsTrue", "IsFalse", "Is", "InValueSet", "Equivalent", "HasCodeOf"})
_STRING = "{urn:hl7-org:elm-types:r1}String"
_NAMED = frozenset({"ExpressionRef", "AliasRef", "QueryLetRef", "OperandRef", "FunctionRef", "Property"})


class Reader:
    """Reads conditions of one library. `parameters` are those that bring the drafts of a call; `constants` the texts
    that operands of inline CQL stand for (`%hook`). Afterwards `texts` holds the elements that words come from, and
    `references` those that name resources which count as parts of a draft."""

    def __init__(self, library: Library, parameters: frozenset[str], constants: Mapping[str, str]) -> None:
        self._library = library
        self._parameters = parameters
        self._constants = constants
        self._steps = 0
        self.texts: set[str] = set()
        self.references: set[str] = set()

    def signs(self, node: Node | None) -> Signs:
        """The signs of which one must be there for a condition not to be false. UnclearError when that cannot be
        seen."""
        self._steps = 0
        known = {
            ("operand", name): _At(self._library, {"type": "Literal", "valueType": _STRING, "value": text})
            for name, text in self._constants.items()
        }
        try:
            return self._false(_At(self._library, node or {}, known))
        except (*MALFORMED, RecursionError):  # a form of ELM that no one here writes; functions that call themselves
            raise UnclearError from None

    # --- truths ---

    def _false(self, at: _At) -> Signs:
        """The signs without which the node is false."""
        node, kind = at.node, at.node.get("type")
        if kind == "And":
            return self._any(self._false, [at.of(part) for part in node["operand"]])
        if kind == "Or":
            return self._all(self._false, [at.of(part) for part in node["operand"]])
        if kind == "Not":
            return self._true(at.of(node["operand"]))
        if kind == "IsTrue":
            return self._false(at.of(node["operand"]))
        if kind == "Exists":
            return self._empty(at.of(node["operand"]))
        if kind == "InValueSet":
            return self._outside(at)
        if kind == "If":
            return self._all(self._false, [at.of(node["then"]), at.of(node["else"])])
        if kind == "Matches":
            self._present(at.of(_text_of(node)))
            return self._unmatched(at)
        return self._all(self._false, self._led(at)) if kind in _NAMED else self._settled(at, False)

    def _true(self, at: _At) -> Signs:
        """The signs without which the node is true."""
        node, kind = at.node, at.node.get("type")
        if kind == "Or":
            return self._any(self._true, [at.of(part) for part in node["operand"]])
        if kind == "And":
            return self._all(self._true, [at.of(part) for part in node["operand"]])
        if kind in ("Not", "IsFalse"):
            return self._false(at.of(node["operand"]))
        return self._all(self._true, self._led(at)) if kind in _NAMED else self._settled(at, True)

    def _settled(self, at: _At, wanted: bool) -> Signs:
        """No signs for what has the value in every call."""
        node, kind = at.node, at.node.get("type")
        if kind == "Literal" and node.get("value") == str(wanted).lower():
            return Signs()
        if kind in ("Equal", "Equivalent"):
            nodes = [found.node for part in node["operand"] for found in self._behind(at.of(part))]
            if [found.get("valueType") for found in nodes] == [_STRING, _STRING]:
                left, right = (found["value"] for found in nodes)
                if (left == right if kind == "Equal" else equivalent_texts(left, right)) is wanted:
                    return Signs()
        raise UnclearError

    def _outside(self, at: _At) -> Signs:
        """A code is in no value set when no draft has one of it; null is in none."""
        node = at.node
        if node.get("valueset") is None:
            raise UnclearError
        self._of_drafts(at.of(node["code"]), set())
        value_set = owner_of(at.library, node["valueset"]).value_sets[node["valueset"]["name"]]
        return Signs(value_sets=frozenset({value_set.canonical}))

    def _all(self, read: Callable[[_At], Signs], parts: list[_At]) -> Signs:
        found = Signs()
        for part in parts:
            found |= read(part)
        return found

    def _any(self, read: Callable[[_At], Signs], parts: list[_At]) -> Signs:
        """The fewest signs that do for one of the parts; rather others than that there are drafts at all."""
        found = []
        for part in parts:
            try:
                found.append(read(part))
            except UnclearError:
                continue
        if not found:
            raise UnclearError
        return min(found, key=lambda signs: (bool(signs.parameters), len(signs)))

    # --- lists ---

    def _empty(self, at: _At) -> Signs:
        """The signs without which a list has no items for sure, or is null."""
        return self._all(self._empty_list, self._behind(at))

    def _empty_list(self, at: _At) -> Signs:
        node, kind = at.node, at.node.get("type", "")
        if kind == "ParameterRef" and node["name"] in self._parameters:
            return Signs(parameters=frozenset({node["name"]}))
        if kind == "Query":
            return self._empty_query(at)
        if kind not in _SELECTIONS or (kind == "List" and node.get("element")):
            raise UnclearError
        return self._all(self._empty, [at.of(part) for part in _lists(node)])

    def _empty_query(self, at: _At) -> Signs:
        """No row stays: by the criterion, where the source lacks no items; or the source has none."""
        node, source = at.node, self._source_of(at)
        where = node.get("where")
        if where is not None:
            criterion = replace(self._rows(at), node=where)
            try:
                self._whole(source)
                by_words = _only_matches(where, node["source"][0]["alias"])
                return self._unmatched(criterion) if by_words else self._false(criterion)
            except UnclearError:
                pass
        return self._empty(source)

    def _unmatched(self, at: _At) -> Signs:
        """The signs without which a criterion of patterns is not true: null will do, for it hangs on no data."""
        node, kind = at.node, at.node.get("type")
        parts = [at.of(part) for part in node["operand"]] if kind in ("And", "Or", "Matches") else []
        if kind == "And":
            return self._any(self._unmatched, parts)
        if kind == "Or":
            return self._all(self._unmatched, parts)
        if kind == "Matches":
            self._of_drafts(parts[0], self.texts)
            if parts[1].node.get("type") == "Literal":
                return Signs(patterns=frozenset({parts[1].node["value"]}))
        raise UnclearError

    def _present(self, at: _At) -> None:
        """Raises UnclearError for the row of a query that may be null."""
        row = at.names.get(("name", at.node.get("name", "")))
        if at.node.get("type") != "AliasRef" or row is None or not row.item:
            raise UnclearError
        pending = self._behind(replace(row, item=False))
        while pending:
            found = pending.pop()
            node = found.node
            if node.get("type") == "Flatten" and _lists(node) != [node["operand"]]:  # of others the inner nulls stay
                for part in _lists(node):
                    pending += self._behind(found.of(part))
            elif not _leaves_out_nulls(node):
                raise UnclearError

    def _whole(self, at: _At) -> None:
        """Raises UnclearError for a list that may lack items because data does."""
        for found in self._behind(at):
            node, kind = found.node, found.node.get("type", "")
            if kind == "ParameterRef" and node["name"] in self._parameters:
                continue
            if kind == "Query":
                self._whole_query(found)
            elif kind == "List":
                continue
            elif kind in _SELECTIONS:
                for part in _lists(node):
                    self._whole(found.of(part))
            else:
                self._of_drafts(found, set())

    def _whole_query(self, at: _At) -> None:
        node = at.node
        if node.get("relationship") or node.get("aggregate") is not None:
            raise UnclearError
        self._whole(self._source_of(at))
        if node.get("where") is not None:
            self._decided(replace(self._rows(at), node=node["where"]))

    def _decided(self, at: _At) -> None:
        """Raises UnclearError for a truth that may be null."""
        node, kind = at.node, at.node.get("type")
        if kind in ("Not", "And", "Or"):
            operands = node["operand"]
            for part in operands if isinstance(operands, list) else [operands]:
                self._decided(at.of(part))
        elif kind == "FunctionRef" and node["name"] in _DECIDED and self._behind(at) == [at]:
            return
        elif kind in _NAMED:
            for found in self._led(at):
                self._decided(found)
        elif kind not in _DECIDED:
            raise UnclearError

    # --- references ---

    def _behind(self, at: _At) -> list[_At]:
        """The nodes that a reference leads to; the node itself where it is none, or leads out of the libraries."""
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise UnclearError
        node, kind = at.node, at.node.get("type")
        if at.item:
            return [at]
        if kind == "ExpressionRef":
            define = owner_of(at.library, node).defines[node["name"]]
            return self._behind(_At(define.library, define.node["expression"]))
        if kind in ("AliasRef", "QueryLetRef", "OperandRef"):
            found = at.names.get(("operand" if kind == "OperandRef" else "name", node["name"]))
            if found is None:
                raise UnclearError
            return self._items(replace(found, item=False)) if found.item else self._behind(found)
        if kind == "FunctionRef":
            return self._called(at)
        return self._element(at) if kind == "Property" else [at]

    def _led(self, at: _At) -> list[_At]:
        """The nodes that a reference leads to; UnclearError where it leads nowhere."""
        found = self._behind(at)
        if found == [at]:
            raise UnclearError
        return found

    def _called(self, at: _At) -> list[_At]:
        """What a function comes to: its bodies of that length, with the operands in place; itself when external."""
        node, operands = at.node, at.node.get("operand") or []
        if node.get("libraryName") == "FHIRHelpers":
            return [at]
        found = []
        for overload in owner_of(at.library, node).functions.get(node["name"], ()):
            if len(overload.operands) != len(operands):
                continue
            if overload.node.get("expression") is None:
                return [at]
            names = {
                ("operand", name): at.of(operand)
                for (name, _), operand in zip(overload.operands, operands, strict=True)
            }
            found += self._behind(_At(overload.library, overload.node["expression"], names))
        return found

    def _element(self, at: _At) -> list[_At]:
        """The elements of that name where the source is a Tuple; else the Property itself."""
        path = at.node["path"]
        found = []
        for source in self._behind(self._source(at)):
            if source.item or source.node.get("type") != "Tuple":
                return [at]
            values = [part["value"] for part in source.node["element"] if part["name"] == path]
            if not values:
                raise UnclearError
            found += self._behind(source.of(values[0]))
        return found

    def _source(self, at: _At) -> _At:
        scope = at.node.get("scope")
        return at.of(at.node["source"] if scope is None else {"type": "AliasRef", "name": scope})

    def _source_of(self, at: _At) -> _At:
        """The source of a query; UnclearError for several."""
        source, *others = at.node["source"]
        if others:
            raise UnclearError
        return at.of(source["expression"])

    def _rows(self, at: _At) -> _At:
        """The query with the names of its rows."""
        node, names = at.node, dict(at.names)
        names["name", node["source"][0]["alias"]] = replace(self._source_of(at), item=True)
        for let in node.get("let") or ():
            names["name", let["identifier"]] = _At(at.library, let["expression"], dict(names))
        return replace(at, names=names)

    def _items(self, at: _At) -> list[_At]:
        """The nodes that give the items of a list."""
        found = []
        for of in self._behind(at):
            node, kind = of.node, of.node.get("type", "")
            if kind == "Query":
                if node.get("aggregate") is not None:
                    raise UnclearError
                returned, source = node.get("return"), self._source_of(of)
                found += (
                    self._items(source)
                    if returned is None
                    else self._behind(replace(self._rows(of), node=returned["expression"]))
                )
            elif kind == "List":
                for part in node.get("element") or ():
                    found += self._behind(of.of(part))
            elif kind == "Flatten":
                for inner in self._items(of.of(node["operand"])):
                    found += self._items(inner)
            elif kind in _SELECTIONS:
                for part in _SELECTIONS[kind](node):
                    found += self._items(of.of(part))
            else:
                found.append(replace(of, item=True))
        return found

    def _of_drafts(self, at: _At, elements: set[str]) -> None:
        """Raises UnclearError for a value that is not taken from the drafts as it stands. Notes in `elements` the names
        of the elements it is taken from."""
        for found in self._behind(at):
            node, kind = found.node, found.node.get("type", "")
            if kind == "ParameterRef" and node["name"] in self._parameters:
                continue
            if kind == "Property":
                elements.update(part.partition("[")[0] for part in node["path"].split("."))
                self._of_drafts(self._source(replace(found, item=False)), elements)
            elif kind == "FunctionRef":
                self._given(found, elements)
            elif kind == "Query":
                for item in self._items(found):
                    self._of_drafts(item, elements)
            elif kind in _SELECTIONS:
                for part in _SELECTIONS[kind](node):
                    self._of_drafts(found.of(part), elements)
            elif kind == "Instance":  # put together of such values, each as it stands
                for made in node.get("element") or ():
                    self._of_drafts(found.of(made["value"]), elements)
            else:
                raise UnclearError

    def _given(self, at: _At, elements: set[str]) -> None:
        """What a conversion is of; what a reference in a draft names."""
        node = at.node
        if node.get("libraryName") == "FHIRHelpers" and node["name"] in _CONVERSIONS:
            self._of_drafts(at.of(node["operand"][0]), elements)
        elif node["name"] == "Resolve":
            self._of_drafts(at.of(node["operand"][0]), self.references)
        else:
            raise UnclearError


def _lists(node: Node) -> list[Node]:
    """The lists that a selection has its items from: of a Flatten, those that are written out side by side."""
    if node["type"] == "Flatten" and node["operand"].get("type") == "List":
        return _SELECTIONS["List"](node["operand"])
    return _SELECTIONS[node["type"]](node)


def _only_matches(node: Node, alias: str) -> bool:
    """True for a criterion that is made of nothing but tests of the row, a text, by patterns as they are written."""
    kind = node.get("type")
    if kind in ("And", "Or"):
        return all(_only_matches(part, alias) for part in node["operand"])
    if kind == "Not":
        return _only_matches(node["operand"], alias)
    if kind != "Matches":
        return False
    text, pattern = _text_of(node), node["operand"][1]
    return text.get("type") == "AliasRef" and text["name"] == alias and pattern.get("type") == "Literal"


def _text_of(node: Node) -> Node:
    """What a Matches is about, before it becomes a String."""
    text: Node = node["operand"][0]
    converted = text.get("type") == "FunctionRef" and text.get("libraryName") == "FHIRHelpers"
    return text["operand"][0] if converted else text


def _leaves_out_nulls(node: Node) -> bool:
    """True for a query that keeps the items of its source that are not null."""
    if node.get("type") != "Query" or node.get("return") is not None or len(node["source"]) > 1:
        return False
    row = {"type": "AliasRef", "name": node["source"][0]["alias"]}
    where = node.get("where") or {}
    tested = where["operand"] if where.get("type") == "Not" else {}
    return tested.get("type") == "IsNull" and row.items() <= tested["operand"].items()
