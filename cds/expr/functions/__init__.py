"""The function table: every function an expression can call, by name, one module per noun."""

from __future__ import annotations

from cds.expr.code import Function
from cds.expr.functions import (
    aggregates,
    combining,
    components,
    conversion,
    dates,
    existence,
    filtering,
    logic,
    mathematics,
    narrative,
    resources,
    strings,
    subsetting,
    tree,
    types,
    utility,
)

FUNCTIONS: dict[str, Function] = {
    function.name: function
    for module in (
        existence,
        filtering,
        subsetting,
        combining,
        conversion,
        logic,
        strings,
        mathematics,
        tree,
        utility,
        components,
        types,
        dates,
        aggregates,
        resources,
        narrative,
    )
    for function in module.FUNCTIONS
}
