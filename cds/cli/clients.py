"""`cds clients`: checks a file of registered clients and shows what each may do."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cds.cli.options import output_format
from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.client_file import load_clients
from cds.clients import Client, Clients
from cds.errors import RequestError
from cds.key_sets import KeySets
from cds.outbound import Outbound
from cds.web import logs


@verb(
    "clients",
    {0: "the file is right, and with --fetch all keys were had", 1: "keys cannot be had"},
    "cds clients clients.yaml",
    "cds clients clients.yaml --fetch --format json",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--fetch", is_flag=True, help="Ask each client's server for its keys, as the service would.")
@output_format()
def command(*, file: Path, fetch: bool, form: str) -> None:
    """Check the clients registered in FILE and show what each may do. docs/integration.md explains the file."""
    clients = load_clients(file)
    found = [_about(client) for client in clients.by_issuer.values()]
    logs.configure("warning", "console")
    everything = not fetch or _fetch(clients, found)
    if form == "json":
        write_json({"clients": found})
    else:
        click.echo("\n\n".join("\n".join(_lines(about)) for about in found))
    if not everything:
        sys.exit(1)


def _about(client: Client) -> dict[str, Any]:
    keys = "a secret" if client.secret is not None else [key.kid for key in client.keys] or client.jku
    networks = [str(network) for network in client.networks]
    queries = [f"{key}: {one.search}{' (complete)' * one.complete}" for key, one in client.queries.items()]
    return {
        "id": client.id,
        "issuer": client.issuer,
        "tenants": [f"{client.tenant}/{name}" for name in sorted(client.tenants)] or client.tenant,
        "keys": keys,
        "algorithms": sorted(client.algorithms),
        "rate": f"{client.rate:g} a second",
        "services": sorted(client.services) or "all",
        "fhir": [f"{server.url}{' (open)' * server.open}" for server in client.fhir_servers] or "none",
        **({"queries": queries} if queries else {}),
        **({"networks": networks} if networks else {}),
        **({"origins": sorted(client.origins)} if client.origins else {}),
        "cds_hooks": client.cds_hooks,
    }


def _fetch(clients: Clients, found: list[dict[str, Any]]) -> bool:
    """Add to what is said of clients which keys they publish now; whether all of them can be had."""
    outbound = Outbound()
    key_sets = KeySets(clients, outbound)
    everything = True
    for client, about in zip(clients.by_issuer.values(), found, strict=True):
        if client.jku is None or client.keys:
            continue
        started = time.monotonic()
        try:
            kids = sorted(key_sets.kids(client))
        except RequestError:
            everything = False
            about["fetched"] = "failed"
        else:
            about["fetched"] = [*kids, f"in {time.monotonic() - started:.2f} s"]
    outbound.close()
    return everything


def _lines(about: dict[str, Any]) -> Iterator[str]:
    for name, value in about.items():
        yield f"{name:<12}{', '.join(value) if isinstance(value, list) else value}"
