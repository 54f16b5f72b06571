"""The fixtures of the apply tests."""

from apply_cql_support import load_cql
from apply_support import load

__all__ = ["load", "load_cql"]
