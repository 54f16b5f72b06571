"""A scripted HTTP server on a real socket: what it answers is what a test says, and it keeps what it was asked."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import orjson


@dataclass(frozen=True)
class Hit:
    """One request as it came: the target as sent, its path and query read, headers in lower case."""

    target: str
    headers: dict[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@dataclass(frozen=True)
class Reply:
    """An answer: its body whole, or piece by piece with `pause` seconds before each. `raw` replaces the status line
    and headers too; `wait` seconds pass before anything is sent."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None
    pause: float = 0.0
    raw: bytes | None = None
    wait: float = 0.0


def fhir(resource: Any, status: int = 200, **headers: str) -> Reply:
    """An answer that holds a resource."""
    return Reply(orjson.dumps(resource), status, {"Content-Type": "application/fhir+json", **headers})


def zipped(body: bytes) -> Reply:
    return Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"})


Script = Callable[[Hit], Reply]


class ScriptedServer:
    """Answers as `script` says until it is closed. `hits` holds all that was asked, in order of arrival."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.hits: list[Hit] = []
        self._stop = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "http" if tls is None else "https"
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def pause(self, seconds: float) -> bool:
        """Wait; False when the server is closed meanwhile."""
        return not self._stop.wait(seconds) if seconds else True

    def close(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    owner: ScriptedServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # clients hang up on purpose


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        owner = cast(_Server, self.server).owner
        hit = Hit(self.path, {name.lower(): value for name, value in self.headers.items()})
        owner.hits.append(hit)
        reply = owner.script(hit)
        if not owner.pause(reply.wait):
            return
        if reply.raw is None:
            self._start(reply)
            self.wfile.write(reply.body)
        else:
            self.wfile.write(reply.raw)
            self.close_connection = True
        self.wfile.flush()
        for piece in reply.pieces or ():
            if not owner.pause(reply.pause):
                return
            self.wfile.write(piece)
            self.wfile.flush()

    def _start(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.pieces is None:
            self.send_header("Content-Length", str(len(reply.body)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it is called by
        return


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """A scripted server for the time of a `with`."""
    server = ScriptedServer(script, tls)
    try:
        yield server
    finally:
        server.close()


def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def timed(work: Callable[[], Any]) -> float:
    """Seconds that `work` takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


class Record:
    """A script: the FHIR server of one patient's resources, at the base `/fhir`. Searches are by type and patient and
    have pages of `page` resources; with `token` each request must carry it. `faults` holds what is answered instead, by
    the type that is asked for."""

    def __init__(self, *resources: Mapping[str, Any], page: int = 1000, token: str | None = None) -> None:
        self.resources = list(resources)
        self.page = page
        self.token = token
        self.faults: dict[str, Script] = {}

    def __call__(self, hit: Hit) -> Reply:
        base, _, rest = hit.path.partition("/fhir/")
        if self.token is not None and hit.headers.get("authorization") != f"Bearer {self.token}":
            return fhir(outcome("login"), 401)
        kind, _, identifier = rest.partition("/")
        if base or not kind[:1].isupper():
            return fhir(outcome("not-found"), 404)
        if kind in self.faults:
            return self.faults[kind](hit)
        if identifier:
            for resource in self.resources:
                if (resource["resourceType"], resource.get("id")) == (kind, identifier):
                    return fhir(resource)
            return fhir(outcome("not-found"), 404)
        return self.search(hit, kind)

    def search(self, hit: Hit, kind: str) -> Reply:
        """One page of a search, with the link to the next."""
        found = [resource for resource in self.resources if resource["resourceType"] == kind]
        start, size = int(hit.query.get("_start", 0)), min(self.page, int(hit.query.get("_count", 50)))
        bundle = searchset(*found[start : start + size], total=len(found))
        if start + size < len(found):
            target = f"{kind}?patient={hit.query['patient']}&_count={size}&_start={start + size}"
            bundle["link"] = [{"relation": "next", "url": target}]
        return fhir(bundle)


def searchset(*resources: Mapping[str, Any], following: str | None = None, **elements: Any) -> dict[str, Any]:
    """A Bundle that a search finds."""
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": resource, "search": {"mode": "match"}} for resource in resources],
        **elements,
    }
    return bundle if following is None else {**bundle, "link": [{"relation": "next", "url": following}]}


def outcome(code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code}]}
