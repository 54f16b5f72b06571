"""An expression that does not compile, in content that nobody checked: it fails when it is evaluated."""

from __future__ import annotations

from typing import Any, NoReturn

from cds.errors import EvaluationError, ExpressionError
from cds.expr import Expression


class Unusable(Expression):
    """Stands where an expression should. Whatever asks for its items gets an EvaluationError that says why."""

    def __init__(self, text: str, error: ExpressionError) -> None:
        self.text = text
        self.error = error
        self.types = None
        self.constant = None
        self.variables = self.sources = self.criteria = frozenset()
        self.boolean = False

    def items(self, _evaluation: Any) -> NoReturn:
        """Raises EvaluationError."""
        error = self.error
        raise EvaluationError(error.message, line=error.line, column=error.column, hint=error.hint)
