"""Why the decisions of a call came to what they did: behind `cds explain`, for people and as JSON.

`watch` evaluates each condition again with a trace, `cql` finds in the steps of CQL what decided, `decisions` puts
together what became of each decision, `render` says it in lines.
"""

from cds.explain.decisions import Decision, decisions, reason_record
from cds.explain.render import decision_lines
from cds.explain.watch import Watcher

__all__ = ["Decision", "Watcher", "decision_lines", "decisions", "reason_record"]
