"""Who may call: registered clients, what each may do, and the caller of one call (cds-hooks.md F)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from cds.outbound import LOOPBACK, Network

if TYPE_CHECKING:
    from joserfc.jwk import Key

Version = Literal["2.0", "3.0"]

#: Calls a second of a client for which no other rate is registered.
DEFAULT_RATE = 100.0
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Longest URL that is looked at.
_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class FhirServer:
    """A FHIR base URL, without a closing slash. An `open` one may be asked without a token (cds-hooks.md L6). Addresses
    that are not public are reached only when they lie in `networks` (security.md S2)."""

    url: str
    open: bool = False
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A search that a client's FHIR server is asked in place of the template of a prefetch key. What it does not find
    is not there when it is `complete`, else unknown."""

    search: str
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One registered EHR. The issuer of its tokens is what it is known by; `id` is our name for it."""

    id: str
    issuer: str
    #: Whose decisions and feedback these are; clients of one tenant share them.
    tenant: str
    #: The `tenant` claims its tokens may have; empty when they have none.
    tenants: frozenset[str] = frozenset()
    #: The services it may call; empty for all.
    services: frozenset[str] = frozenset()
    #: Where its keys are published. With `keys` nothing is fetched, and this is what tokens may say of it.
    jku: str | None = None
    keys: tuple[Key, ...] = field(default=(), repr=False)
    #: For HS* only, which CDS Hooks forbids: nothing but these algorithms is then taken.
    secret: bytes | None = field(default=None, repr=False)
    algorithms: frozenset[str] = frozenset({"ES384", "RS384"})
    #: What the claim `sub` must say, where the EHR fixes it by hand.
    sub: str | None = None
    #: What the claim `aud` may say beside the URL that is called.
    audiences: frozenset[str] = frozenset()
    #: Longest time in seconds from `iat` to `exp`.
    max_life: int = 3600
    #: Calls a second, on average and at once, that each process answers (security.md R2).
    rate: float = DEFAULT_RATE
    #: Our client id at its authorization server, as `fhirAuthorization.subject` says it (F15).
    subject: str | None = None
    fhir_servers: tuple[FhirServer, ...] = ()
    #: Searches for its FHIR servers, by prefetch key.
    queries: Mapping[str, Query] = field(default_factory=dict, hash=False)
    #: Networks that are not public and may be reached for it.
    networks: tuple[Network, ...] = ()
    #: Web origins whose pages may call (F14).
    origins: frozenset[str] = frozenset()
    #: Cards have only what this version of CDS Hooks knows (G7); so far all have only what 2.0 knows.
    cds_hooks: Version = "2.0"
    #: Whether any FHIR server on this machine counts as registered and open: demo mode.
    local: bool = False

    def fhir_server(self, url: str) -> FhirServer | None:
        """The registered server that holds `url`, with `url` as its base; None when there is none (security.md S1).

        Scheme, host and port must be the same and its path must begin with the registered one."""
        asked = base_url(url)
        if asked is None:
            return None
        for server in self.fhir_servers:
            if asked == server.url or asked.startswith(server.url + "/"):
                return FhirServer(asked, server.open, server.networks)
        if self.local and is_local(asked):
            return FhirServer(asked, open=True, networks=LOOPBACK)
        return None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who made one call: a client, for one tenant, with the token of that id (None in demo mode)."""

    client: Client
    tenant: str
    token_id: str | None = None

    @classmethod
    def demo(cls) -> Caller:
        """Anyone, in demo mode."""
        [client] = Clients.demo().by_issuer.values()
        return cls(client, client.tenant)

    @property
    def logged(self) -> dict[str, str]:
        """What logs tell of it; nothing in demo mode (cds-hooks.md F13)."""
        if self.token_id is None:
            return {}
        return {"iss": self.client.issuer, "tenant": self.tenant, "jti": self.token_id}

    def may_call(self, service_id: str) -> bool:
        """Whether the client is registered for that service."""
        return not self.client.services or service_id in self.client.services


@dataclass(frozen=True, slots=True)
class Clients:
    """All registered clients by the issuer of their tokens."""

    by_issuer: Mapping[str, Client]

    @classmethod
    def demo(cls) -> Clients:
        """The one client of demo mode. It needs no token and may have any FHIR server on this machine asked."""
        demo = Client(id="demo", issuer="", tenant="demo", local=True)
        return cls({demo.issuer: demo})


def base_url(text: str) -> str | None:
    """`text` as the base of a FHIR server in its one normal form: host in small letters, no default port, no closing
    slash. None for what is no plain http or https URL: with a user, a query or a fragment, a relative step in its path,
    or a host or path that programs read differently (security.md S1)."""
    if len(text) > _LONGEST or not text.isascii() or not text.isprintable() or not set(' \\%?#"<>').isdisjoint(text):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme not in _DEFAULT_PORTS or not host or "@" in parts.netloc or host.endswith("."):
        return None
    path = parts.path.rstrip("/")
    if not {"", ".", ".."}.isdisjoint(path.split("/")[1:]):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{'' if port in (None, _DEFAULT_PORTS[parts.scheme]) else f':{port}'}{path}"


def is_local(url: str) -> bool:
    """Whether a normal URL is one of this machine."""
    return urlsplit(url).hostname in _LOCAL_HOSTS
