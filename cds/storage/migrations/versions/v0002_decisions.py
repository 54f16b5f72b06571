"""Decisions with their cards and requests, and feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        *(_text(name) for name in ("tenant", "client", "service", "hook", "hook_instance", "revision", "actions")),
        sa.Column("data_us", sa.Integer, nullable=False),
        sa.Column("apply_us", sa.Integer, nullable=False),
    )
    op.create_index("ix_decisions_at", "decisions", ["at"])
    op.create_table(
        "cards",
        sa.Column("decision", sa.Uuid, primary_key=True),
        sa.Column("card", sa.Uuid, primary_key=True),
        *(_text(name) for name in ("tenant", "service", "rule", "action", "indicator", "suggestions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cards_card", "cards", ["card", "tenant"])
    op.create_table(
        "inputs",
        sa.Column("decision", sa.Uuid, primary_key=True),
        _text("form"),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("card", sa.Uuid, primary_key=True),
        sa.Column("service", sa.Text, primary_key=True),
        sa.Column("outcome", sa.Text, primary_key=True),
        sa.Column("outcome_at", sa.BigInteger, primary_key=True),
        _text("client"),
        sa.Column("received", sa.BigInteger, nullable=False),
        _text("suggestions"),
        sa.Column("reason_system", sa.Text),
        sa.Column("reason_code", sa.Text),
        sa.Column("comment", sa.Text),
    )
    op.create_index("ix_feedback_received", "feedback", ["received"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)
