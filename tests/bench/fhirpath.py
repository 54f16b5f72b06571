"""What an expression costs: ours, Python by hand, fhirpathpy and fhirpath.js on the same questions in one run.

Run as a program; prints a table per input with microseconds of CPU time per evaluation, how many times slower than ours
the others are, and the targets. Arguments choose inputs and questions: `fhirpath.py Patient "Bundle 200" age`. Answers
are compared with the one by hand before anything is timed. Engines take turns, so that the ratios mean something on a
shared machine. fhirpathpy counts where it can be imported (PYTHONPATH), fhirpath.js where node finds it (NODE_PATH).
"""

from __future__ import annotations

import copy
import gc
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any, Protocol

from fhirpath_data import BUNDLE, PATIENT, Question, Resource, bundle, small_patient

from cds import expr

ROUNDS = 5
#: CPU seconds of one stretch, and of the warm-up before the first; an engine slower than it runs once a round.
STRETCH, WARM_UP = 0.02, 0.1
#: An evaluation slower than this is measured in one round only.
SLOW = 0.5
COMPILE_ROUNDS = 7


def cost(call: Callable[[], object], calls: int) -> float:
    """CPU seconds per call."""
    start = time.process_time()
    for _ in repeat(None, calls):
        call()
    return (time.process_time() - start) / calls


class Engine(Protocol):
    """One side of the comparison. Texts are compiled at first use; `load` comes before all."""

    name: str

    def load(self, name: str, resource: Resource) -> None: ...
    def answer(self, question: Question, name: str) -> list[Any]: ...
    def cost(self, question: Question, name: str, calls: int) -> float: ...
    def compile_cost(self, question: Question) -> float | None: ...


class InProcess:
    """What the Python engines share: subclasses say how a question becomes a function of the resource."""

    name: str
    compile: Callable[[Question], Callable[[Resource], list[Any]]]

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}
        self._compiled: dict[Question, Callable[[Resource], list[Any]]] = {}

    def load(self, name: str, resource: Resource) -> None:
        self._resources[name] = copy.deepcopy(resource)

    def _call(self, question: Question, name: str) -> Callable[[], list[Any]]:
        if question not in self._compiled:
            self._compiled[question] = self.compile(question)
        run, resource = self._compiled[question], self._resources[name]
        return lambda: run(resource)

    def answer(self, question: Question, name: str) -> list[Any]:
        return self._call(question, name)()

    def cost(self, question: Question, name: str, calls: int) -> float:
        return cost(self._call(question, name), calls)

    def compile_cost(self, question: Question) -> float | None:
        return statistics.median(cost(lambda: self.compile(question), 1) for _ in range(COMPILE_ROUNDS))


class Ours(InProcess):
    """cds.expr, with a new Evaluation for each resource."""

    name = "ours"
    _now = datetime.now(UTC)

    def compile(self, question: Question) -> Callable[[Resource], list[Any]]:
        expression = expr.compile(question.text)
        now = self._now
        return lambda resource: expression(expr.Evaluation(now=now, context=resource))

    def answer(self, question: Question, name: str) -> list[Any]:
        return [expr.to_json(item) for item in super().answer(question, name)]

    def compile_cost(self, question: Question) -> float | None:
        """With every cache of the engine empty but the element model, which is read once per process."""
        costs = []
        for _ in range(COMPILE_ROUNDS):
            for cached in caches():
                cached.cache_clear()
            costs.append(cost(lambda: expr.compile(question.text), 1))
        return statistics.median(costs)


def caches() -> Iterator[Any]:
    """The lru_caches of the engine's modules."""
    for name, module in list(sys.modules.items()):
        if name.startswith("cds.expr.") and name != "cds.expr.types":  # where the element model is
            yield from (v for k, v in vars(module).items() if hasattr(v, "cache_clear"))


class ByHand(InProcess):
    """The Python a programmer would write for the one question."""

    name = "by hand"

    def compile(self, question: Question) -> Callable[[Resource], list[Any]]:
        return question.by_hand

    def compile_cost(self, question: Question) -> float | None:
        return None


class FhirpathPy(InProcess):
    """fhirpathpy with its R4 model. Raises ImportError where it is not installed."""

    def __init__(self) -> None:
        super().__init__()
        import fhirpathpy
        from fhirpathpy.models import models

        self.name, self._compile, self._model = "fhirpathpy", fhirpathpy.compile, models["r4"]

    def compile(self, question: Question) -> Callable[[Resource], list[Any]]:
        return self._compile(question.text, self._model)  # type: ignore[no-any-return]

    def answer(self, question: Question, name: str) -> list[Any]:
        """Its Decimals as the numbers they were."""
        return json.loads(json.dumps(super().answer(question, name), default=float))  # type: ignore[no-any-return]


class FhirpathJs:
    """fhirpath.js in a node process of its own. Raises OSError where node or the package is missing."""

    name = "fhirpath.js"

    def __init__(self) -> None:
        node = shutil.which("node")
        if node is None:
            raise OSError("node is not installed")
        script = Path(__file__).with_suffix(".mjs")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self._node = subprocess.Popen([node, str(script)], env={**os.environ, "TZ": "UTC"}, **pipes)  # type: ignore[call-overload]
        self.about = self._ask(command="about")

    def _ask(self, **request: Any) -> Any:
        try:
            self._node.stdin.write(json.dumps(request) + "\n")
            self._node.stdin.flush()
            reply = json.loads(self._node.stdout.readline() or "null")
        except BrokenPipeError:
            reply = None
        if reply is None:
            raise OSError("node does not find the package fhirpath")
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply.get("value")

    def load(self, name: str, resource: Resource) -> None:
        self._ask(command="load", name=name, resource=resource)

    def answer(self, question: Question, name: str) -> list[Any]:
        return self._ask(command="answer", text=question.text, name=name)  # type: ignore[no-any-return]

    def cost(self, question: Question, name: str, calls: int) -> float:
        return self._ask(command="cost", text=question.text, name=name, calls=calls)  # type: ignore[no-any-return]

    def compile_cost(self, question: Question) -> float | None:
        costs = (self._ask(command="compile", text=question.text, calls=1) for _ in range(COMPILE_ROUNDS))
        return float(statistics.median(costs))


def engines() -> list[Engine]:
    """Those that are here; says which are not."""
    found: list[Engine] = [Ours(), ByHand()]
    for make, what in ((FhirpathPy, "fhirpathpy"), (FhirpathJs, "fhirpath.js")):
        try:
            found.append(make())
        except (ImportError, OSError) as error:
            print(f"without {what}: {error}")
    return found


def agrees(engine: Engine, question: Question, name: str, wanted: list[Any]) -> bool:
    """True when the engine gives the answer by hand; prints the difference otherwise."""
    try:
        answer = engine.answer(question, name)
    except Exception as error:
        print(f"{engine.name} fails on {name}, {question.name}: {type(error).__name__}: {error}")
        return False
    if answer != wanted:
        shown = [json.dumps(items)[:60] for items in (answer, wanted)]
        print(f"{engine.name} differs on {name}, {question.name}: {shown[0]}, by hand {shown[1]}")
    return answer == wanted


def warm(engine: Engine, question: Question, name: str) -> int:
    """Run the question until WARM_UP has passed; how many calls make a stretch."""
    calls = 1
    while (spent := engine.cost(question, name, calls)) * calls < WARM_UP:
        calls = max(calls * 2, min(calls * 100, int(WARM_UP / spent)) if spent else 0)
    return max(1, round(STRETCH / spent))


Costs = dict[str, float]


def measure(question: Question, name: str, engines: list[Engine]) -> Costs:
    """Median CPU seconds per evaluation by engine, over rounds in which they take turns. Only engines that agree."""
    wanted = question.by_hand(SOURCES[name])
    taking_part = [engine for engine in engines if agrees(engine, question, name, wanted)]
    calls = {engine.name: warm(engine, question, name) for engine in taking_part}
    costs: dict[str, list[float]] = {engine.name: [] for engine in taking_part}
    for number in range(ROUNDS):
        for engine in taking_part:
            if not number or statistics.median(costs[engine.name]) < SLOW:
                costs[engine.name].append(engine.cost(question, name, calls[engine.name]))
    return {name: statistics.median(values) for name, values in costs.items()}


def ratios(rows: list[Costs], other: str) -> list[float]:
    """How many times slower the other is than ours, where both agree."""
    return [row[other] / row["ours"] for row in rows if other in row and "ours" in row]


def mean(values: list[float]) -> float:
    """Geometric mean."""
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan


def table(title: str, questions: tuple[Question, ...], rows: list[Costs], names: list[str]) -> None:
    """Microseconds by engine, then how many times slower than ours each other is."""
    others = names[1:]
    print(f"\n{title:<25}" + "".join(f"{n:>13}" for n in names) + "   " + "".join(f"{n + ' x':>14}" for n in others))
    for question, row in zip(questions, rows, strict=True):
        figures = "".join(f"{row[n] * 1e6:>13,.1f}" if n in row else f"{'-':>13}" for n in names)
        times = "".join(f"{ratios([row], n)[0]:>14.2f}" if ratios([row], n) else f"{'-':>14}" for n in others)
        print(f"{question.name:<25}{figures}   {times}")
    means = "".join(f"{mean(ratios(rows, n)):>14.2f}" for n in others)
    print(f"{'geometric mean':<25}{'':>{13 * len(names)}}   {means}")


#: The least ratio to reach: fhirpath.js on every expression, fhirpath.js and fhirpathpy (Bundles) in geometric mean.
EACH_JS, MEAN_JS, MEAN_PY, COMPILE_MS = 1, 4, 30, 1

SOURCES: dict[str, Resource] = {"Patient": small_patient(), "Bundle 200": bundle(200), "Bundle 2000": bundle(2000)}
INPUTS = {"Patient": PATIENT, "Bundle 200": BUNDLE, "Bundle 2000": BUNDLE}


def compile_table(engines: list[Engine], inputs: dict[str, tuple[Question, ...]]) -> list[float]:
    """Microseconds to compile each expression; ours in seconds."""
    names = [engine.name for engine in engines if engine.name != "by hand"]
    print(f"\n{'compile, us':<42}" + "".join(f"{name:>13}" for name in names))
    ours = []
    for question, kind in {q: name.split()[0] for name, questions in inputs.items() for q in questions}.items():
        costs = {engine.name: engine.compile_cost(question) for engine in engines if engine.name in names}
        ours.append(costs["ours"] or 0.0)
        print(f"{kind + ', ' + question.name:<42}" + "".join(f"{(costs[n] or 0) * 1e6:>13,.0f}" for n in names))
    return ours


def target(text: str, figure: float, met: bool) -> None:
    verdict = "not measured" if math.isnan(figure) else "met" if met else "NOT MET"
    print(f"{verdict:<13}{text}: {figure:.2f}")


def targets(results: dict[str, list[Costs]], compiled: list[float]) -> None:
    """How the targets stand."""
    every = [row for rows in results.values() for row in rows]
    bundles = [row for name, rows in results.items() if name != "Patient" for row in rows]
    js, py = ratios(every, "fhirpath.js"), mean(ratios(bundles, "fhirpathpy"))
    least, slowest = min(js, default=math.nan), max(compiled) * 1e3
    print()
    target(f"over {EACH_JS} times faster than fhirpath.js on every expression; the least", least, least > EACH_JS)
    target(f"{MEAN_JS} times faster than fhirpath.js in geometric mean", mean(js), mean(js) >= MEAN_JS)
    target(f"{MEAN_PY} times faster than fhirpathpy on Bundles in geometric mean", py, py >= MEAN_PY)
    target(f"each expression compiled within {COMPILE_MS} ms; the slowest, ms", slowest, slowest < COMPILE_MS)


def chosen(words: list[str]) -> dict[str, tuple[Question, ...]]:
    """The questions by input; `words` name inputs and questions, none of a kind means all."""
    names = {question.name for questions in INPUTS.values() for question in questions}
    if unknown := set(words) - names - set(INPUTS):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join([*INPUTS, *sorted(names)])}")
    inputs = [name for name in INPUTS if name in words] or list(INPUTS)
    wanted = names & set(words) or names
    return {name: tuple(q for q in INPUTS[name] if q.name in wanted) for name in inputs}


def main() -> None:
    inputs = chosen(sys.argv[1:])
    sides = engines()
    for name in inputs:
        for engine in sides:
            engine.load(name, SOURCES[name])
    gc.collect()
    gc.freeze()
    results: dict[str, list[Costs]] = {}
    for name, questions in inputs.items():
        results[name] = [measure(question, name, sides) for question in questions]
    names = [engine.name for engine in sides]
    for name, rows in results.items():
        table(f"{name}, us", inputs[name], rows, names)
    targets(results, compile_table(sides, inputs))


if __name__ == "__main__":
    main()
