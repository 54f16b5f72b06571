"""What `cds new` writes: a decision that passes `cds check` and `cds test` as it is, with every file an author needs.

`decision/` holds the files, in which `$id`, `$name`, `$title` and `$base` stand for what the author chose.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

#: Files that are named for the decision, and what follows its name.
_NAMED = {"logic.cql": ".cql", "cases.yaml": ".yaml"}


def new_decision(folder: Path, decision: str, *, title: str, base: str) -> list[Path]:
    """Write the decision of that id into `folder`/id, and return the files. `base` is the url below which its canonical
    urls are. Raises FileExistsError when the folder is there already, OSError when it cannot be written."""
    target = folder / decision
    target.mkdir(parents=True)
    name = "".join(part[:1].upper() + part[1:] for part in decision.split("-"))
    values = {"id": decision, "name": name, "title": title, "base": base.rstrip("/")}
    return list(_written(files(__name__) / "decision", target, values))


def _written(source: Traversable, target: Path, values: dict[str, str]) -> list[Path]:
    written: list[Path] = []
    for item in sorted(source.iterdir(), key=lambda found: found.name):
        if item.is_dir():
            below = target / item.name
            below.mkdir()
            written += _written(item, below, values)
        else:
            suffix = _NAMED.get(item.name)
            file = target / (item.name if suffix is None else f"{values['id']}{suffix}")
            file.write_text(Template(item.read_text("utf-8")).substitute(values), encoding="utf-8")
            written.append(file)
    return written
