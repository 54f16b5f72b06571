"""The tables, as the newest migration leaves them. Moments are UTC: whole seconds or milliseconds since 1970."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table

metadata = MetaData()

#: Tokens that were used and may not be again. `token` is a digest of issuer and `jti`, whose length a caller chooses.
tokens = Table(
    "tokens",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False, index=True),
    sqlite_with_rowid=False,
)
