"""Whatever a FHIR server answers: the call is answered, and no absence is concluded from what cannot be read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.access.fetch import Access
from cds.chart import Completeness
from cds.clients import Client, FhirServer
from cds.data import chart_of_request
from cds.errors import RequestError
from cds.hooks.prefetch import PATIENT, Requirement
from cds.hooks.request import parse
from cds.outbound import Outbound, Reply

pytestmark = pytest.mark.slow

BASE = "https://ehr.example.org/fhir"
CLIENT = Client(id="ehr", issuer="i", tenant="t", fhir_servers=(FhirServer(BASE, open=True),))
CONDITIONS = Requirement("conditions", "Condition", "Condition?patient={{context.patientId}}", False)

anything = st.sampled_from([None, True, 0, -1, 2.5, "", "x", [], {}, [None], [1], ["x"], [[]], {"a": 1}, {"": None}])


def odd(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A value of the right form, or of any other."""
    return value | anything


references = st.sampled_from(["Patient/p1", "Patient/p2", "urn:uuid:1", "#x", "Medication/m", "Medication/..", "x"])
resources = st.fixed_dictionaries(
    {"resourceType": odd(st.sampled_from(["Condition", "Patient", "OperationOutcome", "MedicationRequest"]))},
    optional={
        "id": odd(st.sampled_from(["a", "b", "p1"])),
        "subject": odd(st.fixed_dictionaries({"reference": odd(references)})),
        "medicationReference": odd(st.fixed_dictionaries({"reference": odd(references)})),
    },
)
links = st.fixed_dictionaries(
    {"relation": odd(st.sampled_from(["next", "self"]))},
    optional={
        "url": odd(st.sampled_from(["?page=2", f"{BASE}/Condition?page=3", "https://evil.example/", "\n", "//"]))
    },
)
bundles = st.fixed_dictionaries(
    {"resourceType": odd(st.just("Bundle"))},
    optional={
        "type": odd(st.sampled_from(["searchset", "batch-response"])),
        "total": odd(st.integers(0, 5)),
        "entry": odd(st.lists(odd(st.fixed_dictionaries({"resource": odd(resources)})), max_size=4)),
        "link": odd(st.lists(odd(links), max_size=2)),
    },
)


class Scripted(Outbound):
    """Answers with the values one after the other, the last one again and again."""

    def __init__(self, pages: list[Any]) -> None:
        super().__init__()
        self._pages = pages
        self.asked: list[str] = []

    def get(self, url: str, **_: Any) -> Reply:
        self.asked.append(url)
        if "/Condition?" not in url:
            return Reply(404, {}, b"", url)
        page = self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]
        return Reply(200, {}, orjson.dumps(page), url)


@given(pages=st.lists(odd(bundles), min_size=1, max_size=4), prefetched=st.none() | bundles)
def test_odd_answers_do_no_harm(pages: list[Any], prefetched: Any) -> None:
    """security F3, security F4, P9: every shape of pages, links and entries; another origin is never asked."""
    prefetch: dict[str, Any] = {"patient": {"resourceType": "Patient", "id": "p1"}}
    if prefetched is not None:
        prefetch["conditions"] = prefetched
    context = {"patientId": "p1", "userId": "Practitioner/u"}
    body = {"hook": "h", "hookInstance": "1", "fhirServer": BASE, "context": context, "prefetch": prefetch}
    outbound = Scripted(pages)
    needs = (PATIENT, CONDITIONS)
    try:
        request = parse(orjson.dumps(body))
    except RequestError:
        return
    fetched = Access(outbound=outbound).complete(request, CLIENT, needs)
    answer = chart_of_request(fetched.request, needs, fetched.lacking).answers["conditions"]
    assert all(url.startswith("https://ehr.example.org/") for url in outbound.asked)
    if answer.completeness in (Completeness.COMPLETE, Completeness.EMPTY):
        assert "conditions" not in fetched.lacking
