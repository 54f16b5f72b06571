"""What a hook call costs: CPU time of a real call against the same Flask application with an engine that only parses
the body and answers three fixed cards.

Run as a program; prints one table. Both sides are measured in turns within one run, so that the ratio means something.
With `--served` also what tokens and the database cost, and how long calls take under load.
"""

from __future__ import annotations

import io
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import orjson
import served
import structlog
from flask import Flask

from cds.cli.server import settle
from cds.clients import Caller
from cds.config import Settings
from cds.definitions.snapshot import Snapshot
from cds.service import Engine
from cds.web import create_app

ROUNDS = 11
SECONDS = 0.1


def resource(kind: str, number: int) -> dict[str, Any]:
    """A resource of realistic size (about 600 bytes) that says nothing about backs."""
    return {
        "resourceType": kind,
        "id": f"{kind.lower()}-{number:05d}",
        "meta": {"versionId": "1", "lastUpdated": "2026-01-05T10:20:30.000+00:00"},
        "clinicalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
        },
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "x"}]}],
        "code": {
            "coding": [
                {"system": "http://snomed.info/sct", "code": str(10_000_000 + number % 97), "display": "A finding"}
            ],
            "text": "A finding that is not about the back",
        },
        "subject": {"reference": "Patient/p1"},
        "recordedDate": "2026-01-05",
    }


def bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [{"fullUrl": f"https://ehr.example/fhir/{r['resourceType']}/{r['id']}", "resource": r} for r in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def draft(kind: str, number: int, **elements: Any) -> dict[str, Any]:
    common = {"resourceType": kind, "id": f"draft-{number}", "status": "draft", "intent": "order"}
    return {**common, "subject": {"reference": "Patient/p1"}, **elements}


def coded(system: str, code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


DRAFTS = (
    draft("ServiceRequest", 1, code={"text": "Bed rest"}),
    draft("ServiceRequest", 2, code=coded("http://snomed.info/sct", "44868003", "Acupuncture")),
    draft(
        "MedicationRequest",
        3,
        medicationCodeableConcept=coded("http://www.nlm.nih.gov/research/umls/rxnorm", "197591", "diazepam 5 MG"),
    ),
)

#: What is measured: a name, the hook, and the drafts of the call.
CALLS = (
    ("order-sign, no order of ours", "order-sign", (draft("ServiceRequest", 9, code={"text": "X-ray of the foot"}),)),
    ("order-sign, one order", "order-sign", DRAFTS[1:2]),
    ("order-sign, three orders", "order-sign", DRAFTS),
    ("patient-view", "patient-view", ()),
)


def body(size: int, hook: str, drafts: tuple[dict[str, Any], ...], asked: Iterable[str] = ()) -> bytes:
    """A call for a patient with low back pain and `size` prefetched resources. The client ran every template of the
    service (`asked`): what there is nothing of is null."""
    low_back_pain = {**resource("Condition", 0), "code": coded("http://snomed.info/sct", "279039007", "Low back pain")}
    conditions = [low_back_pain, *(resource("Condition", n) for n in range(1, size * 2 // 3))]
    requests = [resource("ServiceRequest", n) for n in range(size - 1 - len(conditions))]
    return orjson.dumps(
        {
            "hook": hook,
            "hookInstance": "7f1d2c1e-9a51-4d43-8a5f-3c2b6f0e9d10",
            "context": {"userId": "Practitioner/1", "patientId": "p1", "draftOrders": bundle(list(drafts))},
            "prefetch": {
                **dict.fromkeys(asked),
                "patient": {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1980-01-01"},
                "conditions": bundle(conditions),
                "serviceRequests": bundle(requests),
            },
        }
    )


class Floor:
    """An engine that parses the body and answers the same three cards each time."""

    def __init__(self, snapshot: Snapshot, cards: dict[str, Any]) -> None:
        self.snapshot = snapshot
        self._cards = cards

    def discovery(self) -> dict[str, Any]:
        return {"services": []}

    def run_feedback(self, service_id: str, body: bytes, caller: Caller) -> None:
        orjson.loads(body)

    def run_statistics(self, days: int, tenant: str | None) -> dict[str, Any]:
        return {}

    def run_hook(self, service_id: str, body: bytes, caller: Caller) -> dict[str, Any]:
        orjson.loads(body)
        return self._cards


def caller(app: Flask, hook: str, payload: bytes, tokens: Iterator[str] | None = None) -> Callable[[], bytes]:
    """One POST through the WSGI interface, with the next of the tokens if there are some."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/cds-services/back-pain-{hook}",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(payload)),
        "wsgi.errors": io.StringIO(),
    }
    status: list[str] = []

    def call() -> bytes:
        status.clear()
        sent = {**environ, "wsgi.input": io.BytesIO(payload)}
        if tokens is not None:
            sent["HTTP_AUTHORIZATION"] = f"Bearer {next(tokens)}"
        chunks: Iterator[bytes] = app.wsgi_app(sent, lambda line, headers, *_: status.append(line))
        answer = b"".join(chunks)
        if not status[0].startswith("200"):
            raise SystemExit(f"{status[0]}: {answer!r}")
        return answer

    return call


def cost(call: Callable[[], bytes]) -> float:
    """CPU seconds per call, over a stretch of SECONDS."""
    calls = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < SECONDS:
        call()
        calls += 1
    return spent / calls


def keys(engine: Engine, hook: str) -> list[str]:
    """The prefetch keys of the pathway's service for a hook."""
    return [need.key for need in engine.service(f"back-pain-{hook}").requirements]


def secured(engine: Engine) -> Iterator[tuple[str, str, served.Caller]]:
    """The rows of `served.measure`."""
    for size in (50, 1000):
        for name, hook, drafts in CALLS:
            payload = body(size, hook, drafts, keys(engine, hook))
            label, path = f"{size:>9}  {name:<29}", f"/cds-services/back-pain-{hook}"
            yield label, path, partial(caller, hook=hook, payload=payload)


def measure(size: int, engine: Engine, app: Flask, floor: Flask) -> None:
    """Print a row per call: medians over rounds in which floor and call take turns, of the costs and of their ratio."""
    for name, hook, drafts in CALLS:
        payload = body(size, hook, drafts, keys(engine, hook))
        real, least = caller(app, hook, payload), caller(floor, hook, payload)
        cards = len(orjson.loads(real())["cards"])
        costs = [(cost(least), cost(real)) for _ in range(ROUNDS)]
        low, high = (statistics.median(column) for column in zip(*costs, strict=True))
        ratio = statistics.median(above / below for below, above in costs)
        figures = f"{low * 1e6:>7.0f} us {high * 1e6:>7.0f} us {ratio:>6.2f}"
        print(f"{size:>9} {len(payload) / 1000:>5.0f} KB  {name:<29} {cards:>5} {figures}")


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    settings = Settings(demo=True)
    engine = Engine(settings)
    app = create_app(engine, settings)
    three = engine.run_hook("back-pain-order-sign", body(1, "order-sign", DRAFTS), Caller.demo())
    floor = create_app(Floor(engine.snapshot, three), settings)
    settle()
    print("resources     body  call                          cards      floor       call  ratio")
    for size in (50, 1000):
        measure(size, engine, app, floor)
    if "--served" in sys.argv:
        print(
            "\nwith a token (RS384) for each call and the decision log on SQLite; the second floor looks at tokens too"
        )
        print("resources  call                              floor  floor, token    call  ratio  ratio")
        served.measure(list(secured(engine)), engine, Floor(engine.snapshot, three), floor)
        name, hook, drafts = CALLS[2]
        print(f"\n{name}, {served.CONNECTIONS} connections, `cds serve` with {served.WORKERS} workers and all of that")
        print("what                      calls  a second     median         99%     slowest  CPU each")
        served.measure_load(f"/cds-services/back-pain-{hook}", body(50, hook, drafts, keys(engine, hook)))


if __name__ == "__main__":
    main()
