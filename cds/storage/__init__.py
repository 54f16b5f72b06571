"""What outlives a call: used tokens, decisions and feedback, in SQLite or PostgreSQL (security.md section 6)."""

from cds.storage.storage import Storage

__all__ = ["Storage"]
