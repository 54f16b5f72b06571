"""The fixtures of the expression tests."""

from expr_support import patient, run

__all__ = ["patient", "run"]
