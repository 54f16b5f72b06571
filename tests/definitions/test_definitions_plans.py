"""What a plan needs to be a service, and what one that is only applied does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cds.definitions.check import check_content


def codes(folder: Path, **action: Any) -> set[str]:
    """The problems of a plan without a description whose one action is as given."""
    plan = {
        "resourceType": "PlanDefinition",
        "url": "http://example.org/PlanDefinition/plan",
        "status": "active",
        "action": [{"id": "a", "title": "A", **action}],
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return {problem.code for problem in check_content(folder)}


def test_a_description_is_needed_by_services_only(tmp_path: Path) -> None:
    """A plan that no hook calls is there to be applied: it is no service, and needs none."""
    assert "plan-description-missing" not in codes(tmp_path)
    trigger = [{"type": "named-event", "name": "patient-view"}]
    assert "plan-description-missing" in codes(tmp_path, trigger=trigger)
