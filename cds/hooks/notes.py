"""What cards and discovery say of the parameters that a site has changed. All of it is found when content is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds.apply.plan import CompiledAction, CompiledPlan
from cds.apply.reached import parameters
from cds.cql.site import Change

#: The changed parameters behind an action, by `Library.name`.
Changed = dict[CompiledAction, dict[str, Change]]


def changed_by(plan: CompiledPlan, changes: Mapping[str, Change]) -> Changed:
    """The actions of a plan, and of those it names, that read a changed parameter: in their own expressions, in those
    above, or in those of what they suggest."""
    found: Changed = {}
    if changes:
        for action in plan.actions:
            _note(action, changes, {}, found)
    return {action: own for action, own in found.items() if own}


def _note(
    action: CompiledAction, changes: Mapping[str, Change], above: Mapping[str, Change], found: Changed
) -> dict[str, Change]:
    """Note the action and all below it; gives what was found at and below it."""
    own = {key: changes[key] for key in parameters(action.expressions()) if key in changes}
    reached, here = dict(own), {**above, **own}
    for child in _below(action):
        reached |= _note(child, changes, here, found)
    found[action] = {**found.get(action, {}), **above, **reached}
    return reached


def _below(action: CompiledAction) -> Iterator[CompiledAction]:
    yield from action.plan.actions if action.plan is not None else action.children


def sentences(changes: Mapping[str, Change]) -> str:
    """A paragraph that names the changes, in order of their parameters."""
    return " ".join(changes[key].sentence for key in sorted(changes))
