"""The author's linter behind `cds check`: what is wrong with a content folder, and what is probably not meant so.

cds.definitions.check finds what keeps content from loading. Here stand the habits that break cards (`cards`), names and
definitions nobody uses (`unused`), conditions that never change and actions that are never reached (`conditions`), data
no client can be asked for (`retrieves`), codes that cannot be or do not exist (`codes`, `codings`), and rows nobody
cites (`rows`). What an author silenced with a reason is taken out (`silences`); `fsh` names the source that SUSHI had.
"""

from cds.lint.content import lint

__all__ = ["lint"]
