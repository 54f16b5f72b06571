"""`cds token`: makes a token as a client would, for trying a registration out."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path
from typing import Any

import click
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, RSAKey

from cds.cli.verb import verb
from cds.errors import ConfigurationError

_EXAMPLE = "https://cds.example.org/cds-services/back-pain-order-sign"


@verb(
    "token",
    {0: "the token was printed"},
    f"cds token {_EXAMPLE} \\\n    --key try.json --issuer https://ehr.example",
)
@click.argument("url")
@click.option("--key", "file", type=click.Path(path_type=Path), required=True, help="File of `cds key`.")
@click.option("--issuer", required=True, help="The issuer that the client is registered with.")
@click.option("--tenant", default=None, help="The claim `tenant`.")
@click.option("--sub", default=None, help="The claim `sub`.")
@click.option("--life", type=click.IntRange(1, 86400), default=300, show_default=True, help="Seconds it is valid.")
def command(*, url: str, file: Path, issuer: str, tenant: str | None, sub: str | None, life: int) -> None:
    """Print a token for one call of URL, the whole address of a service or of its feedback."""
    if not url.startswith(("https://", "http://")):
        raise click.UsageError(f"URL must be the whole address that is called, such as {_EXAMPLE}, not '{url}'.")
    key = _private_key(file)
    now = int(time.time())
    claims = {"iss": issuer, "aud": url, "iat": now, "exp": now + life, "jti": str(uuid.uuid4())}
    claims |= {name: text for name, text in (("tenant", tenant), ("sub", sub)) if text is not None}
    header = {"alg": _algorithm(key), "kid": key.kid or "", "typ": "JWT"}
    click.echo(jwt.encode(header, claims, key, algorithms=[header["alg"]]))


def _private_key(file: Path) -> Key:
    try:
        found: Any = json.loads(file.read_text())
        key = JWKRegistry.import_key(found)
        if isinstance(key, ECKey | RSAKey) and key.is_private and key.kid:
            return key
        reason = "not a private RSA or EC key with a `kid`"
    except OSError as error:
        reason = error.strerror or "cannot be read"
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        reason = "not a JWK"
    raise ConfigurationError(f"{file}: {reason}; make one with `cds key`")


def _algorithm(key: Key) -> str:
    if isinstance(key, ECKey):
        return {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[key.curve_name]
    return key.alg or "RS384"
