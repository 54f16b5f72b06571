"""`cds cql`: what the expressions of a library give, and why."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from cds.cli import cql_values
from cds.cli.content import LazyContent
from cds.cli.inputs import STANDARD_INPUT, as_bundle, read_bytes, read_resource, shown
from cds.cli.items import harmless, render_steps
from cds.cli.options import INPUT, author_settings, content_folder, output_format
from cds.cli.output import write_json
from cds.cli.verb import verb
from cds.cql.author import Author, written_value
from cds.cql.declared import Declared
from cds.cql.kinds import type_name
from cds.cql.parameters import key_of, named_define, named_parameters, parameters_of
from cds.cql.record import Record, record_of
from cds.cql.session import Lookup, Outcome, Session
from cds.errors import ConfigurationError, DefinitionError, EvaluationError, Problem, RequestError, closest_or_all
from cds.expr import Item, Step
from cds.expr.elm.library import Define, Library
from cds.fhirpath.question import Surroundings

#: The widest column of names, and the narrowest for values.
_NAMES = 28
_VALUES = 30
#: What of a step's value is shown.
_LONGEST_SHOWN = 120


@verb(
    "cql",
    {0: "all was evaluated", 1: "something does not compile, or failed"},
    "cds cql logic.cql --input patient.yaml --explain",
    "echo 'define Sum: 1 + 2' | cds cql -",
    'cds cql logic.cql --define "Has Pain" --parameter "Threshold=5" --trace',
)
@click.argument("file", type=INPUT)
@click.option(
    "--input",
    "data",
    type=INPUT,
    help="A Bundle that holds all there is of a patient, in JSON or YAML (- reads standard input).",
)
@click.option("--subject", metavar="ID", help="The patient, when the Bundle holds several.")
@click.option("--define", "names", multiple=True, metavar="NAME", help="Only this expression. May be repeated.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter; VALUE is CQL, or text for a String. May be repeated.",
)
@click.option("--now", metavar="DATETIME", help="Stop the clock at this FHIR dateTime. [CDS_NOW]")
@content_folder("Folder of definitions with more libraries and value sets.")
@click.option("--explain", is_flag=True, help="Show what each expression called, looked up and lacked.")
@click.option("--trace", is_flag=True, help="Show each step of the evaluation.")
@output_format()
def command(
    file: Path,
    names: tuple[str, ...],
    data: Path | None,
    subject: str | None,
    parameters: tuple[str, ...],
    now: str | None,
    content: str | None,
    explain: bool,
    trace: bool,
    form: str,
) -> None:
    """Evaluate the expressions of FILE, a library in CQL (.cql) or ELM (.json), and print their values. - reads either
    from standard input.

    What it includes is looked for in the folder of FILE (of standard input, where you are) and in the content; value
    sets are those of the content. A value of --parameter goes before the site's (CDS_PARAMETERS), that before the
    default of its library; bounds that the content says are kept to."""
    if file == data == STANDARD_INPUT:
        raise click.UsageError("FILE and --input cannot both be standard input")
    settings = author_settings(content=content, now=now)
    shared = LazyContent(settings)
    author = Author(file, shared.find, read_bytes(file) if file == STANDARD_INPUT else None)
    try:
        library = author.library()
    except DefinitionError as error:
        _stop(error.problems, form)
    wanted = [_define(library, name) for name in names] or list(_public(library))
    if not wanted:
        raise ConfigurationError(
            f"{shown(file)}: the library has no public expression; name a private one with --define"
        )
    moment = settings.fixed_now or datetime.now(UTC)
    surroundings = Surroundings(moment, ZoneInfo(settings.timezone), shared)
    session = Session(surroundings, _record(data, subject), steps=trace)
    declared = shared.declared(file) if parameters else {}
    given = dict(binding for text in parameters for binding in _bindings(library, session, declared, text))
    session.bind({**shared.parameters(library), **given})
    outcomes = [session.outcome(define.library, define.name) for define in wanted]
    problems = list(dict.fromkeys(author.problem(found.error) for found in outcomes if found.error is not None))
    if form == "json":
        found = {**_record_of(library, outcomes, session, explain), "problems": [each.as_dict() for each in problems]}
        write_json({**found, **_steps(outcomes)} if trace else found)
    else:
        _print(outcomes, library, author, explain)
        for message in session.messages:
            click.echo(harmless(message.line), err=True)
        _tell(problems)
    sys.exit(1 if problems else 0)


def _stop(problems: Iterable[Problem], form: str) -> None:
    """Print what is wrong with the library, and end."""
    found = list(problems)
    if form == "json":
        write_json({"problems": [problem.as_dict() for problem in found]})
    else:
        _tell(found)
        click.echo(f"{len(found)} problem{'s' * (len(found) != 1)}; the library does not compile", err=True)
    sys.exit(1)


def _tell(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(problem.render(), err=True)


def _define(library: Library, name: str) -> Define:
    found = named_define(library, name)
    if found is None:
        hint = closest_or_all(name, library.defines)
        raise ConfigurationError(f"{library.name or 'the library'} has no expression '{name}': {hint}")
    return found


def _public(library: Library) -> Iterator[Define]:
    """Every public expression that the library itself names."""
    return (define for define in library.defines.values() if define.public and define.name != define.context)


def _record(file: Path | None, subject: str | None) -> Record:
    """The data in a file. Raises ConfigurationError."""
    if file is None:
        return record_of(None)
    try:
        return record_of(as_bundle(read_resource(file)), subject)
    except RequestError as error:
        text = error.issues[0].text.replace("The data", "it").replace("as 'subject'", "with --subject")
        raise ConfigurationError(f"{shown(file)}: {text[:1].lower()}{text[1:]}") from None


def _bindings(
    library: Library, session: Session, declared: Mapping[str, Declared], given: str
) -> Iterator[tuple[str, Any]]:
    """`NAME=VALUE` as the key and value of each parameter it means. Raises ConfigurationError, also for a value that is
    out of the bounds of one that the content has `declared`."""
    name, equals, text = given.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"'{given}' is not NAME=VALUE", param_hint="--parameter")
    found = named_parameters(library, name)
    if not found:
        known = parameters_of(library)
        hint = closest_or_all(name, known)
        raise ConfigurationError(f"{library.name or 'the library'} has no parameter '{name}': {hint}")
    for parameter in found:
        key, value = key_of(parameter), written_value(parameter, text, session.evaluation)
        try:
            if key in declared and declared[key].type == parameter.type:
                declared[key].check(value)
        except EvaluationError as error:
            raise ConfigurationError(f"parameter '{parameter.name}': {error.message} ({error.hint})") from None
        yield key, value


# --- text ------------------------------------------------------------------------------------------------------------


def _print(outcomes: list[Outcome], library: Library, author: Author, explain: bool) -> None:
    width = shutil.get_terminal_size().columns
    names = [_name(outcome.define, library) for outcome in outcomes]
    column = max((len(name) for name in names if len(name) <= _NAMES), default=0)
    for name, outcome in zip(names, outcomes, strict=True):
        for line in _lines(name, outcome, author, column, width):
            click.echo(line)
        for line in (*(_explained(outcome, library, width) if explain else ()), *_traced(outcome, library)):
            click.echo(line)


def _name(define: Define, library: Library) -> str:
    return define.name if define.library is library else f"{define.library.name}.{define.name}"


def _lines(name: str, outcome: Outcome, author: Author, column: int, width: int) -> list[str]:
    """A name with its value beside it, or below where there is no room for it."""
    lacks = f"  (lacks data: {', '.join(outcome.missing)})" if outcome.missing else ""
    if outcome.error is not None:
        flat = f"failed at {author.problem(outcome.error).location}"
    else:
        flat = cql_values.text(outcome.value) + lacks
    if len(name) <= column and len(flat) <= max(width - column - 2, _VALUES):
        return [f"{name:{column}}  {flat}"]
    if outcome.error is not None:
        return [name, f"  {flat}"]
    *found, last = cql_values.lines(outcome.value, width - 2)
    return [name, *(f"  {line}" for line in (*found, last + lacks))]


def _explained(outcome: Outcome, library: Library, width: int) -> Iterator[str]:
    told = {
        "called": [_name(define, library) for define in outcome.called],
        "retrieved": list(map(_lookup, outcome.lookups)),
        "missing": list(outcome.missing),
    }
    for label, parts in told.items():
        for index, part in enumerate(parts if label == "retrieved" else [", ".join(parts)] if parts else []):
            head = f"    {label if index == 0 else '':<10}"
            yield textwrap.fill(part, width, initial_indent=head, subsequent_indent=" " * 16, break_on_hyphens=False)


def _traced(outcome: Outcome, library: Library) -> Iterator[str]:
    """The steps of an outcome, indented below it."""
    for step in render_steps(outcome.steps, _shown, library=library.name):
        yield textwrap.indent(step, "    ")
    if outcome.cut:
        yield "    ..."


def _shown(items: list[Item]) -> str:
    told = ", ".join(cql_values.text(item.value) for item in items)
    return told if len(told) <= _LONGEST_SHOWN else told[:_LONGEST_SHOWN] + "..."


def _lookup(lookup: Lookup) -> str:
    """A retrieve the way CQL writes it, and how many resources it found."""
    found = f"{lookup.found} found" if lookup.complete else f"{lookup.found} found, may be incomplete"
    if lookup.codes is None:
        return f"[{lookup.resource_type}]: {found}"
    where = lookup.value_set or "{ " + ", ".join(f"{system}|{code}" for system, code in sorted(lookup.codes)[:3]) + (
        ", ... }" if len(lookup.codes) > 3 else " }"
    )
    return f"[{lookup.resource_type}: {lookup.path or 'code'} in {where}]: {found}"


# --- JSON ------------------------------------------------------------------------------------------------------------


def _record_of(library: Library, outcomes: list[Outcome], session: Session, explain: bool) -> dict[str, Any]:
    messages = [{"severity": each.severity, "code": each.code, "text": each.text} for each in session.messages]
    return {
        "library": library.name,
        "version": library.version,
        "defines": [_result(outcome, library, explain) for outcome in outcomes],
        "messages": messages,
    }


def _result(outcome: Outcome, library: Library, explain: bool) -> dict[str, Any]:
    name, kind = _name(outcome.define, library), type_name(outcome.define.type)
    if outcome.error is not None:
        found: dict[str, Any] = {"name": name, "type": kind, "error": outcome.error.message}
    else:
        found = {"name": name, "type": kind, "value": cql_values.record(outcome.value)}
    found["missing"] = list(outcome.missing)
    if explain:
        found["called"] = [_name(define, library) for define in outcome.called]
        found["retrieved"] = list(map(_looked_up, outcome.lookups))
    return found


def _looked_up(lookup: Lookup) -> dict[str, Any]:
    codes = None if lookup.codes is None else [f"{system}|{code}" for system, code in sorted(lookup.codes)]
    return {
        "type": lookup.resource_type,
        "path": lookup.path,
        **({"valueSet": lookup.value_set} if lookup.value_set else {"codes": codes}),
        "found": lookup.found,
        "complete": lookup.complete,
    }


def _steps(outcomes: list[Outcome]) -> dict[str, Any]:
    """The steps of all expressions in the order of their evaluation."""
    steps = [_step(step) for outcome in outcomes for step in outcome.steps]
    return {"steps": steps, "cut": any(outcome.cut for outcome in outcomes)}


def _step(step: Step) -> dict[str, Any]:
    place = {"library": step.library, "line": step.line, "column": step.column, "name": step.name}
    index = {} if step.index is None else {"index": step.index}
    (item,) = step.items
    return {**place, **index, "type": item.type, "value": cql_values.record(item.value)}
