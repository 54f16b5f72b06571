"""A logged call answered again."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from fhir_server_support import Record, serving
from sqlalchemy import select

from cds.cli import group
from cds.clients import Caller
from cds.config import Settings
from cds.errors import ConfigurationError, NotFoundError
from cds.replay import replay
from cds.service import Engine
from cds.storage import Storage, inputs
from cds.storage.tables import decisions

SERVICE = "back-pain-order-sign"
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"family": "canary"}], "birthDate": "1980-01-01"}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources]}


def call(order: str = "Bed rest") -> bytes:
    subject = {"reference": "Patient/p1", "display": "canary"}
    pain = {"resourceType": "Condition", "id": "lbp", "subject": subject}
    pain["code"] = {"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}]}
    rest = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order", "subject": subject}
    return orjson.dumps(
        {
            "hook": "order-sign",
            "hookInstance": "7f1d2c1e",
            "fhirAuthorization": {"access_token": "canary-token"},
            "fhirServer": "https://canary.example/fhir",
            "context": {"patientId": "p1", "draftOrders": bundle({**rest, "code": {"text": order}})},
            "prefetch": {"patient": PATIENT, "conditions": bundle(pain), "serviceRequests": None, "carePlans": None},
        }
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(Settings(demo=True))
    yield made
    made.access.close()


@pytest.fixture
def kept(engine: Engine, tmp_path: Path) -> Iterator[Callable[..., tuple[Storage, str]]]:
    """`kept(form, body)` answers a call with a database that keeps requests: the storage, and the decision's id."""
    opened = []

    def make(form: str = "masked", body: bytes = call(), **more: Any) -> tuple[Storage, str]:
        settings = Settings(database_url=f"sqlite:///{tmp_path}/cds.sqlite3", keep_input=form, **more)
        storage = Storage(settings)
        opened.append(storage)
        engine.storage = storage
        engine.run_hook(SERVICE, body, Caller.demo())
        storage.flush()
        with storage.database.reading() as connection:
            return storage, connection.execute(select(decisions.c.id)).scalars().one()

    yield make
    engine.storage = None
    for storage in opened:
        storage.close()


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The content with other words in one card."""
    folder = tmp_path_factory.mktemp("content") / "plandefinitions"
    shutil.copytree(Settings().content, folder)
    [plan] = (path for path in folder.rglob("plandefinition.yaml") if path.parent.name == "bed-rest")
    text = plan.read_text(encoding="utf-8")
    assert "Remove bed rest and advise" in text
    plan.write_text(text.replace("Remove bed rest and advise", "Cancel bed rest and advise"), encoding="utf-8")
    return Engine(Settings(demo=True, content=folder))


@pytest.mark.parametrize("form", ["masked", "encrypted"])
def test_the_same_content_answers_the_same(engine: Engine, kept: Callable[..., Any], form: str) -> None:
    """A call whose request was kept is answered again at the moment it was made: each card and each action is the
    same."""
    storage, decision = kept(form, input_key=Fernet.generate_key().decode())
    found = replay(engine, storage, decision)
    assert found.same
    assert [card.verdict for card in found.cards] == ["same"]
    assert not found.actions


def test_what_was_fetched_is_kept(engine: Engine, kept: Callable[..., Any]) -> None:
    """What the FHIR server said then is answered from now, without asking it again."""
    pain = {"resourceType": "Condition", "id": "lbp", "subject": {"reference": "Patient/p1"}}
    pain["code"] = {"coding": [{"system": "http://snomed.info/sct", "code": "279039007"}]}
    sent = orjson.loads(call())
    del sent["prefetch"], sent["fhirAuthorization"]
    with serving(Record(PATIENT, pain)) as server:
        sent["fhirServer"] = f"{server.url}/fhir"
        storage, decision = kept("encrypted", orjson.dumps(sent), input_key=Fernet.generate_key().decode())
        asked = len(server.hits)
        found = replay(engine, storage, decision)
        assert len(server.hits) == asked > 0
    assert found.same
    assert [card.verdict for card in found.cards] == ["same"]


@pytest.mark.slow
def test_other_content_is_told_card_by_card(changed: Engine, kept: Callable[..., Any]) -> None:
    """A card that says something else today is changed."""
    storage, decision = kept()
    found = replay(changed, storage, decision)
    assert not found.same
    assert [card.verdict for card in found.cards] == ["changed"]
    assert found.as_dict()["revision"] == {"then": found.logged.revision, "now": changed.snapshot.revision}


@pytest.mark.parametrize(
    ("then", "now", "verdict"), [("Bed rest", "X-ray of the foot", "gone"), ("X-ray of the foot", "Bed rest", "new")]
)
def test_gone_and_new_cards(
    kept: Callable[..., Any], engine: Engine, monkeypatch: pytest.MonkeyPatch, then: str, now: str, verdict: str
) -> None:
    """What was not given then, or is not given now, is told with the actions that decide otherwise."""
    storage, decision = kept(body=call(then))
    monkeypatch.setattr(storage.keeper, "readable", lambda *_: (orjson.loads(call(now)), datetime.now(UTC), {}))
    found = replay(engine, storage, decision)
    assert [card.verdict for card in found.cards] == [verdict]
    assert found.actions
    record = found.as_dict()
    assert record["cards"][0]["verdict"] == verdict
    assert all(change["then"] != change["now"] for change in record["actions"])


def test_what_is_kept_cannot_be_read(kept: Callable[..., Any]) -> None:
    """Encrypted, nothing of the request is in the file; with another key it is refused, and so it is without one; the
    access token is never kept (cds-hooks B10, security A2)."""
    storage, decision = kept("encrypted", input_key=Fernet.generate_key().decode())
    logged = storage.find(decision)
    request, *_ = storage.keeper.readable(*logged.kept)
    assert "canary-token" not in repr(request)
    assert b"canary" not in logged.kept[1]
    for key in ((), (Fernet.generate_key().decode(),)):
        with pytest.raises(ConfigurationError, match="CDS_INPUT_KEY"):
            inputs.Keeper(keys=key).readable(*logged.kept)


def test_what_is_no_key_is_told() -> None:
    """The sentence says how to make one, and does not repeat what was given (security A7)."""
    with pytest.raises(ConfigurationError, match="not a Fernet key; make one with") as caught:
        inputs.Keeper(keys=["canary"])
    assert "canary" not in str(caught.value)


def test_an_older_key_still_reads(kept: Callable[..., Any], tmp_path: Path) -> None:
    """A file of keys: the first encrypts, the others read what was kept before it."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    storage, decision = kept("encrypted", input_key=old)
    file = tmp_path / "keys"
    file.write_text(f"{new}\n{old}\n")
    keeper = inputs.Keeper(keys=Settings(input_key=str(file)).input_keys)
    assert keeper.readable(*storage.find(decision).kept)[0]["hookInstance"] == "7f1d2c1e"


def test_a_key_that_is_written_wrong_is_not_repeated() -> None:
    """A key with a slash is none, and could be the name of a file: neither is quoted (security A7)."""
    with pytest.raises(ConfigurationError, match="input_key") as caught:
        _ = Settings(input_key="canary/key=").input_keys
    assert "canary" not in str(caught.value)


def test_masked_requests_lack_the_patients_name(kept: Callable[..., Any]) -> None:
    """What the JSON pointers of the setting lead to is gone from what is kept, and the call's own data is whole."""
    storage, decision = kept()
    request, *_ = storage.keeper.readable(*storage.find(decision).kept)
    assert "canary" not in repr(request)
    assert request["prefetch"]["patient"]["birthDate"] == "1980-01-01"
    assert PATIENT["name"]


@pytest.mark.parametrize(
    ("pointer", "left"),
    [
        ("/a", {"b": [{"a": 3}, 4], "c~/": {"a": 5}}),
        ("/b/0", {"a": {"a": 1, "d": 2}, "b": [4], "c~/": {"a": 5}}),
        ("/b/7", None),
        ("/b/x", None),
        ("/z/a", None),
        ("/a/a/a", None),
        ("/c~0~1/a", {"a": {"a": 1, "d": 2}, "b": [{"a": 3}, 4], "c~/": {}}),
        ("/*/a", {"a": {"d": 2}, "b": [{"a": 3}, 4], "c~/": {}}),
        ("/b/*/a", {"a": {"a": 1, "d": 2}, "b": [{}, 4], "c~/": {"a": 5}}),
        ("/a/*", {"a": {}, "b": [{"a": 3}, 4], "c~/": {"a": 5}}),
        ("/**/a", {"b": [{}, 4], "c~/": {}}),
    ],
)
def test_pointers(pointer: str, left: Any) -> None:
    """JSON pointers with `*` for any member and `**` for any number of steps; one that leads nowhere takes nothing."""
    value = {"a": {"a": 1, "d": 2}, "b": [{"a": 3}, 4], "c~/": {"a": 5}}
    whole = orjson.loads(orjson.dumps(value))
    inputs._remove(value, pointer.split("/")[1:])
    assert value == (whole if left is None else left)


def test_decisions_that_cannot_be_replayed(engine: Engine, kept: Callable[..., Any]) -> None:
    """An id that is none, one that is not there, and a request that was not kept are told apart."""
    storage, decision = kept("no")
    with pytest.raises(NotFoundError, match="UUID"):
        replay(engine, storage, "x")
    with pytest.raises(NotFoundError, match="no decision"):
        replay(engine, storage, "01a20373-2858-7fab-aa9a-8aefe8922126")
    with pytest.raises(ConfigurationError, match="not kept"):
        replay(engine, storage, decision)


@pytest.mark.slow
def test_the_command(kept: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`cds replay` prints each card and leaves with 0 when all is the same; `--format json` gives the record."""
    _, decision = kept()
    monkeypatch.setenv("CDS_DATABASE_URL", f"sqlite:///{tmp_path}/cds.sqlite3")
    result = CliRunner().invoke(group, ["replay", decision])
    assert result.exit_code == 0, result.output
    assert "content: the same" in result.output
    assert re.search(r"same +bed-rest", result.output)
    record = orjson.loads(CliRunner().invoke(group, ["replay", decision.replace("-", ""), "--format", "json"]).stdout)
    assert (record["same"], record["decision"]) == (True, decision)
