"""Services and their prefetch templates from plans: A, A-P and I of the CDS Hooks digest."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from cds.config import Settings
from cds.errors import RequestError
from cds.service import Engine

#: The subset of searches that nearly every server supports, of CDS Hooks 2.0 only, without a value to encode.
TEMPLATE = re.compile(r"([A-Z][A-Za-z]+)(/\{\{context\.patientId\}\}|\?patient=\{\{context\.patientId\}\})")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Settings(demo=True))


def test_one_service_per_hook_of_the_pathway(engine: Engine) -> None:
    """Ids are stable and carry the hook, so that clients which key by URL tell them apart (A12, A15, I-1)."""
    hooks = {service["id"]: service["hook"] for service in engine.discovery()["services"]}
    assert hooks == {
        "back-pain-patient-view": "patient-view",
        "back-pain-order-select": "order-select",
        "back-pain-order-sign": "order-sign",
        "back-pain-appointment-book": "appointment-book",
        "back-pain-encounter-discharge": "encounter-discharge",
    }


def test_hooks_may_share_one_id() -> None:
    """A12: then the id is listed once per hook, and the hook of a call decides which service answers; the names that
    are ids by default are answered all the same. L17: 400 for a hook that none of them has."""
    engine = Engine(Settings(demo=True, distinct_ids=False))
    listed = engine.discovery()["services"]
    assert {service["id"] for service in listed} == {"back-pain"}
    assert len({service["hook"] for service in listed}) == len(listed) == 5
    for service in listed:
        assert engine.service("back-pain", service["hook"]).hook == service["hook"]
        assert engine.service(f"back-pain-{service['hook']}", service["hook"]).id == "back-pain"
    with pytest.raises(RequestError) as refusal:
        engine.service("back-pain", "order-dispatch")
    assert refusal.value.status == 400


def test_prefetch_asks_for_what_the_hooks_rules_retrieve(engine: Engine) -> None:
    """A type is asked for at the hooks whose rules look at it, the patient always (I-4)."""
    keys = {service["hook"]: list(service["prefetch"]) for service in engine.discovery()["services"]}
    medicines = ["medicationAdministrations", "medicationRequests", "medicationStatements"]
    start, end = ["patient", "allergyIntolerances", "carePlans", "conditions"], ["procedures", "serviceRequests"]
    assert keys["patient-view"] == [*start, *medicines, "observations", *end]
    images = ["diagnosticReports", "imagingStudies"]
    assert keys["order-sign"] == keys["order-select"] == [*start, *images, *medicines, "observations", *end]
    assert keys["appointment-book"] == ["patient", "conditions", *medicines, "observations", *end]
    assert keys["encounter-discharge"] == ["patient", "conditions", "observations"]


def test_templates_stay_within_the_widely_supported_subset(engine: Engine) -> None:
    """One read or one search by patient each, no modifiers, no host, no newer token (AP1-AP16)."""
    for service in engine.services.values():
        for requirement in service.requirements:
            match = TEMPLATE.fullmatch(requirement.template)
            assert match
            assert match.group(1) == requirement.resource_type


def test_only_what_rules_cannot_do_without_is_required(engine: Engine) -> None:
    """The patient and the problem list; the rest is optional (P7)."""
    required = {r.key for service in engine.services.values() for r in service.requirements if r.required}
    assert required == {"patient", "conditions"}


def test_every_service_describes_itself(engine: Engine) -> None:
    """Title, description and usage requirements are there (A6, A7, A9)."""
    for service in engine.discovery()["services"]:
        assert all(service[name].strip() for name in ("title", "description", "usageRequirements"))


def test_a_collected_plan_is_no_service_whatever_its_url_looks_like(tmp_path: Path) -> None:
    """The roots are the plans that none refers to, as `cds check` has it (I-1)."""
    trigger = [{"type": "named-event", "name": "patient-view"}]
    documentation = [{"type": "citation", "label": "T01", "display": "A test"}]
    inner_action = {"id": "a", "title": "T", "trigger": trigger, "documentation": documentation}
    outer_action = {"id": "o", "definitionCanonical": "http://example.org/plans/inner"}
    for name, action in (("inner", inner_action), ("outer", outer_action)):
        plan = {
            "resourceType": "PlanDefinition",
            "url": f"http://example.org/plans/{name}",
            "status": "active",
            "description": "A plan for a test.",
            "action": [action],
        }
        (tmp_path / f"{name}.json").write_bytes(orjson.dumps(plan))
    assert list(Engine(Settings(demo=True, content=tmp_path)).services) == ["outer-patient-view"]
