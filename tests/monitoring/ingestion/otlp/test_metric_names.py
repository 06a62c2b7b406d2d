"""What OpenTelemetry's metrics are called as series."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.ingestion.otlp.metric_names import name_labels, name_metric, write_unit
from monitoring.metrics.labels import check_label, is_metric_name


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("process.uptime", "s", "", "process_uptime_seconds"),
        ("http.server.request.duration", "s", "", "http_server_request_duration_seconds"),
        ("http.server.errors", "{error}", "counter", "http_server_errors_total"),
        ("requests_total", "1", "counter", "requests_total"),
        ("system.network.io", "By", "counter", "system_network_io_bytes_total"),
        ("system.cpu.utilization", "1", "gauge", "system_cpu_utilization_ratio"),
        ("system.memory.usage", "By", "gauge", "system_memory_usage_bytes"),
        ("disk.speed", "By/s", "gauge", "disk_speed_bytes_per_second"),
        ("arrivals", "{order}/m", "gauge", "arrivals_per_minute"),
        ("queue.length", "", "gauge", "queue_length"),
        ("request.seconds", "s", "", "request_seconds"),
        ("load", "%", "gauge", "load_percent"),
        ("bill", "EUR", "counter", "bill_EUR_total"),
        ("--weird..name--", "", "", "weird_name"),
        ("5xx.share", "1", "gauge", "_5xx_share_ratio"),
        ("jvm:memory", "", "", "jvm:memory"),
    ],
)
def test_name_metric__name_and_unit__are_those_of_prometheus(name: str, unit: str, kind: str, expected: str) -> None:
    assert name_metric(name, unit, is_counter=kind == "counter", is_gauge=kind == "gauge") == expected


@given(st.text(max_size=60), st.text(max_size=20), st.booleans(), st.booleans())
def test_name_metric__any_text__gives_a_name_or_nothing_of_one(
    name: str, unit: str, is_counter: bool, is_gauge: bool
) -> None:
    found = name_metric(name, unit, is_counter=is_counter, is_gauge=is_gauge)
    assert found == "" or len(found) > 200 or is_metric_name(found)


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=20).filter(lambda text: "\x00" not in text)))
def test_name_labels__any_attributes__give_labels_that_can_be_kept(attributes: dict[str, str]) -> None:
    for name, value in name_labels(attributes).items():
        check_label(name, value)


def test_name_labels__names_that_become_the_same__share_a_label() -> None:
    assert name_labels({"a.b": "2", "a-b": 1, "flag": True, "none": None, "empty": "", "list": [1, "x"], "9": 0.5}) == {
        "a_b": "1;2",
        "flag": "true",
        "list": '[1,"x"]',
        "key_9": "0.5",
    }


@pytest.mark.parametrize(
    ("unit", "words"), [("By", "bytes"), ("By/s", "bytes_per_second"), ("{x}", ""), ("1", ""), ("1/s", "per_second")]
)
def test_write_unit__ucum__becomes_words(unit: str, words: str) -> None:
    assert write_unit(unit) == words
