"""The fixtures of the apply tests."""

from apply_support import load

__all__ = ["load"]
