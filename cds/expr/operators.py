"""Operators of FHIRPath chapter 6 as closures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr import arithmetic, ast, temporal, values
from cds.expr.calls import Failure, relocated
from cds.expr.code import BOOLEAN, STRING, Code, Many, One, Scope, Test
from cds.expr.evaluation import FEW, LONG, Evaluation, capped, capped_text
from cds.expr.temporal import Date
from cds.expr.types import TEMPORAL, Model, Types
from cds.expr.values import EMPTY, describe

if TYPE_CHECKING:
    from cds.expr.compiler import Compiler

#: What each operator makes of an order of 0, 1 and -1, by index.
_ORDERS: dict[str, tuple[bool, bool, bool]] = {
    "<": (False, False, True),
    ">": (False, True, False),
    "<=": (True, False, True),
    ">=": (True, True, False),
}


#: The resource types that no resource names as its own.
ABSTRACT = frozenset({"Resource", "DomainResource"})


def resource_test(model: Model, kind: str) -> Callable[[Any], bool]:
    """A test of items against a type named at the start of a path: resources by resourceType; an element, whose type
    is not in the data, passes for any type that is no resource."""
    if kind in ABSTRACT:
        return lambda item: type(item) is dict and model.is_subtype(str(item.get("resourceType", "")), kind)
    if kind in model.resources:
        return lambda item: type(item) is dict and item.get("resourceType") == kind
    return lambda item: type(item) is not dict or "resourceType" not in item


# --- dispatch ----------------------------------------------------------------------------------------------------


#: What constants are computed in: they look at nothing of it.
_NOWHERE = Evaluation(now=datetime.min.replace(tzinfo=UTC))


def unary(compiler: Compiler, node: ast.Unary, scope: Scope) -> Code:
    """Polarity (FHIRPath 6.6): of numbers and quantities."""
    operand = compiler.code(node.operand, scope)
    value_of, failure, negative = operand.one, compiler.failure(node), node.operator == "-"

    def one(ev: Evaluation, this: Any) -> Any:
        value = value_of(ev, this)
        try:
            return None if value is None else arithmetic.signed(value, negative)
        except EvaluationError as error:
            raise relocated(error, failure) from error

    made = compiler.make(node, one=one, parts=(operand,), types=operand.types)
    return folded(made) if operand.constant else made


def folded(made: Code) -> Code:
    """`made` with its result computed now; for pieces whose parts are constants. An error stays for the run."""
    try:
        items = made.many(_NOWHERE, None)
    except EvaluationError:
        return made
    value = items[0] if len(items) == 1 else None
    one = (lambda _ev, _this: value) if len(items) <= 1 else None
    return Code(lambda _ev, _this: items, one=one, error=made.error, types=made.types, constant=items, free=True)


def binary(compiler: Compiler, node: ast.Binary, scope: Scope) -> Code:
    """Any operator of two operands."""
    left, right = compiler.operand(node.left, scope), compiler.operand(node.right, scope)
    operator = node.operator
    if operator in ("=", "!="):
        test = _equality(left, right, negate=operator == "!=")
    elif operator in ("~", "!~"):
        test = _equivalence(left, right, negate=operator == "!~")
    elif operator in _ORDERS:
        test = _order(left, right, _ORDERS[operator], compiler.failure(node))
    elif operator in ("in", "contains"):
        test = _membership(left, right) if operator == "in" else _membership(right, left)
    elif operator in ("xor", "implies"):
        test = _xor(left.test, right.test) if operator == "xor" else _implies(left.test, right.test)
    else:
        return _arithmetic(compiler, node, left, right)
    made = compiler.make(node, test=test, parts=(left, right), types=BOOLEAN)
    return folded(made) if left.constant is not None and right.constant is not None else made


def chain(compiler: Compiler, node: ast.Chain, scope: Scope, typed: bool) -> Code:
    """`|`, `and`, `or`, `&` and `+` over two or more operands."""
    if node.operator == "|":
        return _union(compiler, node, scope, typed)
    parts = tuple(compiler.operand(operand, scope) for operand in node.operands)
    if node.operator in ("and", "or"):
        tests = tuple(part.test for part in parts)
        test = _and(tests) if node.operator == "and" else _or(tests)
        return compiler.make(node, test=test, parts=parts, types=BOOLEAN)
    if node.operator == "&":
        return compiler.make(node, one=_concatenation(parts, compiler.failure(node)), parts=parts, types=STRING)
    made = parts[0]
    for part in parts[1:]:
        made = _arithmetic(compiler, node, made, part)
    return made


# --- comparison --------------------------------------------------------------------------------------------------


def _is_text(types: Types | None) -> bool:
    """True when items are known to be no dates, so that strings compare as text."""
    return types is not None and not types & TEMPORAL


def _equality(left: Code, right: Code, *, negate: bool) -> Test:
    literal = right if right.constant else left
    if literal.constant and len(literal.constant) == 1 and type(literal.constant[0]) is str:
        return _equals_text(left if literal is right else right, literal.constant[0], negate=negate)
    text = _is_text(left.types) or _is_text(right.types)
    first, second = left.many, right.many

    def test(ev: Evaluation, this: Any) -> bool | None:
        one = first(ev, this)
        other = second(ev, this) if one else EMPTY
        if not other:
            return None
        answer: bool | None
        if text and len(one) == len(other) == 1 and type(one[0]) is str and type(other[0]) is str:
            answer = one[0] == other[0]
        else:
            if len(one) > FEW:
                ev.spend(len(one))
            if type(one[0]) is dict:
                ev.spend(values.weight(one))
            answer = values.equal_collections(one, other)
        return answer if answer is None else answer is not negate

    return test


def _equals_text(code: Code, text: str, *, negate: bool) -> Test:
    many, one = code.many, code.one

    def of_one(ev: Evaluation, this: Any) -> bool | None:
        item = one(ev, this)
        return None if item is None else (item == text) is not negate

    def test(ev: Evaluation, this: Any) -> bool | None:
        items = many(ev, this)
        if not items:
            return None
        return (len(items) == 1 and items[0] == text) is not negate

    if code.single:
        return of_one
    return test if code.member is None else _member_equals_text(code.member, text, negate, test)


def _member_equals_text(name: str, text: str, negate: bool, otherwise: Test) -> Test:
    """The same for an element of `$this`, quick where that is a string: `otherwise` judges everything else."""

    def test(ev: Evaluation, this: Any) -> bool | None:
        if type(this) is dict:
            value = this.get(name)
            if type(value) is str:
                return (value == text) is not negate
        return otherwise(ev, this)

    return test


def _equivalence(left: Code, right: Code, *, negate: bool) -> Test:
    first, second = left.many, right.many

    def test(ev: Evaluation, this: Any) -> bool | None:
        one, other = first(ev, this), second(ev, this)
        if len(one) == len(other):
            ev.spend(values.effort(one))
        return values.equivalent_collections(one, other) is not negate

    return test


def _order(left: Code, right: Code, decide: tuple[bool, bool, bool], failure: Failure) -> Test:
    first, second = left.one, right.one
    bound = right.constant[0] if right.constant and len(right.constant) == 1 else None
    text = _is_text(left.types) or _is_text(right.types)

    def test(ev: Evaluation, this: Any) -> bool | None:
        one, other = first(ev, this), second(ev, this) if bound is None else bound
        if one is None or other is None:
            return None
        if type(one) is int and type(other) is int:
            return decide[(one > other) - (one < other)]
        if type(one) is str:
            if text and type(other) is str:
                return decide[(one > other) - (one < other)]
            if type(other) is Date:
                found = temporal.parse(one)
                order = None if found is None else temporal.order(found.parts, other.parts)
                return None if order is None else decide[order]
        try:
            order = values.compare(one, other)
        except EvaluationError as error:
            if ev.lenient:
                return None
            raise relocated(error, failure) from error
        return None if order is None else decide[order]

    return test


def _membership(item: Code, collection: Code) -> Test:
    value_of, items_of, doubtful = item.one, collection.many, collection.doubt()
    constant = collection.constant
    if constant and all(type(entry) is str for entry in constant):
        words = frozenset(constant)

        def among_words(ev: Evaluation, this: Any) -> bool | None:
            value = value_of(ev, this)
            return None if value is None else type(value) is str and value in words

        return among_words if item.member is None else _member_among(item.member, words, among_words)

    def test(ev: Evaluation, this: Any) -> bool | None:
        value = value_of(ev, this)
        if value is None:
            return None
        items = items_of(ev, this)
        if len(items) > FEW:
            ev.spend(len(items))
        if type(value) is dict:
            ev.spend(values.weight([value]) * len(items))
        if member(value, items):
            return True
        return False if ev.certain or not doubtful(ev) else None

    return test


def _member_among(name: str, words: frozenset[str], otherwise: Test) -> Test:
    """The same for an element of `$this`, quick where that is a string: `otherwise` judges everything else."""

    def test(ev: Evaluation, this: Any) -> bool | None:
        if type(this) is dict:
            value = this.get(name)
            if type(value) is str:
                return value in words
        return otherwise(ev, this)

    return test


def member(value: Any, items: list[Any]) -> bool:
    """True when a collection has an item equal to `value`."""
    if type(value) is str and value in items:
        return True
    if type(value) is dict and any(item is value for item in items):
        return True
    return any(values.equal(value, item) is True for item in items)


# --- logic (FHIRPath 6.5, three-valued) --------------------------------------------------------------------------


def _and(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        return _both(*tests)

    def test(ev: Evaluation, this: Any) -> bool | None:
        answer: bool | None = True
        for part in tests:
            value = part(ev, this)
            if value is False:
                return False
            if value is None:
                answer = None
        return answer

    return test


def _both(left: Test, right: Test) -> Test:
    def test(ev: Evaluation, this: Any) -> bool | None:
        one = left(ev, this)
        if one is False:
            return False
        other = right(ev, this)
        return other if one is True or other is False else None

    return test


def _or(tests: tuple[Test, ...]) -> Test:
    def test(ev: Evaluation, this: Any) -> bool | None:
        answer: bool | None = False
        for part in tests:
            value = part(ev, this)
            if value is True:
                return True
            if value is None:
                answer = None
        return answer

    return test


def _xor(left: Test, right: Test) -> Test:
    def test(ev: Evaluation, this: Any) -> bool | None:
        one, other = left(ev, this), right(ev, this)
        return None if one is None or other is None else one is not other

    return test


def _implies(left: Test, right: Test) -> Test:
    def test(ev: Evaluation, this: Any) -> bool | None:
        one = left(ev, this)
        if one is False:
            return True
        other = right(ev, this)
        if one is True or other is True:
            return other
        return None

    return test


# --- union, concatenation, arithmetic ----------------------------------------------------------------------------


def concatenated(parts: tuple[Code, ...]) -> Many:
    """The items of all parts, in their order, duplicates kept."""
    lists = tuple(part.part for part in parts)

    def many(ev: Evaluation, this: Any) -> list[Any]:
        result: list[Any] = []
        for part, fixed in lists:
            result += fixed if part is None else part(ev, this)
        if len(result) > FEW:
            ev.spend(len(result))
            capped(result)
        return result

    return many


def _union(compiler: Compiler, node: ast.Chain, scope: Scope, typed: bool) -> Code:
    parts = tuple(compiler.code(operand, scope, typed) for operand in node.operands)
    together = concatenated(parts)

    def many(ev: Evaluation, this: Any) -> list[Any]:
        return values.distinct(together(ev, this), ev.spend)

    known = [part.types for part in parts if part.constant != []]
    types = frozenset().union(*(kinds or () for kinds in known)) if None not in known else None
    made = compiler.make(node, many, parts=parts, types=types or None)
    return folded(made) if all(part.constant is not None for part in parts) else made


def _concatenation(parts: tuple[Code, ...], failure: Failure) -> One:
    fixed = [_fixed_text(part) or "" for part in parts]
    texts = tuple((place, part.one) for place, part in enumerate(parts) if _fixed_text(part) is None)

    def one(ev: Evaluation, this: Any) -> Any:
        pieces = [*fixed]
        for place, text_of in texts:
            piece = text_of(ev, this)
            if type(piece) is str:
                pieces[place] = piece
            elif piece is not None and not ev.lenient:
                raise failure(f"& joins strings, not {describe(piece)}", "convert it with toString()")
        joined = "".join(pieces)
        if len(joined) > LONG:
            ev.spend(len(capped_text(joined)) // LONG)
        return joined

    return one


def _fixed_text(part: Code) -> str | None:
    """The string that a piece always is."""
    constant = part.constant
    return constant[0] if constant and len(constant) == 1 and type(constant[0]) is str else None


def _arithmetic(compiler: Compiler, node: ast.Binary | ast.Chain, left: Code, right: Code) -> Code:
    function = arithmetic.operators(compiler.release)[node.operator]
    _check_date_arithmetic(compiler, node, left.types, right.types)
    first, second, failure = left.one, right.one, compiler.failure(node)

    def one(ev: Evaluation, this: Any) -> Any:
        value, other = first(ev, this), second(ev, this)
        if value is None or other is None:
            return None
        try:
            return function(value, other)
        except EvaluationError as error:
            raise relocated(error, failure) from error

    types = arithmetic.result_types(node.operator, left.types, right.types)
    made = compiler.make(node, one=one, parts=(left, right), types=types)
    return folded(made) if left.constant is not None and right.constant is not None else made


def _check_date_arithmetic(compiler: Compiler, node: ast.Node, left: Types | None, right: Types | None) -> None:
    if left and right and left <= TEMPORAL and right <= {"System.Integer", "System.Decimal"}:
        digits = compiler.text[node.at - 1 : node.at].isdigit() and compiler.text[node.at + 1 : node.at + 2].isdigit()
        hint = "months and days have two digits: @2020-03-31" if digits else "give it a unit, such as 7 days"
        raise compiler.semantic(node, "a number cannot be added to a date", hint)
