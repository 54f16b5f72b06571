"""`cds key`: makes a key pair for trying a registration out."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from joserfc.jwk import ECKey

from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.errors import ConfigurationError


@verb("key", {0: "the key was written"}, "cds key try.json > try.jwks.json")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kid", default="try-1", show_default=True, help="The name of the key in tokens.")
def command(*, file: Path, kid: str) -> None:
    """Write a new private key to FILE, for `cds token`, and print its public part, a JWK Set for a registration."""
    key = ECKey.generate_key("P-384", {"kid": kid, "use": "sig", "alg": "ES384"})
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(f"there is a file {file}; name another, for no key is overwritten") from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be made: {error.strerror}") from None
    with os.fdopen(handle, "w") as stream:
        json.dump(key.as_dict(private=True), stream)
    write_json({"keys": [key.as_dict(private=False)]})
