"""The tables, as the newest migration leaves them. Moments are UTC, since 1970: `at` and `received` in milliseconds,
`outcome_at` in microseconds, `expires` in seconds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, Uuid

metadata = MetaData()

#: Tokens that were used and may not be again. `token` is a digest of issuer and `jti`, whose length a caller chooses.
tokens = Table(
    "tokens",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: One answered hook call. `actions` is JSON: outcome -> paths of the actions with that outcome that have none below
#: them; an action above one of them fired. `data_us` and `apply_us`: microseconds spent on getting data, and on rules.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("tenant", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("hook", Text, nullable=False),
    Column("hook_instance", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("actions", Text, nullable=False),
    Column("data_us", Integer, nullable=False),
    Column("apply_us", Integer, nullable=False),
)

#: The cards of a decision. A call that is repeated gives the same cards again. `rule` is the code of the card's topic,
#: `action` the path of the action it stands for, `suggestions` JSON: id of a suggestion -> path of its action.
cards = Table(
    "cards",
    metadata,
    Column("decision", Uuid(as_uuid=False), primary_key=True),
    Column("card", Uuid(as_uuid=False), primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("indicator", Text, nullable=False),
    Column("suggestions", Text, nullable=False),
    Index("ix_cards_card", "card", "tenant"),
    sqlite_with_rowid=False,
)

#: The request of a decision, where the site keeps it: `form` says how it was made unreadable.
inputs = Table(
    "inputs",
    metadata,
    Column("decision", Uuid(as_uuid=False), primary_key=True),
    Column("form", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

#: What a client said about a card: append-only, each statement once (security.md P1). `suggestions` is a JSON array.
feedback = Table(
    "feedback",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("card", Uuid(as_uuid=False), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("outcome_at", BigInteger, primary_key=True),
    Column("client", Text, nullable=False),
    Column("received", BigInteger, nullable=False, index=True),
    Column("suggestions", Text, nullable=False),
    Column("reason_system", Text),
    Column("reason_code", Text),
    Column("comment", Text),
)
