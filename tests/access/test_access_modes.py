"""The same cards, whichever way the data comes: issue 7's four modes, on every case file of the content."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from fhir_server_support import Hit, Record, Reply, ScriptedServer, fhir, outcome, serving

from cds import searchset
from cds.access.medications import references
from cds.cases import Case, find, load
from cds.cases.request import request_body
from cds.clients import Caller, Client, FhirServer
from cds.config import Settings
from cds.errors import RequestError
from cds.hooks.request import parse
from cds.outbound import LOOPBACK
from cds.service import Engine

CONTENT = Path(__file__).resolve().parents[2] / "plandefinitions"


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(Settings(content=CONTENT, demo=True))
    yield made
    made.access.close()


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with serving(lambda _: fhir(outcome("not-found"), 404)) as running:
        yield running


def record_of(case: Case, page: int) -> Record:
    """A server that holds the case's data, fails where the case says so, and has pages that cannot be had."""
    record = Record(case.patient, *case.data, page=page)

    def cut(kind: str, hit: Hit) -> Reply:
        bundle = orjson.loads(record.search(hit, kind).body)
        if "link" not in bundle:
            bundle["link"] = [{"relation": "next", "url": "https://elsewhere.example.org/"}]
        return fhir(bundle)

    record.faults.update({kind: partial(cut, kind) for kind in case.partial})
    record.faults.update({kind: lambda _: fhir(outcome("exception"), 400) for kind in case.failed})
    return record


def answer(engine: Engine, case: Case, body: dict[str, Any], base: str | None = None) -> list[bytes] | int:
    """The cards, apart from the one that tells what could not be read; or the status of a refusal."""
    caller = None
    if base is not None:
        kinds = {need.resource_type for need in engine.service(case.service).requirements} - case.missing
        scope = " ".join(f"patient/{kind}.rs" for kind in sorted(kinds))
        granted = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": scope, "subject": "cds"}
        body = {**body, "fhirServer": base, "fhirAuthorization": granted}
        servers = (FhirServer(base, networks=LOOPBACK),)
        caller = Caller(Client(id="ehr", issuer="https://ehr.example.org", tenant="t", fhir_servers=servers), "t")
    now = datetime.combine(case.today, time(12), ZoneInfo(engine.settings.timezone))
    try:
        found = engine.answer(case.service, orjson.dumps(body), caller=caller, now=now, parameters=case.settings)
    except RequestError as refusal:
        return refusal.status
    return [orjson.dumps(card) for card in found.cards if card["source"]["topic"]["code"] != "data-missing"]


@pytest.mark.slow
@pytest.mark.parametrize("file", find(CONTENT), ids=lambda file: f"{file.parent.parent.name}/{file.stem}")
def test_prefetch_server_both_and_pages_give_the_same_cards(engine: Engine, server: ScriptedServer, file: Path) -> None:
    """P15, P9, P5, AP17: prefetch only, server only, every other key prefetched, and a server with pages of one; also
    when of the prefetch only that is read which is asked for."""
    base = f"{server.url}/fhir"
    for case in load(engine, file):
        needs = engine.service(case.service).requirements
        body = orjson.loads(request_body(case, needs))
        # A Medication that the server does not have leaves its search incomplete; the words of a draft stand for it.
        for key in references(parse(orjson.dumps(body)), needs).keys() & body["prefetch"].keys():
            body["prefetch"][key]["link"] = [{"relation": "next"}]
        expected = answer(engine, case, body)
        half = {key: value for number, (key, value) in enumerate(body["prefetch"].items()) if number % 2}
        for prefetch, page in (({}, 1000), (half, 1000), ({}, 1)):
            server.script = record_of(case, page)
            found = answer(engine, case, {**body, "prefetch": prefetch}, base)
            assert found == expected, f"{case.name}: {list(prefetch)} prefetched, pages of {page}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(searchset, "_SHORT", 0)
            assert answer(engine, case, body) == expected, f"{case.name}: prefetched, read as it is asked for"
            assert answer(engine, case, body, base) == expected, f"{case.name}: the same, with a server to ask"
    assert server.hits
