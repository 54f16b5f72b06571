"""Who may reach which route: one table, and what it does not name needs a token (security.md J15)."""

from __future__ import annotations

from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Protocol

from flask import Flask, request

from cds.clients import Caller
from cds.config import Settings
from cds.errors import ConfigurationError, Issue, RequestError, ThrottledError, UnauthenticatedError
from cds.metrics import Metrics
from cds.web import calls

_SHORTEST_TOKEN = 32


class Access(Enum):
    """Who may reach a route."""

    ANYONE = "anyone"
    DISCOVERY = "anyone, unless the site closes discovery"
    SERVICE = "registered clients, each for its services"
    CLIENT = "registered clients that are not limited to some services"
    OPERATOR = "who has the token of operators"


#: By Flask's name of the route.
ACCESS = {
    "hooks.discovery": Access.DISCOVERY,
    "hooks.call": Access.SERVICE,
    "hooks.feedback": Access.SERVICE,
    "fhirpath.any_release": Access.CLIENT,
    "fhirpath.release_5": Access.CLIENT,
    "cql.expression": Access.CLIENT,
    "cql.evaluate": Access.CLIENT,
    "cql.look_up": Access.CLIENT,
    "fhir.metadata": Access.DISCOVERY,
    "fhir.apply": Access.CLIENT,
    "fhir.requirements": Access.CLIENT,
    "fhir.package": Access.CLIENT,
    "fhir.not_built": Access.CLIENT,
    "fhir.terminology": Access.CLIENT,
    "fhir.search": Access.CLIENT,
    "fhir.read": Access.CLIENT,
    "openapi.openapi": Access.DISCOVERY,
    "system.alive": Access.ANYONE,
    "system.ready": Access.ANYONE,
    "system.versions": Access.CLIENT,
    "system.counted": Access.OPERATOR,
    "system.statistics": Access.OPERATOR,
    "system.reload": Access.OPERATOR,
}


class Authenticator(Protocol):
    """Tells who calls."""

    @property
    def origins(self) -> frozenset[str]:
        """The web origins of all clients."""
        ...

    def caller(self, authorization: str | None, path: str) -> Caller:
        """The caller of the address at `path`, by the text of its Authorization header. Raises UnauthenticatedError."""
        ...


class Demo:
    """Takes everybody for the one client of demo mode."""

    origins: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._caller = Caller.demo()

    def caller(self, authorization: str | None, path: str) -> Caller:  # noqa: ARG002 - asks for neither
        """The client of demo mode."""
        return self._caller


class Nobody:
    """Lets nobody in."""

    origins: frozenset[str] = frozenset()

    def caller(self, authorization: str | None, path: str) -> Caller:  # noqa: ARG002 - asks for neither
        """Raises UnauthenticatedError."""
        raise UnauthenticatedError("no-client")


class Operators:
    """Knows the operators by one token, which a file holds; in demo mode anyone is one."""

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigurationError for a file that cannot be read or holds a weak token."""
        self._everyone = settings.demo
        path = settings.operator_token_file
        self._digest = sha256(_read_token(path)).digest() if path else None

    def check(self, authorization: str | None) -> None:
        """Raises UnauthenticatedError for anybody else."""
        if self._everyone:
            return
        scheme, _, token = (authorization or "").partition(" ")
        sent = sha256(token.encode("utf-8", "surrogateescape")).digest()
        if self._digest is None or scheme.lower() != "bearer" or not compare_digest(sent, self._digest):
            raise UnauthenticatedError("operator-token")


def register(app: Flask, authenticator: Authenticator, settings: Settings, metrics: Metrics) -> None:
    """Ask for a token before every view that needs one, and before an address is said not to exist. A preflight of a
    browser carries none (cds-hooks.md F14)."""
    free = _routes(Access.ANYONE) | (_routes(Access.DISCOVERY) if settings.open_discovery else set())
    for_operators, for_whole_clients = _routes(Access.OPERATOR), _routes(Access.CLIENT)
    operators = Operators(settings)

    @app.before_request
    def authenticate() -> None:
        endpoint, environ = request.endpoint, request.environ
        if endpoint in free or request.method == "OPTIONS":
            return
        authorization = environ.get("HTTP_AUTHORIZATION")
        try:
            if endpoint in for_operators:
                operators.check(authorization)
                return
            caller = authenticator.caller(authorization, environ["PATH_INFO"])
        except UnauthenticatedError as error:
            metrics.authentication_refused(error.reason)
            raise
        except ThrottledError as error:
            metrics.throttled(error.client)
            calls.current().client = error.client
            raise
        call = calls.current()
        call.caller, call.client = caller, caller.client.id
        if caller.client.services and endpoint in for_whole_clients:
            raise RequestError(403, Issue("forbidden", "This client is registered for some services only"))


def _routes(access: Access) -> set[str]:
    return {name for name, needed in ACCESS.items() if needed is access}


def _read_token(path: Path) -> bytes:
    try:
        token = path.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"operator_token_file: cannot read {path}: {error.strerror}") from None
    if len(token) < _SHORTEST_TOKEN:
        raise ConfigurationError(
            f"operator_token_file: the token in {path} is shorter than {_SHORTEST_TOKEN} characters; make one with "
            "`openssl rand -hex 32`"
        )
    return token
