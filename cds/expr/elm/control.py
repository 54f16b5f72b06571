"""Logic, conditionals, tests for null, Message."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cds.errors import EvaluationError
from cds.expr.elm.code import Node, Piece, Run, Scope, constant, located
from cds.expr.elm.operators import OPERATORS
from cds.expr.elm.specifiers import ANY, BOOLEAN, joined
from cds.expr.elm.steps import Value
from cds.expr.evaluation import Message

if TYPE_CHECKING:
    from cds.expr.elm.compiler import Compiler


def conjunction(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """And: false as soon as one operand is."""
    return _decided_by(compiler, node, scope, False)


def disjunction(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Or: true as soon as one operand is."""
    return _decided_by(compiler, node, scope, True)


def _decided_by(compiler: Compiler, node: Node, scope: Scope, decisive: bool) -> Piece:
    """And, Or: the first operand that is `decisive` is the answer; otherwise null if one is null."""
    operands = compiler.pieces(_chain(node, node["type"]), scope)
    runs = [operand.run for operand in operands]
    run = _two(runs[0], runs[1], decisive) if len(runs) == 2 else _many(runs, decisive)
    made = compiler.folded(run, operands, BOOLEAN)
    if not decisive and operands[0].test is not None:
        made.test = replace(operands[0].test, exact=False)
    return made


def _many(runs: list[Run], decisive: bool) -> Run:
    otherwise = not decisive

    def run(ev: Any, frame: list[Any]) -> Any:
        answer: bool | None = otherwise
        for operand in runs:
            value = operand(ev, frame)
            if value is decisive:
                return decisive
            if value is None:
                answer = None
        return answer

    return run


def _chain(node: Node, kind: str) -> list[Node]:
    """The operands of a chain of one operator: `a and b and c` is nested to the left."""
    operands: list[Node] = []
    while node.get("type") == kind:
        first, *rest = node["operand"]
        operands = rest + operands
        node = first
    return [node, *operands]


def _two(left: Run, right: Run, decisive: bool) -> Run:
    otherwise = not decisive

    def run(ev: Any, frame: list[Any]) -> Any:
        first = left(ev, frame)
        if first is decisive:
            return decisive
        second = right(ev, frame)
        if second is decisive:
            return decisive
        return None if first is None or second is None else otherwise

    return run


def exclusive(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Xor."""
    operands = compiler.pieces(node["operand"], scope)
    left, right = (operand.run for operand in operands)

    def run(ev: Any, frame: list[Any]) -> Any:
        first = left(ev, frame)
        if first is None:
            return None
        second = right(ev, frame)
        return None if second is None else first is not second

    return compiler.folded(run, operands, BOOLEAN)


def implication(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Implies: true when the left is false or the right is true."""
    operands = compiler.pieces(node["operand"], scope)
    left, right = (operand.run for operand in operands)

    def run(ev: Any, frame: list[Any]) -> Any:
        first = left(ev, frame)
        if first is False:
            return True
        second = right(ev, frame)
        if first is None:
            return True if second else None
        return second

    return compiler.folded(run, operands, BOOLEAN)


def negation(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Not."""
    if node["operand"].get("type") == "IsNull" and not compiler.trace:
        return _is_known(compiler, node["operand"], scope)
    operand = compiler.piece(node["operand"], scope)
    inner = operand.run

    def run(ev: Any, frame: list[Any]) -> Any:
        value = inner(ev, frame)
        return None if value is None else not value

    made = compiler.folded(run, [operand], BOOLEAN)
    if operand.test is not None and operand.test.exact:
        made.test = replace(operand.test, wanted=not operand.test.wanted)
    return made


def is_null(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """IsNull. An empty list that may lack items is not null."""
    operand = compiler.piece(node["operand"], scope)
    inner = operand.run
    return compiler.folded(lambda ev, frame: inner(ev, frame) is None, [operand], BOOLEAN)


def _is_known(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Not IsNull."""
    operand = compiler.piece(node["operand"], scope)
    inner = operand.run
    return compiler.folded(lambda ev, frame: inner(ev, frame) is not None, [operand], BOOLEAN)


def is_true(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """IsTrue, IsFalse."""
    operand, wanted = compiler.piece(node["operand"], scope), node["type"] == "IsTrue"
    inner = operand.run
    return compiler.folded(lambda ev, frame: inner(ev, frame) is wanted, [operand], BOOLEAN)


def conditional(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """If: a condition that is null takes the else."""
    condition = compiler.piece(node["condition"], scope)
    then, otherwise = compiler.piece(node["then"], scope), compiler.optional(node.get("else"), scope)
    test, first, second = condition.run, then.run, otherwise.run

    def run(ev: Any, frame: list[Any]) -> Any:
        return first(ev, frame) if test(ev, frame) else second(ev, frame)

    return compiler.folded(run, (condition, then, otherwise), joined((then.type, otherwise.type)))


def case(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Case: the first item whose condition is true, or whose value equals the comparand."""
    items = node.get("caseItem") or ()
    comparand = compiler.optional(node.get("comparand"), scope)
    tests = [compiler.piece(item["when"], scope) for item in items]
    answers = [compiler.piece(item["then"], scope) for item in items]
    otherwise = compiler.optional(node.get("else"), scope)
    branches = [(test.run, answer.run) for test, answer in zip(tests, answers, strict=True)]
    kind = joined(piece.type for piece in (*answers, otherwise))
    last = otherwise.run

    def run(ev: Any, frame: list[Any]) -> Any:
        for test, answer in branches:
            if test(ev, frame):
                return answer(ev, frame)
        return last(ev, frame)

    if "comparand" not in node:
        return Piece(run, kind)
    subject, equal = comparand.run, _equality(comparand, tests)

    def run_comparand(ev: Any, frame: list[Any]) -> Any:
        value = subject(ev, frame)
        for test, answer in branches:
            other = test(ev, frame)
            if value is not None and other is not None and equal(value, other):
                return answer(ev, frame)
        return last(ev, frame)

    return Piece(run_comparand, kind)


def _equality(comparand: Piece, tests: list[Piece]) -> Any:
    """The function for `=` of the comparand and the tests."""
    row = OPERATORS["Equal"]
    kinds = {str(test.type or ANY) for test in tests}
    if len(kinds) == 1:
        special = row.special.get((str(comparand.type or ANY), kinds.pop()))
        if special is not None:
            return special
    types = (str(comparand.type or ANY), str(tests[0].type or ANY)) if tests else ()
    return (lambda left, right: row.handler(left, right, types=types)) if row.needs_types else row.handler


def coalesce(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Coalesce: the first operand that is not null; of a single list, its first item that is not null."""
    operands = compiler.pieces(node["operand"], scope)
    runs = [operand.run for operand in operands]
    kind = joined(operand.type for operand in operands)

    def run(ev: Any, frame: list[Any]) -> Any:
        for operand in runs:
            value = operand(ev, frame)
            if value is not None:
                return value
        return None

    def run_list(ev: Any, frame: list[Any]) -> Any:
        items = runs[0](ev, frame)
        if not isinstance(items, list):
            return items
        return next((item for item in items if item is not None), None)

    return compiler.folded(run_list if len(runs) == 1 else run, operands, kind)


#: More messages than this are not kept: a rule that reports per item must not fill the memory.
_MAX_MESSAGES = 1000


def message(compiler: Compiler, node: Node, scope: Scope) -> Piece:
    """Message: hands the source on; when the condition is true it is noted, and with severity Error the evaluation
    stops."""
    source = compiler.piece(node["source"], scope)
    condition = constant(True) if "condition" not in node else compiler.piece(node["condition"], scope)
    code, severity, text = (compiler.optional(node.get(name), scope).run for name in ("code", "severity", "message"))
    value, test, place = source.run, condition.run, compiler.place
    stopped = f"{_written(node, 'code') or 'Message'}: {_written(node, 'message') or 'of severity Error'}"

    def run(ev: Any, frame: list[Any]) -> Any:
        result = value(ev, frame)
        if test(ev, frame) is True:
            level = severity(ev, frame) or "Message"
            found = Message(level, code(ev, frame) or "", text(ev, frame) or "")
            if ev.trace is not None:
                ev.trace.note(found.line, [Value(result, source.type)])
            if len(ev.messages) < _MAX_MESSAGES:
                ev.messages.append(found)
            if level == "Error":
                raise located(EvaluationError(stopped), place)
        return result

    return Piece(run, source.type)


def _written(node: dict[str, Any], name: str) -> str | None:
    """The text that stands in the source; one that is computed may say what is the patient's, and errors are logged."""
    operand = node.get(name) or {}
    return operand.get("value") if operand.get("type") == "Literal" else None


HANDLERS = {
    "And": conjunction,
    "Or": disjunction,
    "Xor": exclusive,
    "Implies": implication,
    "Not": negation,
    "IsNull": is_null,
    "IsTrue": is_true,
    "IsFalse": is_true,
    "If": conditional,
    "Case": case,
    "Coalesce": coalesce,
    "Message": message,
}
