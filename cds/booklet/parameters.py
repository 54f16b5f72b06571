"""docs/site-parameters.md: every parameter that a site may set, what it is for, and the decisions that read it.

`python -m cds.booklet.parameters > docs/site-parameters.md` writes the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from cds.apply.reached import parameters
from cds.booklet.chapters import decision_named, decisions, parts_of
from cds.cql.declared import Declared
from cds.cql.words import said
from cds.service import Engine

_HEAD = """\
# Parameters of a site

Thresholds and choices of the content that no source states are parameters of its Libraries. A site gives its own values
in one YAML file, which `CDS_PARAMETERS` (`--parameters`) names; the definitions stay as they are.

```yaml
BackPainHistory:          # the Library
  shortTermDays: 21       # the parameter, with a value of its type
  moderatePainScore: 4
BackPainLogic:
  guideline: nhs          # the setting CDS_GUIDELINE goes before this where it is set
```

- A value has the type of its parameter: `true`, `14`, `0.5`, a text, `2026-01-31`, `30 mg` or `6 weeks` (Quantity),
  `{system: ..., code: ..., display: ...}` (Code), `{low: 1, high: 3}` (Interval), `[a, b]` (List).
- An unknown Library or parameter, a value of another type or one out of its bounds stops start-up with file, line and
  column; `cds check` tells it too, and a call that sends such a value is refused (400).
- The values count for hooks, `$apply`, `$cql` and `Library/$evaluate`, and for `cds eval`, `cds explain`, `cds apply`
  and `cds cql`. A value that the call gives (`parameters`, `--parameter`) goes before the site's, and that before the
  default of the Library. `null` is such a value: what asks for it is unknown. A library that the call itself brings has
  nothing of the site's.
- `cds test` runs the cases with what is shipped; `cds test --site` with the site's values, to see which cases they
  change.
- A card whose logic reads a changed parameter says so in its detail, and discovery lists the changes of each service
  under `extension["example.pathway-cds.site-parameters"]`. The revision covers them.
- In a definition, `Library.parameter.documentation` is what a card says after "This site uses 21 instead of 14:"; the
  standard extensions `minValue` and `maxValue` are the bounds, both included, in the type of the parameter.

What is marked *ours* is this project's reading and not a source's. No clinician has reviewed it.
"""


def page(engine: Engine) -> str:
    """The whole page for the content of an engine."""
    readers = _readers(engine)
    libraries: dict[str, list[Declared]] = {}
    for found in engine.declared.all.values():
        libraries.setdefault(found.library, []).append(found)
    return "\n".join([_HEAD, *(line for name in sorted(libraries) for line in _table(name, libraries[name], readers))])


def _table(library: str, declared: list[Declared], readers: dict[str, list[str]]) -> Iterator[str]:
    yield f"## {library}\n\n| parameter | type | default | bounds | meaning | read by |\n{'| --- ' * 6}|"
    for found in declared:
        meaning = found.documentation.replace("(ours)", "*(ours)*").replace("|", "\\|")
        kind = str(found.type).replace("System.", "")
        read_by = ", ".join(readers.get(found.key, []))
        bounds = str(found.bounds) or ", ".join(found.choices)
        yield f"| `{found.name}` | {kind} | `{said(found.default)}` | {bounds} | {meaning} | {read_by} |"
    yield ""


def _readers(engine: Engine) -> dict[str, list[str]]:
    """`Library.name` -> the decisions whose cards or suggestions read it, in the order of their plans."""
    found: dict[str, list[str]] = {}
    for plan in {id(service.plan): service.plan for service in engine.services.values()}.values():
        for action, _ in decisions(plan, plan.actions):
            expressions = [one for part in parts_of(action) for one in part.expressions()]
            for key in dict.fromkeys(parameters(expressions)):
                found.setdefault(key, []).append(decision_named(action))
    return found


if __name__ == "__main__":
    from cds.config import Settings

    sys.stdout.write(page(Engine(Settings())))
