"""`cds serve`: answers CDS Hooks calls over HTTP until it is stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
import structlog

from cds.auth import Authenticator
from cds.cli.options import settings_flags
from cds.cli.server import Loaded, Server, bind, is_loopback
from cds.cli.verb import verb
from cds.client_file import load_clients
from cds.clients import Clients, is_local
from cds.config import Settings, load_settings
from cds.errors import ConfigurationError, DefinitionError, Issue, operation_outcome
from cds.key_sets import KeySets
from cds.metrics import Metrics
from cds.outbound import Outbound
from cds.service import Engine
from cds.storage import Storage
from cds.web import create_app, logs
from cds.web.answers import json_response
from cds.web.status import Status

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_OPEN_TO_OTHERS = 78  # EX_CONFIG of sysexits.h
_log = structlog.get_logger(__name__)


@verb(
    "serve",
    {0: "it was stopped", 78: "nobody is registered, and the address is open to other machines"},
    "cds serve --demo",
    "cds serve --clients clients.yaml --public-url https://cds.example.org",
)
@settings_flags
@click.option(
    "--reload",
    is_flag=True,
    help="Load anew when a file of the content or the overlay changes, or the file of parameters or of clients.",
)
def command(*, reload: bool, **flags: Any) -> None:
    """Answer CDS Hooks calls over HTTP. Settings come from flags, then CDS_ names of the environment, then the file
    named by CDS_CONFIG."""
    settings = load_settings(flags)
    _check_who_may_call(settings)
    listener = bind(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    address = settings.public_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"
    logs.configure(settings.log_level, settings.log_format)
    files = (settings.content, settings.overlay, settings.parameters, settings.clients)
    watched = [path for path in files if path is not None]

    outbound = Outbound()
    keys: KeySets | None = None

    def load(metrics: Metrics, status: Status) -> Loaded:
        nonlocal keys
        clients = load_clients(settings.clients) if settings.clients else None
        storage = _storage(settings, metrics)
        try:
            engine = Engine(settings, metrics=metrics, storage=storage)
        except DefinitionError as error:
            if not reload or status.load.revision:
                raise
            print(error, file=sys.stderr, flush=True)
            return Loaded(_no_content, None)
        if clients:
            keys = KeySets(clients, outbound, before=keys)
            keys.fetch()
            outbound.close()  # workers, which are forked next, would inherit the sockets
        known = _authenticator(clients, engine, storage, keys) if clients and keys else None
        app = create_app(engine, settings, known, metrics=metrics, status=status, database=storage.problem)

        def close() -> None:
            engine.close()
            outbound.close()

        return Loaded(app, engine.snapshot.revision, storage.begin, close)

    who = "registered clients may call" if settings.clients else "demo: anyone on this machine may call"
    Server(load, settings, listener, ready=lambda: _greet(address, who), watched=watched if reload else ()).run()


def _storage(settings: Settings, metrics: Metrics) -> Storage:
    storage = Storage(settings, metrics)
    storage.prepare()
    return storage


def _check_who_may_call(settings: Settings) -> None:
    """Without registered clients anyone who reaches the service may call it (security.md J14); with them it must be
    known what their tokens are made out to, and TLS must hide them (cds-hooks.md F1)."""
    if settings.clients:
        if settings.demo:
            raise ConfigurationError("demo mode answers anyone: leave out either demo or clients")
        if settings.public_url is None:
            raise ConfigurationError(
                "public_url (CDS_PUBLIC_URL): the tokens of clients are made out to it; set it to the address under "
                "which they reach the service, such as https://cds.example.org"
            )
        if not (settings.public_url.startswith("https:") or is_local(settings.public_url)):
            raise ConfigurationError(
                "public_url (CDS_PUBLIC_URL): must be https, for calls hold patient data and tokens; let a proxy with "
                "TLS stand before the service"
            )
        return
    if not is_loopback(settings.host):
        message = (
            f"no client is registered, so the service must not be reachable from other machines: {settings.host} is "
            "not a loopback address; use --host 127.0.0.1 with --demo"
        )
        print(f"cds: {message}", file=sys.stderr)
        sys.exit(_OPEN_TO_OTHERS)
    if not settings.demo:
        raise ConfigurationError(
            "no client is registered, so nobody may call; name the file of clients (CDS_CLIENTS, docs/integration.md), "
            "or add --demo to try the service out on this machine"
        )


def _authenticator(clients: Clients, engine: Engine, storage: Storage, keys: KeySets) -> Authenticator:
    """What tells clients by their tokens."""
    offered = {service.id for service in engine.services.values()}
    asked = {need.key for service in engine.services.values() for need in service.requirements}
    for client in clients.by_issuer.values():
        for service in sorted(client.services - offered):
            _log.warning("client-service-unknown", client=client.id, service=service)
        for key in sorted(client.queries.keys() - asked):
            _log.warning("client-query-unused", client=client.id, key=key)
    return Authenticator(clients, engine.settings.public_url or "", keys, storage)


def _greet(address: str, who: str) -> None:
    print(f"pathway-cds is ready at {address}/cds-services ({who}; stop with Ctrl-C)", file=sys.stderr, flush=True)


def _no_content(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers while there is no content that loads, which only an author who changes it sees."""
    outcome = operation_outcome([Issue("exception", "The content does not load; the log has the problems")])
    return json_response(outcome, 503)(environ, start_response)
