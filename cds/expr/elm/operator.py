"""The form of an operator's row: what the compiler has to know to call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Handler = Callable[..., Any]
#: Static operand types as ELM writes them, namespaces shortened: `("System.Integer", "List<System.Integer>")`.
Types = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """One ELM operator class. `arity` is its number of operands, -1 for a list of any number, handed on as arguments.
    `operands` names them where ELM does not call them `operand`. With `nulls` "propagate" the handler is not called
    when an operand is None: the result is None. The handler gets `precision` ("year" ... "millisecond" or None),
    `types` (static operand types) and `ev` (the Evaluation) as keywords where it needs them. `special` holds handlers
    for exact static types that take operands only; they are the faster choice, with the same result."""

    name: str
    arity: int
    handler: Handler
    nulls: Literal["propagate", "custom"] = "propagate"
    needs_precision: bool = False
    needs_types: bool = False
    needs_evaluation: bool = False
    operands: tuple[str, ...] = ()
    special: Mapping[Types, Handler] = field(default_factory=dict)
