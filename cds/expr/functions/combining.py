"""Combining (FHIRPath 5.4)."""

from __future__ import annotations

from typing import Any

from cds.expr.code import Function
from cds.expr.evaluation import Evaluation, capped
from cds.expr.values import distinct


def _combine(_: Evaluation, items: list[Any], others: list[Any], kept: list[Any] | None = None) -> list[Any]:
    del kept  # preserveOrder (3.0) changes nothing: order is always kept
    return capped(items + others)


def _union(ev: Evaluation, items: list[Any], others: list[Any]) -> list[Any]:
    ev.spend(len(items) + len(others))
    return distinct(capped(items + others))


def _coalesce(_: Evaluation, __: list[Any], *options: list[Any]) -> list[Any]:
    return next((option for option in options if option), [])


FUNCTIONS = (
    Function("union", 1, 1, "collection", _union, "5.4", "Both, without duplicates; as the operator |", passes=True),
    Function("combine", 1, 2, "collection", _combine, "5.4", "Both, with duplicates", passes=True),
    Function("coalesce", 1, 20, "collection", _coalesce, "5.4 (3.0)", "The first argument that is not empty"),
)
