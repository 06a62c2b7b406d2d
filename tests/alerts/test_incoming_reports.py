"""What bodies of other systems say, and what reports do: without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.incoming.alertmanager import read_posted_alerts
from alerts.incoming.generic import FIELDS, read_alerts
from alerts.incoming.judgement import LATE_FOR, LATE_ONCE_FOR, Effect, Ended, judge
from alerts.incoming.reports import BodyMalformed, Reading, Report, keep_newest
from alerts.incoming.webhooks import read_webhook

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
#: As in Grafana's documentation of its webhook, shortened to one firing and one resolved alert.
GRAFANA = """
{
  "receiver": "My Super Webhook",
  "status": "firing",
  "orgId": 1,
  "alerts": [
    {
      "status": "firing",
      "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1", "grafana_folder": "My folder"},
      "annotations": {
        "description": "The system has high memory usage",
        "runbook_url": "https://myrunbook.com/runbook/1234",
        "summary": "This alert was triggered for zone us-1"
      },
      "startsAt": "2021-10-12T09:51:03.157076+02:00",
      "endsAt": "0001-01-01T00:00:00Z",
      "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
      "fingerprint": "c6eadffa33fcdf37",
      "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana&matchers=alertname%3DT2",
      "dashboardURL": "",
      "panelURL": "",
      "imageURL": "https://play.grafana.org/image.png",
      "values": {"B": 44.23943737541908},
      "valueString": "[ var='B' labels={} value=44.23943737541908 ]"
    },
    {
      "status": "resolved",
      "labels": {"alertname": "High CPU usage", "team": "blue", "zone": "eu-1"},
      "annotations": {"description": "The system has high CPU usage"},
      "startsAt": "2021-10-12T09:56:03.157076+02:00",
      "endsAt": "2021-10-12T10:01:03.157076+02:00",
      "generatorURL": "https://play.grafana.org/alerting/d1rdpdv7k/edit",
      "fingerprint": "bc97ff14869b13e3",
      "silenceURL": "",
      "dashboardURL": "",
      "panelURL": "",
      "values": {"B": 44.2, "C": 1}
    }
  ],
  "groupLabels": {},
  "commonLabels": {"team": "blue"},
  "commonAnnotations": {},
  "externalURL": "https://play.grafana.org/",
  "version": "1",
  "groupKey": "{}:{}",
  "truncatedAlerts": 0,
  "title": "[FIRING:2]  (blue)",
  "state": "alerting",
  "message": "**Firing**"
}
"""


def post(*entries: Any) -> Reading:
    return read_posted_alerts(json.dumps(entries).encode(), now=NOW)


def hook(*entries: Any, **options: Any) -> Reading:
    return read_webhook(json.dumps({"alerts": entries}).encode(), now=NOW, **options)


def say(content: Any) -> Reading:
    return read_alerts(json.dumps(content).encode(), now=NOW)


def time(seconds: float) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def reasons(reading: Reading) -> list[str]:
    return [f"{one.index} {one.field}: {one.reason}" for one in reading.refused]


def test_posted_alert__of_prometheus__fields_as_they_are_here() -> None:
    (report,) = post(
        {
            "labels": {"alertname": "Down", "severity": "page", "job": "erp", "empty": ""},
            "annotations": {"runbook_url": "https://wiki/x", "summary": "It is down"},
            "startsAt": "2026-03-10T11:59:00.123456789Z",
            "endsAt": time(240),
            "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        }
    ).reports

    assert (report.name, report.severity, report.labels) == ("Down", "critical", {"job": "erp"})
    assert report.annotations == {"runbook": "https://wiki/x", "summary": "It is down"}
    assert report.starts_at == NOW - timedelta(seconds=60) + timedelta(microseconds=123456)
    assert (report.is_firing, report.ends_at) == (True, NOW + timedelta(seconds=240))
    assert report.identity == {"alertname": "Down", "severity": "page", "job": "erp"}


def test_posted_alert__without_an_end__five_minutes() -> None:
    (report,) = post({"labels": {"alertname": "A"}, "startsAt": None, "endsAt": "0001-01-01T00:00:00Z"}).reports
    assert (report.is_firing, report.ends_at) == (True, NOW + timedelta(minutes=5))


def test_posted_alert__end_in_the_past__is_over() -> None:
    (report,) = post({"labels": {"alertname": "A"}, "endsAt": time(-1)}).reports
    assert not report.is_firing


def test_posted_alerts__some_bad__the_others_are_taken_and_each_bad_one_says_why() -> None:
    reading = post(
        {"labels": {"alertname": "Good"}},
        {"labels": {"x": ""}},
        {"labels": {"1x": "y"}},
        {"labels": {"alertname": 1}},
        {"labels": {"alertname": "a\x00b"}},
        {"labels": {"alertname": "A"}, "startsAt": time(10), "endsAt": time(5)},
        {"labels": {"alertname": "A"}, "startsAt": "soon"},
        {"labels": {"alertname": "A"}, "startsAt": 5},
        {"labels": {"alertname": "A"}, "endsAt": "9999-12-31T23:59:59Z"},
        {"labels": {"alertname": "A"}, "startsAt": "1970-01-01T00:00:00Z"},
        {"labels": {f"l{number}": "x" for number in range(61)}},
        {"labels": {"alertname": "A", "x": "y" * 2001}},
        {"labels": {"alertname": "A"}, "annotations": ["x"]},
        "nonsense",
        None,
    )

    assert [report.name for report in reading.reports] == ["Good"]
    assert reasons(reading) == [
        "1 labels: at least one label pair required",
        '2 labels: invalid label set: invalid name "1x"',
        "3 labels.alertname: is not a text",
        "4 labels.alertname: contains a NUL character",
        "5 endsAt: start time must be before end time",
        "6 startsAt: is not a time in RFC 3339",
        "7 startsAt: is not a time in RFC 3339",
        "8 endsAt: is a time out of range",
        "9 startsAt: is a time out of range",
        "10 labels: has more than 60 members",
        "11 labels.x: is longer than 2,000 characters",
        "12 annotations: is not an object",
        "13 alert: is not an object",
        "14 alert: is not an object",
    ]


@pytest.mark.parametrize("read", [read_posted_alerts, read_webhook, read_alerts])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b"7", b'"x"', b"{}{}", b"[" + b"{}," * 600_000],
)
def test_body__broken__says_so(read: Any, body: bytes) -> None:
    with pytest.raises(BodyMalformed, match="body"):
        read(body, now=NOW)


def test_body__halves_of_surrogates__are_mended() -> None:
    (report,) = read_posted_alerts(b'[{"labels":{"alertname":"a\\ud800b"}}]', now=NOW).reports
    assert report.name == "a\ufffdb"


def test_body__more_alerts_than_a_request_may_have__is_refused() -> None:
    with pytest.raises(BodyMalformed, match="1,001 alerts"):
        post(*[{"labels": {"alertname": "A"}}] * 1001)


def test_webhook__of_grafana__as_documented() -> None:
    firing, over = read_webhook(GRAFANA.encode(), now=NOW).reports

    assert (firing.name, firing.severity, firing.is_firing) == ("High memory usage", "warning", True)
    assert firing.ends_at is None
    assert firing.value == 44.23943737541908
    assert firing.annotations["runbook"] == "https://myrunbook.com/runbook/1234"
    assert firing.annotations["imageURL"] == "https://play.grafana.org/image.png"
    assert "dashboardURL" not in firing.annotations
    assert (over.is_firing, over.value) == (False, None)
    assert over.ends_at == datetime(2021, 10, 12, 8, 1, 3, 157076, tzinfo=UTC)


def test_webhook__expiry_asked_for__counts_from_now() -> None:
    (report,) = hook({"status": "firing", "labels": {"a": "b"}}, expire_after=timedelta(hours=1)).reports
    assert report.ends_at == NOW + timedelta(hours=1)


def test_webhook__no_status__is_refused() -> None:
    assert reasons(hook({"labels": {"a": "b"}})) == ["0 status: is neither firing nor resolved"]


def test_generic__one_and_several__the_same() -> None:
    alert = {"title": "Backup failed", "severity": "high", "labels": {"host": "db1", "try": 3, "final": True}}
    assert say(alert) == say({"alerts": [alert]})
    (report,) = say(alert).reports
    assert (report.name, report.severity) == ("Backup failed", "critical")
    assert report.labels == {"host": "db1", "try": "3", "final": "true"}


def test_generic__same_key__same_alert_whatever_else_it_says() -> None:
    first, second = say({"alerts": [{"title": "A", "key": "x"}, {"key": "x", "status": "resolved"}]}).reports
    assert first.fingerprint == second.fingerprint


def test_generic__a_label_called_key__is_not_a_key() -> None:
    first, second = say({"alerts": [{"title": "A", "labels": {"key": "x"}}, {"title": "A", "key": "x"}]}).reports
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        ({}, "0 title: is missing"),
        ({"status": "resolved"}, "0 title: is missing"),
        ({"title": "x" * 151}, "0 title: is longer than 150 characters"),
        ({"title": 7}, "0 title: is not a text"),
        ({"title": "A", "status": "ok"}, "0 status: is neither firing nor resolved"),
        ({"title": "A", "labels": {"__x": "y"}}, "0 labels: has a name that begins with __"),
        ({"title": "A", "expires_in_seconds": 0}, "0 expires_in_seconds: is not a number from 1 to 2,678,400"),
        ({"title": "A", "value": "7"}, "0 value: is not a number"),
        ({"title": "A", "severity": 1}, "0 severity: is not a text"),
        (
            {"title": "A", "ends_at": time(60)},
            "0 ends_at: belongs to a resolved alert; a firing one has expires_in_seconds",
        ),
        (
            {"title": "A", "status": "resolved", "starts_at": time(0), "ends_at": time(-1)},
            "0 ends_at: start time must be before end time",
        ),
    ],
)
def test_generic__wrong__says_what(alert: dict[str, Any], reason: str) -> None:
    assert reasons(say(alert)) == [reason]


def test_generic__unknown_field__is_refused() -> None:
    (one,) = say({"title": "A", "sevrity": "info"}).refused
    assert (one.field, one.reason.split(";")[0]) == ("sevrity", "is not known")


def test_same_alert_several_times_in_a_body__the_newest_counts() -> None:
    reading = post(
        {"labels": {"alertname": "A"}, "startsAt": time(-10), "endsAt": time(60)},
        {"labels": {"alertname": "A"}, "startsAt": time(-60), "endsAt": time(-30)},
    )
    assert [report.is_firing for report in keep_newest(reading.reports)] == [True]


def report(*, firing: bool = True, starts: float | None = -60, ends: float | None = 240) -> Report:
    entry: dict[str, Any] = {"status": "firing" if firing else "resolved", "title": "A"}
    if starts is not None:
        entry["starts_at"] = time(starts)
    if ends is not None and not firing:
        entry["ends_at"] = time(ends)
    return say(entry).reports[0]


def effect(
    one: Report, *, began: float | None = None, ended: tuple[float, float] | None = None, **fields: Any
) -> Effect:
    began_at = None if began is None else NOW + timedelta(seconds=began)
    known = None if ended is None else Ended(*(NOW + timedelta(seconds=each) for each in ended))
    return judge(one, began_at=began_at, ended=known, **{"late_for": LATE_FOR, "now": NOW, **fields})


def test_judge__the_usual_course__begins_goes_on_and_ends() -> None:
    assert effect(report()) is Effect.BEGIN
    assert effect(report(), began=-60) is Effect.REFRESH
    assert effect(report(firing=False, ends=-1), began=-60) is Effect.END
    assert effect(report(firing=False, ends=-1)) is Effect.NOTHING


def test_judge__firing_report_after_its_end__is_late_news() -> None:
    assert effect(report(starts=-60), ended=(-10, -9)) is Effect.NOTHING
    assert effect(report(starts=-5), ended=(-10, -9)) is Effect.BEGIN
    assert effect(report(starts=-600), ended=(-180, -179)) is Effect.BEGIN
    assert effect(report(starts=-60), ended=(-30, -29), late_for=LATE_ONCE_FOR) is Effect.BEGIN


def test_judge__end_of_an_earlier_one__leaves_the_open_one_alone() -> None:
    assert effect(report(firing=False, starts=-600, ends=-300), began=-60) is Effect.NOTHING


def test_judge__end_without_a_beginning__clocks_may_differ_a_little() -> None:
    assert effect(report(firing=False, starts=None, ends=-70), began=-60) is Effect.END
    assert effect(report(firing=False, starts=None, ends=-700), began=-60) is Effect.NOTHING


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)
TIMES = (
    st.sampled_from([time(0), time(-60), time(60), "", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]) | JSON
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(st.sampled_from(["alertname", "severity", "job", "1", ""]), JSON, max_size=4) | JSON,
        "annotations": st.dictionaries(st.text(max_size=5), JSON, max_size=3) | JSON,
        "status": st.sampled_from(["firing", "resolved"]) | JSON,
        "startsAt": TIMES,
        "endsAt": TIMES,
        "generatorURL": JSON,
        "values": JSON,
        "imageURL": JSON,
    },
)


@given(st.lists(ENTRY | JSON, max_size=5))
def test_posted_alerts__anything__each_is_taken_or_refused(entries: list[Any]) -> None:
    body = json.dumps(entries, allow_nan=False, default=str) if _is_json(entries) else json.dumps(None)
    reading = read_posted_alerts(body.encode(), now=NOW)
    if body != "null":
        assert len(reading.reports) + len(reading.refused) == len(entries)
    _check(reading)


@given(st.lists(ENTRY | JSON, max_size=5))
def test_webhook__anything__each_is_taken_or_refused(entries: list[Any]) -> None:
    if _is_json(entries):
        reading = hook(*entries)
        assert len(reading.reports) + len(reading.refused) == len(entries)
        _check(reading)


@given(
    st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON | TIMES, max_size=8)
    | st.fixed_dictionaries({"title": st.text(min_size=1)}, optional=dict.fromkeys(FIELDS - {"title"}, JSON))
)
def test_generic__anything__is_taken_or_refused(entry: dict[str, Any]) -> None:
    if _is_json(entry):
        reading = say(entry)
        assert len(reading.reports) + len(reading.refused) == 1
        _check(reading)


@given(st.binary(max_size=200))
def test_bytes__any__nothing_but_clear_answers(body: bytes) -> None:
    for read in (read_posted_alerts, read_webhook, read_alerts):
        try:
            read(body, now=NOW)
        except BodyMalformed:
            continue


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return False
    return True


def _check(reading: Reading) -> None:
    for one in reading.reports:
        texts = [one.name, *one.labels, *one.labels.values(), *one.annotations, *one.annotations.values(), one.url]
        assert not any("\x00" in text for text in texts)
        assert one.severity in {"info", "warning", "critical"}
        assert 0 < len(one.name) <= 150
        assert len(one.fingerprint) == 32
        for moment in (one.starts_at, one.ends_at):
            assert moment is None or moment.tzinfo is not None
