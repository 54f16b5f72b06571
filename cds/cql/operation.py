"""The operations `$cql` and `Library/$evaluate` (Using CQL with FHIR): Parameters in, Parameters out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cds.cql import inputs
from cds.cql.call import Call, Sent, parts, refused, sent_in, text_of
from cds.cql.content import Content
from cds.cql.kinds import quoted, type_text
from cds.cql.parameters import closure, key_of, named_define, named_parameters, parameters_of
from cds.cql.prefetch import answers_of, read_prefetched
from cds.cql.record import Record, record_of, record_of_answers
from cds.cql.results import ABSENT, Part, Renderer
from cds.cql.session import Outcome, Session
from cds.cql.sources import source_of
from cds.errors import (
    DefinitionError,
    EvaluationError,
    ExpressionError,
    ExpressionSyntaxError,
    Issue,
    IssueSeverity,
    LimitError,
    NotFoundError,
    Problem,
    RequestError,
    did_you_mean,
    operation_outcome,
)
from cds.expr.cql.parser import parse_expression
from cds.expr.elm.library import Define, Library
from cds.expr.evaluation import Message
from cds.expr.libraries import Libraries
from cds.fhirpath.question import Surroundings

#: What `$cql` takes, and what `Library/$evaluate` does.
CQL = ("subject", "expression", "parameters", "library", "useServerData", "data", "prefetchData", "timestamp")
EVALUATE = (*CQL, "url", "includePrivate")
#: Characters of an expression, and of a library, that a caller sends: what is longer takes long to compile.
MAX_EXPRESSION = 10_000
MAX_LIBRARY = 200_000

_RESULT = "return"
_FHIR = ("using FHIR version '4.0.1'", "include FHIRHelpers version '4.0.1'")
_SEVERITIES: dict[str, IssueSeverity] = {"Warning": "warning", "Error": "error"}


def run_expression(
    sent: Sequence[Sent], content: Content, surroundings: Surroundings, site: Mapping[str, Any]
) -> dict[str, Any]:
    """Answer `$cql`: one expression, with the libraries it includes, to its value as `return`. `site` are the site's
    values of parameters by `Library.name`, which those of the call go before.

    Raises RequestError: 400 for a call that cannot be understood and an expression that does not compile, 404 for a
    library that is not there, 422 for an expression that fails."""
    call = Call(sent, CQL, repeated=("library", "prefetchData"))
    expression = call.text("expression", required=True) or ""
    pointer = f"{call.pointer('expression')}/valueString"
    if len(expression) > MAX_EXPRESSION:
        raise refused("too-long", f"The expression is longer than {MAX_EXPRESSION} characters", pointer)
    evaluation = _Evaluation(call, surroundings)
    define = _RESULT
    while define in evaluation.given:
        define += "_"
    header = [*_FHIR, *_includes(call, content), *_declarations(evaluation), f"define {quoted(define)}:"]
    # CQL alone comes first: there, Quantity is that of CQL, which FHIR's would hide.
    plain = None if call.all("library") else _compiled(expression, header[len(_FHIR) :], content.libraries)
    library = plain or _compiled_expression(expression, header, content.libraries, pointer)
    session, unknown = evaluation.begin(library, [library.define(define)], content, site)
    outcome = session.outcome(library, define)
    if outcome.error is not None:
        raise RequestError(422, _issue(_moved(outcome.error, len(header)), pointer))
    values = Renderer().parameters(_RESULT, outcome.value, outcome.define.type)
    return _answer(values, [*unknown, *_notes([outcome], session.messages)])


def run_library(
    sent: Sequence[Sent],
    content: Content,
    surroundings: Surroundings,
    site: Mapping[str, Any],
    identifier: str | None = None,
) -> dict[str, Any]:
    """Answer `Library/$evaluate`: the library of that id, or the one that `url` or `library` names, to the values of
    its expressions. What failed has no value, and `_messages` says why. `site` as for run_expression(); a library that
    the call brings has none of it, whatever it is called.

    Raises NotFoundError for an unknown id, RequestError as run_expression(); 422 only when nothing has a value."""
    call = Call(sent, EVALUATE, repeated=("expression", "prefetchData"))
    library = _chosen(call, content, identifier)
    wanted = list(_wanted(call, library))
    evaluation = _Evaluation(call, surroundings)
    defines = [define for _, define in wanted]
    session, unknown = evaluation.begin(library, defines, content, site, brought=bool(call.all("library")))
    outcomes = [(name, session.outcome(define.library, define.name)) for name, define in wanted]
    failures = [_issue(outcome.error, f"'{name}'") for name, outcome in outcomes if outcome.error is not None]
    if failures and len(failures) == len(outcomes):
        raise RequestError(422, failures)
    renderer = Renderer()
    values = [part for name, outcome in outcomes for part in _value(renderer, name, outcome)]
    notes = _notes([outcome for _, outcome in outcomes], session.messages)
    return _answer(values, [*failures, *unknown, *notes])


class _Evaluation:
    """What a call says of its evaluation: the moment, the data, the parameters."""

    def __init__(self, call: Call, surroundings: Surroundings) -> None:
        now = call.moment("timestamp")
        call.truth("useServerData", otherwise=True)  # this service has no data of its own
        self._surroundings = surroundings if now is None else replace(surroundings, now=now)
        self._subject, self._data = call.text("subject"), call.resource("data", "Bundle")
        self._prefetched = read_prefetched(call)
        self.given: dict[str, list[Sent]] = {}
        resource = call.resource("parameters", "Parameters")
        for sent in sent_in(resource, f"{call.pointer('parameters')}/resource") if resource is not None else ():
            self.given.setdefault(sent.parameter["name"], []).append(sent)

    def begin(
        self,
        library: Library,
        defines: Iterable[Define],
        content: Content,
        site: Mapping[str, Any],
        *,
        brought: bool = False,
    ) -> tuple[Session, list[Issue]]:
        """The session in which `defines` are evaluated, with a note for each value that no parameter takes. Parameters
        of the library, and of those it includes, have the values of the call, and where it has none those of the site.
        The content and the site say nothing of a library that the call itself has `brought`, whatever it is called.
        Raises RequestError 400 for a value of another type, or outside the bounds that the content says, and where it
        is not clear whose data it is."""
        session = Session(self._surroundings, self._record(defines))
        own = library.name if brought else None
        values, notes = {key: value for key, value in site.items() if key.rpartition(".")[0] != own}, []
        for name, sent in self.given.items():
            found = named_parameters(library, name)
            if not found:
                hint = did_you_mean(name, parameters_of(library))
                notes.append(Issue("not-found", "No library has this parameter", sent[0].pointer, hint, "warning"))
            for parameter in found:
                kind = parameter.type or inputs.natural(_raw(sent))
                key = key_of(parameter)
                values[key] = inputs.read(_raw(sent), kind, session.evaluation, sent[0].pointer)
                if key in content.declared.all and parameter.library.name != own:
                    content.declared.all[key].require(values[key], sent[0].pointer)
        session.bind(values)
        return session, notes

    def _record(self, defines: Iterable[Define]) -> Record:
        """The data, of which prefetched answers are complete where they cover what the defines retrieve."""
        if not self._prefetched:
            return record_of(self._data, self._subject)
        needs = (need.requirement for define in defines for need in define.library.retrieves(define.name))
        return record_of_answers(*answers_of(self._prefetched, needs), self._subject)


def _raw(sent: Sequence[Sent]) -> list[dict[str, Any]]:
    return [one.parameter for one in sent]


def _includes(call: Call, content: Content) -> Iterator[str]:
    """A line of CQL for each library that the expression may use."""
    for sent in call.all("library"):
        members = {part.parameter["name"]: part for part in parts(sent)}
        if "url" not in members:
            raise refused("required", "A library needs its 'url'", sent.pointer)
        found = _by_url(content, text_of(members["url"], "url"), members["url"].pointer)
        alias = text_of(members["name"], "name") if "name" in members else found.name
        version = f" version {quoted(found.version, chr(39))}" if found.version else ""
        yield f"include {quoted(found.name)}{version} called {quoted(alias)}"


def _declarations(evaluation: _Evaluation) -> Iterator[str]:
    """A line of CQL for each parameter that is not one of an included library."""
    for name, sent in evaluation.given.items():
        if "." not in name:
            yield f"parameter {quoted(name)} {type_text(inputs.natural(_raw(sent)))}"
    yield "context Patient"


def _compiled(text: str, header: list[str], libraries: Libraries) -> Library | None:
    """The library of CQL alone whose one expression is `text`; None when it is more than that, or wrong."""
    try:
        parse_expression(text)
        return libraries.compile("\n".join([*header, *[""] * len(_FHIR), text]))
    except (DefinitionError, ExpressionError):
        return None


def _compiled_expression(text: str, header: list[str], libraries: Libraries, pointer: str) -> Library:
    """The library whose one expression is `text`. Raises RequestError 400 with its problems, placed in the text."""
    try:
        parse_expression(text)  # alone first: what only a library may say is no expression
        return libraries.compile("\n".join([*header, text]))
    except ExpressionSyntaxError as error:
        raise RequestError(400, _issue(error, pointer)) from None
    except DefinitionError as error:
        own = [
            replace(problem, location=replace(problem.location, line=max(problem.location.line - len(header), 0)))
            if not problem.location.file
            else problem
            for problem in error.problems
        ]
        raise RequestError(400, [_problem(problem, pointer) for problem in own]) from None
    except ExpressionError as error:
        raise RequestError(400, _issue(error, pointer)) from None


def _moved(error: ExpressionError, lines: int) -> ExpressionError:
    """An error of the library made around an expression, placed in the expression."""
    if not error.library:
        error.line = max(error.line - lines, 0)
    return error


def _by_url(content: Content, canonical: str, pointer: str) -> Library:
    try:
        return content.by_url(canonical)
    except NotFoundError:
        raise RequestError(404, Issue("not-found", "There is no Library with CQL of this url", pointer)) from None


def _chosen(call: Call, content: Content, identifier: str | None) -> Library:
    """The library that a call is about."""
    ways = [name for name in ("url", "library") if call.all(name)]
    if identifier is not None:
        if ways:
            raise refused("invalid", f"The address names the library: leave out '{ways[0]}'", call.pointer(ways[0]))
        return content.by_id(identifier)
    if len(ways) != 1:
        raise refused("required", "Name the library by one of 'url' and 'library'", "/parameter")
    if ways == ["library"]:
        return _sent_library(call, content)
    return _by_url(content, call.text("url", required=True) or "", call.pointer("url"))


def _sent_library(call: Call, content: Content) -> Library:
    """The library that the call itself carries; what it includes is of the content."""
    pointer = f"{call.pointer('library')}/resource"
    try:
        source = source_of(call.resource("library", "Library") or {})
    except RequestError as error:
        issue = error.issues[0]
        raise refused(issue.code, issue.text, f"{pointer}/{issue.expression}") from None
    if source is None:
        text = "The Library carries neither text/cql nor application/elm+json as data"
        raise refused("required", text, f"{pointer}/content")
    if isinstance(source, str) and len(source) > MAX_LIBRARY:
        raise refused("too-long", f"The library is longer than {MAX_LIBRARY} characters", f"{pointer}/content")
    try:
        return content.libraries.compile(source)
    except DefinitionError as error:
        raise RequestError(400, [_problem(problem, pointer) for problem in error.problems]) from None
    except ExpressionError as error:
        raise RequestError(400, _issue(error, pointer)) from None
    except NotFoundError as error:  # a library that ELM includes
        raise refused("not-found", str(error), pointer) from None


def _wanted(call: Call, library: Library) -> Iterator[tuple[str, Define]]:
    """The expressions to evaluate, by the names the caller has for them."""
    names = call.texts("expression")
    for sent, name in zip(call.all("expression"), names, strict=True):
        define = named_define(library, name)
        if define is None:
            hint = did_you_mean(name, [known for found, _ in closure(library) for known in found.defines])
            raise refused("not-found", "The library has no such expression", sent.pointer, hint)
        yield name, define
    private = call.truth("includePrivate", otherwise=False)
    if not names:
        yield from ((name, define) for name, define in library.defines.items() if define.public or private)


def _value(renderer: Renderer, name: str, outcome: Outcome) -> list[Part]:
    if outcome.error is not None:
        return [{"name": name, "_valueBoolean": {"extension": [{"url": ABSENT, "valueCode": "error"}]}}]
    return renderer.parameters(name, outcome.value, outcome.define.type)


def _answer(values: list[Part], notes: list[Issue]) -> dict[str, Any]:
    if notes and not any(value["name"] == "_messages" for value in values):
        values = [*values, {"name": "_messages", "resource": operation_outcome(notes)}]
    return {"resourceType": "Parameters", "parameter": values}


def _notes(outcomes: list[Outcome], messages: list[Message]) -> list[Issue]:
    """What Message reported, and which results rest on data that was not obtained."""
    notes = [
        Issue("informational", message.text, severity=_SEVERITIES.get(message.severity, "information"))
        for message in messages
    ]
    for outcome in outcomes:
        if outcome.missing:
            text = f"'{outcome.define.name}' lacks data: {', '.join(outcome.missing)}"
            notes.append(Issue("incomplete", text, severity="warning"))
    return notes


def _issue(error: ExpressionError, pointer: str) -> Issue:
    evaluated = isinstance(error, EvaluationError)
    code = "too-costly" if isinstance(error, LimitError) else "processing" if evaluated else "invalid"
    return Issue(code, _placed(error.library, error.line, error.column, error.message), pointer, error.hint)


def _problem(problem: Problem, pointer: str) -> Issue:
    at = problem.location
    return Issue("invalid", _placed(at.file, at.line, at.column, problem.message), pointer, problem.hint)


def _placed(library: str, line: int, column: int, message: str) -> str:
    """`library:line:column: message`, as far as they are known."""
    place = [*([library] if library else []), *([str(line), str(column)] if line else [])]
    return ": ".join([*([":".join(place)] if place else []), message])
