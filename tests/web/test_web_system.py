"""Health and version."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from cds import __version__


def test_livez(client: FlaskClient) -> None:
    """A process that answers is alive."""
    assert client.get("/livez").json == {"status": "alive"}


@pytest.mark.parametrize("path", ["/readyz", "/healthz"])
def test_readyz(client: FlaskClient, path: str) -> None:
    """A process with loaded content is ready, and says which content."""
    assert client.get(path).json == {"status": "ready", "revision": "0123456789abcdef"}


def test_version(client: FlaskClient) -> None:
    """The running version and the revision of the content are to be had."""
    assert client.get("/version").json == {
        "name": "pathway-cds",
        "version": __version__,
        "revision": "0123456789abcdef",
    }


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/version"])
def test_answers_are_not_stored(client: FlaskClient, path: str) -> None:
    """No cache keeps these answers (A4)."""
    headers = client.get(path).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
