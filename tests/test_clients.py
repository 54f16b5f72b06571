"""Registered clients: which FHIR servers are theirs."""

from __future__ import annotations

import pytest

from cds.clients import Client, Clients, FhirServer, base_url
from cds.outbound import LOOPBACK

EHR = Client(
    id="ehr",
    issuer="https://ehr.example",
    tenant="ehr",
    fhir_servers=(FhirServer("https://fhir.example:8443/r4"), FhirServer("https://open.example", open=True)),
)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://EHR.example:443/fhir/", "https://ehr.example/fhir"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:8080/fhir//", "http://[::1]:8080/fhir"),
        ("https://ehr.example/a-b/r4", "https://ehr.example/a-b/r4"),
    ],
)
def test_a_base_has_one_normal_form(url: str, normal: str) -> None:
    """Case of the host, default port and closing slash make no difference."""
    assert base_url(url) == normal


@pytest.mark.parametrize(
    "url",
    [
        "",
        "fhir.example/r4",
        "file:///etc/passwd",
        "gopher://fhir.example/",
        "https://",
        "https://good@evil.example/r4",
        "https://fhir.example./r4",
        "https://fhir\u3002example/r4",
        "https://fhir.example/a/../b",
        "https://fhir.example/./b",
        "https://fhir.example//b",
        "https://fhir.example/%2e%2e/b",
        "https://fhir.example\\@evil.example/",
        "https://fhir.example/r4?x=y",
        "https://fhir.example/r4#x",
        "https://fhir.example:99999/r4",
        "https://fhir.example/r4\r\nHost: evil",
        "https://fhir.example/" + "x" * 2000,
    ],
)
def test_what_programs_read_differently_is_no_base(url: str) -> None:
    """Odd URLs are refused as such, so that no comparison can be got round (security S1, S6)."""
    assert base_url(url) is None


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("https://fhir.example:8443/r4", False),
        ("https://fhir.example:8443/r4/", False),
        ("https://FHIR.example:8443/r4/site-7", False),
        ("https://open.example/any", True),
    ],
)
def test_a_registered_server_is_found(url: str, is_open: bool) -> None:
    """Scheme, host, port and the beginning of the path are the registered ones (security S1)."""
    server = EHR.fhir_server(url)
    assert server is not None
    assert (server.url, server.open) == (base_url(url), is_open)


@pytest.mark.parametrize(
    "url",
    [
        "http://fhir.example:8443/r4",
        "https://fhir.example/r4",
        "https://fhir.example:8443/r4evil",
        "https://fhir.example:8443/",
        "https://fhir.example.evil.example:8443/r4",
        "https://fhir.example:8443/r4/../x",
        "http://169.254.169.254/latest",
        "http://127.0.0.1/r4",
    ],
)
def test_other_servers_are_not(url: str) -> None:
    """Another scheme, host, port or path is nobody's server (security S1)."""
    assert EHR.fhir_server(url) is None


def test_demo_mode_knows_servers_of_this_machine_only() -> None:
    """The client of demo mode has any loopback server, open, and no other (J14)."""
    [demo] = Clients.demo().by_issuer.values()
    for url in ("http://localhost:8080/fhir", "http://127.0.0.1:9/fhir", "http://[::1]/r4"):
        assert demo.fhir_server(url) == FhirServer(url, open=True, networks=LOOPBACK)
    for url in ("http://127.1/", "http://0/", "http://2130706433/", "http://[::ffff:127.0.0.1]/", "http://10.0.0.1/"):
        assert demo.fhir_server(url) is None
