"""A call that an author has in a file, for the verbs that answer it."""

from __future__ import annotations

from typing import Any

from cds.apply.reason import Watch
from cds.body import decode
from cds.chart import ORDER_TYPES
from cds.data import chart_of_bundle
from cds.errors import ConfigurationError, did_you_mean
from cds.fhir import bundle_resources
from cds.hooks.discovery import Service
from cds.service import Answer, Engine


def hook_of(body: bytes, max_depth: int) -> str:
    """The hook that a request names; of a Bundle with draft orders `order-sign`, of another `patient-view`. Raises
    RequestError for what cannot be read."""
    sent = decode(body, max_depth=max_depth)
    if not is_bundle(sent):
        return str(sent.get("hook") or "") if isinstance(sent, dict) else ""
    drafts = (r for r in bundle_resources(sent) if r["resourceType"] in ORDER_TYPES and r.get("status") == "draft")
    return "order-sign" if any(True for _ in drafts) else "patient-view"


def is_bundle(sent: Any) -> bool:
    """Whether it is a patient's record instead of a hook request."""
    return isinstance(sent, dict) and sent.get("resourceType") == "Bundle"


def service_for(engine: Engine, hook: str, service_id: str | None) -> Service:
    """The one service of that hook, or the one of several that is named. Raises ConfigurationError."""
    candidates = {key: service for key, service in engine.services.items() if service.hook == hook}
    if not candidates:
        hooks = sorted({service.hook for service in engine.services.values()})
        hint = did_you_mean(hook, hooks) or f"there are {', '.join(hooks)}"
        raise ConfigurationError(f"no service answers the hook '{hook}': {hint}")
    if service_id is None and len(candidates) == 1:
        return next(iter(candidates.values()))
    if service_id not in candidates:
        raise ConfigurationError(f"name one of the services for '{hook}' with --service: {', '.join(candidates)}")
    return candidates[service_id]


def answer_for(engine: Engine, service: Service, body: bytes, watch: Watch | None = None) -> Answer:
    """The answer to a hook request, or for the patient of a Bundle that is all there is. Raises RequestError."""
    sent = decode(body, max_depth=engine.settings.max_depth)
    if is_bundle(sent):
        return engine.evaluate(service, chart_of_bundle(sent), "eval", watch=watch)
    return engine.answer(service.id, body, watch=watch)
