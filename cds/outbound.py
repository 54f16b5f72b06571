"""Requests of ours to other systems, guarded (security.md section 2): FHIR servers, key sets of clients.

A host is resolved once for each connection, all its addresses are checked, and the connection goes to one that was
checked (S2). The transport is used without a client around it: there are no cookies, no proxies or passwords from the
environment, and no log line with an address in it, for addresses name patients (S5).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext
from time import monotonic
from typing import Any

import httpcore2
import httpx2

from cds.errors import FetchError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: Host and port to all addresses of the host, as text. Raises OSError.
Resolve = Callable[[str, int], Sequence[str]]

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

#: The deadline of the request that this thread is making, of time.monotonic(). Read time-outs start anew at each byte.
_deadline: ContextVar[float] = ContextVar("deadline")

_PORTS = {"https": 443, "http": 80}

#: IPv6 addresses that stand for an IPv4 address in their last four bytes, through NAT64.
_NAT64 = ip_network("64:ff9b::/96")

# Below this level its lines quote the headers of answers, which may name patients.
logging.getLogger("httpcore2").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take: seconds to connect, of silence, and in `total`; bytes of body, decoded; redirects
    within the origin."""

    connect: float = 1.0
    read: float = 2.0
    total: float = 4.0
    size: int = 8 * 1024 * 1024
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered. Names of `headers` are in lower case; `url` is that of the last redirect."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def parse_url(text: str) -> httpx2.URL:
    """An absolute http or https address, normalised. Raises FetchError for anything else, and for an address that could
    be read in two ways: with user information, a backslash, or what is not printable ASCII."""
    if not (text.isascii() and text.isprintable()) or " " in text or "\\" in text:
        raise FetchError("address", "not a web address")
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        raise FetchError("address", "not a web address") from None
    if url.scheme not in _PORTS or not url.host or url.userinfo or not 0 < (url.port or 1) < 65536:
        raise FetchError("address", "not a web address")
    return url


def join(base: httpx2.URL, target: str) -> httpx2.URL:
    """The address that `target` is, read from a document at `base`. Raises FetchError as parse_url()."""
    try:
        return parse_url(str(base.join(target)))
    except httpx2.InvalidURL:
        raise FetchError("address", "not a web address") from None


def origin_of(url: httpx2.URL) -> str:
    """Scheme, host and port of an address, with the port its scheme implies."""
    host = url.raw_host.decode("ascii")
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}:{url.port or _PORTS[url.scheme]}"


class Outbound:
    """The one way out of the process, for any number of threads. Connections are kept, apart for each set of private
    networks that may be reached; they are opened lazily, and anew in a process that was forked.

    With `loopback_only` (demo mode) nothing but this machine is reachable. `resolve` and `tls` stand in for the
    system's in tests."""

    def __init__(
        self, *, loopback_only: bool = False, resolve: Resolve | None = None, tls: SSLContext | None = None
    ) -> None:
        self._loopback_only = loopback_only
        self._resolve = resolve or _system_addresses
        self._tls = tls
        self._pools: dict[tuple[bool, tuple[Network, ...]], httpcore2.ConnectionPool] = {}
        self._process = os.getpid()
        self._lock = threading.Lock()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        networks: Iterable[Network] = (),
        limits: Limits | None = None,
    ) -> Reply:
        """The answer to a GET, whatever its status, within `limits`. Private and loopback addresses are reached only in
        `networks`; plain http only on loopback.

        Raises FetchError: "address", "connect", "timeout", "size", "redirect" or "protocol"."""
        limits = limits or Limits()
        target = parse_url(url)
        sent = {"accept-encoding": "gzip", "user-agent": "pathway-cds", **(headers or {})}
        pool = self._pool(target.scheme == "https", tuple(networks))
        token = _deadline.set(monotonic() + limits.total)
        try:
            with _our_errors():
                return _follow(pool, target, sent, limits)
        finally:
            _deadline.reset(token)

    def close(self) -> None:
        """Close all connections. Requests that are being made fail; later ones open connections anew."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _pool(self, secure: bool, networks: tuple[Network, ...]) -> httpcore2.ConnectionPool:
        """The connections for destinations in `networks`: each was opened under the rules of who may use it."""
        with self._lock:
            if self._process != os.getpid():  # the sockets are the parent's
                self._pools, self._process = {}, os.getpid()
            pool = self._pools.get((secure, networks))
            if pool is None:
                allowed = LOOPBACK if self._loopback_only else networks
                pool = self._pools[secure, networks] = httpcore2.ConnectionPool(
                    ssl_context=self._tls,
                    max_connections=None,
                    max_keepalive_connections=32,
                    keepalive_expiry=30,
                    network_backend=_Pinned(self._resolve, _Rules(allowed, secure, not self._loopback_only)),
                )
            return pool


def _follow(pool: httpcore2.ConnectionPool, url: httpx2.URL, headers: Mapping[str, str], limits: Limits) -> Reply:
    origin = origin_of(url)
    for _ in range(limits.redirects + 1):
        reply = _get(pool, url, headers, limits)
        target = reply.headers.get("location")
        if not 300 <= reply.status < 400 or target is None:
            return reply
        url = join(url, target)
        if origin_of(url) != origin:
            raise FetchError("redirect", "a redirect to another server")
    raise FetchError("redirect", "more redirects than are followed")


def _get(pool: httpcore2.ConnectionPool, url: httpx2.URL, headers: Mapping[str, str], limits: Limits) -> Reply:
    timeouts = {"connect": limits.connect, "read": limits.read, "write": limits.read}
    host = url.netloc.decode("ascii")
    target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    sent = [("host", host), *headers.items()]
    request = httpcore2.Request("GET", target, headers=sent, extensions={"timeout": timeouts})
    answer = pool.handle_request(request)
    try:
        received = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
        body = b"".join(_decoded(answer.iter_stream(), received.get("content-encoding", ""), limits.size))
        return Reply(answer.status, received, body, str(url))
    finally:
        answer.close()


def _decoded(chunks: Iterable[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """The chunks of a body, uncompressed piece by piece, until there are more than `limit` bytes (F5)."""
    unzip = {"": None, "identity": None, "gzip": zlib.decompressobj(zlib.MAX_WBITS | 16)}
    if encoding.lower() not in unzip:
        raise FetchError("protocol", "an encoding that was not asked for")
    decompress = unzip[encoding.lower()]
    left = limit
    for chunk in chunks:
        try:
            data = chunk if decompress is None else decompress.decompress(chunk, left + 1)
        except zlib.error:
            raise FetchError("protocol", "a body that is not gzip") from None
        left -= len(data)
        if left < 0:
            raise FetchError("size", f"more than {limit} bytes")
        yield data


@dataclass(frozen=True, slots=True)
class _Rules:
    """Which addresses a connection may go to: those in `allowed`, public ones too where `public`; without TLS only
    loopback among them."""

    allowed: tuple[Network, ...]
    secure: bool
    public: bool

    def check(self, address: Address) -> None:
        """Raises FetchError."""
        known = any(address in network for network in self.allowed if network.version == address.version)
        if not known and not (self.public and _is_public(address)):
            raise FetchError("address", "an address that is not on a public network or one of the client's")
        if not self.secure and not address.is_loopback:
            raise FetchError("address", "plain http to another machine")


def _is_public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _plain(text: str) -> Address:
    """The address, and in place of an IPv6 address that stands for an IPv4 address that one."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


class _Pinned(httpcore2.NetworkBackend):
    """Connects to addresses that were checked, and no later than the deadline. The name stays what TLS verifies."""

    def __init__(self, resolve: Resolve, rules: _Rules) -> None:
        self._resolve = resolve
        self._rules = rules
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        end = monotonic() + _left(timeout)
        addresses = _within(end - monotonic(), lambda: self._resolve(host.strip("[]"), port))
        for address in addresses:
            self._rules.check(_plain(address))
        for index, address in enumerate(addresses):
            share = (end - monotonic()) / (len(addresses) - index)
            try:
                stream = self._sockets.connect_tcp(
                    address, port, max(share, 0.001), local_address, socket_options or ()
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if index == len(addresses) - 1:
                    raise
            else:
                return _Timed(stream)
        raise FetchError("connect", "the host has no address")


class _Timed(httpcore2.NetworkStream):
    """A stream none of whose operations outlasts the deadline of the request."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float:
    """The time-out, cut to what is left until the deadline. Raises FetchError past it."""
    left = _deadline.get() - monotonic()
    if left <= 0:
        raise FetchError("timeout", "the time for it is over")
    return left if timeout is None else min(left, timeout)


def _within(seconds: float, resolve: Callable[[], Sequence[str]]) -> Sequence[str]:
    """What `resolve` finds, if it does in time: the system's resolver takes no time-out."""
    found: list[Sequence[str]] = []

    def run() -> None:
        with suppress(OSError, UnicodeError):
            found.append(resolve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise FetchError("connect", "the host's name is not known, or not in time")
    return found[0]


def _system_addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@contextmanager
def _our_errors() -> Iterator[None]:
    """Failures of the transport as FetchError; their texts, which may quote, stay behind."""
    try:
        yield
    except httpcore2.ConnectTimeout:
        raise FetchError("timeout", "no connection in time") from None
    except httpcore2.TimeoutException:
        raise FetchError("timeout", "no answer in time") from None
    except httpcore2.ConnectError:
        raise FetchError("connect", "no connection, or no trusted certificate") from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError):
        raise FetchError("protocol", "the connection broke, or what came is not HTTP") from None
