"""Logical and nullological operators (CQL 1.5, B.1, B.10): null is unknown."""

from __future__ import annotations

from typing import Any


def and_(left: bool | None, right: bool | None) -> bool | None:
    """`and`: false when either is, null when it could be."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def or_(left: bool | None, right: bool | None) -> bool | None:
    """`or`: true when either is, null when it could be."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def xor(left: bool, right: bool) -> bool:
    """`xor` of two that are known."""
    return left is not right


def implies(left: bool | None, right: bool | None) -> bool | None:
    """`implies`: true unless left may hold and right may not."""
    if left is False or right is True:
        return True
    return None if left is None or right is None else False


def negated(value: bool | None) -> bool | None:
    """`not`: null stays null."""
    return None if value is None else not value


def is_null(value: Any) -> bool:
    """`is null`."""
    return value is None


def is_true(value: bool | None) -> bool:
    """`is true`."""
    return value is True


def is_false(value: bool | None) -> bool:
    """`is false`."""
    return value is False
