"""What another system says about one of its alerts, and how its parts are read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from alerts.labels import fingerprint_labels
from alerts.rulefiles.mappings import SEVERITIES
from monitoring import lenient
from monitoring.ingestion.times import read_time

MAX_BYTES = 1024 * 1024
MAX_REPORTS = 1_000
"""Alerts of one request."""
MAX_LABELS = 60
MAX_ANNOTATIONS = 60
MAX_NAME_LENGTH = 200
"""Characters of a label's or annotation's name."""
MAX_VALUE_LENGTH = 2_000
"""Characters of a label's value. Longer ones are refused: labels say which alert it is."""
MAX_TEXT_LENGTH = 10_000
"""Characters of an annotation. Longer ones are cut: an alert is not refused for its explanation."""
MAX_URL_LENGTH = 8_000
"""Characters of an address. Longer ones are left out."""
MAX_TITLE_LENGTH = 150
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_AHEAD = timedelta(days=366)

ALERTNAME, SEVERITY = "alertname", "severity"
SEVERITY_WORDS = ("info", "warning", "critical")
DEFAULT_SEVERITY = "warning"

#: Alertmanager writes a time that is not set as the year 1.
_UNSET_YEAR = 1
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class BodyMalformed(Exception):
    """A body that can't be read as a whole; the message says why."""


class ReportInvalid(Exception):
    """One entry that can't be taken."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that is not taken: its place in the body, and which of its fields is wrong and why."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is said about one alert.

    `identity` tells it from the sender's other alerts. `starts_at` is when it began, by the sender's clock; None: not said.
    `ends_at` of a firing one is when it is over without further news (None: it waits for news); of one that is over, when
    it ended (None: now).
    """

    index: int
    identity: Mapping[str, str]
    name: str
    severity: str
    is_firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    ends_at: datetime | None
    url: str = ""
    value: float | None = None

    @property
    def fingerprint(self) -> str:
        """What identifies it among the alerts of its sender and application."""
        return fingerprint_labels(self.identity)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body says, entry by entry."""

    reports: tuple[Report, ...]
    refused: tuple[Refused, ...]


def decode_body(body: bytes) -> Any:
    """Return what a JSON body says; raise BodyMalformed."""
    if lenient.is_crowded(body):
        raise BodyMalformed("The body has too many members.")
    try:
        return lenient.decode_json(body)
    except msgspec.DecodeError as error:
        raise BodyMalformed(f"The body is not valid JSON: {error}.") from None
    except UnicodeDecodeError:
        raise BodyMalformed("The body is not valid JSON: it is not UTF-8.") from None
    except RecursionError:
        raise BodyMalformed("The body is nested too deeply.") from None


def check_count(entries: list[Any]) -> None:
    """Raise BodyMalformed for more entries than a request may have."""
    if len(entries) > MAX_REPORTS:
        raise BodyMalformed(
            f"The body has {len(entries):,} alerts; at most {MAX_REPORTS:,} are read. Send smaller batches."
        )


def keep_newest(reports: Iterable[Report]) -> list[Report]:
    """Return one report for each alert: the one that began last, and of several of those the last one in the body."""
    newest: dict[str, Report] = {}
    for report in reports:
        key = report.fingerprint
        known = newest.get(key)
        if known is None or (report.starts_at or EARLIEST) >= (known.starts_at or EARLIEST):
            newest[key] = report
    return list(newest.values())


def read_labels(value: Any, *, field: str = "labels", any_name: bool = False, scalars: bool = False) -> dict[str, str]:
    """Return labels by name, those with an empty value left out, as for Prometheus these do not exist.

    `any_name`: names need not be those that Prometheus knows. `scalars`: numbers and booleans are taken as text. Raises
    ReportInvalid.
    """
    found = {}
    for name, content in _members(value, field, MAX_LABELS):
        if not any_name and _LABEL_NAME.fullmatch(name) is None:
            raise ReportInvalid(field, f'invalid label set: invalid name "{name[:60]}"')
        text = read_text(content, f"{field}.{name[:60]}", scalars=scalars)
        if len(text) > MAX_VALUE_LENGTH:
            raise ReportInvalid(f"{field}.{name[:60]}", f"is longer than {MAX_VALUE_LENGTH:,} characters")
        if text:
            found[name] = text
    return found


def read_annotations(value: Any, *, field: str = "annotations", scalars: bool = False) -> dict[str, str]:
    """Return annotations by name; long ones are cut. Raises ReportInvalid."""
    return {
        name: cut(read_text(content, f"{field}.{name[:60]}", scalars=scalars), MAX_TEXT_LENGTH)
        for name, content in _members(value, field, MAX_ANNOTATIONS)
    }


def read_moment(value: Any, *, field: str, now: datetime, numbers: bool = False) -> datetime | None:
    """Return a time in UTC, None if it is not set. Raises ReportInvalid for what is none, or is out of range."""
    if value is None or value == "":
        return None
    moment = read_time(value) if numbers or isinstance(value, str) else None
    if moment is None:
        raise ReportInvalid(field, "is not a time in RFC 3339")
    if moment.year == _UNSET_YEAR:
        return None
    if not EARLIEST <= moment <= now + LATEST_AHEAD:
        raise ReportInvalid(field, "is a time out of range")
    return moment


def read_text(value: Any, field: str, *, scalars: bool = False) -> str:
    """Return a text; raise ReportInvalid for another type, or a NUL character, which no text can keep."""
    if scalars and isinstance(value, bool):
        return "true" if value else "false"
    if scalars and isinstance(value, (int, float)):
        value = str(value)
    if not isinstance(value, str):
        raise ReportInvalid(field, "is not a text")
    if "\x00" in value:
        raise ReportInvalid(field, "contains a NUL character")
    return value


def read_url(value: Any, *, field: str) -> str:
    """Return an address as it was written, empty for none or one that is too long. Raises ReportInvalid."""
    url = "" if value is None else read_text(value, field).strip()
    return url if len(url) <= MAX_URL_LENGTH else ""


def read_severity(word: str) -> str:
    """Return the severity that a word of another system means; a warning if nobody knows."""
    plain = word.strip().lower()
    return plain if plain in SEVERITY_WORDS else SEVERITIES.get(plain, DEFAULT_SEVERITY)


def cut(text: str, length: int) -> str:
    """Return a text, cut with an ellipsis if it is too long."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def split_labels(labels: Mapping[str, str]) -> tuple[str, str, dict[str, str]]:
    """Return name, severity and the other labels: these two are fields of an alert here."""
    rest = {name: text for name, text in sorted(labels.items()) if name not in {ALERTNAME, SEVERITY}}
    name = cut(" ".join(labels.get(ALERTNAME, "").split()), MAX_TITLE_LENGTH) or "Alert"
    return name, read_severity(labels.get(SEVERITY, "")), rest


def _members(value: Any, field: str, most: int) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise ReportInvalid(field, "is not an object")
    if len(value) > most:
        raise ReportInvalid(field, f"has more than {most} members")
    for name in value:
        if not name or len(name) > MAX_NAME_LENGTH or "\x00" in name:
            raise ReportInvalid(
                field, f"has a name that is empty, longer than {MAX_NAME_LENGTH} characters or not a text"
            )
    return list(value.items())
