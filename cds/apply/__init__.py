"""Definitions applied to a chart: PlanDefinition actions become one applied tree, ActivityDefinitions become resources.

`plan` compiles PlanDefinitions, `walk` applies them, `activity` makes resources, `scope` answers `%names`, `path` sets
the elements that dynamic values name, `tree` is the result. Nothing here knows of cards or HTTP.
"""

from cds.apply.plan import CompiledPlan, Plans
from cds.apply.scope import Session
from cds.apply.tree import AppliedAction, ConditionResult, Outcome

__all__ = ["AppliedAction", "CompiledPlan", "ConditionResult", "Outcome", "Plans", "Session"]
