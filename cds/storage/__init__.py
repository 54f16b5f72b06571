"""What outlives a call: used tokens, decisions and feedback, in SQLite or PostgreSQL (security.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cds.storage.storage import Storage

__all__ = ["Storage"]


def __getattr__(name: str) -> Any:
    """Storage, when it is asked for: SQLAlchemy takes a tenth of a second to load, and most verbs need no database."""
    if name != "Storage":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from cds.storage.storage import Storage

    return Storage
