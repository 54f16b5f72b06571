"""A call that an author has in a file, for the verbs that answer it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cds.apply.reason import Watch
from cds.body import decode
from cds.chart import ORDER_TYPES
from cds.data import chart_of_bundle
from cds.errors import ConfigurationError, RequestError, did_you_mean
from cds.fhir import bundle_resources
from cds.hooks.discovery import Service
from cds.service import Answer, Engine

_OPTIONS = (
    click.option(
        "--input",
        "file",
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A hook request, or a Bundle with the patient's resources.",
    ),
    click.option(
        "--hook",
        help="The hook to evaluate. Default: that of the request; for a Bundle order-sign when it holds draft orders, "
        "else patient-view.",
    ),
    click.option("--service", "service_id", help="The service to call, when several answer the hook."),
    click.option("--content", default=None, help="Folder of definitions. [CDS_CONTENT]"),
)


def call_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--input`, `--hook`, `--service` and `--content`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _hook(body: bytes, max_depth: int) -> str:
    """The hook that a request names; of a Bundle with draft orders `order-sign`, of another `patient-view`. Raises
    RequestError for what cannot be read."""
    sent = decode(body, max_depth=max_depth)
    if not _is_bundle(sent):
        return str(sent.get("hook") or "") if isinstance(sent, dict) else ""
    drafts = (r for r in bundle_resources(sent) if r["resourceType"] in ORDER_TYPES and r.get("status") == "draft")
    return "order-sign" if any(True for _ in drafts) else "patient-view"


def _is_bundle(sent: Any) -> bool:
    """Whether it is a patient's record instead of a hook request."""
    return isinstance(sent, dict) and sent.get("resourceType") == "Bundle"


def _service(engine: Engine, hook: str, service_id: str | None) -> Service:
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


def answer_for(
    engine: Engine, file: Path, hook: str | None, service_id: str | None, watch: Watch | None = None
) -> Answer:
    """The answer to the call in a file. One that is refused is told, and ends the process with status 2. Raises
    ConfigurationError where no service, or more than one, answers it."""
    body = file.read_bytes()
    try:
        service = _service(engine, hook or _hook(body, engine.settings.max_depth), service_id)
        return _answer(engine, service, body, watch)
    except RequestError as error:
        for issue in error.issues:
            click.echo(f"cds: {file}: {issue.expression or '/'}: {issue.text}", err=True)
        sys.exit(2)


def _answer(engine: Engine, service: Service, body: bytes, watch: Watch | None) -> Answer:
    """The answer to a hook request, or for the patient of a Bundle that is all there is. Raises RequestError."""
    sent = decode(body, max_depth=engine.settings.max_depth)
    if _is_bundle(sent):
        return engine.evaluate(service, chart_of_bundle(sent), "eval", watch=watch)
    return engine.answer(service.id, body, watch=watch)
