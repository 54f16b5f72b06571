"""The FHIR face over HTTP: every route on the real content, formats, ETags and refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient

from cds.apply.conform import faults
from cds.config import Settings
from cds.service import Engine
from cds.web import create_app

SETTINGS = Settings(demo=True, now="2026-03-02T12:00:00Z", max_body=200_000)
PLAN = "/fhir/PlanDefinition/back-pain"
FHIR = {"Content-Type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-01"}
BACK_PAIN = {"system": "http://snomed.info/sct", "code": "279039007", "display": "Low back pain"}
CONDITION = {
    "resourceType": "Condition",
    "id": "c",
    "subject": {"reference": "Patient/p"},
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    },
    "code": {"coding": [BACK_PAIN]},
    "onsetDateTime": "2026-02-20",
}


@pytest.fixture(scope="module")
def client(bundled: FlaskClient) -> FlaskClient:
    return bundled


def post(client: FlaskClient, url: str, *parameters: dict[str, Any]) -> Any:
    body = orjson.dumps({"resourceType": "Parameters", "parameter": list(parameters)})
    return client.post(url, data=body, headers=FHIR)


def given(name: str, value: Any) -> dict[str, Any]:
    return {"name": name, "resource": value} if isinstance(value, dict) else {"name": name, "valueString": value}


DATA = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}, {"resource": CONDITION}]}


def test_the_pathway_applied_is_a_care_plan_a_clinician_can_read(client: FlaskClient) -> None:
    """A patient with low back pain: the exercise programme with its timing, and why other decisions do not apply."""
    answer = post(client, f"{PLAN}/$apply", given("subject", "p"), given("data", DATA)).get_json()
    assert (answer["resourceType"], answer["title"]) == ("CarePlan", "Back pain pathway")
    assert not [fault for one in (answer, *answer["contained"]) for fault in faults(one)]
    kinds = [one["resourceType"] for one in answer["contained"]]
    assert "ServiceRequest" in kinds
    orders = [one for one in answer["contained"] if one["resourceType"] == "ServiceRequest"]
    assert any("repeat" in str(order.get("occurrenceTiming")) for order in orders)
    issues = [issue for one in answer["contained"] if "issue" in one for issue in one["issue"]]
    assert any("does not apply" in issue["details"]["text"] for issue in issues)
    assert not [issue for issue in issues if issue["severity"] == "error"]
    goals = [one["description"]["text"] for one in answer["contained"] if one["resourceType"] == "Goal"]
    assert "Less pain" in goals
    assert len(answer["goal"]) == len(goals)
    text = answer["text"]["div"]
    said = (
        "Less pain",
        "30 to 40 minutes 3 times a week",
        "Refer to a group exercise programme",
        "Advice to stay active",
    )
    assert all(part in text for part in said)
    assert "Acupuncture for back or neck pain</b>: A draft order is acupuncture" in text


def test_apply_by_get_on_an_instance(client: FlaskClient) -> None:
    """Without data all is unknown; the query gives the parameters."""
    response = client.get(f"{PLAN}/$apply?subject=p&output=requestgroup&_format=json")
    assert (response.status_code, response.content_type) == (200, "application/fhir+json")
    assert response.get_json()["resourceType"] == "RequestGroup"


def test_activity_definition_apply(client: FlaskClient) -> None:
    """At the instance and by url."""
    (first, *_) = client.get("/fhir/ActivityDefinition").get_json()["entry"]
    answer = post(client, f"/fhir/ActivityDefinition/{first['resource']['id']}/$apply", given("subject", "p"))
    assert answer.get_json()["resourceType"] == first["resource"]["kind"]
    url = {"name": "url", "valueCanonical": first["resource"]["url"]}
    assert post(client, "/fhir/ActivityDefinition/$apply", url, given("subject", "p")).status_code == 200


def test_data_requirements_name_types_codes_and_definitions(client: FlaskClient) -> None:
    """A module-definition Library: what is retrieved, with its value sets, and what the plan depends on."""
    library = client.get(f"{PLAN}/$data-requirements").get_json()
    assert not faults(library)
    asked = {requirement["type"] for requirement in library["dataRequirement"]}
    assert {"Condition", "ServiceRequest"} <= asked
    assert {"guideline", "draftOrders"} <= {parameter["name"] for parameter in library["parameter"]}
    filters = [one["codeFilter"][0]["valueSet"] for one in library["dataRequirement"] if "codeFilter" in one]
    depends = {related["resource"] for related in library["relatedArtifact"]}
    assert filters
    assert set(filters) <= depends


def test_reads_and_searches(client: FlaskClient) -> None:
    """By id, url, name and status; what is served is what was loaded."""
    plan = client.get(PLAN).get_json()
    assert (plan["id"], plan["title"]) == ("back-pain", "Back pain pathway")

    def total(query: str) -> int:
        return int(client.get(f"/fhir/PlanDefinition?{query}").get_json()["total"])

    assert total(f"url={plan['url']}&version={plan['version']}") == total("_id=back-pain") == total("title=back") == 1
    assert total("title:exact=back") == 0
    assert total("title:contains=pathway") >= 1
    assert total("status=retired") == 0
    page = client.get("/fhir/ValueSet?_count=2").get_json()
    assert len(page["entry"]) == 2 < page["total"]
    assert client.get("/fhir/PlanDefinition?titel=x").status_code == 400
    assert client.get("/fhir/PlanDefinition/none").status_code == 404
    assert client.get("/fhir/Patient").status_code == 404


def test_answers_about_content_have_its_revision_as_etag(client: FlaskClient) -> None:
    """A client that has it gets 304."""
    for url in (PLAN, "/fhir/PlanDefinition", "/fhir/metadata"):
        etag = client.get(url).headers["ETag"]
        assert client.get("/version").get_json()["revision"] in etag
        assert client.get(url, headers={"If-None-Match": etag}).status_code == 304


def test_value_sets_are_expanded_and_asked(client: FlaskClient) -> None:
    """$expand with filter and page; $validate-code by code, Coding and CodeableConcept."""
    (entry,) = client.get("/fhir/ValueSet?_count=1").get_json()["entry"]
    url = entry["resource"]["url"]
    expanded = client.get(f"/fhir/ValueSet/$expand?url={url}").get_json()
    assert not faults(expanded)
    first = expanded["expansion"]["contains"][0]
    page = client.get(f"/fhir/ValueSet/{expanded['id']}/$expand?count=1&offset=0&filter={first['code']}").get_json()
    assert page["expansion"]["contains"] == [first]

    def result(*parameters: dict[str, Any]) -> Any:
        answer = post(client, "/fhir/ValueSet/$validate-code", given("url", url), *parameters)
        return answer.get_json()["parameter"][0]["valueBoolean"]

    assert result({"name": "coding", "valueCoding": first}) is True
    assert result({"name": "codeableConcept", "valueCodeableConcept": {"coding": [first]}}) is True
    assert result({"name": "code", "valueCode": first["code"]}, given("system", first["system"])) is True
    assert result({"name": "code", "valueCode": "no-such"}, given("system", first["system"])) is False
    wrong = [{"name": "coding", "valueCoding": first}, given("display", "something else")]
    assert result(*wrong) is (first.get("display") is None)
    assert client.get("/fhir/ValueSet/$validate-code?url=http://none&code=x&system=y").status_code == 404
    assert post(client, "/fhir/ValueSet/$validate-code", given("url", url)).status_code == 400


def test_what_other_servers_take_is_taken_or_refused(client: FlaskClient) -> None:
    """Parameters of the standard that change nothing here are passed over; those that would are 501."""
    (entry,) = client.get("/fhir/ValueSet?_count=1").get_json()["entry"]
    url = f"/fhir/ValueSet/{entry['resource']['id']}/$expand"
    plain = client.get(f"{url}?count=2").get_json()
    asked = client.get(f"{url}?count=2&includeDesignations=false&excludeNested=true&displayLanguage=en").get_json()
    assert asked == plain
    for query in ("system-version=http://loinc.org|2.7", "context=Patient.gender", "date=2020-01-01"):
        assert client.get(f"{url}?{query}").status_code == 501
    assert client.get(f"{url}?colour=red").status_code == 400
    for count in ("many", "\u00b2", "1" * 5000):
        assert client.get(url, query_string={"count": count}).status_code == 400
    assert client.post("/fhir/CodeSystem/$validate-code", data=b"{}", headers=FHIR).status_code == 501


def test_a_package_holds_what_a_definition_depends_on(client: FlaskClient) -> None:
    """The definition first, then plans, activities, libraries and value sets that it reaches, each once."""
    answer = client.get(f"{PLAN}/$package").get_json()
    names = [(entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in answer["entry"]]
    assert names[0] == ("PlanDefinition", "back-pain")
    assert len(names) == len(set(names))
    assert {kind for kind, _ in names} >= {"PlanDefinition", "ActivityDefinition", "Library"}
    url = {"name": "url", "valueUri": answer["entry"][0]["resource"]["url"]}
    assert post(client, "/fhir/PlanDefinition/$package", url).get_json() == answer
    assert client.get("/fhir/PlanDefinition/none/$package").status_code == 404


def test_a_package_applies_elsewhere_as_it_does_here(client: FlaskClient, tmp_path: Path) -> None:
    """Nothing is missing from it: CQL, value sets with their codes, what CQL names. Another engine that has no content
    comes to the same."""
    url = client.get(PLAN).get_json()["url"]
    package = client.get(f"{PLAN}/$package").get_json()
    assert "expansion-file" not in str(package)
    assert all("url" not in one for entry in package["entry"] for one in entry["resource"].get("content", ()))
    about = [given("subject", "p"), given("data", DATA)]
    here = post(client, f"{PLAN}/$apply", *about).get_json()
    settings = SETTINGS.model_copy(update={"content": tmp_path, "max_body": 4_000_000})
    other = create_app(Engine(settings), settings).test_client()
    named = {"name": "url", "valueUri": url}
    there = post(other, "/fhir/PlanDefinition/$apply", named, given("content", package), *about).get_json()
    assert there == here


def test_operations_nobody_built_are_501(client: FlaskClient) -> None:
    """apply-protocol.md: known to the standard and not built."""
    response = client.post("/fhir/CodeSystem/$lookup", data=b"{}", headers=FHIR)
    assert response.status_code == 501
    assert response.get_json()["issue"][0]["code"] == "not-supported"


def test_the_capability_statement_tells_the_truth(client: FlaskClient) -> None:
    """Valid R4, and every type and operation it names answers."""
    statement = client.get("/fhir/metadata").get_json()
    assert not faults(statement)
    (rest,) = statement["rest"]
    for resource in rest["resource"]:
        assert client.get(f"/fhir/{resource['type']}").status_code == 200
        for operation in resource.get("operation", ()):
            url = f"/fhir/{resource['type']}/${operation['name']}"
            assert client.post(url, data=b"{}", headers=FHIR).status_code == 400
    for operation in rest["operation"]:
        assert client.post(f"/fhir/${operation['name']}", data=b"{}", headers=FHIR).status_code == 400


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", FHIR, 400),
        (b'{"resourceType":"Patient"}', FHIR, 400),
        (b"<a/>", {"Content-Type": "application/fhir+xml"}, 415),
        (b" " * 200_001, FHIR, 413),
    ],
)
def test_bodies_that_are_refused(client: FlaskClient, body: bytes, headers: dict[str, str], status: int) -> None:
    """apply-protocol.md, "Errors": status and an OperationOutcome with an error."""
    response = client.post("/fhir/PlanDefinition/$apply", data=body, headers=headers)
    assert response.status_code == status
    assert response.get_json()["issue"][0]["severity"] == "error"


def test_other_formats_and_methods_are_refused(client: FlaskClient) -> None:
    """JSON only, by `_format` before Accept; nothing is written; refusals are FHIR too."""
    assert client.get(f"{PLAN}?_format=xml").status_code == 406
    assert client.get(PLAN, headers={"Accept": "application/fhir+xml"}).status_code == 406
    for accept in ("application/fhir+json", "application/json;q=0.9", "text/html,*/*;q=0.8", ""):
        assert client.get(PLAN, headers={"Accept": accept}).status_code == 200
    for text in ("json", "application/fhir%2Bjson", "application/fhir+json"):
        assert client.get(f"{PLAN}?_format={text}", headers={"Accept": "text/xml"}).status_code == 200
    for method in ("put", "delete", "patch"):
        refused = getattr(client, method)(PLAN)
        assert (refused.status_code, refused.content_type) == (405, "application/fhir+json")
        assert "GET" in refused.headers["Allow"]
    for url in ("/fhir", "/fhir/Patient", f"{PLAN}/_history", f"{PLAN}/$nothing", "/fhir/PlanDefinition/$nothing"):
        refused = client.get(url)
        assert (refused.status_code, refused.content_type) == (404, "application/fhir+json")
        assert "/fhir/metadata" in refused.get_json()["issue"][0]["details"]["text"]


def test_every_get_takes_head(client: FlaskClient) -> None:
    """Status and headers of the GET, without its body."""
    for url in ("/fhir/metadata", PLAN, "/fhir/PlanDefinition?_count=1", f"{PLAN}/$apply?subject=p&output=bundle"):
        got, asked = client.get(url), client.head(url)
        assert (asked.status_code, asked.data) == (200, b"")
        assert asked.headers["Content-Length"] == got.headers["Content-Length"]


def test_apply_by_get_without_an_id(client: FlaskClient) -> None:
    """All it needs are simple parameters: the canonical and the subject."""
    url = client.get(PLAN).get_json()["url"]
    answer = client.get(f"/fhir/PlanDefinition/$apply?subject=p&output=requestgroup&url={url}")
    assert answer.get_json() == client.get(f"{PLAN}/$apply?subject=p&output=requestgroup").get_json()
    assert client.get("/fhir/PlanDefinition/$apply?subject=p").status_code == 400
    wrong = client.get(f"/fhir/PlanDefinition/$apply?subject=p&url={url[:-1]}")
    assert wrong.status_code == 404
    assert "did you mean" in wrong.get_json()["issue"][0]["diagnostics"]


def test_pages_of_a_search_follow_each_other(client: FlaskClient) -> None:
    """`next` leads to the rest, in the order asked for; the last page has none. Both are addresses of this server."""
    url: str | None = "/fhir/PlanDefinition?_count=9&_sort=-title&status=active"
    titles: list[str] = []
    while url:
        page = client.get(url).get_json()
        assert not faults(page)
        titles += [entry["resource"]["title"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert client.get(links["self"]).get_json()["entry"] == page["entry"]
        url = links.get("next")
    assert len(titles) == page["total"] > 18
    assert titles == sorted(titles, reverse=True)
    assert client.get("/fhir/PlanDefinition?_count=0").get_json().keys() == {"resourceType", "type", "total", "link"}


@pytest.mark.parametrize(
    "query", ["titel=x", "_count=x", "_count=-1", "_sort=colour", "title:missing=true", "_summary=some", "_has=x"]
)
def test_searches_that_are_refused(client: FlaskClient, query: str) -> None:
    """400 with what is wrong; nothing is silently without effect."""
    refused = client.get(f"/fhir/PlanDefinition?{query}")
    assert refused.status_code == 400
    assert refused.get_json()["issue"][0]["severity"] == "error"


def test_a_lenient_search_passes_over_what_is_not_known(client: FlaskClient) -> None:
    """Prefer: handling=lenient; `self` says what was taken into account."""
    lenient = {"Prefer": "return=minimal; handling=lenient"}
    page = client.get("/fhir/PlanDefinition?colour=red&_id=back-pain", headers=lenient).get_json()
    assert page["total"] == 1
    assert page["link"][0]["url"].endswith("/fhir/PlanDefinition?_id=back-pain")
    assert client.get("/fhir/PlanDefinition?colour=red", headers={"Prefer": "handling=strict"}).status_code == 400


def test_a_search_by_form(client: FlaskClient) -> None:
    """POST .../_search, with the address's query besides."""
    found = client.post("/fhir/PlanDefinition/_search?_count=1", data={"status": "active", "_id": "back-pain"})
    assert [entry["resource"]["id"] for entry in found.get_json()["entry"]] == ["back-pain"]
    assert client.post("/fhir/PlanDefinition/_search", data=b"{}", headers=FHIR).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/fhir/PlanDefinition/_search", data=b"title=%ff", headers=form).status_code == 400


def test_parts_of_resources(client: FlaskClient) -> None:
    """_summary and _elements, on reads and searches; what may lack something is tagged and still valid."""

    def read(query: str) -> dict[str, Any]:
        (entry,) = client.get(f"/fhir/PlanDefinition?_id=back-pain&{query}").get_json()["entry"]
        found: dict[str, Any] = client.get(f"{PLAN}?{query}").get_json()
        assert entry["resource"] == found
        assert not faults(found)
        return found

    whole = read("_summary=false")
    assert whole == client.get(PLAN).get_json()
    short = read("_summary=true")
    assert "action" not in short
    assert short["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert {name: short[name] for name in ("url", "title")} == {name: whole[name] for name in ("url", "title")}
    elements = read("_elements=url,action")
    assert elements.keys() == {"resourceType", "id", "meta", "url", "action", "status", "type"}
    assert "entry" not in client.get("/fhir/PlanDefinition?_summary=count").get_json()
    assert "content" not in client.get("/fhir/Library/back-pain-logic?_summary=true").get_json()


def test_a_canonical_with_its_version_is_found(client: FlaskClient) -> None:
    """url=...|version names that version."""
    plan = client.get(PLAN).get_json()
    for version, total in ((plan["version"], 1), ("none", 0)):
        found = client.get("/fhir/PlanDefinition", query_string={"url": f"{plan['url']}|{version}"}).get_json()
        assert found["total"] == total


def test_data_requirements_of_a_library(client: FlaskClient) -> None:
    """What its CQL and that of its includes asks for."""
    made = client.get("/fhir/Library/back-pain-logic/$data-requirements").get_json()
    assert not faults(made)
    assert {"Condition", "CarePlan"} <= {requirement["type"] for requirement in made["dataRequirement"]}
    assert any("/ValueSet/" in related["resource"] for related in made["relatedArtifact"])


def test_an_activity_without_a_url_is_applied_by_its_id(tmp_path: Path) -> None:
    """Public content has such: nothing can refer to it, and that stops nothing else."""
    walk = {"resourceType": "ActivityDefinition", "id": "walk", "status": "active", "kind": "Task"}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": walk}]}
    (tmp_path / "walk.json").write_bytes(orjson.dumps(bundle))
    settings = SETTINGS.model_copy(update={"content": tmp_path})
    other = create_app(Engine(settings), settings).test_client()
    answer = other.get("/fhir/ActivityDefinition/walk/$apply?subject=p")
    assert answer.get_json()["resourceType"] == "Task"
    assert other.get("/fhir/ActivityDefinition?_id=walk").get_json()["total"] == 1


def test_no_call_changes_what_is_loaded(client: FlaskClient) -> None:
    """Definitions are shared by all calls: each operation leaves them as they were."""
    before = client.get("/fhir/PlanDefinition").data
    for url in ("$data-requirements", "$package", "$apply?subject=p"):
        assert client.get(f"{PLAN}/{url}").status_code == 200
    assert client.get("/fhir/PlanDefinition").data == before


def test_calls_at_once_do_not_meet(client: FlaskClient) -> None:
    """Plans are compiled before the first call: several threads apply the same ones."""
    app = client.application

    def call(url: str) -> int:
        return app.test_client().get(url).status_code

    names = ["back-pain", "acupuncture", "bed-rest", "exercise-program"] * 3
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(call, [f"/fhir/PlanDefinition/{name}/$apply?subject=p" for name in names])
    assert set(answers) == {200}
