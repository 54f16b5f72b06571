"""Keys that clients publish: fetched, kept, rotated, and had in spite of their server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import orjson
import pytest
from fhir_server_support import Hit, Reply, ScriptedServer, closed_port, serving, timed
from structlog.testing import capture_logs
from token_support import client, curve, public, rsa

from cds.clients import Client, Clients
from cds.errors import RequestError
from cds.key_sets import KeySets
from cds.outbound import LOOPBACK, Outbound

pytestmark = pytest.mark.slow

DAY = 24 * 3600


def published(*jwks: dict[str, Any], **headers: str) -> Reply:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(orjson.dumps({"keys": list(jwks)}), headers={"Content-Type": "application/json", **names})


_OPEN: list[Outbound] = []


@pytest.fixture(autouse=True)
def _close_connections() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def key_sets(registered: Client, clock: Callable[[], float] = lambda: 0.0) -> KeySets:
    _OPEN.append(Outbound())
    return KeySets(Clients({registered.issuer: registered}), _OPEN[-1], clock=clock)


class Site:
    """Looks keys up at a scripted server, at a time that the test sets."""

    def __init__(self, server: ScriptedServer) -> None:
        self.now = 0.0
        self.server = server
        self.client: Client = client(keys=(), jku=f"{server.url}/jwks.json", networks=LOOPBACK)
        self.keys = key_sets(self.client, lambda: self.now)

    def knows(self, kid: str, algorithm: str = "RS384") -> bool:
        return self.keys.verifier(self.client, kid, algorithm) is not None

    def status(self, kid: str = "rsa-1") -> int:
        with pytest.raises(RequestError) as caught:
            self.knows(kid)
        return caught.value.status


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(lambda _hit: published(public(rsa()), public(curve()))) as server:
        yield Site(server)


def test_keys_are_fetched_once(site: Site) -> None:
    """The set is asked for at the first call and then kept for ten minutes (F9)."""
    assert site.knows("rsa-1")
    assert site.knows("ec-1", "ES384")
    assert not site.knows("ec-1", "RS384")
    site.now = 599
    assert site.knows("rsa-1")
    assert [hit.target for hit in site.server.hits] == ["/jwks.json"]
    site.now = 600
    assert site.knows("rsa-1")
    assert len(site.server.hits) == 2


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("max-age=120", 120),
        ("public, max-age=99999999", DAY),
        ("max-age=1", 60),
        ("no-store", 60),
        ("no-cache", 60),
        ("x", 600),
    ],
)
def test_cache_control_is_obeyed_within_reason(said: str, kept: int, site: Site) -> None:
    """A set is kept as long as its server says, between a minute and a day (F9)."""
    site.server.script = lambda _hit: published(public(rsa()), Cache_Control=said)
    assert site.knows("rsa-1")
    site.now = kept - 1
    assert site.knows("rsa-1")
    assert len(site.server.hits) == 1
    site.now = kept
    assert site.knows("rsa-1")
    assert len(site.server.hits) == 2


def test_new_keys_count_at_once_and_old_ones_until_their_time(site: Site) -> None:
    """After a rotation the next call passes without a restart; tokens of old keys are under way until the set before
    would have been renewed (J10)."""
    assert site.knows("rsa-1")
    site.server.script = lambda _hit: published(public(rsa("rsa-2")))
    site.now = 100
    assert site.knows("rsa-2")
    assert site.knows("rsa-1")
    site.now = 599
    assert site.knows("rsa-1")
    assert len(site.server.hits) == 2
    site.now = 700
    assert not site.knows("rsa-1")
    assert site.knows("rsa-2")


def test_an_old_key_does_not_come_back_under_its_name(site: Site) -> None:
    """A `kid` that the new set gives to a key of another kind is no longer the old key (J3, J10)."""
    assert site.knows("rsa-1")
    site.server.script = lambda _hit: published(public(curve(), kid="rsa-1"), public(rsa("rsa-2")))
    site.now = 100
    assert site.knows("rsa-2")
    assert site.knows("rsa-1", "ES384")
    assert not site.knows("rsa-1", "RS384")


def test_calls_with_a_new_key_wait_for_it(site: Site) -> None:
    """After a rotation calls that come while the set is fetched are answered with it, and none is refused (J10)."""
    assert site.knows("rsa-1")
    site.now = 61
    answer = published(public(rsa("rsa-2")))
    site.server.script = lambda _hit: Reply(answer.body, headers=answer.headers, wait=0.2)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(site.knows, ["rsa-2"] * 8))
    assert len(site.server.hits) == 2


def test_a_new_key_that_cannot_be_had_is_503(site: Site) -> None:
    """While the server is down, nobody can tell a key of after its rotation from one that never was: 503, not 401; keys
    that are known go on (J11)."""
    assert site.knows("rsa-1")
    site.server.script = lambda _hit: Reply(status=500)
    site.now = 60
    assert site.status("rsa-2") == 503
    assert site.status("rsa-2") == 503
    assert site.knows("rsa-1")
    assert len(site.server.hits) == 2
    site.server.script = lambda _hit: published(public(rsa("rsa-2")))
    site.now = 120
    assert site.knows("rsa-2")


def test_a_key_that_was_replaced_under_its_name_is_replaced(site: Site) -> None:
    """A key of the new set goes before one of the old set with the same `kid` (J10)."""
    assert site.knows("rsa-1")
    site.server.script = lambda _hit: published(public(rsa("rsa-2"), kid="rsa-1"))
    site.now = 600
    found = site.keys.verifier(site.client, "rsa-1", "RS384")
    assert found is not None
    assert found.key.as_dict()["n"] == public(rsa("rsa-2"))["n"]


def test_random_kids_cost_one_request_a_minute(site: Site) -> None:
    """200 tokens with unknown kids ask at most once, and once more a minute later (J10)."""
    assert site.knows("rsa-1")
    site.now = 61
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(site.knows, (f"random-{number}" for number in range(200))))
    assert len(site.server.hits) == 2
    site.now = 122
    assert not site.knows("random")
    assert len(site.server.hits) == 3


def test_one_thread_asks_for_all(site: Site) -> None:
    """Calls that come while a set is fetched for the first time wait for it and do not ask again (J10)."""
    answer = published(public(rsa()))
    site.server.script = lambda _hit: Reply(answer.body, headers=answer.headers, wait=0.2)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(site.knows, ["rsa-1"] * 8))
    assert len(site.server.hits) == 1


@pytest.mark.parametrize(("age", "waits"), [(600, False), (DAY, True)])
def test_nobody_waits_for_a_set_that_is_merely_old(age: int, waits: bool, site: Site) -> None:
    """While one call renews the set, others use the one there is; one of more than a day serves nobody (J10, J11)."""
    assert site.knows("rsa-1")
    site.now = age
    asked, answer = threading.Event(), threading.Event()

    def slow(_hit: Hit) -> Reply:
        asked.set()
        answer.wait(5)
        return published(public(rsa()))

    site.server.script = slow
    with ThreadPoolExecutor(2) as pool:
        renewing = pool.submit(site.knows, "rsa-1")
        assert asked.wait(5)
        other = pool.submit(site.knows, "rsa-1")
        done, _ = wait([other], timeout=0.2)
        assert bool(done) is not waits
        answer.set()
        assert renewing.result()
        assert other.result()


def _trickle() -> Reply:
    return Reply(pieces=iter([b" "] * 100), pause=0.3)


FAULTS: dict[str, Callable[[], Reply]] = {
    "down": lambda: Reply(raw=b""),
    "500": lambda: Reply(status=500),
    "404": lambda: Reply(status=404, body=orjson.dumps({"keys": [public(rsa("rsa-9"))]})),
    "html": lambda: Reply(b"<html>Log in</html>", headers={"Content-Type": "text/html"}),
    "truncated": lambda: Reply(published(public(rsa())).body[:-10]),
    "not utf-8": lambda: Reply(b'{"keys": "\xff"}'),
    "no set": lambda: Reply(b"[]"),
    "no keys": lambda: published(),
    "51 keys": lambda: published(*[public(rsa())] * 51),
    "huge": lambda: Reply(b" " * 300_000),
    "redirect": lambda: Reply(status=302, headers={"Location": "/other.json"}),
    "weak": lambda: published({**public(rsa()), "n": "w" * 171}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_last_good_set_serves_for_a_day(fault: str, site: Site) -> None:
    """A server that is down, huge, redirecting or answers nonsense changes nothing for 24 hours, is asked once a
    minute, and is told to the log; then, as when there never was a set, calls are 503 and not 401 (J11)."""
    assert site.knows("rsa-1")
    site.server.script = lambda _hit: FAULTS[fault]()
    with capture_logs() as log:
        for site.now in (600, 630, 700, DAY - 1):
            assert site.knows("rsa-1")
        assert len(site.server.hits) == 4
        assert {line["event"] for line in log if line["log_level"] == "error"} == {"keys-not-fetched"}
        site.now = DAY + 60
        assert site.status() == 503
        fresh = Site(site.server)
        assert fresh.status() == 503
        asked = len(site.server.hits)
        fresh.now = 9
        assert fresh.status() == 503
        assert len(site.server.hits) == asked
    assert not any(hit.target == "/other.json" for hit in site.server.hits)
    site.server.script = lambda _hit: published(public(rsa()))
    fresh.now = 10
    assert fresh.knows("rsa-1")


@pytest.mark.slow
@pytest.mark.parametrize("reply", [_trickle, lambda: Reply(wait=10)])
def test_a_slow_server_is_given_two_seconds(reply: Callable[[], Reply], site: Site) -> None:
    """A byte now and then, or nothing at all, ends after 2 seconds with 503 (J11)."""
    site.server.script = lambda _hit: reply()
    assert 1.5 < timed(site.status) < 3


def test_a_server_that_is_not_there_is_503(site: Site) -> None:
    """Nothing listens where the keys should be (J11)."""
    lost = client(keys=(), jku=f"http://127.0.0.1:{closed_port()}/jwks.json", networks=LOOPBACK)
    keys = key_sets(lost)
    with pytest.raises(RequestError) as caught:
        keys.verifier(lost, "rsa-1", "RS384")
    assert caught.value.status == 503


def test_keys_are_fetched_from_registered_networks_only(site: Site) -> None:
    """A `jku` on a private address needs the client's network; without it nothing is asked (security S1, S2)."""
    outside = client(keys=(), jku=f"{site.server.url}/jwks.json")
    keys = key_sets(outside)
    with pytest.raises(RequestError):
        keys.verifier(outside, "rsa-1", "RS384")
    assert site.server.hits == []


def test_a_private_key_in_a_set_is_an_alarm(site: Site) -> None:
    """A client that publishes its private key is told about in the log; the key's public part counts (J12)."""
    site.server.script = lambda _hit: published(rsa().as_dict(private=True))
    with capture_logs() as log:
        assert site.knows("rsa-1")
    assert [(line["event"], line["iss"]) for line in log] == [("key-problem", site.client.issuer)]
    assert "private" in log[0]["problem"]


def test_sets_are_fetched_at_the_start_and_outlive_a_reload(site: Site) -> None:
    """What serves from now on begins with the sets fetched at its start, and with those from before where the server is
    down and the registration stayed the same (J11)."""
    registered = Clients({site.client.issuer: site.client})
    outbound = Outbound()
    _OPEN.append(outbound)
    first = KeySets(registered, outbound)
    first.fetch()
    assert len(site.server.hits) == 1
    site.server.script = lambda _hit: Reply(status=500)
    second = KeySets(registered, outbound, before=first)
    second.fetch()
    for keys in (first, second):
        assert keys.verifier(site.client, "rsa-1", "RS384") is not None
    moved = client(keys=(), jku=f"{site.server.url}/other.json", networks=LOOPBACK)
    third = KeySets(Clients({moved.issuer: moved}), outbound, before=second)
    third.fetch()
    with pytest.raises(RequestError):
        third.verifier(moved, "rsa-1", "RS384")


def test_pinned_keys_are_not_fetched(site: Site) -> None:
    """With keys in the registration nothing is asked for, whatever the kid (F8)."""
    pinned = client(jku=f"{site.server.url}/jwks.json", networks=LOOPBACK)
    keys = key_sets(pinned)
    assert keys.verifier(pinned, "rsa-1", "RS384") is not None
    assert keys.verifier(pinned, "unknown", "RS384") is None
    assert site.server.hits == []
