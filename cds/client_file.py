"""The file of registered clients, and what is wrong with it. docs/integration.md describes it and its problem codes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from joserfc.jwk import Key

from cds.clients import DEFAULT_RATE, Client, Clients, FhirServer, Query, Version, base_url, is_local
from cds.definitions.nodes import Node, read_source
from cds.definitions.requirements import query_fault
from cds.errors import DefinitionError, Problem, did_you_mean
from cds.expr.types import model
from cds.hooks.prefetch import key_of, template_from
from cds.keys import ASYMMETRIC, SYMMETRIC, read_key_set, verifiers
from cds.outbound import LOOPBACK, Network

#: What a client is registered with, each with what it means; docs/integration.md shows them.
MEMBERS = {
    "id": "Our name for it, in logs and statistics. Required.",
    "issuer": "What its tokens say in `iss`. Required.",
    "jku": "Where it publishes its keys. With `keys` nothing is fetched, and its tokens may say this.",
    "keys": "Its public keys: a file with a JWK Set, or the keys themselves.",
    "secret_file": "File with the secret of a client that can sign with HS256, HS384 or HS512 only.",
    "algorithms": "What it may sign with. Default: RS384 and ES384.",
    "sub": "What its tokens must say in `sub`, where the EHR fixes it.",
    "audiences": "What its tokens may say in `aud` beside the address that is called.",
    "max_life": "Longest time in seconds that a token may be valid. Default: 3600.",
    "rate": "Calls a second, on average and at once, that each worker process answers. Default: 100.",
    "tenant": "Whose decisions and feedback these are; clients of one tenant share them. Default: its id.",
    "tenants": "What its tokens may say in `tenant`; then each token must. The data of each is apart.",
    "services": "The services it may call, and nothing else. Default: all, and the FHIR operations.",
    "fhir": "Its FHIR servers: base URLs, each with `open: true` where no token is needed.",
    "queries": "Searches for its FHIR servers in place of ours, by prefetch key (below).",
    "networks": "Networks that are not public and may be reached for it, such as 10.20.0.0/16.",
    "subject": "Our client id at its authorization server, which comes in `fhirAuthorization.subject`.",
    "origins": "Web origins whose pages may call, such as https://ehr.example.org.",
    "cds_hooks": "The version of CDS Hooks it understands, 2.0 or 3.0, with the same answers (below). Default: 2.0.",
}
#: What is said in place of messages that quote the file, by their code.
_PLAIN = {
    "yaml-alias": "an alias is not allowed",
    "yaml-tag": "a tag is not allowed",
    "duplicate-key": "this name is given twice",
    "client-unknown": "this is not known here",
}
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::[0-9]{1,5})?|https?://\[[0-9a-f:]+\](?::[0-9]{1,5})?")
_LONGEST_TEXT = 255
_SHORTEST_SECRET = 32
_LONGEST_LIFE = 24 * 3600
_LOWEST_RATE, _HIGHEST_RATE = 0.01, 100_000
#: The patient is read, and nothing is of an abstract type.
_UNSEARCHED = {"Patient", "Resource", "DomainResource"}
#: A parameter by which a search leaves some of the patient's resources out.
_NARROWING = re.compile(r"[?&](?!(?:patient|subject|_count|_sort)=)")
#: Where clouds and routers answer without asking who it is.
_LINK_LOCAL = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"))


def load_clients(path: Path) -> Clients:
    """The registered clients of a YAML file. Raises DefinitionError with all that is wrong with it."""
    outcome = "nobody can be let in"
    try:
        root = read_source(path, "client")
    except DefinitionError as error:
        raise DefinitionError(map(_unquoted, error.problems), outcome) from None
    members = root.members({"clients"})
    nodes = members["clients"].items() if "clients" in members else []
    if not nodes and not root.source.problems:
        root.report("client-missing", "no client is registered", "add `clients:` with a list")
    found = [_Registration(node, path.parent) for node in nodes]
    clients = [registration.client() for registration in found]
    for registration, client in zip(found, clients, strict=True):
        registration.report_double(other for other in clients if other is not client)
    if root.source.problems:
        told = map(_unquoted, root.source.problems)
        raise DefinitionError(sorted(told, key=lambda problem: problem.location), outcome)
    return Clients({client.issuer: client for client in clients})


class _Registration:
    """One entry of the file while it is read."""

    def __init__(self, node: Node, folder: Path) -> None:
        self._node = node
        self._folder = folder
        self._members = node.members(MEMBERS)

    def client(self) -> Client:
        """The client; of what is reported as wrong it has something else."""
        identifier = self._required("id", _is_id, "letters, digits, '.', '_' and '-', at most 64")
        secret = self._secret()
        algorithms = self._algorithms(secret is not None)
        networks = tuple(found for node in self._each("networks") if (found := _network(node)))
        return Client(
            id=identifier,
            issuer=self._required("issuer", _is_short, "a text of at most 255 characters"),
            tenant=self._checked("tenant", _is_id, "letters, digits, '.', '_' and '-', at most 64") or identifier,
            tenants=self._texts("tenants", _is_short, "a text of at most 255 characters"),
            services=self._texts("services", _is_id, "the id of a service"),
            jku=self._checked("jku", _is_key_url, "an https URL without a user and a fragment"),
            keys=self._keys(algorithms),
            secret=secret,
            algorithms=algorithms,
            sub=self._checked("sub", _is_short, "a text of at most 255 characters"),
            audiences=self._texts("audiences", _is_short, "a text of at most 255 characters"),
            max_life=self._max_life(),
            rate=self._rate(),
            subject=self._checked("subject", _is_short, "a text of at most 255 characters"),
            fhir_servers=tuple(server for node in self._each("fhir") if (server := _fhir_server(node, networks))),
            queries=self._queries(),
            networks=networks,
            origins=self._texts(
                "origins", _ORIGIN.fullmatch, "scheme and host in small letters, such as https://a.example"
            ),
            cds_hooks=self._version(),
        )

    def report_double(self, others: Iterator[Client]) -> None:
        """Report an id or issuer that another client has too: the issuer is what a client is known by."""
        for other in others:
            for name, taken in (("id", other.id), ("issuer", other.issuer)):
                node = self._members.get(name)
                if node is not None and node.value == taken and taken:
                    node.report("client-value", f"two clients have this {name}", f"give each its own {name}")

    def _required(self, name: str, fits: Callable[[str], object], form: str) -> str:
        if name not in self._members and isinstance(self._node.value, dict):
            self._node.report("client-missing", f"the client has no {name}", f"add `{name}:`; {MEMBERS[name]}")
        return self._checked(name, fits, form) or ""

    def _checked(self, name: str, fits: Callable[[str], object], form: str) -> str | None:
        node = self._members.get(name)
        return _fitting(node, fits, form) if node is not None else None

    def _each(self, name: str) -> list[Node]:
        return self._members[name].items() if name in self._members else []

    def _texts(self, name: str, fits: Callable[[str], object], form: str) -> frozenset[str]:
        return frozenset(_fitting(node, fits, form) for node in self._each(name))

    def _queries(self) -> dict[str, Query]:
        found: dict[str, Query] = {}
        node = self._members.get("queries")
        for key, one in node.members().items() if node is not None else ():
            if key not in _searched():
                hint = did_you_mean(key, _searched()) or "take a key of a search from `GET /cds-services`"
                one.report_name("client-unknown", "this is not known here", hint)
            elif query := _query(one, _searched()[key]):
                found[key] = query
        return found

    def _version(self) -> Version:
        node = self._members.get("cds_hooks")
        if node is None:
            return "2.0"
        version = str(node.value)
        if version not in ("2.0", "3.0"):
            node.report("client-value", "there is no such version of CDS Hooks here", "write 2.0 or 3.0")
        return cast(Version, version)

    def _max_life(self) -> int:
        node = self._members.get("max_life")
        if node is None:
            return 3600
        if type(node.value) is not int or not 1 <= node.value <= _LONGEST_LIFE:
            node.report("client-value", "the longest life of a token is a number of seconds", "write 1 to 86400")
            return 3600
        return node.value

    def _rate(self) -> float:
        node = self._members.get("rate")
        if node is None:
            return DEFAULT_RATE
        if type(node.value) not in (int, float) or not _LOWEST_RATE <= node.value <= _HIGHEST_RATE:
            node.report("client-value", "the rate is a number of calls a second", "write 0.01 to 100000")
            return DEFAULT_RATE
        return float(node.value)

    def _algorithms(self, with_secret: bool) -> frozenset[str]:
        known = SYMMETRIC if with_secret else ASYMMETRIC
        named = frozenset(node.one_of(known, "algorithm for it") for node in self._each("algorithms"))
        return named or frozenset({"HS256"} if with_secret else {"ES384", "RS384"})

    def _secret(self) -> bytes | None:
        node = self._members.get("secret_file")
        if node is None:
            return None
        for name in ("keys", "jku"):
            if name in self._members:
                self._members[name].report_name(
                    "client-value", f"a client with a secret has no {name}", f"leave out secret_file or {name}"
                )
        try:
            secret = (self._folder / node.text()).read_bytes().strip()
        except (OSError, ValueError):
            node.report("client-file", "the file of the secret cannot be read", "name it as seen from this file")
            return b""
        if len(secret) < _SHORTEST_SECRET:
            node.report("client-key", "the secret is shorter than 32 bytes", "agree on a longer one")
        return secret

    def _keys(self, algorithms: frozenset[str]) -> tuple[Key, ...]:
        node = self._members.get("keys")
        if node is None:
            if not {"jku", "secret_file"} & self._members.keys() and isinstance(self._node.value, dict):
                self._node.report("client-missing", "the client has no keys", "add `jku:` or `keys:`")
            return ()
        if isinstance(node.value, str):
            return self._keys_of_file(node, algorithms)
        is_set = isinstance(node.value, dict) and "keys" in node.value
        return _read_keys(node.child("keys") if is_set else node, algorithms)

    def _keys_of_file(self, node: Node, algorithms: frozenset[str]) -> tuple[Key, ...]:
        path = self._folder / node.text()
        if not os.path.isfile(path):
            if node.value:  # which is not repeated: somebody may have put the key itself there
                node.report("client-file", "there is no such file of keys", "name it as seen from this file")
            return ()
        try:
            found = read_source(path, "client")
        except DefinitionError as error:
            node.source.problems.extend(error.problems)
            return ()
        if not isinstance(found.value, dict) or "keys" not in found.value:
            found.report("client-key", "this is no JWK Set", 'write an object with "keys", a list')
            keys: tuple[Key, ...] = ()
        else:
            keys = _read_keys(found.child("keys"), algorithms)
        node.source.problems.extend(found.source.problems)
        return keys


def _unquoted(problem: Problem) -> Problem:
    """Without the line, and anything else of the file: a secret or the private part of a key may stand there."""
    return replace(problem, source=None, message=_PLAIN.get(problem.code, problem.message))


def _read_keys(node: Node, algorithms: frozenset[str]) -> tuple[Key, ...]:
    """The keys of a list of JWKs; also reported when none of them can verify what the client may sign with."""
    nodes = node.items()
    if not nodes:
        if isinstance(node.value, list):
            node.report("client-key", "there is no key", "add the public keys of the client")
        return ()
    try:
        keys, problems = read_key_set({"keys": node.value})
    except ValueError as error:
        node.report("client-key", str(error), "keep those that the client signs with")
        return ()
    for problem in problems:
        nodes[problem.index].report("client-key", problem.message, problem.hint)
    if not problems and not verifiers(keys, algorithms):
        fitting = sorted({name for _, name in verifiers(keys, ASYMMETRIC)})
        hint = f"add `algorithms:` with one of {', '.join(fitting)}" if fitting else "add a key for signatures"
        node.report("client-key", f"none of the keys is for {' or '.join(sorted(algorithms))}", hint)
    return tuple(keys)


def _fhir_server(node: Node, networks: tuple[Network, ...]) -> FhirServer | None:
    """A base URL, or a mapping with `url` and `open`."""
    members = {"url": node} if isinstance(node.value, str) else node.members({"url", "open"})
    if "url" not in members:
        if isinstance(node.value, dict):
            node.report("client-missing", "the FHIR server has no url", "add `url:`")
        return None
    flag = members["open"].value if "open" in members else False
    if not isinstance(flag, bool):
        members["open"].report("client-type", "true or false is expected here", "write `open: true`")
    text = members["url"].text()
    url = base_url(text)
    if url is None or not (url.startswith("https:") or is_local(url)):
        if text:
            hint = "write https://, a host, and a path without a query"
            members["url"].report("client-value", "this is no base URL of a FHIR server", hint)
        return None
    if is_local(url) and not any(network.overlaps(loop) for network in networks for loop in _like(network)):
        members["url"].report("client-value", "this machine is not among the networks", "add `networks: [127.0.0.0/8]`")
    return FhirServer(url, bool(flag), networks)


@cache
def _searched() -> dict[str, str]:
    """The resource type of each prefetch key that is a search, also of those that no service asks for today."""
    return {key_of(kind): kind for kind in model().resources - _UNSEARCHED}


def _query(node: Node, kind: str) -> Query | None:
    """A search, or a mapping with `search` and `complete`."""
    members = {"search": node} if isinstance(node.value, str) else node.members({"search", "complete"})
    if "search" not in members:
        if isinstance(node.value, dict):
            node.report("client-missing", "there is no search", "add `search:`")
        return None
    search = members["search"].text()
    complete = members["complete"].value if "complete" in members else _NARROWING.search(search) is None
    if not isinstance(complete, bool):
        members["complete"].report("client-type", "true or false is expected here", "write `complete: true`")
    fault = query_fault(kind, search) if search else None
    if fault:
        message, part = fault
        place, source = members["search"].place, node.source
        at = source.text.offset_in_string(place, search, 1, search.find(part) + 1) if part else place.start
        hint = f"write `{kind}?patient={{{{context.patientId}}}}` and what is equal, or dates with ge, gt, le or lt"
        source.report("client-query", f"{message} this" if part else message, at, hint)
    return Query(template_from(search), complete is True)


def _like(network: Network) -> list[Network]:
    """The loopback networks of the same version of IP."""
    return [loop for loop in LOOPBACK if loop.version == network.version]


def _network(node: Node) -> Network | None:
    try:
        network = ip_network(node.text())
    except ValueError:
        node.report("client-value", "this is no network", "write an address and the length of its prefix: 10.20.0.0/16")
        return None
    if any(network.overlaps(other) for other in _LINK_LOCAL if other.version == network.version):
        hint = "name the networks of the client's servers only"
        node.report("client-value", "this network holds the addresses of link-local services", hint)
    return network


def _fitting(node: Node, fits: Callable[[str], object], form: str) -> str:
    text = node.text()
    if text and not fits(text):
        node.report("client-value", "this cannot be read", f"write {form}")
    return text


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _is_short(text: str) -> bool:
    return len(text) <= _LONGEST_TEXT and text.isprintable()


def _is_key_url(text: str) -> bool:
    if not (text.isascii() and text.isprintable()) or " " in text or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_local(text))
    return bool(secure and parts.hostname and "@" not in parts.netloc and not parts.fragment)
