"""The parameters that a library and those it includes declare, and how a caller names them."""

from __future__ import annotations

from collections.abc import Iterator

from cds.expr.elm.library import Define, Library, Parameter


def closure(library: Library) -> Iterator[tuple[Library, frozenset[str]]]:
    """The library and all that it includes, each once with its name and the aliases it is included by."""
    names: dict[Library, set[str]] = {library: {library.name}}
    pending = [library]
    while pending:
        for alias, included in pending.pop().includes.items():
            if included not in names:
                names[included] = {included.name}
                pending.append(included)
            names[included].add(alias)
    return ((found, frozenset(known)) for found, known in names.items())


def parameters_of(library: Library) -> list[str]:
    """The names of all parameters, those of included libraries qualified."""
    found = [*library.parameters]
    for included, _ in closure(library):
        if included is not library:
            found += [f"{included.name}.{name}" for name in included.parameters]
    return found


def named_parameters(library: Library, name: str) -> list[Parameter]:
    """The parameters a name means: `Name` in every library that declares it, `Library.Name` in that one."""
    everywhere = [found.parameters[name] for found, _ in closure(library) if name in found.parameters]
    if everywhere:
        return everywhere
    qualifier, _, rest = name.rpartition(".")
    return [
        found.parameters[rest] for found, names in closure(library) if qualifier in names and rest in found.parameters
    ]


def named_define(library: Library, name: str) -> Define | None:
    """The expression a name means: of this library, or `Library.Name` of one it includes; quotes are allowed."""
    plain = name.replace('"', "")
    for wanted in (name, plain):
        if wanted in library.defines:
            return library.defines[wanted]
    for found, names in closure(library):
        for qualifier in names:
            if plain.startswith(f"{qualifier}.") and plain[len(qualifier) + 1 :] in found.defines:
                return found.defines[plain[len(qualifier) + 1 :]]
    return None


def key_of(parameter: Parameter) -> str:
    """The key of its value in `Evaluation.parameters`."""
    return f"{parameter.library.name}.{parameter.name}"
