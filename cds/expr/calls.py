"""The calling conventions of table functions: what they are handed, and where their errors stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cds.errors import EvaluationError, LimitError
from cds.expr.code import Code, Function, Many, One
from cds.expr.evaluation import FEW, LONG, Evaluation
from cds.expr.values import describe

Failure = Callable[[str, str | None], EvaluationError]


def relocated(error: EvaluationError, failure: Failure) -> EvaluationError:
    """An error of a value function, placed at the node that called it."""
    if error.line:
        return error
    placed = failure(error.message, error.hint)
    if isinstance(error, LimitError):
        return type(error)(error.message, line=placed.line, column=placed.column, hint=error.hint)
    return placed


def scalar_call(function: Function, base: Code, args: tuple[Code, ...], failure: Failure) -> One:
    """A function of single items: empty input or an empty argument gives empty."""
    constants = [arg.constant for arg in args if arg.constant is not None and len(arg.constant) == 1]
    if len(constants) == len(args):
        fixed = tuple(constant[0] for constant in constants)
        make = _fixed_text_call if function.text else _fixed_call
        return make(function, base.one, fixed, failure)
    handler, parts = function.handler, tuple(arg.one for arg in args)
    value_of = _text_input(function, base.one, failure) if function.text else base.one

    def call(ev: Evaluation, this: Any) -> Any:
        value = value_of(ev, this)
        arguments = [part(ev, this) for part in parts]
        if value is None or None in arguments:
            return None
        try:
            return handler(value, *arguments)
        except EvaluationError as error:
            raise relocated(error, failure) from error

    return call


def _fixed_call(function: Function, value_of: One, fixed: tuple[Any, ...], failure: Failure) -> One:
    """For arguments that never change."""
    handler = function.handler

    def call(ev: Evaluation, this: Any) -> Any:
        value = value_of(ev, this)
        if value is None:
            return None
        try:
            return handler(value, *fixed)
        except EvaluationError as error:
            raise relocated(error, failure) from error

    return call


def _fixed_text_call(function: Function, value_of: One, fixed: tuple[Any, ...], failure: Failure) -> One:
    """The same for a function of a string."""
    handler, unit, no_text = function.handler, _unit(function), _no_text(function, failure)

    def call(ev: Evaluation, this: Any) -> Any:
        value = value_of(ev, this)
        if type(value) is not str:
            return no_text(ev, value)
        if len(value) > unit:
            ev.spend(len(value) // unit)
        try:
            return handler(value, *fixed)
        except EvaluationError as error:
            raise relocated(error, failure) from error

    return call


def _text_input(function: Function, value_of: One, failure: Failure) -> One:
    unit, no_text = _unit(function), _no_text(function, failure)

    def text(ev: Evaluation, this: Any) -> Any:
        value = value_of(ev, this)
        if type(value) is not str:
            return no_text(ev, value)
        if len(value) > unit:
            ev.spend(len(value) // unit)
        return value

    return text


def _unit(function: Function) -> int:
    """How many characters it looks at in a step."""
    return 1 if function.name == "replaceMatches" else LONG  # it may take a text apart at each character


def _no_text(function: Function, failure: Failure) -> Callable[[Evaluation, Any], None]:
    """Empty for what is no string, or an error."""

    def no_text(ev: Evaluation, value: Any) -> None:
        if value is not None and not ev.lenient:
            message = f"{function.name}() needs a string, not {describe(value)}"
            raise failure(message, "convert it with toString()")

    return no_text


def collection_call(function: Function, base: Code, args: tuple[Code, ...], failure: Failure) -> Many:
    """A function of whole collections."""
    handler, items_of = function.handler, base.many
    if all(arg.constant is not None for arg in args):
        return _with_fixed_lists(handler, items_of, tuple(arg.constant for arg in args), failure)
    if len(args) == 1:
        return _with_one_list(handler, items_of, args[0].many, failure)
    parts = tuple(arg.many for arg in args)

    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        if len(items) > FEW:
            ev.spend(len(items))
        try:
            result: list[Any] = handler(ev, items, *[part(ev, this) for part in parts])
        except EvaluationError as error:
            raise relocated(error, failure) from error
        return result

    return many


def _with_fixed_lists(
    handler: Callable[..., list[Any]], items_of: Many, fixed: tuple[list[Any] | None, ...], failure: Failure
) -> Many:
    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        if len(items) > FEW:
            ev.spend(len(items))
        try:
            return handler(ev, items, *fixed)
        except EvaluationError as error:
            raise relocated(error, failure) from error

    return many


def _with_one_list(handler: Callable[..., list[Any]], items_of: Many, argument_of: Many, failure: Failure) -> Many:
    def many(ev: Evaluation, this: Any) -> list[Any]:
        items = items_of(ev, this)
        if len(items) > FEW:
            ev.spend(len(items))
        try:
            return handler(ev, items, argument_of(ev, this))
        except EvaluationError as error:
            raise relocated(error, failure) from error

    return many
