"""What is counted: by one process, and by several that share a folder."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from pathlib import Path

import pytest
from prometheus_client import values
from prometheus_client.parser import text_string_to_metric_families

from cds.metrics import Metrics, Share


def samples(metrics: Metrics) -> dict[str, float]:
    """`name{label=value,...}` to the number, without what says when a series began."""
    found = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_each_thing_that_happens_is_counted_once() -> None:
    """Every method has its series, with the labels it was given."""
    metrics = Metrics()
    metrics.call("pain", 200, 0.003)
    metrics.call("pain", 200, 0.003)
    metrics.call(None, 404, 0.003)
    metrics.card("opioids", "warning")
    metrics.rule_failed("pain", "red-flags")
    metrics.foreign_dropped("pain", 3)
    metrics.fhir_fetch("https://ehr.example/fhir", "timeout", 2.0)
    metrics.breaker("https://ehr.example/fhir", "open")
    metrics.feedback("pain", "accepted", 2)
    metrics.authentication_refused("expired")
    metrics.throttled("ehr")
    metrics.storage_failed("feedback")
    metrics.content_loaded()
    metrics.content_refused()
    found = samples(metrics)
    assert found.pop("cds_content_loaded_timestamp_seconds{}") > 1e9
    assert {name: value for name, value in found.items() if "_bucket" not in name and "_sum" not in name} == {
        "cds_calls_total{service=pain,status=200}": 2,
        "cds_calls_total{service=none,status=404}": 1,
        "cds_call_seconds_count{service=pain}": 2,
        "cds_call_seconds_count{service=none}": 1,
        "cds_cards_total{decision=opioids,indicator=warning}": 1,
        "cds_rule_failures_total{action=red-flags,service=pain}": 1,
        "cds_foreign_resources_total{service=pain}": 3,
        "cds_fhir_fetches_total{outcome=timeout,server=https://ehr.example/fhir}": 1,
        "cds_fhir_fetch_seconds_count{server=https://ehr.example/fhir}": 1,
        "cds_breaker_state{server=https://ehr.example/fhir}": 2,
        "cds_feedback_total{outcome=accepted,service=pain}": 2,
        "cds_authentication_refusals_total{reason=expired}": 1,
        "cds_throttled_calls_total{client=ehr}": 1,
        "cds_storage_failures_total{operation=feedback}": 1,
        "cds_decisions_lost_total{}": 0,
        "cds_content_loads_total{result=loaded}": 1,
        "cds_content_loads_total{result=refused}": 1,
    }
    assert found["cds_call_seconds_bucket{le=0.0025,service=pain}"] == 0
    assert found["cds_call_seconds_bucket{le=0.005,service=pain}"] == 2


def _work(share: Share, metrics: Metrics, slot: int) -> None:
    share.slot = slot
    for _ in range(100):
        metrics.call("pain", 200, 0.003)
    metrics.breaker("https://ehr.example/fhir", "open")
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Share:
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    return Share(tmp_path)


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_workers_add_up_and_a_dead_one_takes_nothing_with_it(share: Share) -> None:
    """What a worker counted before SIGKILL stays, and the next in its slot goes on in its files; its breaker is
    forgotten."""
    metrics = Metrics(share)
    metrics.content_loaded()
    for slots in ((1, 2), (1, 2)):
        workers = [multiprocessing.get_context("fork").Process(target=_work, args=(share, metrics, n)) for n in slots]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    found = samples(metrics)
    assert found["cds_calls_total{service=pain,status=200}"] == 400
    assert found["cds_call_seconds_count{service=pain}"] == 400
    assert found["cds_content_loads_total{result=loaded}"] == 1
    assert found["cds_breaker_state{server=https://ehr.example/fhir}"] == 2
    files = {path.name for path in share.folder.iterdir()}
    assert {name.rpartition("_")[2] for name in files} == {"0.db", "1.db", "2.db"}
    for slot in (1, 2):
        share.forget(slot)
    assert "cds_breaker_state{server=https://ehr.example/fhir}" not in samples(metrics)


def test_the_page_for_operators_names_every_metric() -> None:
    """docs/operations.md and the code know the same names."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(cds_\w+)` \|", page, re.MULTILINE))
    counted = re.findall(r"^# HELP (\w+)", Metrics().exposition().decode(), re.MULTILINE)
    assert named == {name for name in counted if not name.endswith("_created")}
