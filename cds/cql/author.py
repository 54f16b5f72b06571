"""Libraries as an author has them: one file, those beside it, and the content; and parameters written in CQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cds.cql.sources import Folder, Source, choose, named, read_file, read_source
from cds.definitions.source import SourceText
from cds.errors import (
    ConfigurationError,
    DefinitionError,
    EvaluationError,
    ExpressionError,
    LimitError,
    Location,
    NotFoundError,
    Problem,
    RequestError,
)
from cds.expr.elm.library import Library, Parameter
from cds.expr.elm.specifiers import STRING
from cds.expr.evaluation import Evaluation
from cds.expr.libraries import Elm, Find, Libraries

#: What messages call a library that comes on standard input.
STANDARD_INPUT = Path("standard input")


class Author:
    """The library in a file, what it includes (from its folder, else by `content`), and where in which file an error
    stands. `body` is a library that comes on standard input instead; what it includes is looked for where one is."""

    def __init__(self, file: Path, content: Find, body: bytes | None = None) -> None:
        self._file = file if body is None else STANDARD_INPUT
        self._body = body
        self._content = content
        self._folder = Folder(self._file.parent)
        self._files = {"": self._file}

    def library(self) -> Library:
        """The compiled library. Raises DefinitionError with all problems, each at its file, and ConfigurationError
        when the file holds no library."""
        try:
            source = self._read()
        except UnicodeDecodeError:
            raise ConfigurationError(f"{self._file}: the file is not UTF-8; save it as UTF-8") from None
        except RequestError as error:
            issue = error.issues[0]  # at a line and column, or an element
            blank = "" if issue.expression and issue.expression[0].isdigit() else " "
            raise ConfigurationError(f"{self._file}:{blank}{issue.expression}: {issue.text}") from None
        if source is None:
            raise ConfigurationError(f"{self._file}: this is neither ELM nor a Library that carries CQL")
        self._files[named(source).name] = self._file
        try:
            return Libraries(self._find).compile(source)
        except DefinitionError as error:
            raise DefinitionError(map(self._placed, error.problems)) from None
        except ExpressionError as error:
            raise DefinitionError([self.problem(error)]) from None
        except NotFoundError as error:  # a library that ELM includes
            raise ConfigurationError(f"{self._file}: {error}; put it beside this one") from None

    def problem(self, error: ExpressionError) -> Problem:
        """An error at its place in its file."""
        kinds = {LimitError: "expression-limit", EvaluationError: "expression-evaluation"}
        code = next((code for kind, code in kinds.items() if isinstance(error, kind)), "expression-semantic")
        place = Location(error.library, error.line, error.column)
        return self._placed(Problem(code, error.message, place, error.hint))

    def _read(self) -> Source | None:
        if self._body is None:
            return read_file(self._file)
        return read_source(self._body, is_json=_is_json(self._body))

    def _find(self, name: str, version: str | None) -> str | Elm | None:
        found = choose(self._folder.libraries, name, version)
        if found is None:
            return self._content(name, version)
        self._files[name] = found.file or self._file
        return found.source

    def _placed(self, problem: Problem) -> Problem:
        at = problem.location
        file = self._files.get(at.file)
        if file is None:
            return problem
        source = problem.source
        if at.line and (text := self._text(file)) is not None:
            source = SourceText(text).printable_line(at.line)
        return replace(problem, location=replace(at, file=str(file)), source=source)

    def _text(self, file: Path) -> str | None:
        """The CQL that is in a file as such."""
        if file is not STANDARD_INPUT:
            return file.read_text(encoding="utf-8-sig") if file.suffix == ".cql" else None
        return self._body.decode("utf-8-sig") if self._body is not None and not _is_json(self._body) else None


def _is_json(body: bytes) -> bool:
    return body.lstrip().startswith(b"{")


#: Lines before the value in the library made around it.
_HEADER = "using FHIR version '4.0.1'\ninclude FHIRHelpers version '4.0.1'\nparameter \"value\" {kind} default\n"


def written_value(parameter: Parameter, text: str, evaluation: Evaluation) -> Any:
    """The value of a parameter that is written in CQL; for a String without quotes it is the text. Raises
    ConfigurationError with the place in the text."""
    if parameter.type == STRING and not text.lstrip().startswith("'"):
        return text
    header = _HEADER.format(kind=parameter.type or "")
    try:
        made = Libraries().compile(header + text)
        return made.parameters["value"].value(evaluation)
    except DefinitionError as error:
        found: Iterable[Problem] = error.problems
    except ExpressionError as error:
        found = [Problem("", error.message, Location("", error.line, error.column), error.hint)]
    lines = header.count("\n")
    told = [_told(problem, lines) for problem in found]
    example = "VALUE is CQL, such as 5, true, @2026-01-31 or Interval[@2026-01-01, @2026-12-31]"
    raise ConfigurationError("\n".join([f"parameter '{parameter.name}': {told[0]}", *told[1:], example]))


def _told(problem: Problem, lines: int) -> str:
    at = problem.location
    place = f"{at.line - lines}:{at.column}: " if at.line > lines else ""
    return f"{place}{problem.message}" + (f" ({problem.hint})" if problem.hint else "")
