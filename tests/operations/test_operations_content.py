"""What calls bring is kept compiled by its hash: the same again is not compiled again, and nothing else is given."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from operations_support import PATIENT, activity, apply, bundle, group_of, plan

from cds.apply.plan import Plans
from cds.cql.call import Sent
from cds.operations.content import Contents
from cds.service import Engine

USE = {"id": "walk", "title": "Walk", "definitionCanonical": activity()["url"]}


@pytest.fixture
def contents(engine: Engine) -> Contents:
    return Contents(engine.snapshot, Plans(engine.snapshot), entries=2, size=4000)


def brought(*resources: dict[str, Any]) -> list[Sent]:
    return [Sent({"name": "content", "resource": bundle(*resources)}, "/parameter/0")]


def test_the_same_content_is_compiled_once(contents: Contents) -> None:
    """Also when it comes in a new call, which has its own objects."""
    first = contents.of(plan(USE), brought(activity()))
    assert contents.of(plan(USE), brought(activity())) is first
    assert contents.of(plan(USE), brought(activity(), activity(name="more"))) is not first
    assert contents.of(plan({**USE, "title": "Run"}), brought(activity())) is not first
    assert contents.of(None, []).snapshot is contents.loaded


def test_bundles_in_another_order_are_another_content(contents: Contents) -> None:
    """The first place that knows a canonical wins, so the order says something."""
    one, other = brought(activity(version="1")), brought(activity(version="2"))
    assert contents.of(plan(USE), [*one, *other]) is not contents.of(plan(USE), [*other, *one])


def test_what_is_kept_is_bounded(contents: Contents) -> None:
    """By number, least used first, and by size: what is larger than all there is room for is not kept at all."""
    first, second, third = (plan(USE, name=name) for name in "abc")
    kept = contents.of(first, [])
    contents.of(second, [])
    assert contents.of(first, []) is kept
    contents.of(third, [])
    assert contents.of(first, []) is kept
    large = plan(USE, description="x" * 5000)
    assert contents.of(large, []) is not contents.of(large, [])


def test_two_callers_with_one_canonical_get_their_own(engine: Engine) -> None:
    """Both bring `activity` and `plan` under the same urls, many times and at once: neither sees the other's."""

    def call(tenant: str) -> tuple[str, Any, Any]:
        answer = apply(
            engine,
            "PlanDefinition",
            planDefinition=plan({**USE, "title": tenant}),
            content=bundle(activity(code={"text": tenant})),
            data=bundle(PATIENT),
            subject="p",
        )
        return tenant, group_of(answer)["action"][0]["title"], answer["contained"][1]["code"]["text"]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(call, ["north", "south", "east"] * 8))
    assert all(tenant == title == code for tenant, title, code in answers)


def test_what_was_brought_is_not_listed_or_found(engine: Engine) -> None:
    """A call that names the canonical of another call's content does not get it."""
    apply(engine, "PlanDefinition", planDefinition=plan(USE), content=bundle(activity()), subject="p")
    assert engine.search("ActivityDefinition", [])["total"] == 0
    answer = apply(engine, "PlanDefinition", planDefinition=plan(USE), subject="p")
    assert "resource" not in group_of(answer)["action"][0]
