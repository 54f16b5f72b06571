"""Finds case files and runs their cases through the service layer, each twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from cds import fhir
from cds.apply.reason import Watch
from cds.apply.tree import AppliedAction, Outcome
from cds.cases.compare import differences
from cds.cases.defines import compare_defines
from cds.cases.model import Case, Difference, Result
from cds.cases.read import Known, read_cases
from cds.cases.request import request_body, unasked
from cds.cases.rows import labels, near_misses
from cds.config import Settings
from cds.definitions.files import CASES_FOLDER
from cds.errors import ConfigurationError, DefinitionError, Location, Problem, RequestError
from cds.explain import Watcher, decision_lines, decisions
from cds.hooks.discovery import Service
from cds.hooks.envelope import response_problem
from cds.service import Answer, Engine

#: What comes of cases that cannot be read.
_NONE_RUN = "no case was run"
#: Of the lines that say why a case failed: with what is put before them, a terminal is this wide at least.
_WIDTH = 76


def run(path: Path, settings: Settings) -> list[Result]:
    """Run every case at or below `path` with the content of `settings`, or with `path` as the content when it lies
    elsewhere. Raises DefinitionError for content that does not load and for case files that cannot be read."""
    engine = engine_for(path, settings)
    return [run_case(engine, case) for case in load(engine, path)]


def engine_for(path: Path, settings: Settings, *, site: bool = False) -> Engine:
    """The content that cases at or below `path` run with, see `run`. Cases are about what is shipped: the site's own
    values of parameters count only with `site`. Raises DefinitionError."""
    shipped = {} if site else {name: Settings.model_fields[name].default for name in ("parameters", "guideline")}
    return Engine(settings.model_copy(update={"content": content_for(path, settings), **shipped}))


def content_for(path: Path, settings: Settings) -> Path:
    """The definitions that cases at or below `path` are about: those of the settings where it lies in them, else those
    at `path`, or beside the folder of cases that it is or lies in. Raises ConfigurationError for another file."""
    whole = path.resolve()
    if whole.is_relative_to(settings.content.resolve()):
        return settings.content
    folder = next((above for above in (path, *path.parents) if above.name == CASES_FOLDER), None)
    if folder is not None:
        return folder.parent
    if path.is_file():
        raise ConfigurationError(f"{path} is in no folder of cases: name that, or the folder of definitions")
    return path


def load(engine: Engine, path: Path) -> list[Case]:
    """Every case at or below `path`, in order of file and line. Raises DefinitionError with all problems found."""
    files = find(path)
    if not files:
        hint = f"cases stand in files like <decision>/{CASES_FOLDER}/<name>.yaml"
        raise DefinitionError([Problem("case-file", "no case files here", Location(str(path)), hint)], _NONE_RUN)
    known = _known(engine)
    cases, problems = [], []
    for file in files:
        found, wrong = read_cases(file, known)
        cases += found
        problems += wrong
    if problems:
        raise DefinitionError(problems, _NONE_RUN)
    return cases


def find(path: Path) -> list[Path]:
    """The case files at or below `path`: YAML files in folders named `cases`, in order of name."""
    if path.is_file():
        return [path]
    return sorted(
        file
        for file in path.rglob("*")
        if file.suffix in (".yaml", ".yml") and CASES_FOLDER in file.absolute().parts and file.is_file()
    )


def _known(engine: Engine) -> Known:
    documents = engine.snapshot.documents
    plans = [d.resource for d in documents if d.kind == "PlanDefinition"]
    codes = {code for plan in plans for code in _decisions(plan)}
    for document in documents:
        if document.kind == "CodeSystem" and document.url == fhir.DECISION_SYSTEM:
            codes.update(concept["code"] for concept in fhir.as_list(document.resource.get("concept")))
    logic = engine.snapshot.registry.logic
    services = {name: service.hook for name, service in engine.services.items()}
    display = engine.snapshot.terminology.display
    rows = frozenset(label for plan in plans for action in _actions(plan) for label in labels(action))
    decided = {name: _decided(service) for name, service in engine.services.items()}
    return Known(frozenset(codes), services, engine.declared, display, frozenset(logic.defines()), rows, decided)


def _decided(service: Service) -> frozenset[str]:
    """The decisions that a service may have cards of."""
    return frozenset(fhir.decision_code(action.element.get("code")) for action in service.plan.walk()) - {""}


def _decisions(plan: fhir.Resource) -> Iterator[str]:
    return (code for action in _actions(plan) if (code := fhir.decision_code(action.get("code"))))


def _actions(plan: fhir.Resource) -> Iterator[dict[str, Any]]:
    pending = list(fhir.as_list(plan.get("action")))
    while pending:
        action = pending.pop()
        yield action
        pending.extend(fhir.as_list(action.get("action")))


def run_case(engine: Engine, case: Case) -> Result:
    """Run one case twice: the cards are compared with what it expects, the two answers with each other."""
    service = engine.service(case.service)
    if useless := unasked(case, service.requirements):
        expected = f"data of types that {service.id} asks for"
        return Result(case, (Difference("data", expected, ", ".join(useless)),))
    try:
        first, second = (answer_of(engine, case) for _ in range(2))
    except RequestError as refusal:
        return _refused(case, refusal)
    found = [*_sound(first, second), *_judged(case, first)]
    found += near_misses(case, first.applied)
    found += compare_defines(case, engine.snapshot.registry.logic.defines(), first.session().root)
    trace = _explained(engine, case) if found else ""
    return Result(case, tuple(found), trace, tuple(first.cards), service.plan.url, tuple(first.applied))


def _explained(engine: Engine, case: Case) -> str:
    """Why the decisions that the case judges came to what they did."""
    answer = answer_of(engine, case, watch=Watcher(engine.snapshot.registry.logic))
    judged = (case.decision, *case.silent, *(card.decision for card in case.expect))
    asked = decisions(answer)
    told = [decision for decision in asked if decision.code in judged]
    if all(decision.outcome is None for decision in told):  # what stands above them ended the walk
        told += [decision for decision in asked if decision.outcome is not None]
    lines: list[str] = []
    for decision in told:
        lines += [f"{decision.code}: {decision.outcome.value if decision.outcome else 'not asked at this hook'}"]
        lines += decision_lines(decision, width=_WIDTH)
    return "\n".join(lines)


def answer_of(
    engine: Engine, case: Case, settings: Mapping[str, Any] | None = None, watch: Watch | None = None
) -> Answer:
    """The answer to the call of a case, under its own settings or under `settings` as well; `watch` as for
    Engine.evaluate(). Raises RequestError."""
    body = request_body(case, engine.service(case.service).requirements)
    now = datetime.combine(case.today, time(12), ZoneInfo(engine.settings.timezone))
    return engine.answer(case.service, body, now=now, parameters={**case.settings, **(settings or {})}, watch=watch)


def _refused(case: Case, refusal: RequestError) -> Result:
    if refusal.status == case.refused:
        return Result(case)
    expected = f"status {case.refused}" if case.refused else "cards"
    return Result(case, (Difference("answer", expected, f"status {refusal.status}: {refusal}"),))


def _judged(case: Case, answer: Answer) -> list[Difference]:
    if case.refused is not None:
        return [Difference("answer", f"status {case.refused}", f"{len(answer.cards)} cards")]
    if case.defines and not (case.expect or case.silent or case.silent_all):
        return []
    return differences(case, answer.cards)


def _sound(first: Answer, second: Answer) -> Iterator[Difference]:
    """What holds for every answer: the same bytes each time, a valid response, no rule that failed."""
    if orjson.dumps(first.body) != orjson.dumps(second.body):
        yield Difference("second run", "the same bytes", "another answer")
    if problem := response_problem(first.body):
        yield Difference("response", "one that passes the schema", problem)
    for root in first.applied:
        for action in root.walk():
            if action.outcome is Outcome.FAILED:
                yield Difference(f"rule {action.id}", "no error", _error(action))


def _error(action: AppliedAction) -> str:
    errors = [action.error, *(condition.error for condition in action.conditions)]
    return "; ".join(error for error in errors if error)
