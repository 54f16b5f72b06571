"""No index of used tokens by the moment they expire: each call had to write it."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.drop_index("ix_tokens_expires", "tokens")
