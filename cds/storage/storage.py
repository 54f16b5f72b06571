"""The one object through which the rest of the program stores and finds things."""

from __future__ import annotations

import time
from hashlib import sha256

from sqlalchemy import delete, select

from cds.storage.database import Database
from cds.storage.tables import tokens

#: Seconds between two prunings of used tokens by one process, and the most rows that one of them deletes.
_PRUNE_EVERY = 60
_PRUNE_MOST = 500


class Storage:
    """A database as its users see it. Nothing is opened until it is first used; each method raises StorageError."""

    def __init__(self, url: str) -> None:
        """`url` as SQLAlchemy writes it: `sqlite:///path` or `postgresql://user@host/name`."""
        self._database = Database(url)
        self._fast = Database(url, durable=False)
        self._use = self._fast.written(self._fast.insert_new(tokens))
        self._prune_at = 0.0

    def first_use(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether the token `jti` of an issuer was not used before; from now until `expires`, in seconds since 1970, it
        is. Of any number of processes that ask at once one is told True: the database decides (security.md J9)."""
        token = sha256(f"{len(issuer)}:{issuer}{jti}".encode(errors="surrogatepass")).digest()
        now = time.time()
        if now >= self._prune_at:
            self._prune_at = now + _PRUNE_EVERY
            self._prune_tokens(int(now))
        return self._fast.run(self._use, {"token": token, "expires": int(expires) + 1}) == 1

    def _prune_tokens(self, now: int) -> None:
        expired = select(tokens.c.token).where(tokens.c.expires < now).limit(_PRUNE_MOST)
        with self._fast.writing() as connection:
            connection.execute(delete(tokens).where(tokens.c.token.in_(expired)))

    def close(self) -> None:
        """Close what this process has opened."""
        self._database.close()
        self._fast.close()
