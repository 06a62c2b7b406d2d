"""Reports of browsers: what is made of them, and that they become errors of their own group."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.models import Application
from monitoring.errors.events import read_event
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.errors.services.digesting import digest_batch
from monitoring.ingestion.sentry.security import MAX_REPORTS, SecurityReportInvalid, SecurityReports, read_reports
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import Total, sum_by_signal
from tests.support.errors import make_public_key
from tests.support.metrics import make_application

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def make_csp(**changes: Any) -> dict[str, Any]:
    """Return what Chromium and Firefox post to a report-uri."""
    report = {
        "document-uri": "https://erp.test/invoices?id=7",
        "effective-directive": "script-src-elem",
        "violated-directive": "script-src-elem 'self'",
        "blocked-uri": "https://cdn.evil.test/x.js",
        "disposition": "enforce",
        "status-code": 200,
    }
    return {"csp-report": {**report, **changes}}


def make_reporting(**body: Any) -> dict[str, Any]:
    """Return one entry of what the Reporting API posts."""
    report = {
        "documentURL": "https://erp.test/invoices",
        "effectiveDirective": "script-src-elem",
        "blockedURL": "https://cdn.evil.test/x.js",
        "disposition": "report",
        "sourceFile": "https://erp.test/app.js?v=3",
        "lineNumber": 12,
    }
    return {
        "type": "csp-violation", "age": 5, "url": "https://erp.test/invoices", "user_agent": "Mozilla/5.0 X",
        "body": {**report, **body},
    }  # fmt: skip


def read(document: Any, **options: Any) -> SecurityReports:
    return read_reports(json.dumps(document).encode(), **{"received_at": NOW, **options})


def test_csp__both_forms__are_one_group() -> None:
    old = read(make_csp(), release="erp@1", environment="prod").events[0]
    new = read([make_reporting()]).events[0]
    assert old.document["fingerprint"] == new.document["fingerprint"] == ["csp", "script-src-elem", "cdn.evil.test"]
    event = read_event(old.document, received_at=NOW)
    assert event.title == "CSP: script-src-elem blocks cdn.evil.test"
    assert (event.culprit, event.level, event.release, event.environment) == ("/invoices", "warning", "erp@1", "prod")
    assert event.tags["disposition"] == "enforced"
    shown = read_event(new.document, received_at=NOW)
    assert (shown.exceptions[0].frames[0].filename, shown.exceptions[0].frames[0].line) == (
        "https://erp.test/app.js",
        12,
    )
    assert shown.tags["disposition"] == "report only"


@pytest.mark.parametrize(
    ("blocked", "origin"),
    [
        ("inline", "inline"), ("eval", "eval"), ("https://erp.test/own.js", "self"), ("data", "data"),
        ("data:text/html,x", "data"), ("wss://push.test:8443/x", "push.test:8443"), ("http://[bad", ""), ("", ""),
    ],
)  # fmt: skip
def test_csp__blocked__is_named_by_its_origin(blocked: str, origin: str) -> None:
    assert read(make_csp(**{"blocked-uri": blocked})).events[0].document["fingerprint"][2] == origin


def test_csp__of_extensions__is_left_out() -> None:
    extension = make_csp(**{"source-file": "chrome-extension", "blocked-uri": "inline"})
    assert read(extension) == SecurityReports([], foreign=1)
    assert read(make_csp(**{"blocked-uri": "moz-extension://x/y.js"})).foreign == 1


def test_report__again_within_the_hour__has_the_same_id() -> None:
    first = read(make_csp(), client="a").events[0].event_id
    assert read(make_csp(), client="a", received_at=NOW + timedelta(minutes=20)).events[0].event_id == first
    assert read(make_csp(**{"document-uri": "https://erp.test/invoices?id=8"}), client="a").events[0].event_id == first
    assert read(make_csp(), client="b").events[0].event_id != first
    assert read(make_csp(), client="a", received_at=NOW + timedelta(hours=1)).events[0].event_id != first
    assert read(make_csp(**{"blocked-uri": "inline"}), client="a").events[0].event_id != first


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ({"expect-ct-report": {"hostname": "erp.test"}}, "Expect-CT: the certificate of erp.test is in no log that the browser knows"),
        ({"expect-staple-report": {"hostname": "erp.test", "response-status": "MISSING"}}, "Expect-Staple: erp.test sent no valid OCSP response (missing)"),
        ({"known-pins": [], "hostname": "erp.test"}, "HPKP: the keys of erp.test are not those that were pinned"),
        ([{"type": "network-error", "url": "https://erp.test/a", "body": {"type": "tcp.timed_out", "phase": "connection"}}], "NetworkError: browsers can't reach erp.test: tcp.timed_out"),
    ],
)  # fmt: skip
def test_report__of_other_kinds__has_its_own_words(document: Any, title: str) -> None:
    assert read_event(read(document).events[0].document, received_at=NOW).title == title


def test_body__of_many__is_read_within_bounds() -> None:
    found = read([make_reporting(), {"type": "deprecation", "body": {"id": "x"}}, 7, {}, *[make_csp()] * MAX_REPORTS])
    assert (len(found.events), found.foreign, found.refused, found.limited) == (MAX_REPORTS - 3, 1, 2, 4)
    with pytest.raises(SecurityReportInvalid):
        read(7)
    with pytest.raises(SecurityReportInvalid):
        read_reports(b"{", received_at=NOW)


@given(body=st.dictionaries(st.sampled_from(["effectiveDirective", "blockedURL", "documentURL", "sourceFile", "lineNumber", "sample"]), JSON), url=JSON)  # fmt: skip
def test_report__of_any_shape__is_counted_once(body: dict[str, Any], url: Any) -> None:
    found = read([{"type": "csp-violation", "url": url, "body": body}])
    assert len(found.events) + found.foreign == 1
    for event in found.events:
        read_event(json.loads(event.encode()), received_at=NOW)


@pytest.fixture
def application() -> Application:
    return make_application()


def post(
    client: Client, application: Application, document: Any, *, kind: str, path: str = "security", key: str = ""
) -> Any:
    key = key or make_public_key(application)
    return client.post(f"/api/{application.pk}/{path}/?sentry_key={key}", json.dumps(document), kind)


@pytest.mark.django_db
def test_door__both_addresses_and_types__become_one_issue(client: Client, application: Application) -> None:
    for _ in range(2):
        assert (
            post(client, application, make_csp(), kind="application/csp-report", path="csp-report").status_code == 200
        )
        answer = post(
            client,
            application,
            [make_reporting(), make_csp(**{"blocked-uri": "about"})],
            kind="application/reports+json",
        )
        assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
        digest_batch()
    issue = ErrorIssue.objects.get()
    assert (issue.type, issue.event_count, issue.level) == ("CSP", 2, "warning")
    assert ErrorEvent.objects.count() == 2
    totals = sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(days=1))
    assert totals == {Signal.SECURITY: Total(6, 4, 0, 0, 2)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "key", "status"), [("{", "", 400), ("[{}]", "", 400), ("{}", "wrong", 401), ("[]", "", 200)]
)
def test_door__what_is_no_report__is_refused(
    client: Client, application: Application, body: str, key: str, status: int
) -> None:
    key = key or make_public_key(application)
    answer = client.post(f"/api/{application.pk}/security/?sentry_key={key}", body, "application/csp-report")
    assert answer.status_code == status
