"""What is made of sessions as they come."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors.events import ErrorData
from monitoring.releases.records import (
    Outcome,
    SessionInvalid,
    SessionRecord,
    make_user_key,
    merge_reports,
    read_counts,
    read_session,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SID = "7c7b6585-f901-4351-bf8d-02711b721929"
ATTRS = {"release": "erp@1.2.3", "environment": "production"}


def read(**fields: Any) -> SessionRecord:
    document = {"sid": SID, "started": "2026-03-10T11:59:00Z", "attrs": ATTRS, **fields}
    return read_session(document, application_id=1, received_at=NOW)


def test_read_session__everything_said__is_read() -> None:
    record = read(status="crashed", errors=2, duration=12.5, did="u1", seq=4, init=True)
    assert record == SessionRecord(
        1, UUID(SID), NOW - timedelta(minutes=1), "erp@1.2.3", NOW, "production", Outcome.CRASHED, 2, 12.5,
        make_user_key("u1"),
    )  # fmt: skip


def test_read_session__person__has_the_key_of_errors() -> None:
    data = ErrorData("title", "", "error", "python", NOW, user={"id": "u1"})
    assert make_user_key("u1") == data.user_key
    assert make_user_key(None) is None


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"status": "ok"}, Outcome.HEALTHY),
        ({"status": "exited", "errors": 1}, Outcome.ERRORED),
        ({"status": "abnormal", "errors": 1}, Outcome.ABNORMAL),
        ({"status": "unhandled"}, Outcome.ERRORED),
        ({"errors": -5, "duration": "long"}, Outcome.HEALTHY),
    ],
)
def test_read_session__status_and_errors__make_the_outcome(fields: dict[str, Any], outcome: Outcome) -> None:
    assert read(**fields).outcome is outcome


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"attrs": {}}, "no release"),
        ({"attrs": None}, "no release"),
        ({"sid": None}, "no sid"),
        ({"sid": "0" * 32}, "zeros"),
        ({"started": None}, "when it started"),
        ({"started": "yesterday"}, "not a time"),
        ({"started": 1e300}, "not a time"),
        ({"started": "0001-01-01T00:00:00+14:00"}, "not a time"),
        ({"started": "2026-03-04T00:00:00Z"}, "5 days"),
        ({"started": "2026-03-10T13:00:00Z"}, "future"),
        ({"status": "asleep"}, "asleep"),
    ],
)
def test_read_session__not_countable__says_why(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(SessionInvalid, match=reason):
        read(**fields)


def test_read_counts__groups__are_read_and_broken_ones_named() -> None:
    groups = [
        {"started": "2026-03-10T11:00:00Z", "exited": 3, "errored": 1, "crashed": 2, "abnormal": 4},
        {"started": "2026-03-10T11:01:00Z", "exited": 0},
        {"started": "2026-03-10T11:02:00Z", "exited": -1},
        5,
    ]
    records, reasons = read_counts({"attrs": ATTRS, "aggregates": groups}, application_id=1, received_at=NOW)
    assert [(one.healthy, one.errored, one.crashed, one.abnormal, one.total) for one in records] == [(3, 1, 2, 4, 10)]
    assert len(reasons) == 2
    with pytest.raises(SessionInvalid):
        read_counts({"attrs": ATTRS, "aggregates": {}}, application_id=1, received_at=NOW)


reports = st.builds(
    read,
    status=st.sampled_from(["ok", "exited", "errored", "crashed", "abnormal"]),
    errors=st.integers(0, 5),
    duration=st.none() | st.floats(0, 100),
    did=st.sampled_from([None, "a", "b"]),
)


@given(st.lists(reports, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_merge_reports__any_order_and_repetition__is_the_same(records: list[SessionRecord], random: Any) -> None:
    once = reduce(merge_reports, records)
    again = records * 2
    random.shuffle(again)
    assert reduce(merge_reports, again) == once
    assert once.outcome == max(record.outcome for record in records)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["sid", "started", "status", "errors", "duration", "did", "aggregates"]), anything)
)
def test_read__anything__is_a_record_or_a_reason(document: dict[str, Any]) -> None:
    whole = {"sid": SID, "started": "2026-03-10T11:59:00Z", "attrs": ATTRS, "status": "ok", **document}
    for reader in (read_session, read_counts):
        with contextlib.suppress(SessionInvalid):
            reader(whole, application_id=1, received_at=NOW)
