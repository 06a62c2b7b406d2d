"""What is made of feedback, whatever a client sends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors.events import make_user_key
from monitoring.errors.scrubbing import ScrubRules
from monitoring.user_reports.records import (
    MAX_MESSAGE,
    UserReportInvalid,
    UserReportRecord,
    read_feedback,
    read_user_report,
)
from tests.support.user_reports import make_feedback

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def read(document: dict[str, Any], report_id: UUID | None = None) -> UserReportRecord:
    return read_feedback(document, application_id=1, received_at=NOW, rules=ScrubRules(), report_id=report_id)


def test_feedback__complete__is_read() -> None:
    event_id = uuid4()
    record = read(
        make_feedback(
            name="Ada",
            contact_email="ada@example.org",
            url="https://erp.test/invoices",
            associated_event_id=event_id.hex,
        )
    )
    assert (record.message, record.name, record.email) == ("The total is wrong", "Ada", "ada@example.org")
    assert (record.url, record.event_id) == ("https://erp.test/invoices", event_id)
    assert (record.release, record.environment) == ("erp@2.1", "production")
    assert record.user_key == make_user_key({"email": "ada@example.org"})


def test_feedback__signed_in__is_the_person_that_errors_know() -> None:
    document = make_feedback() | {"user": {"id": 7, "email": "ada@example.org", "name": "Ada L."}}
    record = read(document)
    assert record.user_key == make_user_key({"id": "7"})
    assert (record.name, record.email) == ("Ada L.", "ada@example.org")


def test_feedback__secrets__are_taken_out() -> None:
    record = read(
        make_feedback("my password: hunter22 and card 4111 1111 1111 1111", url="https://erp.test/?token=abcdef123")
    )
    assert "hunter22" not in record.message
    assert "4111" not in record.message
    assert "abcdef123" not in record.url


def test_feedback__ids__the_envelopes_wins_and_the_content_stands_in() -> None:
    document, own = make_feedback(), uuid4()
    assert read(document, own).report_id == own
    assert read(document).report_id.hex == document["event_id"]
    del document["event_id"]
    assert read(document).report_id == read(document).report_id
    assert read(document).report_id != read({**document, "timestamp": 1}).report_id


@pytest.mark.parametrize("message", ["", "  \n", None, 7.5j, []])
def test_feedback__nothing_said__is_refused(message: Any) -> None:
    with pytest.raises(UserReportInvalid):
        read(make_feedback(message))


def test_user_report__complete__is_read() -> None:
    event_id = uuid4()
    document = {"event_id": event_id.hex, "name": "Ada", "email": "ada@example.org", "comments": "It froze"}
    record = read_user_report(document, application_id=1, received_at=NOW, rules=ScrubRules())
    assert (record.event_id, record.name, record.email, record.message) == (
        event_id,
        "Ada",
        "ada@example.org",
        "It froze",
    )
    again = read_user_report(document, application_id=1, received_at=NOW, rules=ScrubRules())
    assert again.report_id == record.report_id


@pytest.mark.parametrize("document", [{}, {"event_id": "x", "comments": "a"}, {"event_id": uuid4().hex}])
def test_user_report__without_event_or_words__is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(UserReportInvalid):
        read_user_report(document, application_id=1, received_at=NOW, rules=ScrubRules())


@given(document=st.dictionaries(st.text(max_size=10), JSON, max_size=4), said=st.dictionaries(
    st.sampled_from(["message", "contact_email", "name", "url", "associated_event_id"]), JSON, max_size=5))  # fmt: skip
def test_feedback__anything__is_read_within_bounds_or_refused(document: dict[str, Any], said: dict[str, Any]) -> None:
    try:
        record = read({**document, "contexts": {"feedback": said}})
    except UserReportInvalid:
        return
    assert 0 < len(record.message) <= MAX_MESSAGE
    for text in (record.message, record.name, record.email, record.url):
        assert "\x00" not in text
        text.encode()
