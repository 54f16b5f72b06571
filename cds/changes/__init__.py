"""Two content folders compared by meaning, behind `cds diff`: `facts` says what a folder says, `compare` what differs,
`cards` which cases are answered otherwise."""

from cds.changes.cards import CaseChange, changed_cases
from cds.changes.compare import Change, changes

__all__ = ["CaseChange", "Change", "changed_cases", "changes"]
