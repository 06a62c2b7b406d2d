"""Log lines as JSON: as loggers write them, refused one by one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from monitoring.errors.scrubbing import ScrubRules
from monitoring.ingestion.items import ItemBatch
from monitoring.ingestion.native_logs import decode_logs
from monitoring.logs.models import LogRecord
from tests.support.metrics import make_application

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def read_logs(told: Any) -> ItemBatch:
    return decode_logs(json.dumps(told).encode(), application_id=7, received_at=NOW, rules=ScrubRules())


def test_decode_logs__as_monolog_writes_it__is_a_line() -> None:
    line = {
        "message": "Order 4711 was not booked",
        "context": {"order": 4711, "password": "hunter2"},
        "level": 400,
        "level_name": "ERROR",
        "channel": "ledger",
        "datetime": "2026-11-25T11:59:00.123456+00:00",
        "extra": {"host": "erp-1"},
    }
    (found,) = read_logs(line).batch.records
    assert (found.body, found.severity, found.logger) == ("Order 4711 was not booked", 17, "ledger")
    assert found.at == datetime(2026, 11, 25, 11, 59, 0, 123456, tzinfo=UTC)
    assert found.attributes == {"order": 4711, "password": "[Filtered]", "host": "erp-1"}


@pytest.mark.parametrize(
    ("level", "severity"),
    [("warn", 13), ("CRITICAL", 21), ("nonsense", 9), (10, 5), (20, 9), (30, 13), (50, 21), (250, 9), (300, 13), (600, 21), (None, 9), (True, 9)],
)  # fmt: skip
def test_decode_logs__level__is_a_word_or_a_loggers_number(level: Any, severity: int) -> None:
    (found,) = read_logs({"message": "x", "level": level}).batch.records
    assert found.severity == severity


def test_decode_logs__opentelemetrys_number__is_taken_as_it_is() -> None:
    (found,) = read_logs({"message": "x", "severity_number": 10, "level": "error"}).batch.records
    assert found.severity == 10


def test_decode_logs__line_without_message__is_refused_and_leaves_the_others() -> None:
    made = read_logs({"logs": [{"level": "info"}, {"message": "kept"}, 7]})
    assert [(index, name) for index, name, _ in made.refused] == [(0, "message"), (2, "record")]
    assert [record.body for record in made.batch.records] == ["kept"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ["message", "body", "level", "severity_number", "timestamp", "context", "trace_id", "logger", "release"]
)


@given(st.lists(st.dictionaries(names, values, max_size=6), max_size=4))
def test_decode_logs__any_lines__are_taken_or_refused_one_by_one(lines: list[dict[str, Any]]) -> None:
    made = read_logs(lines)
    assert made.stored + len(made.refused) == len(lines)
    assert all(1 <= record.severity <= 24 for record in made.batch.records)


@pytest.mark.django_db
def test_receive_logs__one_call_without_a_library__is_a_line_that_can_be_read_back(client: Client) -> None:
    application = make_application()
    key = issue_key(application=application, kind=KeyKind.SECRET, label="php").token
    headers = {"Authorization": f"Bearer {key}"}
    line = {"message": "Ledger is closed", "level": "warning", "trace_id": "ab" * 16}
    answer = client.post("/api/v1/logs/", json.dumps(line), content_type="application/json", headers=headers)
    assert answer.json() == {"stored": 1, "refused_count": 0, "refused": []}
    assert LogRecord.objects.get().body == "Ledger is closed"
    found = client.get("/api/v1/logs/", {"search": "ledger", "level": "warn"}, headers=headers).json()["results"]
    assert [(one["body"], one["level"], one["trace_id"]) for one in found] == [("Ledger is closed", "warn", "ab" * 16)]
    assert client.get("/api/v1/logs/", {"level": "error"}, headers=headers).json()["results"] == []
