"""The fixtures of the apply tests."""

from apply_content import load

__all__ = ["load"]
