"""Log lines as they come: bounded and without secrets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.attributes import MAX_ATTRIBUTES, MAX_VALUE
from monitoring.errors.scrubbing import make_rules
from monitoring.logs.enums import Severity
from monitoring.logs.records import (
    MAX_BODY,
    LogRecord,
    make_record,
    read_severity,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
RULES = make_rules(names=[], kept=[], keep_whole_ip=False, infer_ip=False)


def make(body: Any = "hello", **fields: Any) -> LogRecord:
    return make_record(application_id=1, received_at=NOW, rules=RULES, body=body, **fields)


def test_make_record__secrets_and_addresses__are_taken_out() -> None:
    secret = "hun" + "ter2"
    record = make(
        f"login password={secret} worked",
        template="login %s",
        attributes={
            "user.password": secret,
            "client.address": "192.0.2.77",
            "company": "main",
            "nested": {"token": secret},
        },
    )
    assert secret not in repr(record)
    assert record.body == "login password=[Filtered] worked"
    assert (record.attributes["client.address"], record.attributes["company"]) == ("192.0.2.0", "main")


def test_make_record__too_much__is_cut() -> None:
    record = make(
        "x" * 99_999, attributes={f"a{n}": "y" * 99_999 for n in range(200)}, trace_id="AB" * 16, span_id="zz"
    )
    assert (len(record.body), len(record.attributes), len(record.attributes["a1"])) == (
        MAX_BODY,
        MAX_ATTRIBUTES,
        MAX_VALUE,
    )
    assert (record.trace_id, record.span_id) == ("ab" * 16, "")


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (NOW - timedelta(hours=3), NOW - timedelta(hours=3)),
        (NOW - timedelta(days=30), NOW),
        (NOW + timedelta(days=1), NOW),
        (None, NOW),
    ],
)
def test_make_record__time__is_that_of_arrival_if_it_cannot_be_right(at: datetime | None, kept: datetime) -> None:
    assert make(at=at).at == kept


@pytest.mark.parametrize(("text", "number"), [("WARN", 13), ("warning", 13), ("fatal", 21), ("odd", 9), (5, 9)])
def test_read_severity__words__are_numbers(text: Any, number: int) -> None:
    assert read_severity(text) == number


def test_severity__numbers__are_words() -> None:
    assert [Severity.of_number(number).value for number in (0, 1, 8, 9, 13, 20, 24, 99)] == [
        "trace", "trace", "debug", "info", "warn", "error", "fatal", "fatal",
    ]  # fmt: skip
    assert all(Severity.of_number(each.first_number) is each for each in Severity)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(anything, st.dictionaries(st.text(max_size=8), anything, max_size=5), anything)
def test_make_record__anything__is_a_line_that_the_store_takes(
    body: Any, attributes: dict[str, Any], other: Any
) -> None:
    record = make(body, attributes=attributes, logger=other, trace_id=other, severity_text=other)
    for text in (record.body, record.logger, *record.attributes):
        text.encode()
        assert "\x00" not in text
    assert r"\u0000" not in msgspec.json.encode(record.attributes).decode().replace("\\\\", "")
