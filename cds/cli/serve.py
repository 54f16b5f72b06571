"""`cds serve`: answers CDS Hooks calls over HTTP until it is stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from cds.cli.options import settings_flags
from cds.cli.server import Loaded, Server, bind, is_loopback
from cds.config import Settings, load_settings
from cds.errors import ConfigurationError, DefinitionError, Issue, operation_outcome
from cds.metrics import Metrics
from cds.service import Engine
from cds.storage import Storage
from cds.web import create_app, logs
from cds.web.answers import json_response
from cds.web.status import Status

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_OPEN_TO_OTHERS = 78  # EX_CONFIG of sysexits.h


@click.command("serve")
@settings_flags
@click.option(
    "--reload",
    is_flag=True,
    help="Load the content anew when a file of it, of the overlay or the file of parameters changes.",
)
def command(*, reload: bool, **flags: Any) -> None:
    """Answer CDS Hooks calls over HTTP. Settings come from flags, then CDS_ names of the environment, then the file
    named by CDS_CONFIG."""
    settings = load_settings(flags)
    _refuse_open_service(settings)
    listener = bind(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    address = settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    logs.configure(settings.log_level, settings.log_format)
    watched = [path for path in (settings.content, settings.overlay, settings.parameters) if path is not None]

    def load(metrics: Metrics, status: Status) -> Loaded:
        try:
            engine = Engine(settings, metrics=metrics, storage=_storage(settings, metrics))
        except DefinitionError as error:
            if not reload or status.load.revision:
                raise
            print(error, file=sys.stderr, flush=True)
            return Loaded(_no_content, None)
        return Loaded(create_app(engine, settings, metrics=metrics, status=status), engine.snapshot.revision)

    Server(load, settings, listener, ready=lambda: _greet(address), watched=watched if reload else ()).run()


def _storage(settings: Settings, metrics: Metrics) -> Storage:
    storage = Storage(settings, metrics)
    storage.prepare()
    return storage


def _refuse_open_service(settings: Settings) -> None:
    """Without registered clients anyone who reaches the service may call it (security.md J14)."""
    if not is_loopback(settings.host):
        message = (
            f"no client is registered, so the service must not be reachable from other machines: {settings.host} is "
            "not a loopback address; use --host 127.0.0.1 with --demo"
        )
        print(f"cds: {message}", file=sys.stderr)
        sys.exit(_OPEN_TO_OTHERS)
    if not settings.demo:
        raise ConfigurationError(
            "no client is registered, so nobody may call; to try the service out on this machine add --demo"
        )


def _greet(address: str) -> None:
    print(
        f"pathway-cds is ready at {address}/cds-services (demo: anyone on this machine may call; stop with Ctrl-C)",
        file=sys.stderr,
        flush=True,
    )


def _no_content(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers while there is no content that loads, which only an author who changes it sees."""
    outcome = operation_outcome([Issue("exception", "The content does not load; the log has the problems")])
    return json_response(outcome, 503)(environ, start_response)
