"""Keys that a call did not bring, asked for at a scripted FHIR server: what is fetched, with what, and how it ends."""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
from fhir_server_support import (
    Record,
    Reply,
    ScriptedServer,
    closed_port,
    fhir,
    outcome,
    searchset,
    serving,
    timed,
    zipped,
)
from structlog.testing import capture_logs

from cds.access.budget import Allowance
from cds.access.fetch import Access, Fetched
from cds.access.server import Lack
from cds.chart import Completeness, read_answer
from cds.clients import Client, Clients, FhirServer, Query
from cds.errors import FetchError
from cds.hooks.prefetch import PATIENT, Requirement
from cds.hooks.request import parse
from cds.metrics import Metrics
from cds.outbound import LOOPBACK, Outbound

pytestmark = pytest.mark.slow

NEEDS = (
    PATIENT,
    Requirement("conditions", "Condition", "Condition?patient={{context.patientId}}", True),
    Requirement("observations", "Observation", "Observation?patient={{context.patientId}}", False),
)
TOKEN = "t0ken-canary"
#: Short, but not so short that a busy machine needs all of it for the answers that come.
QUICK = Allowance(seconds=1)


def one(kind: str, identifier: str, patient: str = "p1") -> dict[str, Any]:
    return {"resourceType": kind, "id": identifier, "subject": {"reference": f"Patient/{patient}"}}


def patient_record(**options: Any) -> Record:
    resources = (one("Condition", f"c{number}") for number in range(5))
    return Record({"resourceType": "Patient", "id": "p1"}, *resources, one("Observation", "o1"), **options)


@dataclass
class Site:
    """A client with one registered FHIR server, and our access to it."""

    server: ScriptedServer
    record: Record
    access: Access
    token: str | None = TOKEN
    scope: str | None = "patient/*.read"
    open: bool = False
    patient: str = "p1"
    queries: Mapping[str, Query] = field(default_factory=dict)
    authorization: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[Requirement, ...] = NEEDS

    @property
    def base(self) -> str:
        return f"{self.server.url}/fhir"

    @property
    def asked(self) -> list[str]:
        return sorted(hit.path.removeprefix("/fhir/") for hit in self.server.hits)

    def call(
        self, prefetch: Mapping[str, Any] | None = None, *, base: str | None = None, client: Client | None = None
    ) -> Fetched:
        server = self.base if base is None else base
        body: dict[str, Any] = {
            "hook": "patient-view",
            "hookInstance": "1",
            "fhirServer": server,
            "context": {"patientId": self.patient, "userId": "Practitioner/u1", **self.context},
            "prefetch": prefetch or {},
        }
        if self.token is not None:
            body["fhirAuthorization"] = {
                "access_token": self.token,
                "token_type": "Bearer",
                "expires_in": 300,
                "subject": "cds",
                **({"scope": self.scope} if self.scope is not None else {}),
                **self.authorization,
            }
        return self.access.complete(parse(orjson.dumps(body)), client or self.client(), self.needs)

    def client(self, name: str = "ehr") -> Client:
        servers = (FhirServer(self.base, open=self.open, networks=LOOPBACK),)
        issuer = f"https://{name}.example.org"
        return Client(id=name, issuer=issuer, tenant=name, fhir_servers=servers, queries=self.queries)

    def states(self, prefetch: Mapping[str, Any] | None = None) -> dict[str, str]:
        return states(self.call(prefetch))


def states(fetched: Fetched) -> dict[str, str]:
    """What is known of each key, and the ids of what it holds."""
    answers = [read_answer(need.key, need.resource_type, fetched.request.prefetch) for need in NEEDS]
    return {
        answer.key: " ".join([answer.completeness.value, *(str(found["id"]) for found in answer.resources)])
        for answer in answers
    }


@pytest.fixture
def site() -> Iterator[Site]:
    access = Access(outbound=Outbound())
    record = patient_record(token=TOKEN)
    with serving(record) as server:
        yield Site(server, record, access)
    access.close()


WHOLE = {"patient": "complete p1", "conditions": "complete c0 c1 c2 c3 c4", "observations": "complete o1"}


# --- which keys


def test_without_prefetch_everything_is_fetched_with_the_callers_token(site: Site) -> None:
    """P2, P12, P15: each key by its own template, once, with `Authorization: Bearer`."""
    assert site.states() == WHOLE
    assert site.asked == ["Condition", "Observation", "Patient/p1"]
    assert {hit.headers["authorization"] for hit in site.server.hits} == {f"Bearer {TOKEN}"}
    assert {hit.headers["accept"] for hit in site.server.hits} == {"application/fhir+json"}
    assert all(hit.query.get("patient") == "p1" for hit in site.server.hits if "?" in hit.target)


@pytest.mark.parametrize("given", list(itertools.chain(*(itertools.combinations(WHOLE, n) for n in range(4)))))
def test_exactly_the_missing_keys_are_fetched(site: Site, given: tuple[str, ...]) -> None:
    """P5: some prefetch present does not mean that all is."""
    sent: dict[str, Any] = {
        "patient": {"resourceType": "Patient", "id": "p1"},
        "conditions": searchset(*(one("Condition", f"c{number}") for number in range(5))),
        "observations": searchset(one("Observation", "o1")),
    }
    assert site.states({key: sent[key] for key in given}) == WHOLE
    names = {"patient": "Patient/p1", "conditions": "Condition", "observations": "Observation"}
    assert site.asked == sorted(names[key] for key in WHOLE if key not in given)


@pytest.mark.parametrize(
    ("value", "state"),
    [(None, "empty"), (searchset(), "empty"), (outcome("exception"), "failed"), ({**searchset(), "total": 0}, "empty")],
)
def test_an_answer_of_the_client_is_not_asked_for_again(site: Site, value: Any, state: str) -> None:
    """P3, P4, L2, L3: null and an empty Bundle are answers, and an OperationOutcome spares the second query."""
    found = site.states(
        {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": value, "observations": value}
    )
    assert (found["conditions"], found["observations"]) == (state, state)
    assert site.server.hits == []


def test_when_everything_is_prefetched_the_request_comes_back_as_it_is(site: Site) -> None:
    """P15: prefetch only costs one look at each key."""
    sent = {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": searchset(), "observations": None}
    fetched = site.call(sent)
    assert fetched.lacking == {}
    assert fetched.request.prefetch == sent
    assert site.server.hits == []


@pytest.mark.parametrize("code", ["http://loinc.org|8302-2,http://loinc.org|3137-7", "http%3A%2F%2Floinc.org%7C8302-2"])
def test_codes_of_a_template_reach_the_server_encoded_once(site: Site, code: str) -> None:
    """AP12: whether the template has them encoded or not."""
    template = f"Observation?patient={{{{context.patientId}}}}&code={code}"
    site.needs = (Requirement("observations", "Observation", template, False),)
    assert states(site.call())["observations"] == "complete o1"
    assert site.server.hits[0].query["code"].startswith("http://loinc.org|8302-2")


# --- who may be asked


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data", "https://127.0.0.1/fhir", "http://127.0.0.1:{port}/other",
        "http://127.0.0.1:{port}/fhirx", "http://127.0.0.1:{port}/fhir/../admin", "http://127.0.0.1:{port}/",
        "http://localhost:{port}/fhir", "http://127.1:{port}/fhir", "http://user@127.0.0.1:{port}/fhir",
        "http://127.0.0.1:{port}@evil.example/fhir", "http://127.0.0.1:{port}/fhir?x=/fhir", "file:///fhir",
        "http://127.0.0.1:{other}/fhir", "http://127.0.0.1:{port}/%66hir", "nonsense", "http://[::1/fhir",
    ],
)  # fmt: skip
def test_only_the_clients_registered_servers_are_asked(site: Site, url: str) -> None:
    """P14, security S1: another host, port, scheme, path or spelling is not asked; the keys stay unobtained."""
    with serving(patient_record()) as other:
        found = site.call(base=url.format(port=site.server.port, other=other.port))
        assert set(found.lacking.values()) == {"not-registered"}
        assert states(found)["conditions"] == "never asked"
        assert other.hits == site.server.hits == []


def test_the_server_of_another_client_is_not_asked(site: Site) -> None:
    """security S1, P14: the list belongs to the client that calls."""
    other = Client(id="other", issuer="https://other.example.org", tenant="other")
    with capture_logs() as logs:
        assert set(site.call(client=other).lacking.values()) == {"not-registered"}
    assert site.server.hits == []
    assert [line["log_level"] for line in logs] == ["debug"]  # it has none, so that nothing is amiss


def test_a_registered_name_that_leads_to_a_private_network_is_not_connected(site: Site) -> None:
    """security S2: registration does not make a private address reachable, its CIDR does."""
    server = FhirServer(site.base)
    client = Client(id="ehr", issuer="https://ehr.example.org", tenant="ehr", fhir_servers=(server,))
    assert set(site.call(client=client).lacking.values()) == {"blocked"}
    assert site.server.hits == []


def test_demo_mode_asks_any_server_on_this_machine(site: Site) -> None:
    """L6: without a token too, for it counts as open."""
    (demo,) = Clients.demo().by_issuer.values()
    site.record.token, site.token = None, None
    site.access = Access(outbound=Outbound(loopback_only=True))
    assert states(site.call(client=demo)) == WHOLE
    assert "authorization" not in site.server.hits[0].headers
    site.access.close()


def test_without_a_token_only_an_open_server_is_asked(site: Site) -> None:
    """L6: `fhirServer` without `fhirAuthorization` is legal, and answered by open servers."""
    site.record.token, site.token = None, None
    assert set(site.call().lacking.values()) == {"no-token"}
    assert site.server.hits == []
    site.open = True
    assert site.states() == WHOLE


@pytest.mark.parametrize(
    "authorization",
    [
        {"patient": "p2"},
        {"expires_in": 0},
        {"expires_in": -5},
        {"token_type": "MAC"},
        {"access_token": "a b"},
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": "töken"},
    ],
)
def test_a_token_that_cannot_be_for_this_call_is_not_sent(site: Site, authorization: dict[str, Any]) -> None:
    """B9, security S6: another patient's token, one that is over, and what is no bearer token."""
    site.authorization = authorization
    assert set(site.call().lacking.values()) == {"no-token"}
    assert site.server.hits == []


def test_a_token_says_its_patient_in_either_form(site: Site) -> None:
    """B9: a bare id; clients send `Patient/` before it."""
    site.authorization = {"patient": "Patient/p1"}
    assert site.states() == WHOLE


def test_types_outside_the_scopes_are_not_asked_for(site: Site) -> None:
    """P12: SMART 1 and SMART 2 scopes; the rest of the keys is fetched."""
    site.scope = "launch patient/Patient.rs patient/Condition.read"
    fetched = site.call()
    assert fetched.lacking == {"observations": "scope"}
    assert states(fetched) == {**WHOLE, "observations": "never asked"}
    assert site.asked == ["Condition", "Patient/p1"]


def test_what_a_filtered_scope_lets_through_is_a_part(site: Site) -> None:
    """P12: `?category=` in a SMART 2 scope; what was found counts, what was not is unknown."""
    site.scope = "patient/Patient.r patient/Condition.s patient/Observation.s?category=laboratory"
    assert site.states() == {**WHOLE, "observations": "partial o1"}


def test_a_token_made_for_another_service_is_told(site: Site) -> None:
    """F15: `subject` is our client id at that EHR; a mismatch is logged without the value."""
    client = Client(
        id="ehr", issuer="i", tenant="t", subject="us", fhir_servers=(FhirServer(site.base, networks=LOOPBACK),)
    )
    with capture_logs() as logs:
        site.call(client=client)
    assert [line for line in logs if line["event"] == "fhir-token-of-another"] == [
        {"event": "fhir-token-of-another", "log_level": "warning", "client": "ehr"}
    ]


@pytest.mark.parametrize("patient", ["..", "."])
def test_an_id_is_never_a_step_in_a_path(site: Site, patient: str) -> None:
    """security S6: what is an id by its letters may be a path by its meaning; nothing is asked with it."""
    site.patient = patient
    assert set(site.call().lacking.values()) == {"no-value"}
    assert site.server.hits == []


# --- pages


@pytest.mark.parametrize("page", [1, 2, 4, 5, 6])
def test_pages_are_followed_to_the_last(site: Site, page: int) -> None:
    """P9: relative links too; the token goes along."""
    site.record.page = page
    assert site.states() == WHOLE
    assert {hit.headers["authorization"] for hit in site.server.hits} == {f"Bearer {TOKEN}"}


def test_pages_at_the_base_itself_are_followed(site: Site) -> None:
    """P9: as servers have them that keep searches, such as HAPI."""
    first = searchset(one("Condition", "c0"), following=f"{site.base}?_getpages=1&_getpagesoffset=1")
    second = fhir(searchset(one("Condition", "c1")))
    record = site.record
    site.server.script = lambda hit: second if "_getpages" in hit.query else record(hit)
    record.faults["Condition"] = lambda _: fhir(first)
    assert site.states() == {**WHOLE, "conditions": "complete c0 c1"}


def test_the_rest_of_a_prefetched_search_is_fetched(site: Site) -> None:
    """P9: the client sent the first page only."""
    first = searchset(one("Condition", "c0"), following=f"{site.base}/Condition?patient=p1&_start=1")
    patient = {"resourceType": "Patient", "id": "p1"}
    assert site.states({"patient": patient, "conditions": first, "observations": None}) == {
        **WHOLE,
        "observations": "empty",
    }
    assert site.asked == ["Condition"]


@pytest.mark.parametrize(
    "link",
    [
        "http://localhost:{other}/fhir/Condition?page=2",
        "http://localhost:{port}/fhir/Condition?page=2",
        "https://127.0.0.1:{port}/fhir/Condition?page=2",
        "//127.0.0.1:{other}/fhir/Condition",
        "http://127.0.0.1:{port}@127.0.0.1:{other}/fhir",
        "http://[::1",
        "file:///etc/passwd",
        "",
        "/admin",
        "/fhirx/Condition",
        "/fhir/../admin",
        "/fhir/%2e%2e/admin",
        "/fhir/..;/admin",
    ],
)
@pytest.mark.parametrize("prefetched", [True, False])
def test_a_next_page_elsewhere_is_not_asked_for(site: Site, link: str, prefetched: bool) -> None:
    """security S4, security S1, P9: the token stays with its origin, and what is asked below the registered base; what
    came before counts, what did not is unknown."""
    with serving(patient_record()) as other:
        first = searchset(one("Condition", "c0"), following=link.format(port=site.server.port, other=other.port))
        site.record.faults["Condition"] = lambda hit: fhir(first if "page" not in hit.query else searchset())
        fetched = site.call({"conditions": first} if prefetched else None)
        assert states(fetched) == {**WHOLE, "conditions": "partial c0"}
        assert fetched.lacking["conditions"] in ("elsewhere", "loop")
        assert other.hits == []
        assert all(hit.path.startswith("/fhir/") for hit in site.server.hits)


def test_pages_that_go_round_end(site: Site) -> None:
    """security F4: the same page again, and a circle of pages, are seen; what was found once counts once."""
    site.record.faults["Condition"] = lambda hit: fhir(
        searchset(one("Condition", f"c{len(hit.query)}"), following="Condition?patient=p1&page=1")
    )
    fetched = site.call()
    assert fetched.lacking == {"conditions": "loop"}
    assert states(fetched)["conditions"] == "partial c2 c2"
    assert site.asked.count("Condition") == 2


def test_endless_pages_end_at_the_limit(site: Site) -> None:
    """security F4: 20 pages by default; the rest is unknown."""
    numbers = itertools.count()
    site.record.faults["Condition"] = lambda _: fhir(
        searchset(one("Condition", f"c{(n := next(numbers))}"), following=f"Condition?page={n}")
    )
    fetched = site.call()
    assert fetched.lacking == {"conditions": "limit"}
    assert states(fetched)["conditions"].startswith("partial c0 c1")
    assert site.asked.count("Condition") == 21


def test_resources_are_counted_over_all_keys(site: Site) -> None:
    """security section 2: 5,000 resources a call by default; what is beyond is unknown, not absent."""
    site.access = Access(Allowance(resources=3), outbound=Outbound())
    found = site.states({"observations": None})
    assert found["conditions"] == "partial c0 c1 c2"
    site.access.close()


@pytest.mark.parametrize("total", [0, 3, 500])
def test_a_total_that_lies_upwards_makes_an_absence_unknown(site: Site, total: int) -> None:
    """security F4: fewer than announced were delivered without a link to more; more than announced is no harm."""
    site.record.faults["Observation"] = lambda _: fhir(searchset(one("Observation", "o1"), total=total))
    assert site.states()["observations"] == ("complete o1" if total == 0 else "partial o1")


def test_a_later_page_that_fails_makes_the_rest_unknown(site: Site) -> None:
    """security F2: 5xx twice on a page: partial."""
    site.record.page = 2
    answer = site.record.search
    site.record.faults["Condition"] = lambda hit: (
        answer(hit, "Condition") if "_start" not in hit.query else fhir(outcome("exception"), 500)
    )
    fetched = site.call()
    assert states(fetched) == {**WHOLE, "conditions": "partial c0 c1"}
    assert fetched.lacking == {"conditions": "failed"}


# --- Medications


def prescription(identifier: str, reference: str, kind: str = "MedicationRequest") -> dict[str, Any]:
    return {**one(kind, identifier), "medicationReference": {"reference": reference}}


def test_medications_that_are_only_referred_to_are_read(site: Site) -> None:
    """P13: more may be fetched than was listed; each once, also those of prefetched prescriptions and of drafts, and
    not those that are there, contained, or no Medications."""
    site.needs = (*NEEDS, Requirement("medicationRequests", "MedicationRequest", "MedicationRequest?patient=x", False))
    medications = [{"resourceType": "Medication", "id": f"m{number}"} for number in range(3)]
    site.record.resources += medications
    site.context = {"draftOrders": searchset(prescription("d1", "Medication/m2"), prescription("d2", "#m"))}
    prescribed = [
        prescription("r0", "Medication/m0"),
        prescription("r1", f"{site.base}/Medication/m0"),
        prescription("r2", "Medication/m1"),
        prescription("r3", "urn:uuid:1"),
        prescription("r4", "Medication/.."),
        prescription("r5", "Substance/m0"),
    ]
    fetched = site.call({"medicationRequests": searchset(*prescribed, medications[1])})
    assert fetched.lacking == {}
    assert [name for name in site.asked if name.startswith("Medication")] == ["Medication/m0", "Medication/m2"]
    entries = fetched.request.prefetch["medicationRequests"]
    answer = read_answer("medicationRequests", "MedicationRequest", fetched.request.prefetch)
    assert answer.completeness is Completeness.COMPLETE
    assert entries is not None
    assert [entry["resource"]["id"] for entry in entries["entry"]][-2:] == ["m1", "m0"]
    assert [entry["resource"]["id"] for entry in fetched.request.context["draftOrders"]["entry"]] == ["d1", "d2", "m2"]


@pytest.mark.parametrize(
    ("scope", "lack"), [("patient/*.read", "not-found"), ("patient/MedicationRequest.rs", "scope")]
)
def test_a_medication_that_cannot_be_had_makes_its_prescriptions_doubtful(site: Site, scope: str, lack: str) -> None:
    """Who has not seen what was prescribed cannot say that a medicine was not, unless words say it."""
    site.scope = scope
    site.needs = (Requirement("medicationRequests", "MedicationRequest", "MedicationRequest?patient=x", False),)
    fetched = site.call({"medicationRequests": searchset(prescription("r0", "Medication/m0"))})
    answer = read_answer("medicationRequests", "MedicationRequest", fetched.request.prefetch)
    assert answer.completeness is Completeness.PARTIAL
    assert fetched.lacking == {"medicationRequests": lack}
    told = {
        **one("MedicationRequest", "r0"),
        "medicationReference": {"reference": "Medication/m0", "display": "Ibuprofen"},
    }
    fetched = site.call({"medicationRequests": searchset(told)})
    answer = read_answer("medicationRequests", "MedicationRequest", fetched.request.prefetch)
    assert (answer.completeness, fetched.lacking) == (Completeness.COMPLETE, {})


# --- what goes wrong


@pytest.mark.parametrize(
    ("status", "headers", "tries", "lack"),
    [
        (400, {}, 1, "unreadable"),
        (401, {}, 1, "refused"),
        (403, {}, 1, "refused"),
        (404, {}, 1, "not-found"),
        (410, {}, 1, "not-found"),
        (204, {}, 1, "unreadable"),
        (429, {"Retry-After": "0"}, 2, "failed"),
        (429, {"Retry-After": "60"}, 1, "failed"),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 2, "failed"),
        (500, {}, 2, "failed"),
        (503, {"Retry-After": "0"}, 2, "failed"),
        (503, {"Retry-After": "60"}, 1, "failed"),
    ],
)
def test_a_status_that_is_no_success(site: Site, status: int, headers: dict[str, str], tries: int, lack: str) -> None:
    """security F2: refusals are not asked again; a busy or failing server once more, when it fits in the budget."""
    site.record.faults["Condition"] = lambda _: fhir(outcome("x"), status, **headers)
    fetched = site.call()
    assert fetched.lacking == {"conditions": lack}
    assert states(fetched) == {**WHOLE, "conditions": "failed"}
    assert site.asked.count("Condition") == tries


def test_a_second_try_may_succeed(site: Site) -> None:
    """security F2: 503 once."""
    replies = iter([fhir(outcome("throttled"), 503, **{"Retry-After": "0"}), fhir(searchset(one("Condition", "c9")))])
    site.record.faults["Condition"] = lambda _: next(replies)
    assert site.states() == {**WHOLE, "conditions": "complete c9"}


@pytest.mark.parametrize("kind", ["Patient", "Observation"])
@pytest.mark.parametrize(
    "reply",
    [
        fhir(outcome("exception")),
        Reply(b"<html>please log in</html>", headers={"Content-Type": "text/html"}),
        Reply(b""),
        Reply(b'{"resourceType":"Bundle","entry":[{"res'),
        Reply(b"[" * 5000),
        Reply(b"[]"),
        Reply(b"null"),
        Reply(b'{"resourceType":"Bundle","type":"searchset","total":1e999}'),
        fhir({"resourceType": "Medication", "id": "p1"}),
        fhir({"id": "p1"}),
        fhir({"resourceType": "Bundle", "type": "batch-response", "entry": []}),
        fhir({"resourceType": "Bundle", "type": "searchset", "entry": {"resource": 1}}),
        fhir(searchset({"resourceType": "Practitioner", "id": "x"})),
        fhir(searchset(outcome("processing"))),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"),
        zipped(b" " * 20_000_000),
    ],
    ids=[
        "OperationOutcome", "html", "empty", "truncated", "deep", "array", "null", "1e999", "other type", "no type",
        "batch", "entry is no list", "other entries", "outcome entry", "cut off", "bomb",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_an_error_for_its_key_alone(site: Site, kind: str, reply: Reply) -> None:
    """security F3, security F5: never an empty result; the other keys are unharmed."""
    site.record.faults[kind] = lambda _: reply
    fetched = site.call()
    key = "patient" if kind == "Patient" else "observations"
    assert states(fetched) == {**WHOLE, key: states(fetched)[key]}
    assert states(fetched)[key] in ("failed", "partial")


def test_another_patient_is_no_answer(site: Site) -> None:
    """security F3: a read that brings somebody else."""
    site.record.faults["Patient"] = lambda _: fhir({"resourceType": "Patient", "id": "p2"})
    fetched = site.call()
    assert states(fetched)["patient"] == "failed"
    assert fetched.lacking == {"patient": "unreadable"}


def test_an_outcome_among_the_matches_is_a_warning(site: Site) -> None:
    """P4: as an entry it says that data may be missing; it is no data itself."""
    warning = {"resource": outcome("incomplete"), "search": {"mode": "outcome"}}
    bundle = searchset(one("Condition", "c0"))
    site.record.faults["Condition"] = lambda _: fhir({**bundle, "entry": [*bundle["entry"], warning]})
    assert site.states()["conditions"] == "partial c0"


def test_redirects_do_not_take_the_token_elsewhere(site: Site) -> None:
    """security S3, security S4: within the origin a redirect is followed, to another it is not."""
    with serving(patient_record()) as other:
        site.record.faults["Condition"] = lambda _: Reply(
            status=302, headers={"Location": f"{other.url}/fhir/Condition"}
        )
        site.record.faults["Observation"] = lambda hit: (
            Reply(status=307, headers={"Location": "/fhir/Observation?patient=p1&moved=1"})
            if "moved" not in hit.query
            else fhir(searchset(one("Observation", "o1")))
        )
        fetched = site.call()
        assert fetched.lacking == {"conditions": "blocked"}
        assert states(fetched) == {**WHOLE, "conditions": "failed"}
        assert other.hits == []


# --- time


@pytest.mark.parametrize(
    "slow",
    [Reply(wait=5), Reply(pieces=itertools.repeat(b" "), pause=0.05)],
    ids=["silent", "trickle"],
)
def test_the_call_is_answered_at_the_end_of_its_budget(site: Site, slow: Reply) -> None:
    """security F1: what came in time counts, the rest is unknown."""
    site.access = Access(QUICK, outbound=Outbound())
    site.record.faults["Observation"] = lambda _: slow
    fetched: list[Fetched] = []
    assert timed(lambda: fetched.append(site.call())) < 3
    site.access.close()
    assert states(fetched[0]) == {**WHOLE, "observations": "failed"}
    assert fetched[0].lacking == {"observations": "timeout"}


class Stuck(Outbound):
    """One whose requests end when it is closed, whatever their limits."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Event()

    def get(self, *_: Any, **__: Any) -> Any:
        self.closed.wait(10)
        raise FetchError("timeout", "at last")


def test_a_call_does_not_wait_for_threads_that_hang(site: Site) -> None:
    """security F1: also where no time-out reaches; the first page that the client sent still counts."""
    stuck = Stuck()
    site.access = Access(Allowance(seconds=0.1), outbound=stuck)
    first = searchset(one("Condition", "c0"), following=f"{site.base}/Condition?page=2")
    fetched: list[Fetched] = []
    assert timed(lambda: fetched.append(site.call({"conditions": first}))) < 3
    assert states(fetched[0]) == {"patient": "failed", "conditions": "partial c0", "observations": "failed"}
    stuck.closed.set()


class Broken(Stuck):
    """An outbound client with a fault of ours, for one type."""

    def __init__(self, whole: Outbound) -> None:
        super().__init__()
        self.whole = whole

    def get(self, address: str, **options: Any) -> Any:
        if "/Condition" in address:
            raise ZeroDivisionError("the patient's own words")
        return self.whole.get(address, **options)


def test_a_fault_of_ours_takes_its_own_key_only(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """security F3: the other keys are there, and the operator is told where, without what the data says."""
    whole = site.access
    site.access = Access(whole._allowance, outbound=Broken(whole._outbound))
    found = states(site.call())
    site.access = whole
    assert found["conditions"] == "failed"
    assert found["observations"] == WHOLE["observations"]
    told = capsys.readouterr().out
    assert "fhir-fetch-crashed" in told
    assert "own words" not in told


def test_keys_are_fetched_at_the_same_time(site: Site) -> None:
    """security F1: the budget is of the call, not of each key: slow answers wait side by side."""
    quick = site.record.search
    for kind in ("Condition", "Observation"):
        site.record.faults[kind] = lambda hit, kind=kind: _later(quick(hit, kind), 0.5)
    site.record.faults["Patient"] = lambda _: _later(fhir({"resourceType": "Patient", "id": "p1"}), 0.5)
    fetched: list[Fetched] = []
    assert timed(lambda: fetched.append(site.call())) < 1.4
    assert states(fetched[0]) == WHOLE


def _later(reply: Reply, seconds: float) -> Reply:
    return Reply(reply.body, reply.status, reply.headers, wait=seconds)


def test_while_the_breaker_is_open_calls_do_not_wait(site: Site) -> None:
    """security F6: a server that is down is asked by the first calls only; later ones are answered in less than 50 ms,
    and its state is for the metrics to read."""
    down = f"http://127.0.0.1:{closed_port()}"
    client = Client(id="e", issuer="i", tenant="t", fhir_servers=(FhirServer(down, networks=LOOPBACK),))
    metrics = Metrics()
    site.access = Access(outbound=Outbound(), metrics=metrics)
    for _ in range(3):
        fetched = site.call(base=down, client=client)
    assert site.access.breakers == {down: "open"}
    assert min(timed(lambda: site.call(base=down, client=client)) for _ in range(5)) < 0.05
    assert set(fetched.lacking.values()) == {"open-breaker"}
    text = metrics.exposition().decode()
    assert f'cds_breaker_state{{server="{down}"}} 2.0' in text
    assert f'cds_fhir_fetches_total{{outcome="unreachable",server="{down}"}}' in text


def test_what_a_server_refuses_does_not_open_its_breaker(site: Site) -> None:
    """security F6: 401 and 404 are answers: one caller's bad token does not shut out the others."""
    site.record.token = "another"
    for _ in range(4):
        assert set(site.call().lacking.values()) == {"refused"}
    site.record.token = TOKEN
    assert site.states() == WHOLE
    assert list(site.access.breakers.values()) == ["closed"]


def test_an_address_that_our_guard_refuses_says_nothing_of_the_server(site: Site) -> None:
    """security F6, S2: a server that is down stays so while its name leads where we do not connect to."""
    down = f"http://127.0.0.1:{closed_port()}"
    client = Client(id="e", issuer="i", tenant="t", fhir_servers=(FhirServer(down, networks=LOOPBACK),))
    leads_to = ["127.0.0.1"]
    site.access = Access(outbound=Outbound(resolve=lambda *_: leads_to))
    site.needs = (PATIENT,)
    lacking = []
    for address in ("127.0.0.1", "127.0.0.1", "8.8.8.8", "127.0.0.1", "127.0.0.1"):  # each is tried twice when down
        leads_to[:] = [address]
        lacking.append(site.call(base=down, client=client).lacking["patient"])
    assert lacking == ["unreachable", "unreachable", "blocked", "open-breaker", "open-breaker"]


# --- searches of the client

LABORATORY = "Observation?patient={{context.patientId}}&category=laboratory"


@pytest.mark.parametrize(("complete", "state"), [(True, "complete o1"), (False, "partial o1")])
def test_a_client_may_have_another_search_for_a_key(site: Site, complete: bool, state: str) -> None:
    """P8, security E8: where its server refuses ours. What a search that leaves something out does not find is unknown,
    unless the client's file says that it finds all that matters; the other keys are searched for as ever."""
    site.record.faults["Observation"] = lambda hit: (
        site.record.search(hit, "Observation") if "category" in hit.query else fhir(outcome("required"), 400)
    )
    assert site.states() == {**WHOLE, "observations": "failed"}
    site.server.hits.clear()
    site.queries = {"observations": Query(LABORATORY, complete), "goals": Query("Goal?patient=x", complete=True)}
    fetched = site.call()
    assert states(fetched) == {**WHOLE, "observations": state}
    assert fetched.lacking == ({} if complete else {"observations": "narrow-query"})
    targets = {hit.target for hit in site.server.hits}
    assert "/fhir/Observation?patient=p1&category=laboratory&_count=200" in targets
    assert "/fhir/Condition?patient=p1&_count=200" in targets
    assert len(targets) == 3


def test_what_a_client_prefetched_is_followed_as_it_is(site: Site) -> None:
    """P9: its own search has nothing to do with the pages of what it prefetched by ours."""
    site.queries = {"observations": Query(LABORATORY, complete=False)}
    first = searchset(one("Observation", "o0"), following=f"{site.base}/Observation?patient=p1&_start=0")
    fetched = site.call({"observations": first})
    assert states(fetched)["observations"] == "complete o0 o1"
    assert all("category" not in hit.query for hit in site.server.hits)


# --- sharing


def test_calls_at_once_share_nothing(site: Site) -> None:
    """security F7: 30 calls for one patient, of two clients, each with its own token: each asks for itself, and makes
    each search once."""
    site.record.token = None
    found: list[tuple[str, Fetched]] = []

    def call(number: int) -> None:
        mine = Site(site.server, site.record, site.access, token=f"token-{number}")
        found.append((f"token-{number}", mine.call(client=mine.client(f"client-{number % 2}"))))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [states(fetched) for _, fetched in found] == [WHOLE] * 30
    made = sorted((hit.headers["authorization"], hit.path) for hit in site.server.hits)
    paths = ("/fhir/Condition", "/fhir/Observation", "/fhir/Patient/p1")
    assert made == sorted((f"Bearer token-{n}", path) for n in range(30) for path in paths)


def test_the_token_and_the_patient_are_in_no_log_and_no_text(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """B10, F13, security A2: also not when everything fails; neither plain nor in base64."""
    site.patient = "canary-patient"
    site.record.faults["Condition"] = lambda _: Reply(b"canary-body", 500)
    site.record.faults["Observation"] = lambda _: Reply(status=302, headers={"Location": "http://canary-host/"})
    with capture_logs() as logs, caplog.at_level("DEBUG"):
        fetched = site.call()
    said = f"{logs}{caplog.text}{fetched.request.authorization}{fetched.lacking}"
    assert len(logs) == 3
    assert "canary" not in said
    assert base64.b64encode(TOKEN.encode()).decode() not in said


def test_every_reason_is_explained_to_those_who_connect_an_ehr() -> None:
    """Issue 7: what stands in a log line as `reason` is in docs/integration.md."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "integration.md").read_text(encoding="utf-8")
    table = page.partition("## Data: prefetch and the FHIR server")[2]
    assert [reason for reason in get_args(Lack) if f"`{reason}`" not in table] == []
