"""The table of operators: one row for each ELM operator class that is a function of its operands."""

from __future__ import annotations

from cds.expr.elm.operator import Operator

#: By ELM class name.
OPERATORS: dict[str, Operator] = {}
