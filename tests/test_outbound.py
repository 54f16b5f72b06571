"""Our requests to other systems: where they may go, what they may carry, how long and how large they may become."""

from __future__ import annotations

import datetime
import ipaddress
import itertools
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fhir_server_support import Hit, Reply, ScriptedServer, closed_port, serving, timed, zipped

from cds.errors import FetchError
from cds.outbound import LOOPBACK, Limits, Outbound, origin_of, parse_url

pytestmark = pytest.mark.slow

QUICK = Limits(connect=0.4, read=0.4, total=0.5)


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    client = Outbound(loopback_only=True)
    yield client
    client.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving(lambda _: Reply(b"fine")) as running:
        yield running


def refused(client: Outbound, url: str, limits: Limits | None = None, **arguments: object) -> str:
    with pytest.raises(FetchError) as caught:
        client.get(url, limits=limits or QUICK, **arguments)  # type: ignore[arg-type]
    return caught.value.reason


# --- where it may go


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/", "//127.0.0.1/x", "127.0.0.1", "", "https://",
        "http://good@127.0.0.1/", "http://good:1@127.0.0.1/", "http://127.0.0.1\\@evil/", "http://127.0.0.1/ x",
        "http://127.0.0.1/\r\nX: y", "http://127。0。0。1/", "http://127.0.0.1:99999/", "https://[::1/", "http://a\x00b/",
    ],
)  # fmt: skip
def test_an_address_that_could_be_read_in_two_ways_is_no_address(outbound: Outbound, url: str) -> None:
    """security S1: other schemes, user information, backslashes, controls and unicode dots are refused unread."""
    assert refused(outbound, url) == "address"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.1", "0", "0.0.0.0", "0x7f000001",  # noqa: S104
        "2130706433", "017700000001", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1", "[::1]", "[::]",
        "[fe80::1]", "[fd00::1]", "[::ffff:10.0.0.1]", "[::ffff:127.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]",
        "[2001:0:1::1]", "[ff02::1]", "localhost",
    ],
)  # fmt: skip
def test_private_addresses_are_not_reached_however_they_are_written(host: str) -> None:
    """security S1: metadata, intranet and loopback addresses in all their spellings are refused unconnected."""
    assert refused(Outbound(), f"https://{host}/") == "address"


def test_loopback_is_not_reached_where_the_mode_does_not_allow_it(server: ScriptedServer) -> None:
    """security S1: outside demo mode a listener on this machine sees nothing."""
    assert refused(Outbound(), server.url) == "address"
    assert refused(Outbound(), server.url.replace("http:", "https:")) == "address"
    assert server.hits == []


def test_demo_mode_reaches_this_machine_only(outbound: Outbound, server: ScriptedServer) -> None:
    """security S1: with loopback_only even a public address, and one of the given networks, is refused."""
    assert outbound.get(server.url).body == b"fine"
    assert (
        refused(Outbound(loopback_only=True, resolve=lambda *_: ["8.8.8.8"]), "https://fhir.example.org") == "address"
    )
    assert refused(outbound, "https://10.0.0.1/", networks=[ipaddress.ip_network("10.0.0.0/8")]) == "address"


def test_a_private_network_is_reached_by_its_cidr_only(server: ScriptedServer) -> None:
    """security S2: private networks only by explicit CIDR; a connection opened under one client's is not another's."""
    client = Outbound()
    assert client.get(server.url, networks=LOOPBACK).status == 200
    assert refused(client, server.url, networks=[ipaddress.ip_network("10.0.0.0/8")]) == "address"
    assert refused(client, server.url) == "address"
    assert len(server.hits) == 1
    client.close()


def test_one_private_address_among_public_ones_refuses_the_host(server: ScriptedServer) -> None:
    """security S2: all addresses of a host are checked, not only the one that would be used."""
    for addresses in (["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2001:4860:4860::8888", "::ffff:127.0.0.1"]):
        client = Outbound(resolve=lambda *_, found=addresses: found)
        assert refused(client, f"https://fhir.example.org:{server.port}/") == "address"
    assert server.hits == []


def test_a_host_is_resolved_once_and_connected_where_it_was_checked(server: ScriptedServer) -> None:
    """security S2: an answer of the resolver that changes after the check (rebinding) changes nothing."""
    asked = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    client = Outbound(loopback_only=True, resolve=rebinding)
    for _ in range(3):
        assert client.get(f"http://fhir.example.org:{server.port}/Patient/1").status == 200
    assert asked == [("fhir.example.org", server.port)]
    assert [hit.headers["host"] for hit in server.hits] == [f"fhir.example.org:{server.port}"] * 3
    client.close()  # the next connection is another one, and checked again
    assert refused(client, f"http://fhir.example.org:{server.port}/Patient/1") == "address"


def test_the_second_address_is_tried_when_the_first_is_dead(server: ScriptedServer) -> None:
    """A host with several addresses is reached by any that answers."""
    client = Outbound(loopback_only=True, resolve=lambda *_: ["::1", "127.0.0.1"])
    assert client.get(f"http://fhir.example.org:{server.port}/").status == 200
    client.close()


def test_plain_http_stays_on_this_machine() -> None:
    """security S7: without TLS only loopback is reached, public or explicitly allowed as another address may be."""
    public = Outbound(resolve=lambda *_: ["8.8.8.8"])
    assert refused(public, "http://fhir.example.org/") == "address"
    assert refused(public, "http://10.0.0.1/", networks=[ipaddress.ip_network("0.0.0.0/0")]) == "address"


def test_a_slow_resolver_is_not_waited_for() -> None:
    """security F1: the system's resolver knows no time-out, the request does."""
    waiting = threading.Event()
    client = Outbound(resolve=lambda *_: [str(waiting.wait(5))])
    assert timed(lambda: refused(client, "https://fhir.example.org/")) < 3
    waiting.set()


def test_unknown_host_and_closed_port_are_no_connection(outbound: Outbound) -> None:
    """security F2: what is not there fails at once, with one reason."""
    unknown = Outbound(resolve=lambda *_: [][:0])
    assert refused(unknown, "https://fhir.example.org/") == "connect"
    assert refused(outbound, f"http://127.0.0.1:{closed_port()}/") == "connect"


# --- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", ["127.0.0.1:{other}", "localhost:{port}", "127.0.0.1@127.0.0.1:{other}"])
def test_redirects_to_another_origin_are_not_followed(outbound: Outbound, status: int, host: str) -> None:
    """security S3: another host, port or scheme is not asked, and sees no token."""
    with serving(lambda _: Reply()) as other, serving(lambda _: Reply()) as server:
        target = f"http://{host.format(other=other.port, port=server.port)}/"
        server.script = lambda _: Reply(status=status, headers={"Location": target})
        limits = Limits(redirects=3)
        assert refused(outbound, server.url, limits, headers={"authorization": "Bearer t"}) in ("redirect", "address")
        assert other.hits == []
        assert len(server.hits) == 1


def test_redirects_within_the_origin_are_followed_as_often_as_allowed(outbound: Outbound) -> None:
    """security S3: 3 at most; none unless asked for (key sets); a loop ends."""

    def next_one(hit: Hit) -> Reply:
        number = int(hit.path[1:])
        return Reply(b"end") if number == 4 else Reply(status=302, headers={"Location": f"{number + 1}"})

    with serving(next_one) as server:
        assert outbound.get(f"{server.url}/1", limits=Limits(redirects=3)).url == f"{server.url}/4"
        assert refused(outbound, f"{server.url}/0", Limits(redirects=3)) == "redirect"
        assert refused(outbound, f"{server.url}/3") == "redirect"
        server.script = lambda _: Reply(status=302, headers={"Location": "/1"})
        before = len(server.hits)
        assert refused(outbound, f"{server.url}/1", Limits(redirects=3)) == "redirect"
        assert len(server.hits) - before == 4


# --- what it carries


def test_the_environment_and_earlier_answers_add_nothing(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """security S5: no proxy of the environment, no netrc, no cookies that a server set."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with (
        serving(lambda _: Reply()) as proxy,
        serving(lambda _: Reply(headers={"Set-Cookie": "session=1; Path=/"})) as server,
    ):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        outbound.get(server.url)
        outbound.get(server.url, headers={"accept": "application/json"})
        assert proxy.hits == []
        assert [set(hit.headers) for hit in server.hits] == [
            {"host", "accept-encoding", "user-agent"},
            {"host", "accept-encoding", "user-agent", "accept"},
        ]


def test_a_header_cannot_be_split(outbound: Outbound, server: ScriptedServer) -> None:
    """security S6: a line break in a header's value sends nothing."""
    assert refused(outbound, server.url, headers={"authorization": "Bearer a\r\nX-Evil: 1"}) == "protocol"
    assert server.hits == []


def test_addresses_are_not_logged(outbound: Outbound, caplog: pytest.LogCaptureFixture) -> None:
    """security A2: an address names a patient, and so may a header of an answer; no log line has either."""
    reply = Reply(b"canary", headers={"Content-Location": "/Patient/canary"})
    with serving(lambda _: reply) as server, caplog.at_level("DEBUG"):
        url, headers = f"{server.url}/Patient/canary", {"authorization": "Bearer canary"}
        outbound.get(url, headers=headers)
        with pytest.raises(FetchError) as error:
            outbound.get(url, headers=headers, limits=Limits(size=1))
    assert "canary" not in caplog.text
    assert "canary" not in str(error.value)


# --- TLS


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for a host, and a server's context that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


def test_certificates_are_verified_for_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """security S7, security S2: a self-signed certificate is refused, and one for another host; SNI and Host keep the
    name although the connection goes to an address. SSL_CERT_FILE names a site's own authorities."""
    file, shown = certificate(tmp_path, "fhir.example.org")
    names: list[str | None] = []
    shown.sni_callback = lambda _socket, name, _context: names.append(name)
    with serving(lambda _: Reply(b"fine"), shown) as server:
        here = {"resolve": lambda *_: ["127.0.0.1"]}
        url = f"https://fhir.example.org:{server.port}/"
        assert refused(Outbound(**here), url, networks=LOOPBACK) == "connect"  # type: ignore[arg-type]
        trusting = Outbound(**here, tls=ssl.create_default_context(cafile=file))  # type: ignore[arg-type]
        assert refused(trusting, url.replace("fhir.", "other."), networks=LOOPBACK) == "connect"
        assert server.hits == []
        assert trusting.get(url, networks=LOOPBACK).body == b"fine"
        trusting.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        by_setting = Outbound(**here)  # type: ignore[arg-type]
        assert by_setting.get(url, networks=LOOPBACK).body == b"fine"
        by_setting.close()
    assert names == ["fhir.example.org", "other.example.org", "fhir.example.org", "fhir.example.org"]


def test_a_handshake_that_never_ends_is_given_up() -> None:
    """security F1: a server that takes the connection and says nothing of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert timed(lambda: refused(Outbound(), url, networks=LOOPBACK)) < 3


# --- how long, how large


@pytest.mark.parametrize(
    "reply",
    [
        Reply(wait=5),
        Reply(pieces=itertools.repeat(b" "), pause=0.1),
        Reply(pieces=[b"HTTP/1.1 200 OK\r\n"] * 50, pause=0.1),
    ],
    ids=["silent", "a byte at a time", "lines"],
)
def test_a_request_ends_at_its_total_time_out(outbound: Outbound, reply: Reply) -> None:
    """security F1: a server that sends a byte now and then, so that no read times out, is given up at the total."""
    with serving(lambda _: reply) as server:
        reasons: list[str] = []
        assert timed(lambda: reasons.append(refused(outbound, server.url))) < 3
        assert reasons == ["timeout"]


def test_slow_headers_end_at_the_total_time_out(outbound: Outbound) -> None:
    """security F1: the total counts from the first byte sent, headers included."""
    with serving(lambda _: Reply(raw=b"HTTP/1.1 200 OK\r\nX: ", pieces=itertools.repeat(b"y"), pause=0.1)) as server:
        reasons: list[str] = []
        assert timed(lambda: reasons.append(refused(outbound, server.url))) < 3
        assert reasons == ["timeout"]


def test_a_body_is_counted_while_it_is_uncompressed(outbound: Outbound) -> None:
    """security F5: a bomb of 50 MB in 50 kB, and a body without end, stop at the limit; the limit itself passes."""
    with serving(lambda _: zipped(bytes(50_000_000))) as server:
        assert refused(outbound, server.url, Limits(size=100_000)) == "size"
        server.script = lambda _: Reply(pieces=[bytes(1000)] * 200)
        assert refused(outbound, server.url, Limits(size=100_000)) == "size"
        server.script = lambda _: zipped(bytes(100_000))
        assert outbound.get(server.url, limits=Limits(size=100_000)).body == bytes(100_000)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=b"SSH-2.0-OpenSSH\r\n"),
        Reply(raw=b""),
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        Reply(raw=b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000),
        Reply(b"not gzip", headers={"Content-Encoding": "gzip"}),
        Reply(b"?", headers={"Content-Encoding": "br"}),
        Reply(b"?", headers={"Content-Encoding": "gzip, gzip"}),
    ],
    ids=["ssh", "nothing", "cut off", "endless headers", "no gzip", "br", "twice"],
)
def test_what_is_not_http_is_an_error(outbound: Outbound, reply: Reply) -> None:
    """security F3, security F5: a broken answer, and encodings that were not asked for, are no answer."""
    with serving(lambda _: reply) as server:
        assert refused(outbound, server.url) == "protocol"


# --- processes


def test_a_forked_process_opens_its_own_connections(outbound: Outbound, server: ScriptedServer) -> None:
    """The socket of a parent is not written to by its child; the parent can go on using it."""
    outbound.get(server.url)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, outbound.get(server.url).body)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 10) == b"fine"
    assert outbound.get(server.url).body == b"fine"
    os.close(reader)
    os.close(writer)


def test_origin_has_a_port() -> None:
    """Two spellings of one origin are equal."""
    assert origin_of(parse_url("HTTPS://FHIR.Example.org/a")) == origin_of(parse_url("https://fhir.example.org:443/b"))
    assert origin_of(parse_url("http://[::1]:8080/")) == "http://[::1]:8080"
