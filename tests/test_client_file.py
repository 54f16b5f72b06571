"""The file of registered clients: what it says, and each way in which it can be wrong."""

from __future__ import annotations

import json
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from token_support import curve, public, rsa

from cds.client_file import MEMBERS, load_clients
from cds.clients import Client, FhirServer, Query
from cds.definitions.nodes import CODES
from cds.errors import DefinitionError, Problem

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "integration.md"

SMALL = """\
clients:
  - id: ehr
    issuer: https://ehr.example/oauth2
    jku: https://ehr.example/jwks.json
"""

WHOLE = """\
clients:
  - id: riverside
    issuer: https://ehr.riverside.example/oauth2
    jku: https://ehr.riverside.example/.well-known/jwks.json
    keys: riverside.jwks.json
    algorithms: [RS384, ES384]
    sub: riverside-prd
    audiences: [https://cds.example]
    max_life: 1200
    rate: 2.5
    tenant: riverside-trust
    tenants: [north, south]
    services: [back-pain-order-sign]
    fhir:
      - https://EHR.riverside.example:443/fhir/r4/
      - {url: "http://127.0.0.1:8080/fhir", open: true}
    queries:
      observations: Observation?patient={{context.patientId}}&category=laboratory,vital-signs
      conditions: {search: "Condition?patient={{patientId}}&category=problem-list-item", complete: true}
      carePlans: CarePlan?subject={{context.patientId}}&_sort=-date&_count=50
      goals: {search: "Goal?patient={{context.patientId}}", complete: false}
    networks: [10.20.0.0/16, 127.0.0.0/8]
    subject: cds-at-riverside
    origins: ["https://ehr.riverside.example", "http://localhost:8080"]
    cds_hooks: 3.0
  - id: old
    issuer: old
    secret_file: old.secret
    algorithms: [HS384]
"""


def load(folder: Path, text: str) -> dict[str, Client]:
    """The clients of a file by their id."""
    (folder / "riverside.jwks.json").write_text(json.dumps({"keys": [public(rsa()), public(curve())]}))
    (folder / "old.secret").write_text("0123456789abcdef" * 3 + "\n")
    (folder / "clients.yaml").write_text(text)
    return {client.id: client for client in load_clients(folder / "clients.yaml").by_issuer.values()}


def problems(folder: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        load(folder, text)
    assert caught.value.outcome == "nobody can be let in"
    return caught.value.problems


def problem(folder: Path, text: str) -> str:
    """The only problem of a file, as `line:column code hint`."""
    [found] = problems(folder, text)
    assert found.location.file.endswith(("clients.yaml", "riverside.jwks.json"))
    assert found.hint
    return f"{found.location.line}:{found.location.column} {found.code} {found.hint}"


def test_a_whole_registration_is_read(tmp_path: Path) -> None:
    """Each member of a registration comes to the client (F8, F12, F15, S1)."""
    found = load(tmp_path, WHOLE)
    networks = (ip_network("10.20.0.0/16"), ip_network("127.0.0.0/8"))
    keys = found["riverside"].keys
    assert [key.kid for key in keys] == ["rsa-1", "ec-1"]
    assert found["riverside"] == Client(
        id="riverside",
        issuer="https://ehr.riverside.example/oauth2",
        jku="https://ehr.riverside.example/.well-known/jwks.json",
        keys=keys,
        algorithms=frozenset({"RS384", "ES384"}),
        sub="riverside-prd",
        audiences=frozenset({"https://cds.example"}),
        max_life=1200,
        rate=2.5,
        tenant="riverside-trust",
        tenants=frozenset({"north", "south"}),
        services=frozenset({"back-pain-order-sign"}),
        fhir_servers=(
            FhirServer("https://ehr.riverside.example/fhir/r4", False, networks),
            FhirServer("http://127.0.0.1:8080/fhir", True, networks),
        ),
        queries={
            "observations": Query(
                "Observation?patient={{context.patientId}}&category=laboratory,vital-signs", complete=False
            ),
            "conditions": Query("Condition?patient={{context.patientId}}&category=problem-list-item", complete=True),
            "carePlans": Query("CarePlan?subject={{context.patientId}}&_sort=-date&_count=50", complete=True),
            "goals": Query("Goal?patient={{context.patientId}}", complete=False),
        },
        networks=networks,
        subject="cds-at-riverside",
        origins=frozenset({"https://ehr.riverside.example", "http://localhost:8080"}),
        cds_hooks="3.0",
    )
    old = found["old"]
    assert (old.secret, old.algorithms) == (b"0123456789abcdef" * 3, frozenset({"HS384"}))


def test_what_is_not_said_is_safe(tmp_path: Path) -> None:
    """By default no FHIR server, network or origin; RS384 and ES384; an hour; its own tenant; CDS Hooks 2.0 (J2, J8,
    G7)."""
    [client] = load(tmp_path, SMALL).values()
    assert client == Client(
        id="ehr", issuer="https://ehr.example/oauth2", tenant="ehr", jku="https://ehr.example/jwks.json"
    )
    assert (client.algorithms, client.max_life, client.cds_hooks) == (frozenset({"RS384", "ES384"}), 3600, "2.0")
    assert (client.fhir_servers, client.networks, client.origins, client.services) == ((), (), frozenset(), frozenset())


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """A client printed by mistake shows neither secret nor keys (security A7)."""
    assert "0123456789" not in repr(load(tmp_path, WHOLE)["old"])


@pytest.mark.parametrize("form", ["list", "set"])
def test_keys_may_stand_in_the_file(form: str, tmp_path: Path) -> None:
    """A list of JWKs, or a whole JWK Set, in place of the name of a file (F8)."""
    jwks: Any = [public(rsa())]
    text = SMALL + f"    keys: {json.dumps(jwks if form == 'list' else {'keys': jwks})}\n"
    [client] = load(tmp_path, text).values()
    assert [key.kid for key in client.keys] == ["rsa-1"]


GOALS = "Goal?patient={{context.patientId}}"
WRONG = [
    ("issuer: https://ehr.example/oauth2\n", "\n", "2:5 client-missing add `issuer:`"),
    ("id: ehr", "id: 'a/b'", "2:9 client-value write letters, digits"),
    ("id: ehr", "id: ''", "2:9 client-type put it in quotes"),
    ("id: ehr", "id: 7", "2:9 client-type put it in quotes"),
    ("issuer:", "isuer: x\n    issuer:", "3:5 client-unknown did you mean 'issuer'?"),
    ("jku: https", "jku: http", "4:10 client-value write an https URL"),
    ("jku: https://", "jku: https://u@", "4:10 client-value write an https URL"),
    ("jku: https://ehr.example/jwks.json", "jku: 'https://ehr.example:x'", "4:10 client-value write an https URL"),
    ("jku: https://ehr.example/jwks.json\n", "", "2:5 client-missing add `jku:` or `keys:`"),
    ("", "    keys: nowhere.json\n", "5:11 client-file name it as seen from this file"),
    ("", "    keys: ''\n", "5:11 client-type put it in quotes"),
    ("", "    keys: []\n", "5:11 client-key add the public keys"),
    ("", "    keys: 7\n", "5:11 client-type write `- item` lines"),
    ("", "    keys: {key: []}\n", "5:11 client-type write `- item` lines"),
    ("", "    keys: [{kty: RSA}]\n", "5:12 client-key give it the `kid`"),
    ("", "    keys: [7]\n", "5:12 client-key copy the key"),
    ("", "    keys: riverside.jwks.json\n    algorithms: [PS512, EdDSA]\n", None),
    (
        "",
        "    keys: riverside.jwks.json\n    algorithms: [ES512]\n",
        "1:10 client-key add `algorithms:` with one of ES384, PS256",
    ),
    ("", "    algorithms: [HS256]\n", "5:18 client-unknown did you mean"),
    ("", "    algorithms: [none]\n", "5:18 client-unknown known here: ES256"),
    ("", "    algorithms: RS384\n", "5:17 client-type write `- item` lines"),
    ("", "    secret_file: old.secret\n", "4:5 client-value leave out secret_file or jku"),
    ("", "    max_life: 1 h\n", "5:15 client-value write 1 to 86400"),
    ("", "    max_life: true\n", "5:15 client-value write 1 to 86400"),
    ("", "    max_life: 999999\n", "5:15 client-value write 1 to 86400"),
    ("", "    rate: 0\n", "5:11 client-value write 0.01 to 100000"),
    ("", "    rate: true\n", "5:11 client-value write 0.01 to 100000"),
    ("", "    rate: 10/s\n", "5:11 client-value write 0.01 to 100000"),
    ("", "    rate: 100001\n", "5:11 client-value write 0.01 to 100000"),
    ("", "    cds_hooks: 2.1\n", "5:16 client-value write 2.0 or 3.0"),
    ("", "    networks: [10.20.0.1/16]\n", "5:16 client-value write an address"),
    ("", "    networks: [internal]\n", "5:16 client-value write an address"),
    ("", "    networks: [0.0.0.0/0]\n", "5:16 client-value name the networks of the client's servers only"),
    ("", "    networks: [169.254.169.254/32]\n", "5:16 client-value name the networks"),
    ("", "    fhir: https://ehr.example\n", "5:11 client-type write `- item` lines"),
    ("", "    fhir: [http://ehr.example]\n", "5:12 client-value write https://"),
    ("", "    fhir: ['https://ehr.example/r4?x=y']\n", "5:12 client-value write https://"),
    ("", "    fhir: [{open: true}]\n", "5:12 client-missing add `url:`"),
    ("", "    fhir: [{url: https://ehr.example, open: 1}]\n", "5:45 client-type write `open: true`"),
    ("", "    fhir: [{url: https://ehr.example, opne: true}]\n", "5:39 client-unknown did you mean 'open'?"),
    ("", "    fhir: ['http://127.0.0.1:9/r4']\n", "5:12 client-value add `networks: [127.0.0.0/8]`"),
    ("", "    queries: [a]\n", "5:14 client-type write `name: value`"),
    ("", "    queries: {observation: x}\n", "5:15 client-unknown did you mean 'observations'?"),
    ("", "    queries: {zebra: x}\n", "5:15 client-unknown take a key of a search"),
    ("", "    queries: {patient: x}\n", "5:15 client-unknown take a key of a search"),
    ("", "    queries: {goals: 7}\n", "5:22 client-type write `name: value`"),
    ("", "    queries: {goals: {complete: true}}\n", "5:22 client-missing add `search:`"),
    ("", "    queries: {goals: {search: 7}}\n", "5:31 client-type put it in quotes"),
    ("", f"    queries: {{goals: {{search: '{GOALS}', complete: 1}}}}\n", "5:79 client-type write `complete: true`"),
    (
        "",
        f"    queries: {{goals: {{search: '{GOALS}', whole: true}}}}\n",
        "5:69 client-unknown known here: complete, search",
    ),
    ("", f"    queries: {{conditions: '{GOALS}'}}\n", "5:27 client-query write `Condition?patient={{context"),
    ("", "    queries: {goals: 'Goal?status=active'}\n", "5:22 client-query write `Goal?patient={{context"),
    ("", "    queries: {goals: 'Goal/1'}\n", "5:22 client-query write `Goal?"),
    ("", f"    queries: {{goals: '{GOALS}&status:not=active'}}\n", "5:58 client-query write `Goal?"),
    ("", f"    queries:\n      goals: {GOALS}&_include=Goal:owner\n", "6:49 client-query write `Goal?"),
    ("", "    origins: ['*']\n", "5:15 client-value write scheme and host"),
    ("", "    origins: ['null']\n", "5:15 client-value write scheme and host"),
    ("", "    origins: ['https://ehr.example/']\n", "5:15 client-value write scheme and host"),
    ("", "    origins: ['https://EHR.example']\n", "5:15 client-value write scheme and host"),
    ("", "    tenants: ['']\n", "5:15 client-type put it in quotes"),
    ("", "    services: [a b]\n", "5:16 client-value write the id of a service"),
]


@pytest.mark.parametrize(("before", "after", "expected"), WRONG)
def test_what_is_wrong_is_told_at_its_place(before: str, after: str, expected: str | None, tmp_path: Path) -> None:
    """Each mistake is one problem with line, column and remedy."""
    text = SMALL.replace(before, after) if before else SMALL + after
    if expected is not None:
        assert problem(tmp_path, text).startswith(expected)
    else:
        assert load(tmp_path, text)


@pytest.mark.parametrize("text", ["", "clients:\n", "clients: []\n", "{}\n", "clients: {a: b}\n", "- a\n", "7\n"])
def test_a_file_without_clients_is_told(text: str, tmp_path: Path) -> None:
    """An empty file lets nobody in, which nobody means (J14)."""
    assert {found.code for found in problems(tmp_path, text)} <= {"client-missing", "client-type", "client-file"}


@pytest.mark.parametrize(
    ("text", "code"), [("clients: [", "yaml-syntax"), ("clients: *a", "yaml-alias"), ("a: 1\na: 2", "duplicate-key")]
)
def test_a_file_that_is_no_yaml_is_told(text: str, code: str, tmp_path: Path) -> None:
    """Bad syntax, aliases and double names have their place (security D2)."""
    assert code in problem(tmp_path, text)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """A file that is not there is no empty file."""
    with pytest.raises(DefinitionError, match=r"gone\.yaml: client-file: cannot be read"):
        load_clients(tmp_path / "gone.yaml")


@pytest.mark.parametrize("name", ["id", "issuer"])
def test_clients_are_told_apart(name: str, tmp_path: Path) -> None:
    """Two clients with one issuer, or one name, are told at both places (J13)."""
    other = SMALL.removeprefix("clients:\n").replace("id: ehr", "id: b").replace("ehr.example/oauth2", "b.example")
    same = (
        other.replace("id: b", "id: ehr")
        if name == "id"
        else other.replace("https://b.example", "https://ehr.example/oauth2")
    )
    assert [(p.code, p.location.line) for p in problems(tmp_path, SMALL + same)] == [
        ("client-value", 2 if name == "id" else 3),
        ("client-value", 5 if name == "id" else 6),
    ]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """Nobody has to start the service once per mistake; they come in the order of the file."""
    text = SMALL.replace("id: ehr", "id: a b") + "    cds_hooks: 1\n    networks: [x]\n"
    assert [found.location.line for found in problems(tmp_path, text)] == [2, 5, 6]


@pytest.mark.parametrize(
    ("jwk", "part"),
    [
        ({**public(rsa()), "n": "w" * 171}, "has 1024 bits"),
        (rsa().as_dict(private=True), "comes with its private part"),
        ({**public(rsa()), "kid": 7}, "has no `kid`"),
    ],
)
def test_weak_and_private_keys_are_refused(jwk: dict[str, Any], part: str, tmp_path: Path) -> None:
    """A key that must not be trusted stops the start, at its place in its file (J12)."""
    (tmp_path / "weak.json").write_text(json.dumps({"keys": [public(curve()), jwk]}, indent=1))
    [found] = problems(tmp_path, SMALL + "    keys: weak.json\n")
    assert part in found.message
    assert found.location.file.endswith("weak.json")
    assert found.location.line > 5


@pytest.mark.parametrize("end", ["", "]"])
@pytest.mark.parametrize("inline", [True, False])
def test_a_private_key_is_not_repeated(inline: bool, end: str, tmp_path: Path) -> None:
    """A private part on the line of a problem gets into no message, and so into no log (security A7)."""
    key = curve().as_dict(private=True)
    text = json.dumps({"keys": [key]}) + ("" if inline else end)
    (tmp_path / "keys.json").write_text(text)
    found = problems(tmp_path, SMALL + f"    keys: {text if inline else 'keys.json'}\n")
    assert found
    assert all(key["d"] not in problem.render() for problem in found)


QUOTING = [
    *("keys: [{d: canary}}]", "keys: {d: canary}", "secret: canary", "secret: canary: x", "jku: {d: canary}"),
    *("secret_file: *canary", "secret_file: !canary x", "secret_file: &canary x", "keys: |\n      canary\n      x"),
    *("canary: x", "{canary: x, canary: y}", "canary: x\n    canary: y", "? [canary]\n    : x", "keys: canary"),
    *("keys: canary\\0", f"keys: {'canary' * 99}", 'keys: "canary\\x07"', "secret_file: @canary", "sub: \tcanary"),
    *(
        "cds_hooks: {d: canary}",
        "cds_hooks: canary",
        "max_life: canary",
        "rate: canary",
        "algorithms: [canary]",
        "fhir: [{canary: 1}]",
    ),
    *("queries: {canary: x}", "queries: {goals: 'canary?x'}", "queries: {goals: {canary: 1}}"),
    *("queries: {goals: 'Goal?patient={{patientId}}&canary:not=canary'}", "queries: {goals: {complete: canary}}"),
    *("networks: [canary]", "origins: [canary]", "tenant: canary x", "secret_file: canary", "audiences: {canary: x}"),
]


@pytest.mark.parametrize("line", QUOTING)
def test_nothing_of_the_file_is_repeated(line: str, tmp_path: Path) -> None:
    """A key or secret that was pasted into the file gets into no message, whatever is wrong with its line: bad syntax,
    an alias or a tag, a value of another type, a name that is not known or stands there twice (security A7)."""
    found = problems(tmp_path, SMALL.replace("    jku: https://ehr.example/jwks.json", f"    {line}"))
    assert all(problem.location.line for problem in found)
    assert all("canary" not in problem.render() + json.dumps(problem.as_dict()) for problem in found)


@pytest.mark.parametrize("text", ['{"keys": [], "canary": 1, "canary": 2}', '{"keys": canary}', '{"canary": "'])
def test_nothing_of_a_file_of_keys_is_repeated(text: str, tmp_path: Path) -> None:
    """The same holds for the file of keys (security A7)."""
    (tmp_path / "keys.json").write_text(text)
    for suffix in ("json", "yaml"):
        (tmp_path / f"keys.{suffix}").write_text(text)
        found = problems(tmp_path, SMALL + f"    keys: keys.{suffix}\n")
        assert all("canary" not in problem.render() for problem in found)


@pytest.mark.parametrize("text", ["[]", "{}", '{"keys": 1}', "{", '{"keys": []}'])
def test_a_file_of_keys_without_keys_is_told(text: str, tmp_path: Path) -> None:
    """A JWK Set that is none has its place (J12)."""
    (tmp_path / "keys.json").write_text(text)
    [found] = problems(tmp_path, SMALL + "    keys: keys.json\n")
    assert found.location.file.endswith("keys.json")


@pytest.mark.parametrize(("secret", "code"), [("short", "client-key"), (None, "client-file")])
def test_weak_secrets_are_refused(secret: str | None, code: str, tmp_path: Path) -> None:
    """A missing or short secret stops the start (J2, security A7)."""
    if secret:
        (tmp_path / "a.secret").write_text(secret)
    text = SMALL.replace("jku: https://ehr.example/jwks.json", "secret_file: a.secret")
    assert code in problem(tmp_path, text)


def test_the_guide_describes_every_member_and_problem() -> None:
    """docs/integration.md has a row for each member and each problem code, with the same words."""
    page = PAGE.read_text()
    table = page.split("| member | meaning |")[1].split("\n\n")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)) == MEMBERS
    used = set(re.findall(r'"(client-[a-z]+)"', (ROOT / "cds" / "client_file.py").read_text()))
    assert used | {f"client-{code}" for code in CODES} == set(re.findall(r"^\| `(client-[a-z]+)`", page, re.MULTILINE))


def test_the_examples_of_the_guide_can_be_read(tmp_path: Path) -> None:
    """Each file of clients in docs/integration.md loads."""
    examples = [text for text in re.findall(r"```yaml\n(.+?)```", PAGE.read_text(), re.DOTALL) if "clients:" in text]
    assert examples
    for text in examples:
        assert load(tmp_path, text)
