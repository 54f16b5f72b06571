"""Real payloads of other projects, posted to a service of their hook over the whole application."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from flask.testing import FlaskClient

from cds import fhir
from cds.config import Settings
from cds.service import Engine
from cds.web import create_app

SHARED = Path(__file__).resolve().parents[3] / "shared"
EXAMPLES = sorted((SHARED / "examples" / "hooks").glob("*.json"))
PAYLOADS = [path for path in EXAMPLES if path.name != "MANIFEST.json" and not path.name.startswith("feedback.")]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PAYLOADS, reason="needs the shared examples beside the checkout"),
]


def plan() -> dict[str, Any]:
    """A plan that speaks at every hook there is, with a suggestion for every draft."""
    expression = {"language": "text/fhirpath", "expression": "%draftOrders.where(id.exists())", "name": "order"}
    remove = {
        "id": "remove",
        "description": "Remove it",
        "type": {"coding": [{"system": fhir.ACTION_TYPE_SYSTEM, "code": "remove"}]},
        "extension": [{"url": fhir.TARGET, "valueExpression": {"language": "text/fhirpath", "expression": "%order"}}],
    }
    suggestion = {
        "id": "each",
        "title": "Remove this draft",
        "extension": [{"url": fhir.FOR_EACH, "valueExpression": expression}],
        "action": [remove],
    }
    card = {
        "id": "card",
        "title": "Always",
        "documentation": [{"type": "citation", "label": "T01", "display": "A test"}],
        "trigger": [{"type": "named-event", "name": hook} for hook in sorted({hook_of(path) for path in PAYLOADS})],
        "action": [suggestion],
    }
    return {
        "resourceType": "PlanDefinition",
        "url": f"{fhir.CANONICAL_BASE}/PlanDefinition/every",
        "status": "active",
        "title": "Every hook",
        "description": "Speaks at every hook.",
        "action": [card],
    }


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    content = tmp_path_factory.mktemp("content")
    (content / "plan.json").write_bytes(orjson.dumps(plan()))
    settings = Settings(demo=True, content=content)
    return create_app(Engine(settings), settings).test_client()


@pytest.fixture(scope="module")
def bundled() -> FlaskClient:
    settings = Settings(demo=True)
    return create_app(Engine(settings), settings).test_client()


def schema(name: str) -> Any:
    return jsonschema.Draft202012Validator(orjson.loads((SHARED / "spec" / "schemas" / name).read_bytes()))


def hook_of(path: Path) -> str:
    return path.name.partition(".")[0]


def post(client: FlaskClient, service: str, path: Path) -> Any:
    return client.post(f"/cds-services/{service}", data=path.read_bytes(), content_type="application/json")


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_a_real_payload_gives_cards_or_a_clear_refusal(client: FlaskClient, path: Path) -> None:
    """No 5xx; every 200 passes the response schema; every refusal is an OperationOutcome that says where (B, D3)."""
    answer = post(client, f"every-{hook_of(path)}", path)
    assert answer.status_code in (200, 400, 412), answer.get_data(as_text=True)
    if answer.status_code == 200:
        schema("response.schema.json").validate(answer.json)
        assert answer.json["cards"]
    else:
        assert answer.json["resourceType"] == "OperationOutcome"
        assert all(issue["expression"] for issue in answer.json["issue"])


@pytest.mark.parametrize(
    "path",
    [p for p in PAYLOADS if hook_of(p) in ("patient-view", "order-select", "order-sign", "appointment-book")],
    ids=lambda path: path.stem,
)
def test_a_real_payload_at_the_bundled_pathway(bundled: FlaskClient, path: Path) -> None:
    """The same at the content that ships: these payloads lack the problem list, so most are 412 (P6)."""
    answer = post(bundled, f"back-pain-{hook_of(path)}", path)
    assert answer.status_code in (200, 400, 412)
    if answer.status_code == 200:
        schema("response.schema.json").validate(answer.json)


def test_most_real_payloads_are_evaluated(client: FlaskClient) -> None:
    """With the patient in the prefetch, only what lacks the patient is refused: the tolerant reading holds (B)."""
    statuses = Counter()
    for path in PAYLOADS:
        body = orjson.loads(path.read_bytes())
        patient = str(body.get("context", {}).get("patientId") or "").removeprefix("Patient/")
        body["prefetch"] = {"patient": {"resourceType": "Patient", "id": patient}}
        answer = client.post(f"/cds-services/every-{hook_of(path)}", json=body)
        statuses[answer.status_code] += 1
    assert statuses[200] >= len(PAYLOADS) - 4, statuses


def test_discovery_passes_the_schema(bundled: FlaskClient, client: FlaskClient) -> None:
    """Both contents, against the published requirements (A1-A9)."""
    for some in (bundled, client):
        answer = some.get("/cds-services")
        assert answer.status_code == 200
        schema("discovery.schema.json").validate(answer.json)
