"""A call that an author has in a file, for the verbs that answer it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cds.apply.reason import Watch
from cds.body import decode
from cds.cli.inputs import as_bundle, read_json, shown
from cds.cli.options import INPUT, content_folder
from cds.data import chart_of_bundle
from cds.errors import ConfigurationError, RequestError, closest_or_all
from cds.fhir import Resource, bundle_resources
from cds.hooks.discovery import Service
from cds.orders import ORDER_TYPES
from cds.service import Answer, Engine

_OPTIONS = (
    click.option(
        "--input",
        "file",
        required=True,
        type=INPUT,
        help="A hook request, or a Bundle with the patient's resources, in JSON or YAML (- reads standard input).",
    ),
    click.option(
        "--hook",
        help="The hook to evaluate. Default: that of the request; for a Bundle order-sign when it holds draft orders, "
        "else patient-view.",
    ),
    click.option("--service", "service_id", metavar="ID", help="The service to call, when several answer the hook."),
    content_folder(),
)


def call_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--input`, `--hook`, `--service` and `--content`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def answer_for(
    engine: Engine, file: Path, hook: str | None, service_id: str | None, watch: Watch | None = None
) -> Answer:
    """The answer to the call in a file: a hook request, or the resources of one patient that are all there is. One that
    is refused is told, and ends the process with status 2. Raises ConfigurationError where no service, or more than
    one, answers it."""
    body = read_json(file)
    try:
        sent = decode(body, max_depth=engine.settings.max_depth)
        if isinstance(sent, dict) and "resourceType" in sent:
            record = as_bundle(sent)
            service = _service(engine, hook or _hook_for(record), service_id)
            return engine.evaluate(service, chart_of_bundle(record), "eval", watch=watch)
        named = sent.get("hook") if isinstance(sent, dict) else None
        service = _service(engine, hook or str(named or ""), service_id)
        return engine.answer(service.id, body, watch=watch)
    except RequestError as error:
        for issue in error.issues:
            place = f"{issue.expression}: " if issue.expression else ""
            click.echo(f"cds: {shown(file)}: {place}{issue.text.replace('The body', 'the file')}", err=True)
        sys.exit(2)


def _hook_for(record: Resource) -> str:
    """`order-sign` for a Bundle with draft orders, `patient-view` for another."""
    drafts = (r for r in bundle_resources(record) if r["resourceType"] in ORDER_TYPES and r.get("status") == "draft")
    return "order-sign" if any(True for _ in drafts) else "patient-view"


def _service(engine: Engine, hook: str, service_id: str | None) -> Service:
    """The one service of that hook, or the one of several that is named. Raises ConfigurationError."""
    candidates = {service.id: service for service in engine.services.values() if service.hook == hook}
    if not candidates:
        hooks = sorted({service.hook for service in engine.services.values()})
        if not hooks:
            raise ConfigurationError("the content has no service: no action of a plan has a hook as its trigger")
        if not hook:
            raise ConfigurationError(f"the request names no hook; write it there, or with --hook: {', '.join(hooks)}")
        hint = closest_or_all(hook, hooks)
        raise ConfigurationError(f"no service answers the hook '{hook}': {hint}")
    if service_id is None and len(candidates) == 1:
        return next(iter(candidates.values()))
    if service_id not in candidates:
        raise ConfigurationError(f"name one of the services for '{hook}' with --service: {', '.join(candidates)}")
    return candidates[service_id]
